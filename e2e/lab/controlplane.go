package lab

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"xo-operator.dev/e2e/console"
)

// Kubernetes is the version of everything in the control plane; clients see it.
const Kubernetes = "v1.36.3"

// ControlPlane builds the control plane if nobody has, with progress on standard error, and gives the path of its binary.
func ControlPlane(ctx context.Context) (string, error) {
	top, err := Top()
	if err != nil {
		return "", err
	}
	return controlPlane(ctx, top, console.New(os.Stderr))
}

// controlPlane gives the path of the control plane's binary, building it if nobody has: it lies in a cache outside the
// checkout, under a hash of all that it is built from, so other checkouts find it.
func controlPlane(ctx context.Context, top string, out *console.Console) (string, error) {
	sources := filepath.Join(top, "e2e", "controlplane")
	goTool, err := goCommand()
	if err != nil {
		return "", err
	}
	hash, err := hashOf(ctx, goTool, sources)
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "controlplane-"+hash)
	binary := filepath.Join(folder, "hollow")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockBuild(ctx, filepath.Join(folder, "lock"), out)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil { // another one built it while this one waited
		return binary, nil
	}
	if err := build(ctx, goTool, sources, binary, out); err != nil {
		return "", fmt.Errorf("building the control plane: %w", err)
	}
	return binary, nil
}

func cacheFolder() (string, error) {
	if folder := os.Getenv("XO_OPERATOR_CACHE"); folder != "" {
		return folder, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".cache", "xo-operator"), nil
}

// hashOf names what the control plane is built from: sources, modules, Go and the flags below.
func hashOf(ctx context.Context, goTool, sources string) (string, error) {
	version, err := exec.CommandContext(ctx, goTool, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%q\n", version, buildFlags())
	names, err := filepath.Glob(filepath.Join(sources, "*"))
	if err != nil {
		return "", err
	}
	for _, name := range names { // Glob sorts
		base := filepath.Base(name)
		isSource := strings.HasSuffix(base, ".go") && !strings.HasSuffix(base, "_test.go")
		if !isSource && base != "go.mod" && base != "go.sum" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", base, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func buildFlags() []string {
	const version = "k8s.io/component-base/version"
	major, minor, _ := strings.Cut(strings.TrimPrefix(Kubernetes, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	return []string{"-trimpath", "-ldflags", fmt.Sprintf("-s -w -X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s",
		version, Kubernetes, version, major, version, minor)}
}

// lockBuild lets one build at a time go on, and says so to those who wait.
func lockBuild(ctx context.Context, name string, out *console.Console) (func(), error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	unlock := func() { file.Close() }
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return unlock, nil
	}
	done := out.Wait("somebody else builds the control plane", nil)
	taken := make(chan error, 1)
	go func() { taken <- syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }()
	select {
	case err = <-taken:
	case <-ctx.Done():
		err = ctx.Err()
	}
	done(err)
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// build runs the compiler and shows how far it is: the first time it compiles some 1,700 packages, which takes minutes.
func build(ctx context.Context, goTool, sources, binary string, out *console.Console) error {
	fresh := binary + ".new"
	var downloaded, compiled atomic.Int64
	var total atomic.Int64
	begin := out.Wait("control plane: Kubernetes "+Kubernetes+" is built once, this takes minutes", func() string {
		switch {
		case total.Load() == 0 && downloaded.Load() == 0:
			return "looking at the modules"
		case total.Load() == 0:
			return fmt.Sprintf("%d modules downloaded", downloaded.Load())
		case compiled.Load() == 0 || compiled.Load() > total.Load():
			return "almost there"
		}
		return fmt.Sprintf("%d of %d packages", compiled.Load(), total.Load())
	})
	count := func(text string) {
		switch {
		case strings.HasPrefix(text, "go: downloading"):
			downloaded.Add(1)
		case !strings.Contains(text, " "):
			compiled.Add(1)
		}
	}
	list := append([]string{"list", "-deps", "-f", "{{if .Stale}}x{{end}}"}, append(buildFlags(), ".")...)
	stale, err := run(ctx, goTool, sources, count, list...)
	if err == nil {
		total.Store(int64(strings.Count(stale, "x")))
		compiled.Store(0)
		_, err = run(ctx, goTool, sources, count, append([]string{"build", "-v", "-o", fresh}, append(buildFlags(), ".")...)...)
	}
	if err == nil {
		err = os.Rename(fresh, binary)
	}
	begin(err)
	return err
}

// run runs the go command in the control plane's folder, gives each line of its standard error to tell, and returns its
// standard output.
func run(ctx context.Context, goTool, folder string, tell func(string), arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, goTool, arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOFLAGS=-mod=readonly -buildvcs=false", "GOWORK=off")
	// Neither Ctrl-C nor the end of this process must leave compilers behind.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	var output strings.Builder
	command.Stdout = &output
	pipe, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", err
	}
	last := readLines(pipe, tell)
	if err := command.Wait(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%w\n%s", err, strings.Join(last, "\n"))
	}
	return output.String(), nil
}

// readLines gives each line to tell and returns the last ones, which say what went wrong.
func readLines(from io.Reader, tell func(string)) []string {
	const kept = 20
	var last []string
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		tell(scanner.Text())
		last = append(last, scanner.Text())
		if len(last) > kept {
			last = last[1:]
		}
	}
	return last
}
