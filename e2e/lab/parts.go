package lab

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"xo-operator.dev/e2e/supervisor"
)

// Names of parts; a node's kubelet is Kubelet(name).
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	XosimPart         = "xosim"
	Operator          = "operator"
	OtherOperator     = "operator-2"
	TokenKeeper       = "token-keeper"
)

// Kubelet names the part that is a node's kubelet.
func Kubelet(node string) string { return "kubelet-" + node }

// Ports of the parts, as offsets in the lab's block. The first of the block is the supervisor's own.
const (
	portEtcd = iota + 1
	portEtcdPeer
	portAPIServer
	portControllerManager
	portScheduler
	portXO
	portControl
	portOperator
	portOtherOperator
	portFirstKubelet
)

// nodesMax is how many kubelets a block of ports is enough for.
const nodesMax = supervisor.PortsPerLab - portFirstKubelet

// Where the operator and the volumes it serves are.
const (
	Driver             = "csi.xen-orchestra.marcsi.ch"
	OperatorNamespace  = "xo-operator-system"
	OperatorAccount    = "xo-operator"
	operatorTokenLife  = time.Hour
	operatorTokenRenew = 20 * time.Minute
)

func (l *Lab) port(offset int) int { return l.FirstPort + offset }

func (l *Lab) address(offset int) string { return fmt.Sprintf("127.0.0.1:%d", l.port(offset)) }

// APIServerURL is where the API server is.
func (l *Lab) APIServerURL() string { return "https://" + l.address(portAPIServer) }

// XOAURL is where the simulated Xen Orchestra is.
func (l *Lab) XOAURL() string { return "http://" + l.address(portXO) }

// ControlURL is where xosim's control endpoint is.
func (l *Lab) ControlURL() string { return "http://" + l.address(portControl) }

// OtherOperatorURL is where a second operator serves the same.
func (l *Lab) OtherOperatorURL() string { return "http://" + l.address(portOtherOperator) }

// OperatorURL is where the operator serves /healthz, /readyz and /metrics.
func (l *Lab) OperatorURL() string { return "http://" + l.address(portOperator) }

// kubeletURL is where the kubelet of a node serves.
func (l *Lab) kubeletURL(node string) string {
	for index, vm := range l.World.Nodes() {
		if vm.Name == node {
			return "http://" + l.address(portFirstKubelet+index)
		}
	}
	return "http://127.0.0.1:0" // no such node: nothing answers there
}

func (l *Lab) etcdPart() supervisor.Spec {
	client, peer := "http://"+l.address(portEtcd), "http://"+l.address(portEtcdPeer)
	return l.part(Etcd, l.hollow, "etcd",
		"--data-dir", l.path("etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
}

func (l *Lab) apiServerPart() supervisor.Spec {
	return l.part(APIServer, l.hollow, "kube-apiserver",
		"--etcd-servers", "http://"+l.address(portEtcd),
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1",
		"--secure-port", fmt.Sprint(l.port(portAPIServer)), "--cert-dir", l.path("certificates"),
		"--service-account-key-file", l.path("credentials", "service-account.pub"),
		"--service-account-signing-key-file", l.path("credentials", "service-account.key"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--token-auth-file", l.path("credentials", "tokens.csv"),
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
		"--service-cluster-ip-range", "10.96.0.0/16", "--endpoint-reconciler-type", "none",
		"--shutdown-delay-duration", "0s", "--profiling=false")
}

func (l *Lab) controllerManagerPart() supervisor.Spec {
	without := []string{"cloud-node-lifecycle-controller", "node-route-controller", "service-lb-controller"}
	return l.part(ControllerManager, l.hollow, "kube-controller-manager",
		"--kubeconfig", l.kubeconfig("system:kube-controller-manager"),
		"--service-account-private-key-file", l.path("credentials", "service-account.key"),
		"--root-ca-file", l.serverCertificate(), "--use-service-account-credentials", "--leader-elect=false",
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(l.port(portControllerManager)),
		"--cert-dir", l.path("certificates", "controller-manager"),
		"--controllers", "*,-"+strings.Join(without, ",-"))
}

func (l *Lab) schedulerPart() supervisor.Spec {
	return l.part(Scheduler, l.hollow, "kube-scheduler",
		"--kubeconfig", l.kubeconfig("system:kube-scheduler"), "--leader-elect=false",
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(l.port(portScheduler)),
		"--cert-dir", l.path("certificates", "scheduler"))
}

// kubeletPart is the node with that index among the world's nodes. Its labels are those that XO's cloud controller manager
// would give it.
func (l *Lab) kubeletPart(index int, vm VM) supervisor.Spec {
	labels := []string{"topology.k8s.xenorchestra/host_id=" + vm.Host, "topology.k8s.xenorchestra/pool_id=" + vm.Pool}
	if host := l.World.Host(vm.Host); host != nil {
		labels = append(labels, "topology.k8s.xenorchestra/host_name_label="+labelValue(host.Name))
	}
	if pool := l.World.Pool(vm.Pool); pool != nil {
		labels = append(labels, "topology.k8s.xenorchestra/pool_name_label="+labelValue(pool.Name))
	}
	return l.part(Kubelet(vm.Name), l.hollow, "kubelet",
		"--node", vm.Name, "--kubeconfig", l.kubeconfig("system:node:"+vm.Name),
		"--root", filepath.Join(l.supervisor().Runtime, vm.Name), "--port", fmt.Sprint(l.port(portFirstKubelet+index)),
		"--node-labels", strings.Join(labels, ","), "--csi-driver", Driver,
		"--vm", vm.UUID, "--pool", vm.Pool, "--host", vm.Host,
		"--xosim-control", l.ControlURL(), "--journal", l.journalFile(vm.Name))
}

// labelValue makes a name fit for a label, as the cloud controller manager does.
func labelValue(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name), "-_.")
}

func (l *Lab) xosimPart() supervisor.Spec {
	spec := l.part(XosimPart, filepath.Join(l.options.Build, "xosim"),
		"--world", l.options.World, "--state-dir", l.path("xosim"), "--ready-file", l.path("xosim.ready"),
		"--listen", l.address(portXO), "--control", l.address(portControl),
		"--speed", fmt.Sprint(l.options.Speed), "--seed", fmt.Sprint(l.options.Seed))
	spec.Env = l.sanitizers(XosimPart)
	spec.Grace = 10 * time.Second
	return spec
}

func (l *Lab) operatorPart() supervisor.Spec {
	spec := l.anOperator(Operator, l.kubeconfig("operator"), portOperator, l.options.OperatorFlags)
	spec.Delay = l.options.OperatorDelay
	return spec
}

func (l *Lab) anOperator(part, kubeconfig string, port int, flags []string) supervisor.Spec {
	arguments := []string{"--kubeconfig", kubeconfig, "--xo-url", l.XOAURL(), "--xo-token-file", l.XOTokenFile(),
		"--driver-name", Driver, "--listen", l.address(port),
		"--leader-election-namespace", OperatorNamespace, "--log-level", l.options.LogLevel}
	spec := l.part(part, filepath.Join(l.options.Build, "xo-operator"), append(arguments, flags...)...)
	spec.Env = l.sanitizers(part)
	spec.Restart = true // as its Deployment does
	spec.Grace = 15 * time.Second
	return spec
}

func (l *Lab) tokenKeeperPart() supervisor.Spec {
	spec := l.part(TokenKeeper, l.path("bin", "lab"), "keep-token", "--name", l.Name)
	spec.Restart = true
	return spec
}

// sanitizers makes a build with sanitizers write its reports to files, where they can't be missed; no other build cares.
func (l *Lab) sanitizers(part string) []string {
	report := "log_path=" + l.path("logs", "sanitizer-"+part)
	return []string{
		"ASAN_OPTIONS=detect_leaks=1:" + report,
		"UBSAN_OPTIONS=print_stacktrace=1:" + report,
		"TSAN_OPTIONS=second_deadlock_stack=1:" + report,
	}
}

func (l *Lab) part(name, program string, arguments ...string) supervisor.Spec {
	return supervisor.Spec{Name: name, Argv: append([]string{program}, arguments...), Log: l.log(name)}
}
