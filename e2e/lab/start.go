package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// How long each step may take. Each is some ten times what it takes on two cores that are not busy.
const (
	xosimMax     = 20 * time.Second
	apiServerMax = 60 * time.Second
	nodesMaxTime = 120 * time.Second
	operatorMax  = 60 * time.Second
)

func (l *Lab) startXosim(ctx context.Context) error {
	if err := l.client.Add(ctx, l.xosimPart()); err != nil {
		return err
	}
	if err := l.waitReady(ctx, XosimPart); err != nil {
		return err
	}
	l.Xosim = NewXosim(l.ControlURL())
	world, err := l.Xosim.World(ctx)
	if err != nil {
		return err
	}
	if count := len(world.Nodes()); count == 0 || count > nodesMax {
		return fmt.Errorf("%s has %d VMs that are nodes (node: true); a lab needs 1 to %d", l.Short(l.options.World), count, nodesMax)
	}
	l.World = world
	if err := l.writeCredentials(); err != nil {
		return err
	}
	token, err := worldToken(l.options.World)
	if err != nil {
		return err
	}
	return os.WriteFile(l.XOTokenFile(), []byte(token+"\n"), 0o600)
}

// worldToken finds the first authentication token that a world defines. Only xosim reads the whole file.
func worldToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	match := regexp.MustCompile(`\btoken:\s*["']?([A-Za-z0-9_-]+)`).FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("%s defines no token", file)
	}
	return string(match[1]), nil
}

func (l *Lab) startAPIServer(ctx context.Context) error {
	if err := l.client.Add(ctx, l.etcdPart()); err != nil {
		return err
	}
	if err := l.client.Add(ctx, l.apiServerPart()); err != nil {
		return err
	}
	if err := l.waitReady(ctx, APIServer); err != nil {
		return err
	}
	var err error
	l.rest, err = newRest(l.APIServerURL(), l.adminToken, l.serverCertificate())
	return err
}

func (l *Lab) startNodes(ctx context.Context) error {
	if err := l.client.Add(ctx, l.controllerManagerPart()); err != nil {
		return err
	}
	if err := l.client.Add(ctx, l.schedulerPart()); err != nil {
		return err
	}
	// The nodes' plugins need the driver's object: it says that volumes must be attached before they are used.
	if _, err := l.KubectlInput(ctx, driverManifest, "apply", "-f", "-"); err != nil {
		return err
	}
	for index, vm := range l.World.Nodes() {
		if err := l.client.Add(ctx, l.kubeletPart(index, vm)); err != nil {
			return err
		}
	}
	for _, vm := range l.World.Nodes() {
		if err := l.waitReady(ctx, Kubelet(vm.Name)); err != nil {
			return err
		}
	}
	return nil
}

// driverManifest is what the CSI driver's own installation brings along and the lab needs.
const driverManifest = `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: ` + Driver + `}
spec: {attachRequired: true, podInfoOnMount: false, volumeLifecycleModes: [Persistent]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: xo-local-migrating}
provisioner: ` + Driver + `
volumeBindingMode: WaitForFirstConsumer
parameters: {type: localmigrating, srsWithTag: k8s-local}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: says-nothing}
provisioner: ` + Driver + `
`

// install installs what a user installs. Only the Deployment has no Pods: the operator runs outside, where it can be killed.
func (l *Lab) install(ctx context.Context) error {
	config := filepath.Join(l.top, "config", "default")
	if _, err := os.Stat(config); errors.Is(err, os.ErrNotExist) && l.options.NoOperator {
		return nil
	}
	overlay := l.path("config")
	if err := os.MkdirAll(overlay, 0o755); err != nil {
		return err
	}
	relative, err := filepath.Rel(overlay, config)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("resources: [%q]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n"+
		"    [{\"op\": \"add\", \"path\": \"/spec/replicas\", \"value\": 0}]\n", relative)
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := l.Kubectl(ctx, "apply", "--server-side", "-k", overlay); err != nil {
		return err
	}
	if _, err := l.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"); err != nil {
		return err
	}
	// kubectl explain reads another document, which is made a moment later, and kubectl still remembers what there was before.
	err = l.waitPart(ctx, APIServer, 30*time.Second, func(ctx context.Context) error {
		return l.Get(ctx, "/openapi/v3/apis/migration.xo-operator.dev/v1alpha1", nil)
	})
	return errors.Join(err, os.RemoveAll(l.kubectlCache()))
}

func (l *Lab) startOperator(ctx context.Context) error {
	// The ServiceAccount is there at once, its controller is not asked.
	if err := l.RenewToken(ctx, operatorTokenLife); err != nil {
		return err
	}
	if err := l.save(); err != nil { // the token keeper opens the lab
		return err
	}
	if err := l.client.Add(ctx, l.tokenKeeperPart()); err != nil {
		return err
	}
	if err := l.client.Add(ctx, l.operatorPart()); err != nil {
		return err
	}
	return l.waitReady(ctx, Operator)
}

// StartOtherOperator starts a second operator beside the lab's own, and waits until it is ready. It reaches the API server at an
// address of its own, for what is between them to be broken.
func (l *Lab) StartOtherOperator(ctx context.Context, apiServer string, flags ...string) error {
	own, err := os.ReadFile(l.kubeconfig("operator"))
	if err != nil {
		return err
	}
	file := l.kubeconfig("other-operator")
	text := strings.Replace(string(own), l.APIServerURL(), apiServer, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if err := l.client.Add(ctx, l.anOperator(OtherOperator, file, portOtherOperator, flags)); err != nil {
		return err
	}
	return l.waitReady(ctx, OtherOperator)
}

// RenewToken writes a new token of the operator's ServiceAccount into its file.
func (l *Lab) RenewToken(ctx context.Context, life time.Duration) error {
	token, err := l.Kubectl(ctx, "create", "token", OperatorAccount, "-n", OperatorNamespace, "--duration", life.String())
	if err != nil {
		return err
	}
	return replaceFile(l.OperatorTokenFile(), []byte(strings.TrimSpace(token)+"\n"), 0o600)
}

// KeepToken renews the operator's token until the context ends, as the kubelet does for a Pod.
func (l *Lab) KeepToken(ctx context.Context) error {
	const retry = 5 * time.Second // the API server is away for so long at least
	next := operatorTokenRenew
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(next):
		}
		next = operatorTokenRenew
		if err := l.RenewToken(ctx, operatorTokenLife); err != nil {
			fmt.Fprintf(os.Stderr, "the operator's token is not renewed yet: %v\n", err)
			next = retry
		}
	}
}

// waitReady waits until a part does what it is there for.
func (l *Lab) waitReady(ctx context.Context, part string) error {
	switch {
	case part == XosimPart:
		return l.waitPart(ctx, part, xosimMax, func(ctx context.Context) error { return NewXosim(l.ControlURL()).ready(ctx) })
	case part == APIServer:
		return l.waitPart(ctx, part, apiServerMax, l.apiServerReady)
	case part == Operator:
		return l.waitPart(ctx, part, operatorMax, func(ctx context.Context) error { return httpReady(ctx, l.OperatorURL()+"/readyz") })
	case strings.HasPrefix(part, "kubelet-"):
		node := strings.TrimPrefix(part, "kubelet-")
		return l.waitPart(ctx, part, nodesMaxTime, func(ctx context.Context) error { return l.nodeReady(ctx, node) })
	case part == OtherOperator:
		return l.waitPart(ctx, part, operatorMax, func(ctx context.Context) error { return httpReady(ctx, l.OtherOperatorURL()+"/readyz") })
	case part == ControllerManager, part == Scheduler, part == Etcd:
		// Nobody waits for these directly: what they do is waited for.
	}
	return nil
}

func (x *Xosim) ready(ctx context.Context) error {
	_, err := x.World(ctx)
	return err
}

func (l *Lab) apiServerReady(ctx context.Context) error {
	api, err := newRest(l.APIServerURL(), l.adminToken, l.serverCertificate())
	if err != nil {
		return err
	}
	return api.get(ctx, "/readyz", nil)
}

func httpReady(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, response.Status)
	}
	return nil
}

// nodeReady says whether the kubelet answers, the node is Ready, and its CSI node plugin is registered. After a restart the
// latter two are still so from before.
func (l *Lab) nodeReady(ctx context.Context, name string) error {
	if err := httpReady(ctx, l.kubeletURL(name)+"/healthz"); err != nil {
		return err
	}
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := l.Get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	reason := "it has no condition Ready"
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" {
			reason = condition.Message
			if condition.Status == "True" {
				reason = ""
			}
		}
	}
	if reason != "" {
		return fmt.Errorf("node %s is not ready: %s", name, reason)
	}
	var csi struct {
		Spec struct{ Drivers []struct{ Name string } }
	}
	if err := l.Get(ctx, "/apis/storage.k8s.io/v1/csinodes/"+name, &csi); err != nil {
		return err
	}
	for _, driver := range csi.Spec.Drivers {
		if driver.Name == Driver {
			return nil
		}
	}
	return fmt.Errorf("node %s has no CSI driver %s yet", name, Driver)
}

// waitPart waits for a condition that a part must bring about. It fails at once when the part has ended, and its error ends
// with the last lines of the part's log.
func (l *Lab) waitPart(ctx context.Context, part string, limit time.Duration, condition func(context.Context) error) error {
	err := Wait(ctx, limit, func(ctx context.Context) error {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		parts, partsErr := l.Parts(ctx)
		if partsErr != nil {
			return Permanent(partsErr)
		}
		for _, status := range parts {
			if status.Name == part && !status.Running && status.Unasked > 0 {
				return Permanent(fmt.Errorf("%s ended: %s", part, status.Exit))
			}
		}
		return err
	})
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", part, err, l.Tail(part))
}

// Tail gives the last lines of a part's log and says where the rest is.
func (l *Lab) Tail(part string) string {
	const lines = 15
	text, err := os.ReadFile(l.log(part))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	all = all[max(0, len(all)-lines):]
	return fmt.Sprintf("  | %s\n  (the last lines of %s)", strings.Join(all, "\n  | "), l.Short(l.log(part)))
}

// JournalLine is one volume call that a node's CSI plugin got.
type JournalLine struct {
	Time    time.Time         `json:"time"`
	Call    string            `json:"call"`
	Volume  string            `json:"volume"`
	Context map[string]string `json:"context"`
	VDI     string            `json:"vdi"`
	Size    int64             `json:"size"`
	SHA256  string            `json:"sha256"`
	Error   string            `json:"error"`
	Problem string            `json:"problem"`
}

func (l *Lab) journalFile(node string) string { return l.path("nodes", node+".jsonl") }

// Journal gives all volume calls that a node's CSI plugin got for a volume, oldest first.
func (l *Lab) Journal(node, volume string) ([]JournalLine, error) {
	text, err := os.ReadFile(l.journalFile(node))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []JournalLine
	for record := range strings.Lines(string(text)) {
		var line JournalLine
		if err := json.Unmarshal([]byte(record), &line); err != nil {
			return nil, fmt.Errorf("%s: %w", l.journalFile(node), err)
		}
		if line.Volume == volume {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
