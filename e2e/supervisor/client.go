package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Client is the harness' side.
type Client struct {
	FirstPort int
	http      *http.Client
	pipe      *os.File  // the harness lives as long as this is open; nil in a client of a lab that another harness started
	command   *exec.Cmd // nil likewise
}

// Start runs `program supervise …` and waits until it can be talked to. Its own complaints go to log.
func Start(program string, paths Paths, log *os.File) (*Client, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	command := exec.Command(program, "supervise", paths.Folder, paths.Runtime)
	command.ExtraFiles = []*os.File{read}
	command.Stderr = log
	// Its own session: Ctrl-C at the terminal must reach the harness alone, which then ends the lab in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		write.Close()
		return nil, err
	}
	var ready Ready
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err == nil && ready.Error != "" {
		err = errors.New(ready.Error)
		if ready.Error == ErrRunning.Error() {
			err = ErrRunning
		}
	}
	if err != nil {
		write.Close()
		command.Wait() // the reason is known
		return nil, err
	}
	client := Connect(paths)
	client.FirstPort, client.pipe, client.command = ready.FirstPort, write, command
	return client, nil
}

// Connect talks to a supervisor that runs, or does not: the first call tells.
func Connect(paths Paths) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", paths.Socket())
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Parts says what runs.
func (c *Client) Parts(ctx context.Context) ([]Status, error) {
	var list []Status
	return list, c.call(ctx, http.MethodGet, "/parts", nil, &list)
}

// Add starts a part for the first time.
func (c *Client) Add(ctx context.Context, spec Spec) error {
	return c.call(ctx, http.MethodPost, "/parts", spec, nil)
}

// StartAgain starts a part that ended, as it was started first.
func (c *Client) StartAgain(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodPost, "/parts/"+name+"/start", nil, nil)
}

// Signal sends KILL, TERM, STOP or CONT. After KILL and TERM the part has ended and stays so.
func (c *Client) Signal(ctx context.Context, name, signal string) error {
	return c.call(ctx, http.MethodPost, "/parts/"+name+"/signal/"+signal, nil, nil)
}

// Detach lets the lab outlive this harness.
func (c *Client) Detach(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/detach", nil, nil)
}

// End ends all parts and the supervisor.
func (c *Client) End(ctx context.Context) error {
	err := c.call(ctx, http.MethodPost, "/end", nil, nil)
	if c.command != nil {
		c.pipe.Close()
		c.command.Wait() // it has nothing more to say
	}
	return err
}

func (c *Client) call(ctx context.Context, method, path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", strings.TrimSpace(string(answer)))
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer, result)
}
