package testlab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"xo-operator.dev/e2e/lab"
)

// What the operator says, everything of it: each condition, history entry and event that the API server ever stored, seen by a
// watch, so also what was soon overwritten. tools/check-reasons holds it to the product's table of reasons: when a test ends,
// for its namespace; when the lab ends, for all; and e2e/run, when all packages have ended, looks for reasons that nobody saw.

// saidFile names the file to which each lab adds what was said in it; e2e/run reads it.
const saidFile = "XO_SAID"

// reporter is who the operator's events are from.
const reporter = "migration.xo-operator.dev/xo-operator"

// settleMax is how long what is stored may take to be seen by the watch.
const settleMax = 10 * time.Second

// Lists that are watched.
const (
	migrationsPath = "/apis/migration.xo-operator.dev/v1alpha1/xovolumemigrations"
	eventsPath     = "/apis/events.k8s.io/v1/events"
)

// spoken is what is looked at in a migration, or in an event.
type spoken struct {
	Metadata struct{ Namespace, Name, ResourceVersion string }

	Status struct {
		Conditions []struct{ Type, Status, Reason string }
		History    []struct{ Reason string }
	}

	ReportingController, Type, Reason string
	Regarding                         struct{ Kind string }
}

func (s *spoken) lines() []string {
	var lines []string
	for _, condition := range s.Status.Conditions {
		lines = append(lines, fmt.Sprintf("condition %s=%s %s", condition.Type, condition.Status, condition.Reason))
	}
	for _, attempt := range s.Status.History {
		lines = append(lines, "history "+attempt.Reason)
	}
	if s.ReportingController == reporter {
		lines = append(lines, fmt.Sprintf("event %s %s %s", s.Regarding.Kind, s.Type, s.Reason))
	}
	return lines
}

// said is what was said in a lab so far.
type said struct {
	lab  *lab.Lab
	stop context.CancelFunc
	done sync.WaitGroup

	lock  sync.Mutex
	lines map[string]map[string]int // by namespace, and how often
	seen  map[string]bool           // versions of objects
}

// listen begins to watch; end ends it.
func listen(running *lab.Lab) *said {
	ctx, stop := context.WithCancel(context.Background())
	s := &said{lab: running, stop: stop, lines: map[string]map[string]int{}, seen: map[string]bool{}}
	for _, path := range []string{migrationsPath, eventsPath} {
		s.done.Go(func() { s.follow(ctx, path) })
	}
	return s
}

// follow watches a list, and goes on where it was when the API server was away.
func (s *said) follow(ctx context.Context, path string) {
	version := ""
	for ctx.Err() == nil {
		if version == "" { // nothing was seen yet, or what was seen last is too long ago
			version, _ = s.list(ctx, path, func(object *spoken) { s.take(object) }) // an error: the API server is away
		}
		if version != "" {
			s.lab.Watch(ctx, path, version, func(change string, text json.RawMessage) { // it ends with the API server, as well
				object := &spoken{}
				if change == "ERROR" || json.Unmarshal(text, object) != nil {
					version = ""
					return
				}
				version = object.Metadata.ResourceVersion
				s.take(object)
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // not too often while the API server is away
		}
	}
}

// list reads a list and returns its version.
func (s *said) list(ctx context.Context, path string, each func(*spoken)) (string, error) {
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []spoken
	}
	if err := s.lab.Get(ctx, path, &list); err != nil {
		return "", err
	}
	for i := range list.Items {
		each(&list.Items[i])
	}
	return list.Metadata.ResourceVersion, nil
}

func (s *said) take(object *spoken) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.seen[object.Metadata.ResourceVersion] = true
	lines := s.lines[object.Metadata.Namespace]
	if lines == nil {
		lines = map[string]int{}
		s.lines[object.Metadata.Namespace] = lines
	}
	for _, line := range object.lines() {
		lines[line]++
	}
}

// settle waits until everything that is stored now was seen.
func (s *said) settle(ctx context.Context) error {
	for _, path := range []string{migrationsPath, eventsPath} {
		err := lab.Wait(ctx, settleMax, func(ctx context.Context) error {
			unseen := ""
			_, err := s.list(ctx, path, func(object *spoken) {
				s.lock.Lock()
				defer s.lock.Unlock()
				if !s.seen[object.Metadata.ResourceVersion] {
					unseen = object.Metadata.Name
				}
			})
			if err == nil && unseen != "" {
				err = fmt.Errorf("the watch has not seen %s of %s", unseen, path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// text is what was said in a namespace, or, without one, in all.
func (s *said) text(namespace string) string {
	s.lock.Lock()
	defer s.lock.Unlock()
	counts := map[string]int{}
	for where, lines := range s.lines {
		for line, count := range lines {
			if namespace == "" || where == namespace {
				counts[line] += count
			}
		}
	}
	var text strings.Builder
	for _, line := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&text, "%d %s\n", counts[line], line)
	}
	return text.String()
}

// check tells what was said in a namespace (in all, without one) and is not in the table.
func (s *said) check(ctx context.Context, namespace string) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	top, err := lab.Top()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(top, "tools", "check-reasons"), "-")
	command.Stdin = strings.NewReader(s.text(namespace))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("what the operator said is not as its table of reasons has it: %w\n%s", err, output)
	}
	return nil
}

// end checks everything that was said, adds it to the file of the run, if there is one, and listens no more.
func (s *said) end(ctx context.Context) error {
	err := s.check(ctx, "")
	s.stop()
	s.done.Wait()
	path := os.Getenv(saidFile)
	if err != nil || path == "" {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(s.text("")) // one write, so that packages that end together do not mix
	return err
}
