package suite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"xo-operator.dev/e2e/lab"
)

// Result is how a test ended.
type Result struct {
	Name   string  `json:"name"`
	Result string  `json:"result"` // passed, failed or skipped
	Why    string  `json:"why,omitempty"`
	Took   float64 `json:"seconds"`
}

// Run is one run of the suite.
type Run struct {
	Simulator *Simulator // nil: Site is a real one
	Site      *Site
	Jobs      int // tests at a time, on a simulator
	Out       io.Writer

	id      string
	mutex   sync.Mutex
	kept    map[string]*Site // names of disks that may have to be removed, on a real site
	results []Result
}

func backgroundContext() context.Context { return context.Background() }

func (r *Run) keep(site *Site, name string) {
	if !site.Real() {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.kept[name] = site
}

// The longest that a test may take. On a real site minutes of waiting are part of some; on a simulator it is ten times the longest.
const (
	testMax      = 30 * time.Minute
	simulatedMax = 2 * time.Minute
)

// All runs tests and says how each ended. Ctrl-C ends it after what was made is removed.
func (r *Run) All(tests []*Test) ([]Result, error) {
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	r.id, r.kept = hex.EncodeToString(random[:]), map[string]*Site{}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if r.Simulator == nil {
		if err := r.Site.discover(ctx); err != nil {
			return nil, err
		}
		r.Jobs = 1 // what one test does to a real site, another would see
	}
	queue := make(chan int)
	var workers sync.WaitGroup
	for range r.Jobs {
		workers.Go(func() {
			for index := range queue {
				r.note(r.one(ctx, index, tests[index]))
			}
		})
	}
	for index := range tests {
		select {
		case queue <- index:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	err := r.removeAll()
	if ctx.Err() != nil {
		err = errors.Join(errors.New("ended by a signal"), err)
	}
	sort.Slice(r.results, func(a, b int) bool { return r.results[a].Name < r.results[b].Name })
	return r.results, err
}

// removeAll removes what tests could not remove themselves.
func (r *Run) removeAll() error {
	if r.Simulator != nil || len(r.kept) == 0 {
		return nil
	}
	return removeDisks(r.Site, prefix+r.id)
}

// Clean removes what earlier runs left on a real site, because they were killed.
func Clean(site *Site) error { return removeDisks(site, prefix) }

func (r *Run) note(result Result) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.results = append(r.results, result)
	word := map[string]string{"passed": "ok", "failed": "FAIL", "skipped": "skipped"}[result.Result]
	fmt.Fprintf(r.Out, "%-7s %s (%.1f s)\n", word, result.Name, result.Took)
	if result.Why != "" {
		fmt.Fprintf(r.Out, "        %s\n", strings.ReplaceAll(result.Why, "\n", "\n        "))
	}
}

func (r *Run) one(ctx context.Context, index int, test *Test) Result {
	started := time.Now()
	limit := testMax
	if r.Simulator != nil {
		limit = simulatedMax
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := &T{Ctx: limited, Test: test, run: r, Site: r.Site, given: map[string]bool{}}
	var program *running
	if r.Simulator != nil {
		speed := test.Speed
		if speed == 0 {
			speed = usualSpeed
		}
		var err error
		if program, err = r.Simulator.start(ctx, index, speed, test); err != nil {
			return Result{Name: test.Name, Result: "failed", Why: err.Error()}
		}
		t.Site = program.site
		if err := t.Site.discover(ctx); err != nil {
			t.fail(err.Error())
		}
	}
	if !t.failed {
		r.body(t)
	}
	t.end()
	if program != nil {
		if err := program.stop(); err != nil {
			t.fail(err.Error())
		}
	}
	return t.result(time.Since(started))
}

// body runs the test itself in a goroutine, which Fatalf ends.
func (r *Run) body(t *T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.recover()
		for _, need := range t.Test.Needs {
			if why := t.Site.unmet(need); why != "" {
				t.Skipf("%s", why)
			}
		}
		t.Test.Run(t)
		t.checkTruth()
	}()
	<-done
}

func (t *T) recover() {
	if problem := recover(); problem != nil {
		t.fail(fmt.Sprintf("panic: %v\n%s", problem, debug.Stack()))
	}
}

// checkTruth fails a test that lost something that it did not give up, whatever the API said.
func (t *T) checkTruth() {
	if t.Site.control == nil {
		return
	}
	truth, err := t.Site.control.Truth(t.Ctx)
	t.Must(err)
	given := map[string]bool{}
	for _, disk := range truth.Disks {
		if t.given[disk.UUID] {
			given[disk.Family] = true
		}
	}
	for _, family := range truth.Families {
		if family.LostBytes > 0 && !given[family.UUID] {
			t.Errorf("%d bytes of disk %s are lost", family.LostBytes, family.UUID)
		}
	}
}

func (t *T) end() {
	for index := len(t.cleanups) - 1; index >= 0; index-- {
		func() {
			done := make(chan struct{})
			go func() { // a cleanup may use methods that end the test
				defer close(done)
				defer t.recover()
				t.cleanups[index]()
			}()
			<-done
		}()
	}
	if t.Site.control != nil || len(t.disks) == 0 {
		return // a simulator ends with all that is in it
	}
	for _, disk := range t.disks {
		if err := removeDisks(t.Site, disk.Name); err != nil {
			t.fail(err.Error())
		}
	}
}

func (t *T) result(took time.Duration) Result {
	result := Result{Name: t.Test.Name, Result: "passed", Took: took.Seconds()}
	switch {
	case t.failed:
		result.Result, result.Why = "failed", strings.Join(t.log, "\n")
	case t.skipped != "":
		result.Result, result.Why = "skipped", t.skipped
	case verbose:
		result.Why = strings.Join(t.log, "\n")
	}
	return result
}

// Select are the tests whose names match.
func Select(tests []*Test, pattern string) ([]*Test, error) {
	expression, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, err
	}
	var selected []*Test
	for _, test := range tests {
		if expression.MatchString(test.Name) {
			selected = append(selected, test)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("no test's name matches %q", pattern)
	}
	return selected, nil
}

// Summary says what passed, failed and was skipped, and why; the last line counts.
func Summary(out io.Writer, results []Result) (failed int) {
	count := map[string]int{}
	for _, result := range results {
		count[result.Result]++
	}
	for _, kind := range []string{"skipped", "failed"} {
		for _, result := range results {
			if result.Result == kind {
				why, _, _ := strings.Cut(result.Why, "\n")
				fmt.Fprintf(out, "%s: %s: %s\n", kind, result.Name, why)
			}
		}
	}
	fmt.Fprintf(out, "conformance: %d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"])
	return count["failed"]
}

// Save writes results for the table.
func Save(file string, results []Result) error {
	text, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func newDisk(disk *Disk, make Make) lab.NewDisk {
	return lab.NewDisk{Name: disk.Name, SR: disk.SR, Size: disk.Size, Seed: make.Seed, Description: make.Description, Tags: make.Tags}
}
