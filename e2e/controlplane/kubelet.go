package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace/noop"
	v1 "k8s.io/api/core/v1"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	cri "k8s.io/cri-client/pkg"
	fakeruntime "k8s.io/cri-client/pkg/fake"
	cadvisor "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	probetest "k8s.io/kubernetes/pkg/kubelet/prober/testing"
	"k8s.io/kubernetes/pkg/kubemark"
)

// kubeletOptions are the flags of one node: the kubelet's own and those of the CSI node plugin beside it.
type kubeletOptions struct {
	node       string            // name of the Node object and of the VM
	kubeconfig string            // credentials towards the API server
	root       string            // the kubelet's folder; short, for the Unix sockets below it have at most 107 bytes
	port       int               // of the kubelet's own server, on loopback
	labels     map[string]string // of the Node object
	csi        csiOptions
}

func newKubeletCommand() *cobra.Command {
	options := &kubeletOptions{}
	command := &cobra.Command{
		Use:           "kubelet",
		Short:         "The real kubelet without containers, with the lab's CSI node plugin in the same process",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(command *cobra.Command, _ []string) error { return runKubelet(command.Context(), options) },
	}
	flags := command.Flags()
	flags.StringVar(&options.node, "node", "", "name of the node")
	flags.StringVar(&options.kubeconfig, "kubeconfig", "", "credentials towards the API server")
	flags.StringVar(&options.root, "root", "", "folder of this kubelet")
	flags.IntVar(&options.port, "port", 0, "port of the kubelet's server on 127.0.0.1")
	flags.StringToStringVar(&options.labels, "node-labels", nil, "labels of the Node object")
	flags.StringVar(&options.csi.driver, "csi-driver", "csi.xen-orchestra.marcsi.ch", "name the CSI node plugin registers")
	flags.StringVar(&options.csi.vm, "vm", "", "UUID of the VM that this node is: the CSI node id")
	flags.StringVar(&options.csi.pool, "pool", "", "UUID of the VM's pool: topology and provider id")
	flags.StringVar(&options.csi.host, "host", "", "UUID of the VM's host: topology")
	flags.Int64Var(&options.csi.maxVolumes, "max-volumes", 64, "how many volumes the scheduler may put on this node")
	flags.StringVar(&options.csi.control, "xosim-control", "", "control endpoint of xosim, asked what a device holds")
	flags.StringVar(&options.csi.journal, "journal", "", "file that gets one JSON line per volume call")
	for _, name := range []string{"node", "kubeconfig", "root", "port", "vm", "pool", "host", "xosim-control", "journal"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return command
}

// runKubelet starts the runtime that only remembers, the CSI node plugin and the kubelet, and blocks.
func runKubelet(ctx context.Context, options *kubeletOptions) error {
	if err := os.MkdirAll(options.root, 0o700); err != nil {
		return err
	}
	if err := startCSINodePlugin(options.root, options.csi); err != nil {
		return fmt.Errorf("CSI node plugin: %w", err)
	}

	socket := filepath.Join(options.root, "cri.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	runtime := fakeruntime.NewFakeRemoteRuntime()
	if err := runtime.Start("unix://" + socket); err != nil {
		return fmt.Errorf("container runtime: %w", err)
	}
	const callTimeout = 15 * time.Second // what the kubelet itself gives a container runtime
	service, err := cri.NewRemoteRuntimeService(ctx, "unix://"+socket, callTimeout, noop.NewTracerProvider(), false)
	if err != nil {
		return fmt.Errorf("container runtime: %w", err)
	}

	client, heartbeat, err := newClients(options.kubeconfig)
	if err != nil {
		return err
	}
	flags, config := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{
		NodeName:    options.node,
		KubeletPort: options.port,
		MaxPods:     110,
		NodeLabels:  options.labels,
	})
	// kubemark makes a temporary folder before it can be told not to.
	if err := os.RemoveAll(flags.RootDirectory); err != nil {
		return err
	}
	flags.RootDirectory = options.root
	config.Address = "127.0.0.1"
	config.EnableControllerAttachDetach = true
	config.StaticPodPath = ""
	config.PodLogsDir = filepath.Join(options.root, "pod-logs")
	config.ProviderID = "xenorchestra://" + options.csi.pool + "/" + options.csi.vm
	config.SyncFrequency.Duration = time.Second
	// A volume is detached only after the node's status no longer lists it as in use; the default, 10 s, is time lost here.
	config.NodeStatusUpdateFrequency.Duration = time.Second
	config.RegistryPullQPS = 0
	config.ClusterDNS = []string{"10.96.0.10"} // nobody is there; without one the kubelet complains on every Pod

	kubelet := kubemark.NewHollowKubelet(flags, config, client, heartbeat, &cadvisor.Fake{NodeName: options.node},
		runtime.ImageService, service, cm.NewStubContainerManager())
	kubelet.KubeletDeps.ProbeManager = probes{}
	if kernelLogIsReadable() {
		// Without a recorder of ours the kubelet makes its real one, so that its events reach `kubectl describe`. It also
		// watches the kernel log for killed processes then, and does not start where it may not.
		kubelet.KubeletDeps.Recorder, kubelet.KubeletDeps.EventClient = nil, client.CoreV1()
	}
	kubelet.Run(ctx)
	return nil
}

// probes calls a container ready when it runs, as the kubelet does where a Pod has no probes. kubemark's own calls it ready
// always, even while the Pod waits for its volumes.
type probes struct{ probetest.FakeManager }

func (probes) UpdatePodStatus(_ context.Context, _ *v1.Pod, status *v1.PodStatus) {
	for i := range status.ContainerStatuses {
		container := &status.ContainerStatuses[i]
		running := container.State.Running != nil
		container.Ready, container.Started = running, &running
	}
}

// newClients gives the kubelet's two clients: one for everything and one, never throttled, for its heartbeats.
func newClients(kubeconfig string) (*clientset.Clientset, *clientset.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	config.UserAgent = "hollow-kubelet"
	config.QPS, config.Burst = 50, 100 // the kubelet's own defaults
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	heartbeatConfig := *config
	heartbeatConfig.QPS = -1
	heartbeatConfig.Timeout = 10 * time.Second // one heartbeat interval
	// A connection of its own: after a restart of the API server a shared one may be found dead only by the slower calls.
	heartbeatConfig.Dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	heartbeat, err := clientset.NewForConfig(&heartbeatConfig)
	if err != nil {
		return nil, nil, err
	}
	return client, heartbeat, nil
}

func kernelLogIsReadable() bool {
	log, err := os.Open("/dev/kmsg")
	if err != nil {
		return false
	}
	return log.Close() == nil
}
