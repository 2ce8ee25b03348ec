package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// csiOptions says who the node is for the CSI node plugin.
type csiOptions struct {
	driver     string
	vm         string
	pool       string
	host       string
	maxVolumes int64
	control    string
	journal    string
}

// startCSINodePlugin serves the plugin's two sockets where the kubelet of the same root looks for them, and returns.
func startCSINodePlugin(root string, options csiOptions) error {
	journal, err := openJournal(options.journal)
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "plugins", options.driver)
	node := &nodeServer{options: options, folder: folder, journal: journal, devices: newDevices(options)}

	endpoint := filepath.Join(folder, "csi.sock")
	err = serve(endpoint, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, &identityServer{driver: options.driver})
		csi.RegisterNodeServer(server, node)
	})
	if err != nil {
		return err
	}
	return serve(filepath.Join(root, "plugins_registry", options.driver+"-reg.sock"), func(server *grpc.Server) {
		registration.RegisterRegistrationServer(server, &registrationServer{driver: options.driver, endpoint: endpoint})
	})
}

// serve listens on a Unix socket, replacing what an earlier process left there, and serves it in the background. When
// serving ends the process does: a node whose plugin is dead must look dead.
func serve(socket string, register func(*grpc.Server)) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	register(server)
	go func() {
		fmt.Fprintf(os.Stderr, "CSI node plugin: %s: %v\n", socket, server.Serve(listener))
		os.Exit(1)
	}()
	return nil
}

type identityServer struct {
	csi.UnimplementedIdentityServer
	driver string
}

func (s *identityServer) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: s.driver, VendorVersion: "lab"}, nil
}

func (s *identityServer) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (
	*csi.GetPluginCapabilitiesResponse, error) {
	return &csi.GetPluginCapabilitiesResponse{}, nil
}

func (s *identityServer) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

type registrationServer struct {
	registration.UnsafeRegistrationServer
	driver   string
	endpoint string
}

func (s *registrationServer) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              s.driver,
		Endpoint:          s.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (s *registrationServer) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (
	*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered { // its own Node may not be there yet; it tries again by itself
		fmt.Fprintf(os.Stderr, "CSI node plugin: the kubelet did not register it: %s\n", status.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
