package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"xo-operator.dev/e2e/lab"
)

// Simulator starts a xosim per test, so that tests neither see nor wait for each other.
type Simulator struct {
	Program string // xosim
	World   string // a file
	Folder  string // for logs
}

// The users and tokens of the world file.
const (
	worldToken         = "conformance-token"
	worldUser          = "admin@admin.net"
	worldPassword      = "admin"
	worldOtherUser     = "nobody@example.org"
	worldOtherPassword = "nobody"
	worldTag           = "conformance"
)

// running is a xosim of one test.
type running struct {
	site    *Site
	process *exec.Cmd
	log     string
	ended   chan error
}

// startMax is ten times what xosim needs under a sanitizer on a busy machine.
const startMax = 60 * time.Second

// start starts one for a test.
func (s *Simulator) start(ctx context.Context, number int, speed float64, test *Test) (*running, error) {
	folder := filepath.Join(s.Folder, fmt.Sprintf("%03d", number))
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.World)
	if err != nil {
		return nil, err
	}
	world, ready := filepath.Join(folder, "world.yaml"), filepath.Join(folder, "ready.json")
	if err := os.WriteFile(world, append(text, test.World...), 0o644); err != nil {
		return nil, err
	}
	logName := filepath.Join(folder, "log")
	output, err := os.Create(logName)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	flags := []string{"--world", world, "--ready-file", ready, "--speed", fmt.Sprint(speed)}
	cert, key := "", ""
	if test.TLS {
		if cert, key, err = certificate(folder); err != nil {
			return nil, err
		}
		flags = append(flags, "--tls-cert", cert, "--tls-key", key)
	}
	command := exec.Command(s.Program, flags...)
	command.Stdout, command.Stderr = output, output
	// A group of its own, so that Ctrl-C reaches it only through us, after our disks are gone; and it does not outlive us.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, err
	}
	run := &running{process: command, log: logName, ended: make(chan error, 1)}
	go func() { run.ended <- command.Wait() }()
	addresses, err := run.wait(ctx, ready)
	if err != nil {
		run.stop()
		return nil, err
	}
	run.site = &Site{URL: addresses.URL, Token: worldToken, Username: worldUser, Password: worldPassword, Tag: worldTag,
		OtherUsername: worldOtherUser, OtherPassword: worldOtherPassword, Insecure: true, Speed: speed, certificate: cert,
		testVMs: []string{"test-a1-1", "test-a1-2", "test-a1-3", "test-a1-4", "test-a2-1", "test-halted"}, control: lab.NewXosim(addresses.Control)}
	return run, nil
}

type addresses struct {
	URL     string `json:"url"`
	Control string `json:"control"`
}

func (r *running) wait(ctx context.Context, ready string) (*addresses, error) {
	found := &addresses{}
	for deadline := time.Now().Add(startMax); ; {
		text, err := os.ReadFile(ready)
		if err == nil {
			return found, json.Unmarshal(text, found)
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			return nil, fmt.Errorf("xosim ended: %w\n%s", err, r.tail())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("xosim was not ready after %s\n%s", startMax, r.tail())
		}
	}
}

// stop ends it and says what was wrong with it: an end before its time, or what a sanitizer found.
func (r *running) stop() error {
	select {
	case err := <-r.ended:
		return fmt.Errorf("xosim ended by itself: %v\n%s", err, r.tail())
	default:
	}
	_ = r.process.Process.Signal(syscall.SIGTERM) // it may just have ended
	select {
	case err := <-r.ended:
		if err != nil {
			return fmt.Errorf("xosim ended badly: %w\n%s", err, r.tail())
		}
		if text, err := os.ReadFile(r.log); err != nil || bytes.Contains(text, []byte("runtime error:")) {
			return fmt.Errorf("a sanitizer found something: %v\n%s", err, r.tail())
		}
		return nil
	case <-time.After(startMax):
		_ = r.process.Process.Kill() // the same
		return fmt.Errorf("xosim did not end on SIGTERM\n%s", r.tail())
	}
}

// tail is the end of its log.
func (r *running) tail() string {
	text, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	const enough = 4000 // a sanitizer's report
	return string(text[max(0, len(text)-enough):])
}
