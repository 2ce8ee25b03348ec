package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test program plays all three roles: by an argument it is a supervisor, or a harness that starts one and a part that
// sleeps, says so, and then sleeps itself.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 4 && os.Args[1] == "supervise":
		if err := Serve(Paths{Folder: os.Args[2], Runtime: os.Args[3]}, os.NewFile(3, "harness")); err != nil {
			os.Exit(1)
		}
	case len(os.Args) == 4 && os.Args[1] == "harness":
		harness(Paths{Folder: os.Args[2], Runtime: os.Args[3]})
	default:
		os.Exit(m.Run())
	}
}

func harness(paths Paths) {
	client, err := start(paths)
	if err == nil {
		err = client.Add(context.Background(), sleeper(paths, "part"))
	}
	fmt.Println(err)
	select {}
}

func start(paths Paths) (*Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return Start(self, paths, os.Stderr)
}

// sleeper is a part with a child of its own, as some parts have.
func sleeper(paths Paths, name string) Spec {
	return Spec{Name: name, Argv: []string{"/bin/sh", "-c", "sleep 1000 & wait"}, Log: filepath.Join(paths.Folder, name+".log")}
}

func newPaths(t *testing.T) Paths {
	t.Helper()
	runtime, err := os.MkdirTemp("", "supervisor")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	paths := Paths{Folder: filepath.Join(t.TempDir(), "lab"), Runtime: filepath.Join(runtime, "run")}
	if err := os.MkdirAll(paths.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return paths
}

// eventually waits for a condition that certainly comes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// groupGone says that no process of a part's group is left.
func groupGone(pid int) func() bool {
	return func() bool { return errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH) }
}

func running(t *testing.T, client *Client, name string) Status {
	t.Helper()
	parts, err := client.Parts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if part.Name == name && part.Running {
			return part
		}
	}
	return Status{}
}

func readState(t *testing.T, paths Paths) State {
	t.Helper()
	var state State
	text, err := os.ReadFile(paths.StateFile())
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// startHarness starts a harness in a process of its own and waits until its part runs.
func startHarness(t *testing.T, paths Paths) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, "harness", paths.Folder, paths.Runtime)
	command.Stderr = os.Stderr
	pipe, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "<nil>" {
		t.Fatalf("the harness says %q, %v", line, err)
	}
	return command
}

func TestKillingTheHarnessEndsEverything(t *testing.T) {
	paths := newPaths(t)
	command := startHarness(t, paths)
	part := running(t, Connect(paths), "part")
	state := readState(t, paths)
	command.Process.Kill()
	command.Wait() // it was killed
	eventually(t, "the part and its child end", groupGone(part.PID))
	eventually(t, "the supervisor ends", func() bool { return !state.Supervisor.Alive() })
	if _, err := os.Stat(paths.Runtime); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind: %v", paths.Runtime, err)
	}
}

func TestKillingTheSupervisorEndsItsParts(t *testing.T) {
	paths := newPaths(t)
	command := startHarness(t, paths)
	defer command.Wait() // it is killed
	defer command.Process.Kill()
	state := readState(t, paths)
	if err := syscall.Kill(state.Supervisor.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the part ends", func() bool { return !state.Parts[0].Alive() })
	// The kernel does this for the parts themselves. What a part started is its own matter; the lab's parts start nothing.
	syscall.Kill(-state.Parts[0].PID, syscall.SIGKILL) // the sleeper's child
}

func TestADetachedLabOutlivesItsHarness(t *testing.T) {
	paths := newPaths(t)
	command := startHarness(t, paths)
	client := Connect(paths)
	if err := client.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	command.Process.Kill()
	command.Wait() // it was killed
	part := running(t, client, "part")
	if part.PID == 0 {
		t.Fatal("the part ended with the harness")
	}
	if err := client.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the part ends", groupGone(part.PID))
}

func TestALabOfOneNameRunsOnce(t *testing.T) {
	paths := newPaths(t)
	client, err := start(paths)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End(t.Context()) // the test has ended
	if _, err := start(paths); !errors.Is(err, ErrRunning) {
		t.Errorf("a second supervisor says %v", err)
	}
}

func TestTwoLabsHaveDifferentPorts(t *testing.T) {
	first, err := start(newPaths(t))
	if err != nil {
		t.Fatal(err)
	}
	defer first.End(t.Context()) // the test has ended
	second, err := start(newPaths(t))
	if err != nil {
		t.Fatal(err)
	}
	defer second.End(t.Context()) // the test has ended
	if first.FirstPort == second.FirstPort {
		t.Errorf("both have %d", first.FirstPort)
	}
}

func TestAPartThatWasKilledStaysDeadUntilItIsStarted(t *testing.T) {
	paths := newPaths(t)
	client, err := start(paths)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End(t.Context()) // the test has ended
	spec := sleeper(paths, "part")
	spec.Restart = true
	if err := client.Add(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	was := running(t, client, "part")
	if err := client.Signal(t.Context(), "part", "KILL"); err != nil {
		t.Fatal(err)
	}
	if now := running(t, client, "part"); now.PID != 0 {
		t.Errorf("it runs as %d", now.PID)
	}
	if err := client.StartAgain(t.Context(), "part"); err != nil {
		t.Fatal(err)
	}
	now := running(t, client, "part")
	if now.PID == 0 || now.PID == was.PID || now.Unasked != 0 {
		t.Errorf("after the start it is %+v", now)
	}
}

func TestAPartThatEndsUnaskedIsStartedAgainAndCounted(t *testing.T) {
	paths := newPaths(t)
	client, err := start(paths)
	if err != nil {
		t.Fatal(err)
	}
	defer client.End(t.Context()) // the test has ended
	spec := sleeper(paths, "part")
	spec.Restart = true
	if err := client.Add(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	was := running(t, client, "part")
	if err := syscall.Kill(was.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() bool {
		now := running(t, client, "part")
		return now.PID != 0 && now.PID != was.PID && now.Unasked == 1
	})
}
