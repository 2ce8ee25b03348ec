// Package lab starts a whole world to test in: a real Kubernetes with a kubelet per node VM, the simulated Xen Orchestra, and
// the operator outside the cluster with a token of its own ServiceAccount and the RBAC that is shipped.
//
// Flow: Up builds what is missing → starts the supervisor, which owns ports and processes → Xen Orchestra, whose world says
// which nodes there are → etcd and API server → controllers and kubelets → CRDs and RBAC → the operator. Each step waits until
// a condition holds. A test uses the *Lab: kubectl as users do, REST for conditions, Kill and Start for trouble, xosim's
// control endpoint for faults and for the truth.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"xo-operator.dev/e2e/console"
	"xo-operator.dev/e2e/supervisor"
)

// Options say what to start. The zero value with a Name starts everything.
type Options struct {
	Name       string    // of the lab: its folder below build/lab
	Build      string    // folder with operator and xosim; default build/dev
	World      string    // file that describes the simulated world; default e2e/worlds/default.yaml
	Speed      float64   // simulated seconds per second; default 1
	Seed       int64     // of everything random in xosim
	NoOperator bool      // do not start it: somebody else will
	LogLevel   string    // of the operator; default info
	Out        io.Writer // where progress is shown; default standard error

	OperatorFlags []string      // more of them
	OperatorDelay time.Duration // before it is started again when it has ended; 0: as always
}

// Lab is a running lab. What is exported survives in a file, for the next command.
type Lab struct {
	Name      string
	FirstPort int
	World     *World
	Xosim     *Xosim `json:"-"`

	folders
	options    Options
	out        *console.Console
	hollow     string // the control plane's binary
	adminToken string
	client     *supervisor.Client
	rest       *rest
	mayEnd     map[string]int // how often a part may have ended by itself
	mayEndLock sync.Mutex     // tests of one lab run side by side
}

// ErrNotRunning says that there is no such lab.
var ErrNotRunning = errors.New("is not running")

// Up starts a lab that ends when this process does, unless Detach is called. If it fails, nothing is left running.
func Up(ctx context.Context, options Options) (*Lab, error) {
	lab, err := newLab(options)
	if err != nil {
		return nil, err
	}
	if err := lab.startSupervisor(ctx); err != nil { // a lab of this name may be somebody else's: it is left alone
		return nil, err
	}
	if err := lab.up(ctx); err != nil {
		lab.client.End(context.WithoutCancel(ctx)) // there is something more important to tell
		return nil, err
	}
	return lab, nil
}

func newLab(options Options) (*Lab, error) {
	places, err := newFolders(options.Name)
	if err != nil {
		return nil, err
	}
	if options.Out == nil {
		options.Out = os.Stderr
	}
	if options.Speed == 0 {
		options.Speed = 1
	}
	if options.LogLevel == "" {
		options.LogLevel = "info"
	}
	if options.Build == "" {
		options.Build = filepath.Join(places.top, "build", "dev")
	}
	if options.World == "" {
		options.World = filepath.Join(places.top, "e2e", "worlds", "default.yaml")
	}
	lab := &Lab{Name: options.Name, folders: places, options: options, out: console.New(options.Out)}
	for _, program := range []string{"xosim", "xo-operator"} {
		file := filepath.Join(options.Build, program)
		if _, err := os.Stat(file); err != nil && !(program == "xo-operator" && options.NoOperator) {
			return nil, fmt.Errorf("%s is not built: run make build", lab.Short(file))
		}
	}
	return lab, nil
}

// up starts all parts, with the supervisor left to end by the caller when that fails.
func (l *Lab) up(ctx context.Context) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"Xen Orchestra (simulated) answers", l.startXosim},
		{"Kubernetes " + Kubernetes + ": API server is ready", l.startAPIServer},
		{"nodes are ready, CSI node plugins registered", l.startNodes},
		{"CRDs and RBAC are installed", l.install},
		{"operator is ready", l.startOperator},
	}
	if l.options.NoOperator {
		steps = steps[:len(steps)-1]
	}
	for _, step := range steps {
		done := l.out.Wait(step.what, nil)
		err := step.do(ctx)
		done(err)
		if err != nil {
			return err
		}
	}
	return l.save()
}

// startSupervisor builds what is missing and the lab command, for a test program is none, and starts it as the lab's supervisor.
func (l *Lab) startSupervisor(ctx context.Context) error {
	hollow, err := controlPlane(ctx, l.top, l.out)
	if err != nil {
		return err
	}
	l.hollow = hollow
	goTool, err := goCommand()
	if err != nil {
		return err
	}
	program := filepath.Join(l.top, "build", "lab", fmt.Sprintf(".lab-%d", os.Getpid()))
	if _, err := run(ctx, goTool, filepath.Join(l.top, "e2e"), func(string) {}, "build", "-o", program, "./cmd/lab"); err != nil {
		return err
	}
	defer os.Remove(program)
	if _, err := supervisor.Connect(l.supervisor()).Parts(ctx); err == nil {
		return fmt.Errorf("lab %s: %w", l.Name, supervisor.ErrRunning)
	}
	l.endLeftovers()
	if err := l.clear(); err != nil {
		return err
	}
	own := l.path("bin", "lab")
	if err := os.Rename(program, own); err != nil {
		return err
	}
	if err := os.Symlink(l.hollow, l.path("bin", "kubectl")); err != nil {
		return err
	}
	log, err := os.Create(l.log("supervisor"))
	if err != nil {
		return err
	}
	defer log.Close()
	client, err := supervisor.Start(own, l.supervisor(), log)
	if err != nil {
		return fmt.Errorf("lab %s: %w", l.Name, err)
	}
	l.client, l.FirstPort = client, client.FirstPort
	return nil
}

// save writes what the next command needs to find this lab, and the environment of those who look around.
func (l *Lab) save() error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(l.path("lab.json"), text, 0o644); err != nil {
		return err
	}
	xoToken, err := os.ReadFile(l.XOTokenFile())
	if err != nil {
		return err
	}
	environment := fmt.Sprintf("export KUBECONFIG=%q\nexport XOA_URL=%q\nexport XOA_TOKEN=%q\nexport XOSIM_CONTROL=%q\n"+
		"export KUBECACHEDIR=%q\nexport PATH=%q:\"$PATH\"\n", l.Kubeconfig(), l.XOAURL(), strings.TrimSpace(string(xoToken)), l.ControlURL(),
		l.kubectlCache(), l.path("bin"))
	return replaceFile(l.path("env"), []byte(environment), 0o600)
}

// Open finds a lab that another process started.
func Open(ctx context.Context, name string) (*Lab, error) {
	places, err := newFolders(name)
	if err != nil {
		return nil, err
	}
	lab := &Lab{folders: places, out: console.New(os.Stderr)}
	lab.client = supervisor.Connect(places.supervisor())
	if _, err := lab.client.Parts(ctx); err != nil {
		return nil, fmt.Errorf("lab %s %w", name, ErrNotRunning)
	}
	text, err := os.ReadFile(places.path("lab.json"))
	if err == nil {
		err = json.Unmarshal(text, lab)
	}
	if err != nil {
		return nil, fmt.Errorf("lab %s is not complete: %w", name, err)
	}
	lab.Xosim = NewXosim(lab.ControlURL())
	token, err := os.ReadFile(lab.path("credentials", "tokens.csv"))
	if err != nil {
		return nil, err
	}
	lab.adminToken, _, _ = strings.Cut(string(token), ",")
	lab.rest, err = newRest(lab.APIServerURL(), lab.adminToken, lab.serverCertificate())
	return lab, err
}

// Down ends the lab of that name, if it runs, and whatever an earlier one left behind. It says whether there was anything.
func Down(ctx context.Context, name string) (bool, error) {
	places, err := newFolders(name)
	if err != nil {
		return false, err
	}
	lab := &Lab{Name: name, folders: places}
	client := supervisor.Connect(places.supervisor())
	ended := client.End(ctx) == nil
	ended = lab.endLeftovers() || ended
	return ended, lab.forget()
}

// endLeftovers kills what the supervisor, were it alive, would have ended.
func (l *Lab) endLeftovers() bool {
	text, err := os.ReadFile(l.supervisor().StateFile())
	if err != nil {
		return false
	}
	var state supervisor.State
	if err := json.Unmarshal(text, &state); err != nil {
		return false
	}
	ended := supervisor.EndLeftovers(state) > 0
	os.RemoveAll(l.supervisor().Runtime)
	os.Remove(l.supervisor().StateFile())
	return ended
}

// Down ends this lab.
func (l *Lab) Down(ctx context.Context) error {
	return errors.Join(l.client.End(ctx), l.forget())
}

// Detach lets the lab outlive this process: only `lab down` ends it then.
func (l *Lab) Detach(ctx context.Context) error { return l.client.Detach(ctx) }

// Parts says what runs.
func (l *Lab) Parts(ctx context.Context) ([]supervisor.Status, error) { return l.client.Parts(ctx) }

// Kill ends a part with SIGKILL; it stays dead until Start.
func (l *Lab) Kill(ctx context.Context, part string) error {
	if part == APIServer || part == Etcd { // away for long enough, nobody knows any more whether he leads
		l.MayEnd(Operator)
		l.MayEnd(OtherOperator)
	}
	return l.client.Signal(ctx, part, "KILL")
}

// Stop ends a part with SIGTERM; it stays so until Start.
func (l *Lab) Stop(ctx context.Context, part string) error { return l.client.Signal(ctx, part, "TERM") }

// Freeze stops a part without ending it: its connections stay, it says nothing.
func (l *Lab) Freeze(ctx context.Context, part string) error {
	return l.client.Signal(ctx, part, "STOP")
}

// Thaw lets a frozen part go on.
func (l *Lab) Thaw(ctx context.Context, part string) error { return l.client.Signal(ctx, part, "CONT") }

// Start starts a part again that was ended, and waits until it is ready.
func (l *Lab) Start(ctx context.Context, part string) error {
	if err := l.client.StartAgain(ctx, part); err != nil {
		return err
	}
	return l.waitReady(ctx, part)
}

// StartWithoutWaiting does the same for a part that is not expected to become ready.
func (l *Lab) StartWithoutWaiting(ctx context.Context, part string) error {
	return l.client.StartAgain(ctx, part)
}

// LogFile is where a part's output goes.
func (l *Lab) LogFile(part string) string { return l.log(part) }

// Restart kills a part and starts it again.
func (l *Lab) Restart(ctx context.Context, part string) error {
	if err := l.Kill(ctx, part); err != nil {
		return err
	}
	return l.Start(ctx, part)
}

// EnvironmentFile is the file to source.
func (l *Lab) EnvironmentFile() string { return l.path("env") }

// Short shows a path as seen from where the command was typed: the working directory, but under make the folder of the Makefile.
func (l *Lab) Short(name string) string {
	here, err := os.Getwd()
	if err != nil {
		return name
	}
	for folder := here; os.Getenv("MAKELEVEL") != "" && folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "Makefile")); err == nil {
			here = folder
			break
		}
	}
	relative, err := filepath.Rel(here, name)
	if err != nil || strings.HasPrefix(relative, "../../..") {
		return name
	}
	return relative
}

// MayEnd says that what follows is a reason for a part to end by itself once; it is started again then.
func (l *Lab) MayEnd(part string) {
	l.mayEndLock.Lock()
	defer l.mayEndLock.Unlock()
	if l.mayEnd == nil {
		l.mayEnd = map[string]int{}
	}
	l.mayEnd[part]++
}

// Problems says what went wrong in the lab as a whole, whatever a test found: parts that ended unasked and reports of
// sanitizers. Empty: nothing.
func (l *Lab) Problems(ctx context.Context) []string {
	var problems []string
	parts, err := l.Parts(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	l.mayEndLock.Lock()
	defer l.mayEndLock.Unlock()
	for _, part := range parts {
		if part.Unasked > l.mayEnd[part.Name] {
			problems = append(problems, fmt.Sprintf("%s ended unasked, %d times, last with %s\n%s", part.Name, part.Unasked,
				part.Exit, l.Tail(part.Name)))
		}
	}
	reports, _ := filepath.Glob(l.path("logs", "sanitizer-*"))
	slices.Sort(reports)
	for _, report := range reports {
		text, _ := os.ReadFile(report)
		problems = append(problems, l.Short(report)+"\n"+string(text))
	}
	return problems
}
