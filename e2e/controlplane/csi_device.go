package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// deviceView is what a VM sees at one of its devices.
type deviceView struct {
	VDI      string `json:"vdi"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	ReadOnly bool   `json:"readOnly"`
}

// devices looks at the devices of one VM through xosim's control endpoint, as the VM's kernel would see them. It never asks
// Xen Orchestra: that would be asking the one who is being checked.
type devices struct {
	client *http.Client
	base   string
	vm     string
}

func newDevices(options csiOptions) *devices {
	// The simulator hashes the disk while it answers: a few seconds for the biggest disks of the tests.
	return &devices{client: &http.Client{Timeout: 30 * time.Second}, base: options.control, vm: options.vm}
}

// use tells the simulator that the guest mounts a device ("mount") or lets go of it ("unmount"), which flushes what it wrote.
// NotFound: there is no such device.
func (d *devices) use(ctx context.Context, device, verb string) error {
	address := d.base + "/vms/" + url.PathEscape(d.vm) + "/devices/" + url.PathEscape(device) + "/" + verb
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return status.Errorf(codes.Unavailable, "%s of device %s of VM %s: %v", verb, device, d.vm, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return status.Errorf(codes.NotFound, "VM %s has no device %s", d.vm, device)
	default:
		return status.Errorf(codes.Unavailable, "%s of device %s of VM %s: %s", verb, device, d.vm, response.Status)
	}
}

// look gives what the VM sees at a device. FailedPrecondition: there is no such device; Unavailable: it can't be told now.
func (d *devices) look(ctx context.Context, device string) (*deviceView, error) {
	address := d.base + "/vms/" + url.PathEscape(d.vm) + "/devices/" + url.PathEscape(device)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := d.client.Do(request)
	if err != nil {
		return nil, status.Errorf(codes.Unavailable, "devices of VM %s can not be seen now: %v", d.vm, err)
	}
	defer response.Body.Close()
	const sizeMax = 64 << 10 // an answer has four short fields
	body, err := io.ReadAll(io.LimitReader(response.Body, sizeMax))
	if err != nil {
		return nil, status.Errorf(codes.Unavailable, "devices of VM %s can not be seen now: %v", d.vm, err)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, status.Errorf(codes.FailedPrecondition, "VM %s has no device %s: the volume is said to be attached "+
			"there and is not", d.vm, device)
	default:
		return nil, status.Errorf(codes.Unavailable, "device %s of VM %s: %s: %s", device, d.vm, response.Status, body)
	}
	view := &deviceView{}
	if err := json.Unmarshal(body, view); err != nil {
		return nil, status.Errorf(codes.Unavailable, "device %s of VM %s: %v", device, d.vm, err)
	}
	return view, nil
}
