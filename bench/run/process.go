package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"xo-operator.dev/bench/apiserver"
)

const (
	syncLimit  = 60 * time.Second // far beyond the slowest; then something is wrong
	samplePace = 2 * time.Millisecond
	readyPace  = 5 * time.Millisecond
	// After the sync objects are reconciled, and a garbage collector gives back what it can.
	settleTime  = 3 * time.Second
	idleTime    = time.Second
	eventCount  = 5000
	eventBatch  = 50
	eventPace   = 10 * time.Millisecond
	eventSettle = 1500 * time.Millisecond
)

// program is one of those that are compared.
type program struct {
	name    string
	command func(listen, kubeconfig string) []string
	ready   func(listen string) bool
}

// result is what one run of one program showed. Memory in bytes.
type result struct {
	anonymous, resident   int64 // when settled
	peakAnonymous         int64 // while syncing until settled
	peakResident          int64
	synced                time.Duration
	cpuSynced, cpuSettled time.Duration
	cpuEvents             time.Duration // per 1,000; 0 without objects
	requests              map[string]int
}

func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("no free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// cpu is what a process has used, from its CPU clock, in nanoseconds: /proc counts in hundredths of a second.
func cpu(pid int) time.Duration {
	const perProcessScheduled = 2 // see clock_getcpuclockid
	var used unix.Timespec
	if unix.ClockGettime(int32(^uint32(pid)<<3|perProcessScheduled), &used) != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

// statusOf reads bytes of a line of /proc/<pid>/status, such as RssAnon.
func statusOf(pid int, fields ...string) []int64 {
	values := make([]int64, len(fields))
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return values
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		words := strings.Fields(scanner.Text())
		for i, field := range fields {
			if len(words) >= 2 && words[0] == field+":" {
				kilobytes, _ := strconv.ParseInt(words[1], 10, 64) // the kernel's own
				values[i] = kilobytes * 1024
			}
		}
	}
	return values
}

// pinned puts a command on the last core; this program, its API server and xosim have the others.
func pinned(command []string, cores int) []string {
	if taskset, err := exec.LookPath("taskset"); err == nil && cores > 1 {
		return append([]string{taskset, "-c", strconv.Itoa(cores - 1)}, command...)
	}
	return command
}

func waitUntil(what string, limit time.Duration, pace time.Duration, ended <-chan error, condition func() bool) {
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(pace) {
		select {
		case err := <-ended:
			fail("%s: the program ended (%v); its output is in %s", what, err, logs)
		default:
		}
		if time.Now().After(deadline) {
			fail("%s: not within %s; the program's output is in %s", what, limit, logs)
		}
	}
}

// measure runs a program once beside a fresh API server with so many objects.
func measure(p program, objects int, crd []byte) result {
	server := apiserver.New(objects, crd)
	defer server.Close()
	kubeconfig := filepath.Join(logs, "kubeconfig")
	if err := server.Kubeconfig(kubeconfig); err != nil {
		fail("%v", err)
	}
	listen := freeAddress()
	log, err := os.Create(filepath.Join(logs, fmt.Sprintf("%s-%d.log", p.name, objects)))
	if err != nil {
		fail("%v", err)
	}
	defer log.Close()
	words := pinned(p.command(listen, kubeconfig), cores)
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var r result
	started := time.Now()
	if err := command.Start(); err != nil {
		fail("%v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	pid := command.Process.Pid

	var peak atomic.Int64
	sampling, stopSampling := context.WithCancel(context.Background())
	sampled := make(chan struct{})
	go func() {
		defer close(sampled)
		for ; sampling.Err() == nil; time.Sleep(samplePace) {
			peak.Store(max(peak.Load(), statusOf(pid, "RssAnon")[0]))
		}
	}()

	// Asked only once everything was sent: answering costs the program, too.
	waitUntil(p.name+": be sent every object", syncLimit, readyPace, ended, func() bool {
		select {
		case <-server.Served():
			return true
		default:
			return false
		}
	})
	waitUntil(p.name+": be synced", syncLimit, readyPace, ended, func() bool { return p.ready(listen) })
	r.synced, r.cpuSynced = time.Since(started), cpu(pid)
	time.Sleep(settleTime)
	r.cpuSettled = cpu(pid)
	stopSampling()
	<-sampled
	values := statusOf(pid, "RssAnon", "VmRSS", "VmHWM")
	r.anonymous, r.resident, r.peakResident = values[0], values[1], values[2]
	r.peakAnonymous = max(peak.Load(), r.anonymous)
	if objects > 0 {
		r.cpuEvents = cpuOfEvents(server, pid)
	}
	r.requests = server.Requests()
	_ = command.Process.Signal(syscall.SIGTERM) // it has ended: then there is nothing to end
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = command.Process.Kill() // as above
		<-ended
	}
	return r
}

// cpuOfEvents is the CPU time for 1,000 watch events, without what the program uses when nothing happens.
func cpuOfEvents(server *apiserver.Server, pid int) time.Duration {
	before, began := cpu(pid), time.Now()
	time.Sleep(idleTime)
	idle := float64(cpu(pid)-before) / float64(time.Since(began))
	before, began = cpu(pid), time.Now()
	server.Modify(eventCount, eventBatch, eventPace)
	time.Sleep(eventSettle)
	used := float64(cpu(pid)-before) - idle*float64(time.Since(began))
	return time.Duration(used * 1000 / eventCount)
}

var client = http.Client{Timeout: 2 * time.Second}

func get(url string) (int, string) {
	response, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20)) // a cut answer is not ready
	return response.StatusCode, string(body)
}
