package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Xosim talks to the control endpoint of the Xen Orchestra simulator: ground truth, faults, disks with contents. Nothing of
// this exists in a real Xen Orchestra, and nothing that is being tested uses it.
type Xosim struct {
	URL  string
	http *http.Client
}

// NewXosim makes a client of a control endpoint.
func NewXosim(address string) *Xosim {
	return &Xosim{URL: address, http: &http.Client{Timeout: time.Minute}}
}

// World returns what is simulated.
func (x *Xosim) World(ctx context.Context) (*World, error) {
	world := &World{}
	return world, x.call(ctx, http.MethodGet, "/world", nil, world)
}

// Truth returns every disk as it really is, whatever the API says.
func (x *Xosim) Truth(ctx context.Context) (*Truth, error) {
	truth := &Truth{}
	return truth, x.call(ctx, http.MethodGet, "/truth", nil, truth)
}

// MakeDisk makes a disk with contents that follow from the seed.
func (x *Xosim) MakeDisk(ctx context.Context, disk NewDisk) (*MadeDisk, error) {
	made := &MadeDisk{}
	return made, x.call(ctx, http.MethodPost, "/disks", disk, made)
}

// MakeBackup makes what a backup of a VM makes: copies of its disks and a VM that has them, as xosim's documentation describes them.
func (x *Xosim) MakeBackup(ctx context.Context, wanted map[string]any) (*MadeBackup, error) {
	made := &MadeBackup{}
	return made, x.call(ctx, http.MethodPost, "/backups", wanted, made)
}

// Device returns what a VM sees at one of its devices, nil if there is none.
func (x *Xosim) Device(ctx context.Context, vm, device string) (*Device, error) {
	view := &Device{}
	err := x.call(ctx, http.MethodGet, "/vms/"+url.PathEscape(vm)+"/devices/"+url.PathEscape(device), nil, view)
	if status, is := err.(*statusError); is && status.code == http.StatusNotFound {
		return nil, nil
	}
	return view, err
}

// Write writes to a device as the VM would, and returns what is there then.
func (x *Xosim) Write(ctx context.Context, vm, device string, offset, length, seed int64) (*Device, error) {
	view := &Device{}
	body := map[string]int64{"offset": offset, "length": length, "seed": seed}
	return view, x.call(ctx, http.MethodPost, "/vms/"+url.PathEscape(vm)+"/devices/"+url.PathEscape(device)+"/write", body, view)
}

// AddFault switches a fault on, as xosim's documentation describes them, and returns its id.
func (x *Xosim) AddFault(ctx context.Context, fault map[string]any) (string, error) {
	var made struct {
		ID json.RawMessage `json:"id"`
	}
	err := x.call(ctx, http.MethodPost, "/faults", fault, &made)
	return strings.Trim(string(made.ID), `"`), err
}

// RemoveFault switches a fault off.
func (x *Xosim) RemoveFault(ctx context.Context, id string) error {
	return x.call(ctx, http.MethodDelete, "/faults/"+url.PathEscape(id), nil, nil)
}

// SetSpeed sets how many simulated seconds pass in one.
func (x *Xosim) SetSpeed(ctx context.Context, speed float64) error {
	return x.call(ctx, http.MethodPost, "/speed", map[string]any{"speed": speed}, nil)
}

// statusError is an answer that is no success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

func (x *Xosim) call(ctx context.Context, method, path string, body, result any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, x.URL+path, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := x.http.Do(request)
	if err != nil {
		return fmt.Errorf("xosim: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("xosim: %s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return &statusError{code: response.StatusCode, text: fmt.Sprintf("xosim: %s %s: %s: %s", method, path, response.Status,
			bytes.TrimSpace(answer))}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("xosim: %s %s: %w", method, path, err)
	}
	return nil
}

// RemoveDisk destroys a disk as somebody who works on the hypervisor itself would, who asks no Xen Orchestra.
func (x *Xosim) RemoveDisk(ctx context.Context, uuid string) error {
	return x.call(ctx, http.MethodDelete, "/disks/"+url.PathEscape(uuid), nil, nil)
}

// ChangeVM changes a VM as xosim's documentation describes it: how fast it writes, its memory, what is blocked, its power state.
func (x *Xosim) ChangeVM(ctx context.Context, vm string, change map[string]any) error {
	return x.call(ctx, http.MethodPost, "/vms/"+url.PathEscape(vm), change, nil)
}

// ForgetSR makes Xen Orchestra forget an SR; IntroduceSR undoes it.
func (x *Xosim) ForgetSR(ctx context.Context, sr string) error {
	return x.call(ctx, http.MethodPost, "/srs/"+url.PathEscape(sr)+"/forget", nil, nil)
}

// IntroduceSR introduces an SR that was forgotten, and scans it.
func (x *Xosim) IntroduceSR(ctx context.Context, sr string) error {
	return x.call(ctx, http.MethodPost, "/srs/"+url.PathEscape(sr)+"/introduce", nil, nil)
}
