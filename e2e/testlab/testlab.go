// Package testlab gives the tests of one Go package a lab that they share: it is started once, each test has a namespace of
// its own, and at the end the lab itself is checked, whatever the tests found.
package testlab

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
)

// shared is the package's lab, started by the first test that needs it.
var shared struct {
	once    sync.Once
	options lab.Options
	lab     *lab.Lab
	said    *said
	err     error
}

// Run runs a package's tests with a lab that the first of them starts, and ends it; the result is for os.Exit. XO_PRESET
// chooses the build of operator and simulator (XO_BUILD: its folder), KEEP=1 leaves the lab running for a look.
func Run(m *testing.M, name, world string) int {
	return RunWith(m, lab.Options{Name: name, World: world})
}

// RunWith does the same for a lab with more options; the World is one of e2e/worlds.
func RunWith(m *testing.M, options lab.Options) int {
	flag.Parse()
	top, err := lab.Top()
	if err != nil {
		return failed(err)
	}
	preset := os.Getenv("XO_PRESET")
	if preset == "" {
		preset = "dev"
	}
	shared.options = options
	shared.options.Build = filepath.Join(top, "build", preset)
	shared.options.World = filepath.Join(top, "e2e", "worlds", options.World)
	shared.options.NoOperator = os.Getenv("OPERATOR") == "0"
	if folder := os.Getenv("XO_BUILD"); folder != "" {
		shared.options.Build = folder
	}
	return finish(m.Run())
}

// start starts the lab for the first test, or says again why it could not be.
func start() (*lab.Lab, error) {
	shared.once.Do(func() {
		// Ctrl-C ends this process; the supervisor sees its end and ends the lab.
		shared.lab, shared.err = lab.Up(context.Background(), shared.options)
		if shared.err == nil {
			shared.said = listen(shared.lab)
		}
	})
	return shared.lab, shared.err
}

// finish checks the lab itself and ends it.
func finish(code int) int {
	if shared.lab == nil {
		return code
	}
	ctx := context.Background()
	if problems := shared.lab.Problems(ctx); len(problems) > 0 {
		code = failed(fmt.Errorf("the lab itself has problems:\n%s", strings.Join(problems, "\n")))
	}
	if err := shared.said.end(ctx); err != nil {
		code = failed(err)
	}
	if os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0" {
		fmt.Fprintf(os.Stderr, "lab %s keeps running: source %s\n", shared.lab.Name, shared.lab.Short(shared.lab.EnvironmentFile()))
		return max(code, ended(shared.lab.Detach(ctx)))
	}
	return max(code, ended(shared.lab.Down(ctx)))
}

func ended(err error) int {
	if err != nil {
		return failed(err)
	}
	return 0
}

func failed(err error) int {
	fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
	return 1
}

// Test is one test's view of the lab.
type Test struct {
	*testing.T
	*lab.Lab
	Ctx       context.Context
	Namespace string
}

var count atomic.Int64

// New gives a test a namespace, which goes when the test ends, with everything in it. If the test failed, its objects and
// the operator's last lines are shown.
func New(t *testing.T) *Test {
	t.Helper()
	name := strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(strings.TrimPrefix(t.Name(), "Test"), "-"))
	// Short, for it is part of the names of disks, and they are easier to read that way.
	name = fmt.Sprintf("%.20s-%d", name, count.Add(1))
	running, err := start()
	if err != nil {
		t.Fatal(err)
	}
	test := &Test{T: t, Lab: running, Ctx: t.Context(), Namespace: strings.ReplaceAll(name, "--", "-")}
	test.Do("create", "namespace", test.Namespace)
	t.Cleanup(test.end)
	return test
}

func (t *Test) end() {
	ctx := context.Background() // the test's own has ended
	if err := shared.said.check(ctx, t.Namespace); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		for _, arguments := range [][]string{
			{"get", "xovolumemigrations,pods,pvc", "-o", "wide"}, {"describe", "xovolumemigrations"}, {"get", "events"},
		} {
			text, err := t.Kubectl(ctx, append([]string{"-n", t.Namespace}, arguments...)...)
			t.Logf("kubectl %s: %v\n%s", strings.Join(arguments, " "), err, text)
		}
		text, _ := t.Kubectl(ctx, "get", "volumeattachments")
		t.Logf("%s\n%s", text, t.Tail(lab.Operator))
	}
	t.Kubectl(ctx, "delete", "namespace", t.Namespace, "--wait=false") // the lab ends soon
}

// Must ends the test for an error.
func (t *Test) Must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Do runs kubectl and returns what it printed; it must succeed.
func (t *Test) Do(arguments ...string) string {
	t.Helper()
	text, err := t.Kubectl(t.Ctx, arguments...)
	t.Must(err)
	return text
}

// In runs kubectl in the test's namespace; it must succeed.
func (t *Test) In(arguments ...string) string {
	t.Helper()
	return t.Do(append([]string{"-n", t.Namespace}, arguments...)...)
}

// Apply applies a manifest in the test's namespace; it must succeed.
func (t *Test) Apply(manifest string) {
	t.Helper()
	_, err := t.KubectlInput(t.Ctx, manifest, "-n", t.Namespace, "apply", "-f", "-")
	t.Must(err)
}

// Refused applies a manifest that the API server must refuse, and returns what kubectl said.
func (t *Test) Refused(manifest string) string {
	t.Helper()
	_, err := t.KubectlInput(t.Ctx, manifest, "-n", t.Namespace, "apply", "-f", "-")
	if err == nil {
		t.Fatalf("this was accepted:\n%s", manifest)
	}
	return err.Error()
}

// Eventually waits for a condition.
func (t *Test) Eventually(limit time.Duration, condition func() error) {
	t.Helper()
	t.Must(lab.Wait(t.Ctx, limit, func(context.Context) error { return condition() }))
}

// Volume makes a volume of 256 MiB, which takes two and a half seconds to move, unless the options say more.
func (t *Test) Volume(options lab.VolumeOptions) *lab.Volume {
	t.Helper()
	options.Namespace = t.Namespace
	if options.Size == 0 {
		options.Size = 256 << 20
	}
	volume, err := t.MakeVolume(t.Ctx, options)
	t.Must(err)
	t.Cleanup(func() {
		// Volumes are not in the namespace; their finalizer goes once nothing is attached.
		t.Kubectl(context.Background(), "delete", "pv", volume.Name, "--wait=false") // the lab ends soon
	})
	return volume
}

// SR finds an SR of the world by name; it must exist.
func (t *Test) SR(name string) *lab.SR {
	t.Helper()
	for i := range t.World.SRs {
		if t.World.SRs[i].Name == name {
			return &t.World.SRs[i]
		}
	}
	t.Fatalf("the world has no SR %q", name)
	return nil
}

// GoodDisk checks that exactly one disk has the volume's name, on one of the SRs, with every byte as it was.
func (t *Test) GoodDisk(volume *lab.Volume, srs ...*lab.SR) *lab.Disk {
	t.Helper()
	var ids []string
	for _, sr := range srs {
		ids = append(ids, sr.UUID)
	}
	disk, err := t.CheckDisk(t.Ctx, volume, ids...)
	t.Must(err)
	return disk
}

// GoodDiskBeside checks the same of a volume whose name another disk has too, and that the other one was left as it was made.
func (t *Test) GoodDiskBeside(volume *lab.Volume, stranger *lab.Disk, srs ...*lab.SR) {
	t.Helper()
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	var own []lab.Disk
	for _, disk := range truth.Named(volume.Disk) {
		if disk.UUID != stranger.UUID {
			own = append(own, disk)
		} else if disk.SR != stranger.SR || disk.SHA256 != stranger.SHA256 {
			t.Errorf("the other disk of the name is %+v, it was %+v", disk, *stranger)
		}
	}
	if len(own) != 1 || len(truth.Named(volume.Disk)) != 2 {
		t.Fatalf("the volume's disk and the other one should be there: %+v", truth.Named(volume.Disk))
	}
	if own[0].SHA256 != volume.SHA256 || !own[0].Complete || truth.LostBytes(own[0].Family) > 0 {
		t.Errorf("disk %+v should hold %s", own[0], volume.SHA256)
	}
	for _, sr := range srs {
		if own[0].SR == sr.UUID {
			return
		}
	}
	t.Errorf("disk %s is on SR %s", own[0].UUID, own[0].SR)
}

// Fault switches a fault of xosim on, until the test ends or the function it returns is called.
func (t *Test) Fault(fault map[string]any) func() {
	t.Helper()
	id, err := t.Xosim.AddFault(t.Ctx, fault)
	t.Must(err)
	remove := func() {
		t.Xosim.RemoveFault(context.Background(), id) // it may have been removed
	}
	t.Cleanup(remove)
	return remove
}

// Part does something to a part of the lab; it must succeed.
func (t *Test) Part(do func(context.Context, string) error, part string) {
	t.Helper()
	t.Must(do(t.Ctx, part))
}
