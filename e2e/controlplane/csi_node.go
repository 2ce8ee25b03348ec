package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeServer is the node half of the CSI driver as far as the kubelet can tell: it takes a volume only if the device of the
// publish context is there, as the VM sees it, and it writes down what that device held. Nothing is mounted.
//
// What is staged is kept in a file per volume, for a mount outlives the process that made it: a kubelet that was killed
// finds its volumes again.
type nodeServer struct {
	csi.UnimplementedNodeServer
	options csiOptions
	folder  string
	journal *journal
	devices *devices
	lock    sync.Mutex // guards the files of staged volumes
}

// stagedVolume is the record of one staged volume.
type stagedVolume struct {
	Volume string `json:"volume"`
	Device string `json:"device"`
	VBD    string `json:"vbd"`
	VDI    string `json:"vdi"`
}

func (s *nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{
		NodeId:             s.options.vm,
		MaxVolumesPerNode:  s.options.maxVolumes,
		AccessibleTopology: &csi.Topology{Segments: map[string]string{"pool": s.options.pool, "host": s.options.host}},
	}, nil
}

func (s *nodeServer) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (
	*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{
		Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{
			Type: csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		}},
	}}}, nil
}

func (s *nodeServer) NodeStageVolume(ctx context.Context, request *csi.NodeStageVolumeRequest) (
	*csi.NodeStageVolumeResponse, error) {
	call := journalLine{Call: "NodeStageVolume", Volume: request.VolumeId, Context: request.PublishContext}
	device, err := s.stage(ctx, request)
	return &csi.NodeStageVolumeResponse{}, s.journal.write(call, device, err)
}

func (s *nodeServer) stage(ctx context.Context, request *csi.NodeStageVolumeRequest) (*deviceView, error) {
	name, vbd := request.PublishContext["device"], request.PublishContext["vbd"]
	if name == "" || vbd == "" {
		return nil, status.Errorf(codes.InvalidArgument, "publish context of %s has device %q and vbd %q, both are needed: "+
			"VolumeAttachment.status.attachmentMetadata must carry them", request.VolumeId, name, vbd)
	}
	device, err := s.devices.look(ctx, name)
	if err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	record, err := s.load(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if record != nil && record.VDI != device.VDI {
		return device, status.Errorf(codes.Internal, "volume %s is staged here from VDI %s, and device %s is VDI %s now: "+
			"the disk was exchanged below a mounted filesystem", request.VolumeId, record.VDI, name, device.VDI)
	}
	if err := s.devices.use(ctx, name, "mount"); err != nil {
		return device, err
	}
	return device, s.save(&stagedVolume{Volume: request.VolumeId, Device: name, VBD: vbd, VDI: device.VDI})
}

func (s *nodeServer) NodePublishVolume(ctx context.Context, request *csi.NodePublishVolumeRequest) (
	*csi.NodePublishVolumeResponse, error) {
	call := journalLine{Call: "NodePublishVolume", Volume: request.VolumeId, Context: request.PublishContext,
		Target: request.TargetPath}
	device, err := s.publish(ctx, request)
	return &csi.NodePublishVolumeResponse{}, s.journal.write(call, device, err)
}

func (s *nodeServer) publish(ctx context.Context, request *csi.NodePublishVolumeRequest) (*deviceView, error) {
	s.lock.Lock()
	record, err := s.load(request.VolumeId)
	s.lock.Unlock()
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is not staged on this node", request.VolumeId)
	}
	device, err := s.devices.look(ctx, record.Device)
	if err != nil {
		return nil, err
	}
	if device.VDI != record.VDI {
		return device, status.Errorf(codes.Internal, "volume %s was staged from VDI %s, and device %s is VDI %s now",
			request.VolumeId, record.VDI, record.Device, device.VDI)
	}
	if device.ReadOnly && !request.Readonly {
		return device, status.Errorf(codes.FailedPrecondition, "volume %s is to be written, and device %s is read-only",
			request.VolumeId, record.Device)
	}
	// A real plugin would mount here. The kubelet checks that the target exists and removes it afterwards.
	return device, os.MkdirAll(request.TargetPath, 0o750)
}

func (s *nodeServer) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (
	*csi.NodeUnpublishVolumeResponse, error) {
	call := journalLine{Call: "NodeUnpublishVolume", Volume: request.VolumeId, Target: request.TargetPath}
	err := os.RemoveAll(request.TargetPath)
	return &csi.NodeUnpublishVolumeResponse{}, s.journal.write(call, nil, err)
}

// NodeUnstageVolume looks at the device once more, for the journal: a disk that was taken away before it was unstaged would
// have lost writes. It succeeds all the same, as unmounting a device that is gone does.
func (s *nodeServer) NodeUnstageVolume(ctx context.Context, request *csi.NodeUnstageVolumeRequest) (
	*csi.NodeUnstageVolumeResponse, error) {
	call := journalLine{Call: "NodeUnstageVolume", Volume: request.VolumeId}
	s.lock.Lock()
	defer s.lock.Unlock()
	record, err := s.load(request.VolumeId)
	if err != nil || record == nil {
		return &csi.NodeUnstageVolumeResponse{}, s.journal.write(call, nil, err)
	}
	device, err := s.devices.look(ctx, record.Device)
	switch {
	case err != nil:
		call.Problem = err.Error()
	case device.VDI != record.VDI:
		call.Problem = "device " + record.Device + " is VDI " + device.VDI + ", staged was " + record.VDI
	default: // a real plugin would unmount here, which flushes
		if err := s.devices.use(ctx, record.Device, "unmount"); status.Code(err) == codes.Unavailable {
			return &csi.NodeUnstageVolumeResponse{}, s.journal.write(call, device, err)
		}
	}
	err = os.Remove(s.file(request.VolumeId))
	return &csi.NodeUnstageVolumeResponse{}, s.journal.write(call, device, err)
}

// file names the record of a volume; handles may hold any character, so it is named by their hash.
func (s *nodeServer) file(volume string) string {
	sum := sha256.Sum256([]byte(volume))
	return filepath.Join(s.folder, "staged-"+hex.EncodeToString(sum[:8])+".json")
}

// load gives the record of a staged volume, nil if there is none.
func (s *nodeServer) load(volume string) (*stagedVolume, error) {
	text, err := os.ReadFile(s.file(volume))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	record := &stagedVolume{}
	return record, json.Unmarshal(text, record)
}

// save replaces the record of a staged volume in one step.
func (s *nodeServer) save(record *stagedVolume) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	name := s.file(record.Volume)
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
