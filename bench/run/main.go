// Command run measures xo-operator beside a controller-runtime program and writes the table of docs/benchmarks.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"
	"xo-operator.dev/bench/apiserver"
)

var (
	logs  string // of the programs that are measured
	cores = runtime.NumCPU()
)

const operatorName, peerName = "xo-operator", "controller-runtime"

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", arguments...)
	if xosim != nil {
		_ = xosim.Kill() // it has ended: then there is nothing to end
	}
	os.Exit(1)
}

func main() {
	rounds := flag.Int("rounds", 5, "runs of each program at each size")
	sizes := flag.String("sizes", "0,2000,10000", "numbers of XoVolumeMigrations")
	build := flag.String("build", "../build/release", "where xo-operator and xosim were built")
	only := flag.String("only", "", "measure this program alone, and write nothing")
	write := flag.Bool("write", true, "rewrite the table in docs/benchmarks.md")
	flag.Parse()
	var err error
	if logs, err = filepath.Abs("../build/bench"); err != nil {
		fail("%v", err)
	}
	if err = os.MkdirAll(logs, 0o755); err != nil {
		fail("%v", err)
	}
	programs := []program{}
	if *only != peerName {
		programs = append(programs, operator(*build))
	}
	if *only != operatorName {
		programs = append(programs, peer())
	}
	if cores > 1 { // the programs that are measured have the last core
		var others unix.CPUSet
		for core := range cores - 1 {
			others.Set(core)
		}
		if err := unix.SchedSetaffinity(0, &others); err != nil {
			fail("cannot choose cores: %v", err)
		}
	}
	table := results{}
	for _, word := range strings.Split(*sizes, ",") {
		objects, err := strconv.Atoi(word)
		if err != nil {
			fail("-sizes: %q is no number", word)
		}
		for round := range *rounds {
			for _, p := range programs { // interleaved, so that both meet the same machine
				r := measure(p, objects, definition())
				table.add(p.name, objects, r)
				fmt.Printf("%5d objects, round %d: %-18s %6.1f MiB, synced in %4.0f ms with %4.0f ms CPU, %.1f ms per 1,000 events\n",
					objects, round+1, p.name, mebibytes(r.anonymous), milliseconds(r.synced), milliseconds(r.cpuSynced),
					milliseconds(r.cpuEvents))
				explain(p, r)
			}
		}
	}
	if xosim != nil {
		_ = xosim.Kill() // it has ended: then there is nothing to end
	}
	if *only != "" {
		return
	}
	text := table.markdown(*rounds)
	fmt.Print("\n" + text)
	if *write {
		replaceTable("../docs/benchmarks.md", text)
	}
}

// explain says what a program asked for that the script has no answer to: the figures may be off by that.
func explain(p program, r result) {
	for what, count := range r.requests {
		if strings.HasPrefix(what, "unknown") || what == "refused" {
			fmt.Printf("      %s asked %d times: %s\n", p.name, count, what)
		}
	}
}

// definition is the CRD as the API server would give it back.
func definition() []byte {
	text, err := os.ReadFile("../crds/xovolumemigrations.yaml")
	if err == nil {
		text, err = yaml.YAMLToJSON(text)
	}
	if err != nil {
		fail("%v", err)
	}
	return text
}

func operator(build string) program {
	binary, err := filepath.Abs(filepath.Join(build, "xo-operator"))
	if err != nil {
		fail("%v", err)
	}
	if _, err := os.Stat(binary); err != nil {
		fail("no operator to measure: %v (tools/build release makes it)", err)
	}
	url, token := startXosim(filepath.Join(filepath.Dir(binary), "xosim"))
	return program{
		name: operatorName,
		command: func(listen, kubeconfig string) []string {
			return []string{binary, "--kubeconfig", kubeconfig, "--xo-url", url, "--xo-token-file", token, "--listen", listen,
				"--no-leader-election"}
		},
		ready: func(listen string) bool {
			code, text := get("http://" + listen + "/metrics")
			synced := 0
			for _, line := range strings.Split(text, "\n") {
				if strings.HasPrefix(line, "xo_operator_cache_synced{") && strings.HasSuffix(line, " 1") {
					synced++
				}
			}
			return code == 200 && synced >= len(apiserver.Kinds)
		},
	}
}

func peer() program {
	binary := filepath.Join(logs, "peer")
	compiler := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./peer")
	compiler.Stdout, compiler.Stderr = os.Stdout, os.Stderr
	fmt.Println("building the controller-runtime program (minutes, the first time)")
	if err := compiler.Run(); err != nil {
		fail("building the controller-runtime program: %v", err)
	}
	return program{
		name:    peerName,
		command: func(listen, _ string) []string { return []string{binary, "--listen", listen} },
		ready: func(listen string) bool {
			code, _ := get("http://" + listen + "/readyz")
			return code == 200
		},
	}
}

// xosimToken is a token of the default world.
const xosimToken = "lab-token"

var xosim *os.Process

// startXosim starts the simulator with the default world, so that the operator has a Xen Orchestra to talk to; returns
// its URL and the file with the token.
func startXosim(binary string) (string, string) {
	token := filepath.Join(logs, "xo-token")
	if err := os.WriteFile(token, []byte(xosimToken), 0o600); err != nil {
		fail("%v", err)
	}
	ready := filepath.Join(logs, "xosim.json")
	_ = os.Remove(ready) // of an earlier run, or none
	log, err := os.Create(filepath.Join(logs, "xosim.log"))
	if err != nil {
		fail("%v", err)
	}
	command := exec.Command(binary, "--world", "../e2e/worlds/default.yaml", "--ready-file", ready)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		fail("xosim: %v", err)
	}
	xosim = command.Process
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	var told struct{ URL string }
	waitUntil("xosim: listen", 10*time.Second, readyPace, ended, func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &told) == nil && told.URL != ""
	})
	return told.URL, token
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
