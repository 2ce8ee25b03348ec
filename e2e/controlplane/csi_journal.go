package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// journalLine is one volume call of the kubelet and what came of it.
type journalLine struct {
	Time    string            `json:"time"` // RFC 3339 with nanoseconds
	Call    string            `json:"call"`
	Volume  string            `json:"volume"`
	Context map[string]string `json:"context,omitempty"` // the publish context
	Target  string            `json:"target,omitempty"`
	VDI     string            `json:"vdi,omitempty"`
	Size    int64             `json:"size,omitempty"`
	SHA256  string            `json:"sha256,omitempty"`  // of the whole device, at that time
	Error   string            `json:"error,omitempty"`   // the kubelet got this error
	Problem string            `json:"problem,omitempty"` // the kubelet got no error, yet this was wrong
}

// journal is a file that gets a line per call; tests read it. Each line is one write, so a kill leaves whole lines.
type journal struct {
	lock sync.Mutex
	file *os.File
}

func openJournal(name string) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: file}, nil
}

// write adds a line and gives back callErr, or the journal's own error: a call that can't be recorded must not succeed.
func (j *journal) write(line journalLine, device *deviceView, callErr error) error {
	line.Time = time.Now().UTC().Format(time.RFC3339Nano)
	if device != nil {
		line.VDI, line.Size, line.SHA256 = device.VDI, device.Size, device.SHA256
	}
	if callErr != nil {
		line.Error = callErr.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	j.lock.Lock()
	defer j.lock.Unlock()
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return err
	}
	return callErr
}
