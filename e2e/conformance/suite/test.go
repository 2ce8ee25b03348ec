// Package suite runs conformance tests: it finds what they need, starts a simulator for each where there is no real Xen Orchestra, keeps
// them to their own disks, removes those at every end, and says what came of it.
package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
)

// Test is one: its name says how Xen Orchestra behaves.
type Test struct {
	Name  string
	Facts []string // that it shows
	Needs []Need
	Speed float64 // of a simulator; 0: the usual one
	World string  // what a simulator's world has more of, in YAML
	TLS   bool    // of a simulator
	Run   func(t *T)
}

// usualSpeed lets most tests end in a moment, and is slow enough that a busy machine keeps up.
const usualSpeed = 20

// T is a test that runs. Its methods end the test when something is not as it must be.
type T struct {
	Ctx  context.Context
	Site *Site
	Test *Test
	run  *Run

	mutex    sync.Mutex
	log      []string
	failed   bool
	skipped  string
	cleanups []func()
	disks    []*Disk
	made     int
	admin    *wire.Conn // for looking, opened when first used
	given    map[string]bool
}

// Logf notes something that is shown if the test fails.
func (t *T) Logf(format string, values ...any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.log = append(t.log, fmt.Sprintf(format, values...))
}

// Errorf fails the test, which goes on.
func (t *T) Errorf(format string, values ...any) {
	_, file, line, _ := runtime.Caller(1)
	t.fail(fmt.Sprintf("%s:%d: ", short(file), line) + fmt.Sprintf(format, values...))
}

// Fatalf fails the test and ends it.
func (t *T) Fatalf(format string, values ...any) {
	t.fail(caller() + fmt.Sprintf(format, values...))
	runtime.Goexit()
}

// Skipf ends the test without a result.
func (t *T) Skipf(format string, values ...any) {
	t.mutex.Lock()
	t.skipped = fmt.Sprintf(format, values...)
	t.mutex.Unlock()
	runtime.Goexit()
}

// Must ends the test on an error.
func (t *T) Must(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Check fails the test when something does not hold, and goes on.
func (t *T) Check(holds bool, format string, values ...any) {
	if !holds {
		t.fail(caller() + fmt.Sprintf(format, values...))
	}
}

func (t *T) fail(text string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.failed = true
	t.log = append(t.log, text)
}

func short(file string) string { return file[strings.LastIndex(file, "/")+1:] }

// caller is where in a test's own source something was found: in its body, whatever helped it.
func caller() string {
	var frames [32]uintptr
	where := ""
	found := runtime.CallersFrames(frames[:runtime.Callers(2, frames[:])])
	for {
		frame, more := found.Next()
		if strings.Contains(frame.File, "/conformance/tests/") {
			where = fmt.Sprintf("%s:%d: ", short(frame.File), frame.Line)
		}
		if !more {
			return where
		}
	}
}

// Cleanup is run when the test ends; the last one given first.
func (t *T) Cleanup(run func()) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.cleanups = append(t.cleanups, run)
}

func (t *T) declared(need Need) {
	for _, one := range t.Test.Needs {
		if one == need {
			return
		}
	}
	t.Fatalf("the test uses %q without saying that it needs it", need)
}

// SR is one to make disks on: local of the first host where there is one.
func (t *T) SR() string { return t.Site.place.srs[0] }

// Pool is the pool of all SRs and VMs that tests use.
func (t *T) Pool() string { return t.Site.place.pool }

// Local is the local SR of the first, second … host.
func (t *T) Local(index int) string {
	t.declared(map[int]Need{0: LocalPair, 1: LocalPair, 2: LocalTriple}[index])
	return t.Site.place.locals[index].sr
}

// Host is the host of Local(index).
func (t *T) Host(index int) string { t.Local(index); return t.Site.place.locals[index].host }

// Shared is an SR that all hosts of the pool see.
func (t *T) Shared() string { t.declared(Shared); return t.Site.place.shared }

// Thin is a thin SR of the pool.
func (t *T) Thin() string { t.declared(Thin); return t.Site.place.thin }

// OtherPoolSR is an SR of a second pool, OtherPoolHost a host there.
func (t *T) OtherPoolSR() string { t.declared(OtherPool); return t.Site.place.otherPoolSR }

// OtherPoolHost is a host of a second pool, "" if none has a local SR that is tagged.
func (t *T) OtherPoolHost() string { t.declared(OtherPool); return t.Site.place.otherHost }

// VM is a running VM on the host of Local(0).
func (t *T) VM() string { return t.Site.place.near[0] }

// VMs are all of them.
func (t *T) VMs() []string { return t.Site.place.near }

// FarVM is a running VM on the host of Local(1).
func (t *T) FarVM() string { t.declared(FarVM); return t.Site.place.far[0] }

// HaltedVM is a VM that does not run.
func (t *T) HaltedVM() string { t.declared(HaltedVM); return t.Site.place.halted[0] }

// Session opens a connection and signs in; it is closed when the test ends.
func (t *T) Session() *wire.Conn {
	conn, err := t.Site.Dial(t.Ctx)
	t.Must(err)
	return t.closing(conn)
}

// closing has a connection closed when the test ends, also by a signal: then whoever waits on it learns.
func (t *T) closing(conn *wire.Conn) *wire.Conn {
	stop := context.AfterFunc(t.Ctx, conn.Close)
	t.Cleanup(func() { stop(); conn.Close() })
	return conn
}

// Connect opens a connection that is not signed in.
func (t *T) Connect(options wire.Options) *wire.Conn {
	options.Insecure = t.Site.Insecure
	conn, err := wire.Dial(t.Ctx, t.Site.URL, options)
	t.Must(err)
	return t.closing(conn)
}

// leastLimit is how long something is waited for at least, whatever the speed: a busy machine has pauses.
const leastLimit = 20 * time.Second

// Limit turns a time of the site's clock into how long to wait for it here, generously.
func (t *T) Limit(virtual time.Duration) time.Duration {
	return max(leastLimit, time.Duration(float64(virtual)/t.Site.Speed))
}

// Pass lets time of the site's clock go by. Only for what must not happen: everything else is waited for by its condition.
func (t *T) Pass(virtual time.Duration) {
	select {
	case <-time.After(time.Duration(float64(virtual) / t.Site.Speed)):
	case <-t.Ctx.Done():
		t.Fatalf("%v", t.Ctx.Err())
	}
}

// Since says how much time of the site's clock has passed.
func (t *T) Since(start time.Time) time.Duration {
	return time.Duration(float64(time.Since(start)) * t.Site.Speed)
}

// Between is the time of the site's clock between two moments here.
func (t *T) Between(start, end time.Time) time.Duration {
	return time.Duration(float64(end.Sub(start)) * t.Site.Speed)
}

// callMax is the longest that any call takes on a real site.
const callMax = 5 * time.Minute

// Send sends a call that must touch nothing but the test's own.
func (t *T) Send(conn *wire.Conn, method string, params any) int {
	t.guard(method, params)
	id, err := conn.Send(method, params)
	t.Must(err)
	return id
}

// SendAll sends calls of a method as close to each other as can be.
func (t *T) SendAll(conn *wire.Conn, method string, all []map[string]any) []int {
	for _, params := range all {
		t.guard(method, params)
	}
	var ids []int
	for _, params := range all {
		id, err := conn.Send(method, params)
		t.Must(err)
		ids = append(ids, id)
	}
	return ids
}

// Answer waits for the answer to a call that was sent.
func (t *T) Answer(conn *wire.Conn, id int) *wire.Message {
	message, err := conn.Answer(id, t.Limit(callMax))
	if err != nil {
		t.Fatalf("the answer to call %d: %v", id, err)
	}
	return message
}

// Call makes a call that must succeed.
func (t *T) Call(conn *wire.Conn, method string, params any) any {
	message := t.Answer(conn, t.Send(conn, method, params))
	if message.Error != nil {
		t.Fatalf("%s: %v", method, message.Error)
	}
	return message.Result
}

// Refused makes a call that must fail.
func (t *T) Refused(conn *wire.Conn, method string, params any) *wire.Error {
	message := t.Answer(conn, t.Send(conn, method, params))
	if message.Error == nil {
		t.Fatalf("%s was not refused; it answered %v", method, message.Result)
	}
	return message.Error
}

// Object is an object as a client that asks now is told, nil if there is none.
func (t *T) Object(id string) wire.Object {
	objects := wire.Of(t.Call(t.look(), "xo.getAllObjects", map[string]any{"filter": map[string]any{"id": id}}))
	if !objects.Has(id) {
		return nil
	}
	return objects.Of(id)
}

// Objects are all that a filter fits.
func (t *T) Objects(filter any) wire.Object {
	return wire.Of(t.Call(t.look(), "xo.getAllObjects", map[string]any{"filter": filter}))
}

// Named are the ids of the disks of a name.
func (t *T) Named(name string) []string {
	var ids []string
	for id := range t.Objects(map[string]any{"type": "VDI", "name_label": name}) {
		ids = append(ids, id)
	}
	return ids
}

// look is a connection to look with; a new one when the last has ended.
func (t *T) look() *wire.Conn {
	if t.admin != nil {
		if _, err := t.admin.CloseStatus(0); errors.Is(err, wire.ErrLate) {
			return t.admin
		}
	}
	t.admin = t.Session()
	return t.admin
}

// Eventually waits until a condition holds; it says what is missing.
func (t *T) Eventually(virtual time.Duration, condition func() error) {
	err := lab.Wait(t.Ctx, t.Limit(virtual), func(context.Context) error { return condition() })
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Find waits for a message on a connection.
func (t *T) Find(conn *wire.Conn, from int, what string, condition func(*wire.Message) bool) *wire.Message {
	message, err := conn.Find(from, t.Limit(callMax), condition)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return message
}

// Entered waits for a notification that has an object in a state.
func (t *T) Entered(conn *wire.Conn, from int, what string, condition func(id string, object wire.Object) bool) (*wire.Message, string) {
	found := ""
	message := t.Find(conn, from, what, func(m *wire.Message) bool {
		if m.Kind != "enter" {
			return false
		}
		for id, item := range m.Items {
			if condition(id, wire.Of(item)) {
				found = id
				return true
			}
		}
		return false
	})
	return message, found
}

// Exited waits for the notification that an object is gone.
func (t *T) Exited(conn *wire.Conn, from int, id string) *wire.Message {
	return t.Find(conn, from, "the exit of "+id, func(m *wire.Message) bool {
		_, has := m.Items[id]
		return m.Kind == "exit" && has
	})
}

// Silent fails the test when a message that fits comes within a time.
func (t *T) Silent(conn *wire.Conn, from int, virtual time.Duration, what string, condition func(*wire.Message) bool) {
	real := time.Duration(float64(virtual) / t.Site.Speed)
	if message, err := conn.Find(from, max(real, 200*time.Millisecond), condition); err == nil {
		t.Errorf("%s: %.300s", what, message.Text)
	}
}

// Fault makes something go wrong; it is undone by what is returned, or when the test ends.
func (t *T) Fault(name string, with map[string]string) func() {
	f := fault(name)
	if f == nil {
		t.Fatalf("there is no fault %s", name)
	}
	t.declared(FaultNeed(name))
	undo, err := t.Site.inject(t.Ctx, f, with)
	t.Must(err)
	once := sync.OnceValue(undo)
	t.Cleanup(func() { _ = once() }) // said already where it matters
	return func() { t.Must(once()) }
}

// Simulated is the control endpoint of a simulator; the test must need Truth or OnlyXosim.
func (t *T) Simulated() *lab.Xosim {
	if t.Site.control == nil {
		t.Fatalf("this is a real Xen Orchestra")
	}
	return t.Site.control
}

// Arm has a simulator do one of its own faults; the test must need OnlyXosim.
func (t *T) Arm(fault map[string]any) {
	t.declared(OnlyXosim)
	_, err := t.Simulated().AddFault(t.Ctx, fault)
	t.Must(err)
}

// Rest is a client of the REST API, with a token of this test.
func (t *T) Rest() *wire.Rest {
	token, is := t.Call(t.look(), "token.create", map[string]any{"description": prefix + t.run.id, "expiresIn": "1 day"}).(string)
	if !is {
		t.Fatalf("token.create did not answer a string")
	}
	return wire.NewRest(t.Site.URL, token, t.Site.Insecure)
}

// Match fails the test when a text does not fit a pattern.
func (t *T) Match(what, text, pattern string) {
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.fail(caller() + fmt.Sprintf("%s: found %q; wanted %s", what, text, pattern))
	}
}

// verbose shows what tests note although they passed.
var verbose = os.Getenv("VERBOSE") == "1"
