// Command xosim-scale shows what the simulator needs at the size that it is made for: 20 hosts, 10,000 disks, and 200 moves at once at
// 50 times the speed, a client watching. It fails when that takes more than 250 MiB or more than one core.
//
//	xosim-scale build/release/xosim
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
)

const (
	hosts      = 20
	disks      = 10000
	moves      = 200
	speed      = 50
	memoryMax  = 250 << 20
	coresMax   = 1.0
	clockTicks = 100 // of /proc, per second: what Linux tells user space whatever the kernel's own are
	startLimit = 30 * time.Second
	moveLimit  = 5 * time.Minute
	token      = "scale-token"
)

func main() {
	if len(os.Args) != 2 {
		fail("usage: xosim-scale path/to/xosim")
	}
	folder, err := os.MkdirTemp("", "xosim-scale-")
	check(err)
	defer os.RemoveAll(folder)
	check(os.WriteFile(filepath.Join(folder, "world.yaml"), world(), 0o600))
	simulator, address := start(os.Args[1], folder)
	defer func() { _ = simulator.Process.Kill(); _ = simulator.Wait() }()
	measure(simulator.Process.Pid, address)
}

// world is a pool of hosts, each with a local SR that holds its share of the disks; half the moves are of disks that VMs have.
func world() []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "users: [{email: a@example.net, password: a}]\ntokens: [{token: %s, user: a@example.net}]\n", token)
	text.WriteString("pools: [{name: pool}]\nhosts:\n")
	for i := range hosts {
		fmt.Fprintf(&text, "  - {name: host-%d, pool: pool}\n", i)
	}
	text.WriteString("srs:\n  - {name: shared, pool: pool, size: 100 TiB, bandwidth: 20 GiB}\n")
	for i := range hosts {
		fmt.Fprintf(&text, "  - {name: local-%d, host: host-%d, size: 20 TiB, bandwidth: 1 GiB}\n", i, i)
	}
	text.WriteString("vms:\n")
	for i := range hosts * 3 {
		fmt.Fprintf(&text, "  - {name: vm-%d, host: host-%d, write_rate: 1 MiB}\n", i, i%hosts)
	}
	text.WriteString("disks:\n")
	for i := range hosts * 3 {
		fmt.Fprintf(&text, "  - {name: live-%d, sr: shared, size: 20 GiB, seed: %d, vm: vm-%d, position: 1}\n", i, i+1, i)
	}
	for i := range moves - hosts*3 {
		fmt.Fprintf(&text, "  - {name: loose-%d, sr: local-%d, size: 20 GiB, seed: %d}\n", i, i%hosts, i+1000)
	}
	for i := range hosts {
		fmt.Fprintf(&text, "  - {name: other-%d, sr: local-%d, size: 1 GiB, seed: 7, count: %d}\n", i, i, (disks-moves)/hosts)
	}
	return text.Bytes()
}

func start(program, folder string) (*exec.Cmd, string) {
	ready := filepath.Join(folder, "ready")
	command := exec.Command(program, "--world", filepath.Join(folder, "world.yaml"), "--ready-file", ready, "--speed", strconv.Itoa(speed),
		"--log-level", "warn")
	command.Stderr = os.Stderr
	check(command.Start())
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var addresses struct{ URL string }
		if text, err := os.ReadFile(ready); err == nil && json.Unmarshal(text, &addresses) == nil && addresses.URL != "" {
			return command, addresses.URL
		}
	}
	fail("xosim is not ready after %v", startLimit)
	return nil, ""
}

func measure(pid int, address string) {
	ctx, cancel := context.WithTimeout(context.Background(), moveLimit)
	defer cancel()
	connection, err := wire.Dial(ctx, address, wire.Options{})
	check(err)
	defer connection.Close()
	_, err = connection.Call("session.signIn", map[string]any{"token": token}, startLimit)
	check(err)
	result, err := connection.Call("xo.getAllObjects", map[string]any{"filter": map[string]any{"type": "VDI"}}, startLimit)
	check(err)
	all := wire.Of(result)
	srs, err := connection.Call("xo.getAllObjects", map[string]any{"filter": map[string]any{"type": "SR"}}, startLimit)
	check(err)
	byName := map[string]string{}
	for id, sr := range wire.Of(srs) {
		byName[wire.Of(sr).Text("name_label")] = id
	}
	began, usedBefore := time.Now(), cpu(pid)
	var calls []int
	for id, value := range all {
		disk := wire.Of(value)
		target := ""
		if number, is := strings.CutPrefix(disk.Text("name_label"), "live-"); is {
			host, _ := strconv.Atoi(number)
			target = byName[fmt.Sprintf("local-%d", host%hosts)]
		} else if strings.HasPrefix(disk.Text("name_label"), "loose-") {
			target = byName["shared"]
		}
		if target == "" {
			continue
		}
		call, err := connection.Send("vdi.migrate", map[string]any{"id": id, "sr_id": target})
		check(err)
		calls = append(calls, call)
	}
	failed := 0
	for _, call := range calls {
		answer, err := connection.Answer(call, moveLimit)
		check(err)
		if answer.Error != nil {
			failed++
			fmt.Fprintln(os.Stderr, answer.Error)
		}
	}
	took, used, memory := time.Since(began), cpu(pid)-usedBefore, peak(pid)
	cores := used.Seconds() / took.Seconds()
	fmt.Printf("%d disks, %d moves at once at %d times the speed: %.1f s, %d failed, %.2f cores, %d MiB at most, %.1f MiB received\n", len(all),
		len(calls), speed, took.Seconds(), failed, cores, memory>>20, float64(connection.Received())/(1<<20))
	if failed > 0 || cores > coresMax || memory > memoryMax {
		fail("more than it should: at most %.0f core and %d MiB, and none failed", coresMax, memoryMax>>20)
	}
}

// cpu is the processor time that a process has used.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	check(err)
	system, err := strconv.Atoi(fields[12])
	check(err)
	return time.Duration(user+system) * time.Second / clockTicks
}

// peak is the most memory that a process has had, in bytes.
func peak(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(err)
	for _, line := range strings.Split(string(text), "\n") {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			check(err)
			return kib << 10
		}
	}
	fail("/proc/%d/status does not tell the memory", pid)
	return 0
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "xosim-scale: "+format+"\n", arguments...)
	os.Exit(1)
}
