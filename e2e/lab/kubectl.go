package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Kubeconfig is the administrator's.
func (l *Lab) Kubeconfig() string { return l.kubeconfig("admin") }

// kubectlCache is where kubectl remembers what the API server serves. Its default place is named after the server's address,
// which another lab may have had.
func (l *Lab) kubectlCache() string { return l.path("kubectl-cache") }

// Kubectl runs kubectl as the administrator, as a user would, and returns what it printed.
func (l *Lab) Kubectl(ctx context.Context, arguments ...string) (string, error) {
	return l.KubectlInput(ctx, "", arguments...)
}

// KubectlInput does the same with standard input. A failure's error holds what kubectl said.
func (l *Lab) KubectlInput(ctx context.Context, input string, arguments ...string) (string, error) {
	command := l.KubectlCommand(ctx, arguments...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// KubectlCommand prepares kubectl for who wants to read along, or to wait.
func (l *Lab) KubectlCommand(ctx context.Context, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, l.path("bin", "kubectl"), arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+l.Kubeconfig(), "KUBECACHEDIR="+l.kubectlCache())
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.WaitDelay = 5 * time.Second
	return command
}

// rest reads objects straight from the API server. kubectl is what users use, and tests do too; but a condition is looked at
// ten times a second.
type rest struct {
	server string
	token  string
	http   *http.Client
}

func newRest(server, token, certificate string) (*rest, error) {
	text, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", certificate)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, IdleConnTimeout: 10 * time.Second}
	return &rest{server: server, token: token, http: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

// NotFound is the error for an object that does not exist.
var ErrNotFound = errors.New("not found")

func (r *rest) request(ctx context.Context, path string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.server+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	request.Header.Set("Accept", "application/json")
	return request, nil
}

func (r *rest) get(ctx context.Context, path string, result any) error {
	request, err := r.request(ctx, path)
	if err != nil {
		return err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", path, ErrNotFound)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	case result == nil:
		return nil
	}
	return json.Unmarshal(body, result)
}

// Watch hands over every change (ADDED, MODIFIED, DELETED, ERROR) of a list's objects after a version, until the API server or ctx
// ends it.
func (l *Lab) Watch(ctx context.Context, path, version string, take func(change string, object json.RawMessage)) error {
	request, err := l.rest.request(ctx, path+"?watch=1&resourceVersion="+version)
	if err != nil {
		return err
	}
	endless := http.Client{Transport: l.rest.http.Transport}
	response, err := endless.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watch %s: %s", path, response.Status)
	}
	for decoder := json.NewDecoder(response.Body); ; {
		var event struct {
			Type   string
			Object json.RawMessage
		}
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		take(event.Type, event.Object)
	}
}

// Get reads an object, or a list, by its path in the API.
func (l *Lab) Get(ctx context.Context, path string, result any) error {
	return l.rest.get(ctx, path, result)
}
