package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one part: what to run, and what runs now. Its fields are guarded by the server's lock, but for done.
type process struct {
	spec    Spec
	command *exec.Cmd
	start   uint64
	done    chan struct{} // closed when the process that runs now has been waited for; nil before the first start
	running bool
	asked   bool // its end was asked for: it is not to be started again
	exit    string
	unasked int
}

// spawner starts all processes from one thread that never ends: the kernel sends the parent-death signal when the *thread*
// that made the process ends, not when the process does.
type spawner chan func()

func newSpawner() spawner {
	work := make(spawner)
	go func() {
		runtime.LockOSThread()
		for start := range work {
			start()
		}
	}()
	return work
}

// run starts the process with its output in its log. The caller holds the server's lock.
func (p *process) run(spawn spawner) error {
	log, err := os.OpenFile(p.spec.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(p.spec.Argv[0], p.spec.Argv[1:]...)
	command.Env = append(os.Environ(), p.spec.Env...)
	command.Stdout, command.Stderr = log, log
	// A group of its own, so that what it starts can be ended with it and Ctrl-C at the terminal reaches only the harness.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	spawn <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", p.spec.Name, err)
	}
	p.command, p.running, p.asked = command, true, false
	p.start, _ = startTicks(command.Process.Pid)
	p.done = make(chan struct{})
	return nil
}

// signal sends to the whole group of the process, which may have ended meanwhile.
func (p *process) signal(signal syscall.Signal) error {
	if !p.running {
		return nil
	}
	if err := syscall.Kill(-p.command.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (p *process) status() Status {
	status := Status{Name: p.spec.Name, Running: p.running, Exit: p.exit, Unasked: p.unasked, Log: p.spec.Log, Start: p.start}
	if p.command != nil && p.running {
		status.PID = p.command.Process.Pid
	}
	return status
}

// startTicks reads when a process was started, in clock ticks since boot: field 22 of its stat file. A process that has ended
// and waits for its parent to notice is no process any more.
func startTicks(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses, and may itself hold both parentheses and spaces.
	_, rest, found := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	const index = 22 - 3 // the third field is the first after the name
	if !found || len(fields) <= index {
		return 0, fmt.Errorf("/proc/%d/stat is not understood", pid)
	}
	if fields[0] == "Z" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[index], 10, 64)
}

// Alive says whether exactly that process still runs: a PID alone may have been given to another one.
func (s Status) Alive() bool {
	ticks, err := startTicks(s.PID)
	return s.PID > 0 && err == nil && ticks == s.Start
}

// EndLeftovers kills what a supervisor that died left behind, and says how many processes that were.
func EndLeftovers(state State) int {
	ended := 0
	for _, status := range append(state.Parts, state.Supervisor) {
		if !status.Alive() {
			continue
		}
		// The supervisor leads no group of parts, each part leads its own.
		if syscall.Kill(-status.PID, syscall.SIGKILL) == nil || syscall.Kill(status.PID, syscall.SIGKILL) == nil {
			ended++
		}
		for range 100 { // a killed process is gone in milliseconds; five seconds are for a machine that swaps
			if !status.Alive() {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return ended
}
