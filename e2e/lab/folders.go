package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"

	"xo-operator.dev/e2e/supervisor"
)

// folders are the places of one lab.
type folders struct {
	top string // of the project
	lab string // build/lab/<name>
}

// nameRule keeps a lab's name usable as a file name; Kubernetes' own rule for names is the one that users know.
var nameRule = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$`)

func newFolders(name string) (folders, error) {
	if !nameRule.MatchString(name) {
		return folders{}, fmt.Errorf("lab name %q: use up to 32 of a-z, 0-9 and -, for example dev", name)
	}
	top, err := Top()
	if err != nil {
		return folders{}, err
	}
	return folders{top: top, lab: filepath.Join(top, "build", "lab", name)}, nil
}

// Top finds the project's folder: the first one above the working directory that has this module in it.
func Top() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := folder; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "e2e", "controlplane", "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("%s is not inside the project", start)
		}
	}
}

func (f folders) path(parts ...string) string {
	return filepath.Join(append([]string{f.lab}, parts...)...)
}

func (f folders) log(part string) string { return f.path("logs", part+".log") }

// supervisor gives the places of the lab's supervisor. Sockets need a short folder: the kernel allows 107 bytes, and a
// checkout may lie deep.
func (f folders) supervisor() supervisor.Paths {
	sum := sha256.Sum256([]byte(f.lab))
	short := filepath.Join(os.TempDir(), "xo-lab-"+hex.EncodeToString(sum[:6]))
	return supervisor.Paths{Folder: f.lab, Runtime: short}
}

// clear empties the lab's folder for a new start, and makes what is in it.
func (f folders) clear() error {
	if err := os.RemoveAll(f.lab); err != nil {
		return err
	}
	for _, name := range []string{"logs", "nodes", "bin", "credentials", "certificates"} {
		mode := os.FileMode(0o755)
		if name == "credentials" {
			mode = 0o700
		}
		if err := os.MkdirAll(f.path(name), mode); err != nil {
			return err
		}
	}
	return nil
}

// forget removes what is of no use once a lab has ended; logs and the nodes' journals stay until the next start.
func (f folders) forget() error {
	var all []error
	for _, name := range []string{"bin", "credentials", "certificates", "config", "etcd", "kubectl-cache", "xosim", "xosim.ready", "env", "lab.json", "state.json"} {
		all = append(all, os.RemoveAll(f.path(name)))
	}
	return errors.Join(append(all, os.RemoveAll(f.supervisor().Runtime))...)
}

// goCommand finds the go command that built this program, or else the one in PATH.
func goCommand() (string, error) {
	if own := filepath.Join(runtime.GOROOT(), "bin", "go"); runtime.GOROOT() != "" { // what `go run` set
		if _, err := os.Stat(own); err == nil {
			return own, nil
		}
	}
	found, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("the lab's parts are built with Go: %w", err)
	}
	return found, nil
}
