package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"xo-operator.dev/e2e/lab"
)

// result is what a run showed.
type result struct {
	made, makespan time.Duration
	watched        *follower
	writes         map[string]float64 // to the API server, by "resource/subresource verb"
	xoRequests     float64
	cpu            time.Duration
	anonymous      int64 // highest private memory of the operator, in bytes
	before         int64 // … and before the first migration
	liveReached    int   // most live moves of a host at once, as the hypervisors saw it
	liveRefused    int
	lost           int64 // bytes of data, as the simulator knows it
	disks          int   // that are there in the end
}

// meter reads counters before and after.
type meter struct {
	lab      *lab.Lab
	cluster  *cluster
	pid      int
	writes   map[string]float64
	requests float64
	cpu      time.Duration
	before   int64
	highest  atomic.Int64
	stop     context.CancelFunc
}

const samplePace = 200 * time.Millisecond

func newMeter(ctx context.Context, world *lab.Lab, cluster *cluster) (*meter, error) {
	m := &meter{lab: world, cluster: cluster}
	parts, err := world.Parts(ctx)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if part.Name == lab.Operator {
			m.pid = part.PID
		}
	}
	if m.writes, err = m.apiWrites(ctx); err != nil {
		return nil, err
	}
	if m.requests, err = m.xoRequests(ctx); err != nil {
		return nil, err
	}
	m.cpu, m.before = cpuOf(m.pid), privateMemory(m.pid)
	sampling, stop := context.WithCancel(ctx)
	m.stop = stop
	go func() {
		for tick := time.NewTicker(samplePace); sampling.Err() == nil; <-tick.C {
			m.highest.Store(max(m.highest.Load(), privateMemory(m.pid)))
		}
	}()
	return m, nil
}

func (m *meter) read(ctx context.Context) (*result, error) {
	m.stop()
	r := &result{anonymous: m.highest.Load(), before: m.before, cpu: cpuOf(m.pid) - m.cpu, writes: map[string]float64{}}
	writes, err := m.apiWrites(ctx)
	if err != nil {
		return nil, err
	}
	for key, count := range writes {
		if count > m.writes[key] {
			r.writes[key] = count - m.writes[key]
		}
	}
	requests, err := m.xoRequests(ctx)
	if err != nil {
		return nil, err
	}
	r.xoRequests = requests - m.requests
	return r, m.truth(ctx, r)
}

// truth asks the simulated hypervisors what really happened.
func (m *meter) truth(ctx context.Context, r *result) error {
	var truth struct {
		Hosts    []struct{ LiveMovesReached, LiveMovesRefused int }
		Families []struct{ LostBytes, StaleInUseBytes int64 }
		Disks    []struct{ Exists, Complete bool }
	}
	text, err := get(ctx, m.lab.ControlURL()+"/truth")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		return err
	}
	for _, host := range truth.Hosts {
		r.liveReached = max(r.liveReached, host.LiveMovesReached)
		r.liveRefused += host.LiveMovesRefused
	}
	for _, family := range truth.Families {
		r.lost += family.LostBytes + family.StaleInUseBytes
	}
	for _, disk := range truth.Disks {
		if disk.Exists {
			r.disks++
		}
	}
	return nil
}

// apiWrites are the API server's own counters of requests that change something, without leases.
func (m *meter) apiWrites(ctx context.Context) (map[string]float64, error) {
	text, err := m.cluster.kube.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for name, value := range samples(string(text)) {
		if !strings.HasPrefix(name, "apiserver_request_total{") || label(name, "resource") == "leases" {
			continue
		}
		switch verb := label(name, "verb"); verb {
		case "POST", "PUT", "PATCH", "APPLY", "DELETE":
			resource := label(name, "resource")
			if sub := label(name, "subresource"); sub != "" {
				resource += "/" + sub
			}
			counts[resource+" "+verb] += value
		}
	}
	return counts, nil
}

func (m *meter) xoRequests(ctx context.Context) (float64, error) {
	text, err := get(ctx, m.lab.OperatorURL()+"/metrics")
	if err != nil {
		return 0, err
	}
	count, ok := samples(string(text))["xo_operator_xo_requests_total"]
	if !ok {
		return 0, fmt.Errorf("%s/metrics has no xo_operator_xo_requests_total", m.lab.OperatorURL())
	}
	return count, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// samples reads Prometheus' text format: name with labels → value.
func samples(text string) map[string]float64 {
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		end := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if strings.HasPrefix(line, "#") || end < 0 {
			continue
		}
		if value, err := strconv.ParseFloat(strings.TrimSpace(line[end:]), 64); err == nil {
			all[line[:end]] += value
		}
	}
	return all
}

func label(sample, name string) string {
	_, rest, found := strings.Cut(sample, name+`="`)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// cpuOf is the processor time that a process has used.
func cpuOf(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it has ended: then it is 0
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of a hundredth of a second
}

// privateMemory is a process's anonymous memory, in bytes.
func privateMemory(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // as above
	_, rest, found := strings.Cut(string(text), "RssAnon:")
	if !found {
		return 0
	}
	fields := strings.Fields(rest)
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10
}
