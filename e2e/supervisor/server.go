package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Paths are the places that a supervisor uses.
type Paths struct {
	Folder  string // of the lab; holds lock and state
	Runtime string // short, for sockets; removed at the end
}

// Socket is where the supervisor listens.
func (p Paths) Socket() string { return filepath.Join(p.Runtime, "supervisor.sock") }

// StateFile is where it writes what it holds.
func (p Paths) StateFile() string { return filepath.Join(p.Folder, "state.json") }

// LockFile is locked as long as it runs.
func (p Paths) LockFile() string { return p.Folder + ".lock" }

// Ready is the one line that a supervisor prints when it can be talked to.
type Ready struct {
	FirstPort int    // of PortsPerLab ports that are the lab's
	Error     string // why it does not start instead
}

type server struct {
	paths    Paths
	spawn    spawner
	lock     sync.Mutex // guards all below
	parts    []*process // in the order of their first start
	detached bool
	ending   bool
	once     sync.Once
	over     chan struct{} // closed when everything has ended
}

// Serve is the supervisor process. It takes the lab's lock and ports, says so on standard output, and holds parts until the
// harness asks it to end, the pipe to the harness ends, or it gets SIGTERM.
func Serve(paths Paths, harness io.Reader) error {
	unlock, err := lockFile(paths.LockFile())
	if err != nil {
		return refuse(err)
	}
	defer unlock()
	guard, firstPort, err := takePorts()
	if err != nil {
		return refuse(err)
	}
	defer guard.Close()
	if err := os.MkdirAll(paths.Runtime, 0o700); err != nil {
		return refuse(err)
	}
	defer os.RemoveAll(paths.Runtime)
	if err := os.Remove(paths.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return refuse(err)
	}
	listener, err := net.Listen("unix", paths.Socket())
	if err != nil {
		return refuse(err)
	}
	s := &server{paths: paths, spawn: newSpawner(), over: make(chan struct{})}
	s.writeState()
	defer os.Remove(paths.StateFile())
	go s.watchHarness(harness)
	go s.watchSignals()
	go http.Serve(listener, s.handler()) // ends with the process
	if err := json.NewEncoder(os.Stdout).Encode(Ready{FirstPort: firstPort}); err != nil {
		s.end()
	}
	<-s.over
	return nil
}

// refuse tells the harness why the supervisor does not start.
func refuse(cause error) error {
	if err := json.NewEncoder(os.Stdout).Encode(Ready{Error: cause.Error()}); err != nil {
		return err
	}
	return cause
}

func (s *server) watchHarness(harness io.Reader) {
	io.Copy(io.Discard, harness) // any end of the pipe means the same
	s.lock.Lock()
	detached := s.detached
	s.lock.Unlock()
	if !detached {
		s.end()
	}
}

func (s *server) watchSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	for caught := range signals {
		if caught != syscall.SIGHUP { // a terminal that is closed is no reason to end a detached lab
			s.end()
		}
	}
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /parts", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.statuses(), nil) })
	mux.HandleFunc("POST /parts", func(w http.ResponseWriter, r *http.Request) {
		var spec Spec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil {
			answer(w, nil, err)
			return
		}
		answer(w, nil, s.add(spec))
	})
	mux.HandleFunc("POST /parts/{name}/start", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, s.restart(r.PathValue("name")))
	})
	mux.HandleFunc("POST /parts/{name}/signal/{signal}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, s.signal(r.PathValue("name"), r.PathValue("signal")))
	})
	mux.HandleFunc("POST /detach", func(w http.ResponseWriter, _ *http.Request) {
		s.lock.Lock()
		s.detached = true
		s.lock.Unlock()
		answer(w, nil, nil)
	})
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, _ *http.Request) {
		s.stopAll()
		answer(w, nil, nil)
		if flusher, can := w.(http.Flusher); can {
			flusher.Flush()
		}
		s.end()
	})
	return mux
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value) // the harness is gone: the pipe tells
}

func (s *server) statuses() []Status {
	s.lock.Lock()
	defer s.lock.Unlock()
	list := make([]Status, 0, len(s.parts))
	for _, part := range s.parts {
		list = append(list, part.status())
	}
	return list
}

func (s *server) find(name string) *process {
	for _, part := range s.parts {
		if part.spec.Name == name {
			return part
		}
	}
	return nil
}

// add starts a part for the first time, or a changed one of the same name that does not run.
func (s *server) add(spec Spec) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	part := s.find(spec.Name)
	switch {
	case s.ending:
		return errors.New("the lab is ending")
	case part != nil && part.running:
		return fmt.Errorf("%s runs already", spec.Name)
	case part == nil:
		part = &process{spec: spec}
		s.parts = append(s.parts, part)
	default:
		part.spec = spec
	}
	return s.run(part)
}

func (s *server) restart(name string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	part := s.find(name)
	switch {
	case s.ending:
		return errors.New("the lab is ending")
	case part == nil:
		return fmt.Errorf("the lab has no part %q", name)
	case part.running:
		return nil
	}
	return s.run(part)
}

// run starts a part and watches for its end. The caller holds the lock.
func (s *server) run(part *process) error {
	if err := part.run(s.spawn); err != nil {
		return err
	}
	go s.watch(part, part.done)
	s.writeState()
	return nil
}

func (s *server) watch(part *process, done chan struct{}) {
	err := part.command.Wait()
	s.lock.Lock()
	defer s.lock.Unlock()
	part.exit = "exit status 0"
	if err != nil {
		part.exit = err.Error()
	}
	// What it started dies with it.
	syscall.Kill(-part.command.Process.Pid, syscall.SIGKILL) // usually nobody is left
	part.running = false
	close(done)
	s.writeState()
	if part.asked || s.ending {
		return
	}
	part.unasked++
	if part.spec.Restart {
		delay := part.spec.Delay
		if delay == 0 {
			delay = restartDelay
		}
		time.AfterFunc(delay, func() {
			s.lock.Lock()
			defer s.lock.Unlock()
			if !part.running && !part.asked && !s.ending {
				if err := s.run(part); err != nil {
					part.exit = err.Error()
				}
			}
		})
	}
}

// signals are those that a harness may send. Those that end a part are answered when it has ended.
var signals = map[string]syscall.Signal{
	"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
}

func (s *server) signal(name, signalName string) error {
	number, known := signals[signalName]
	if !known {
		return fmt.Errorf("signal %q is none of KILL, TERM, STOP, CONT", signalName)
	}
	ends := number == syscall.SIGKILL || number == syscall.SIGTERM
	s.lock.Lock()
	part := s.find(name)
	if part == nil {
		s.lock.Unlock()
		return fmt.Errorf("the lab has no part %q", name)
	}
	part.asked = part.asked || ends
	err, done, running := part.signal(number), part.done, part.running
	s.lock.Unlock()
	if err != nil || !ends || !running {
		return err
	}
	const termMax = 30 * time.Second // what Kubernetes gives a Pod
	select {
	case <-done:
		return nil
	case <-time.After(termMax):
		return fmt.Errorf("%s did not end within %s of SIG%s", name, termMax, signalName)
	}
}

// stopAll ends every part: politely those that have a grace period, for they report leaks when they end, then all others.
func (s *server) stopAll() {
	s.lock.Lock()
	s.ending = true
	parts := slices.Clone(s.parts)
	var grace time.Duration
	for _, part := range parts {
		if part.spec.Grace > 0 && part.running {
			part.signal(syscall.SIGCONT) // the next one tells
			part.signal(syscall.SIGTERM) // SIGKILL follows
			grace = max(grace, part.spec.Grace)
		}
	}
	s.lock.Unlock()
	deadline := time.After(grace)
	for _, part := range parts {
		if part.spec.Grace > 0 && part.done != nil {
			select {
			case <-part.done:
			case <-deadline:
				deadline = time.After(0)
			}
		}
	}
	for _, part := range parts {
		s.lock.Lock()
		part.signal(syscall.SIGKILL) // waited for below
		s.lock.Unlock()
	}
	for _, part := range parts {
		if part.done != nil {
			<-part.done
		}
	}
}

// end may be called by several who have a reason, and again.
func (s *server) end() {
	s.stopAll()
	s.once.Do(func() { close(s.over) })
}

// writeState replaces the state file in one step. The caller holds the lock, or is alone.
func (s *server) writeState() {
	ticks, _ := startTicks(os.Getpid())
	state := State{Supervisor: Status{Name: "supervisor", PID: os.Getpid(), Start: ticks, Running: true}, Runtime: s.paths.Runtime}
	for _, part := range s.parts {
		state.Parts = append(state.Parts, part.status())
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err == nil {
		err = os.WriteFile(s.paths.StateFile()+".new", text, 0o644)
	}
	if err == nil {
		err = os.Rename(s.paths.StateFile()+".new", s.paths.StateFile())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "supervisor: %v\n", err)
	}
}
