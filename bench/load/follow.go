package main

import (
	"context"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
)

// taken is what a migration's open attempt takes, as its status says.
type taken struct {
	places []string // what is counted: "live host-1", "copy host-1", "copy host-1 first"
}

// follower sees every version of every migration in the order in which the server made them. So it knows how many attempts were
// open at once anywhere, whatever the operator thought.
type follower struct {
	watch   watch.Interface
	total   int
	open    map[string]taken
	now     map[string]int // by place
	most    map[string]int
	before  map[string]*unstructured.Unstructured // the last version of each
	writes  map[string]int                        // versions, by what they brought: the words of broughtBy
	ended   map[string]string                     // phase of those that have ended
	queued  int                                   // that ever said so
	waiting map[string]bool
	last    time.Time // when the last one ended
}

func (c *cluster) follow(ctx context.Context, p *plan) (*follower, error) {
	list, err := c.objects.Resource(migrations).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	// It goes on where it was when the server ends it, which it does to one that reads slower than is written.
	w, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), source{c})
	return &follower{watch: w, total: len(p.volumes), open: map[string]taken{}, now: map[string]int{}, most: map[string]int{},
		before: map[string]*unstructured.Unstructured{}, writes: map[string]int{}, ended: map[string]string{}, waiting: map[string]bool{}}, err
}

// source makes watches of all migrations.
type source struct{ *cluster }

func (s source) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return s.objects.Resource(migrations).Watch(ctx, options)
}

// untilAllEnded takes in changes until every migration has an end, and says now and then how far it is.
func (f *follower) untilAllEnded(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for len(f.ended) < f.total {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d migrations have ended: %w", len(f.ended), f.total, ctx.Err())
		case <-tick.C:
			fmt.Printf("%d of %d ended, %d under way\n", len(f.ended), f.total, len(f.open))
		case event, ok := <-f.watch.ResultChan():
			if !ok {
				return fmt.Errorf("the watch ended when %d of %d migrations had", len(f.ended), f.total)
			}
			if object, is := event.Object.(*unstructured.Unstructured); is {
				f.take(event.Type, object)
			}
		}
	}
	return nil
}

func (f *follower) take(kind watch.EventType, object *unstructured.Unstructured) {
	key := object.GetNamespace() + "/" + object.GetName()
	if kind == watch.Modified {
		f.writes[broughtBy(f.before[key], object)]++
	}
	f.before[key] = object
	for _, place := range f.open[key].places {
		f.now[place]--
	}
	delete(f.open, key)
	if places := placesOf(object); places != nil {
		f.open[key] = taken{places}
		for _, place := range places {
			f.now[place]++
			f.most[place] = max(f.most[place], f.now[place])
		}
	}
	completion, _, _ := unstructured.NestedString(object.Object, "status", "completionTime")
	if completion != "" && f.ended[key] == "" {
		f.ended[key], f.last = phaseOf(object), time.Now()
	}
	if reasonOf(object) == "Queued" && !f.waiting[key] {
		f.waiting[key] = true
		f.queued++
	}
}

// What a version of a migration may bring. Those that only tell people something come last.
const (
	finalizer = "the finalizer"
	queued    = "first word that it is queued"
	opened    = "the attempt"
	closed    = "the end"
	other     = "another state"
	progress  = "only how far it is"
	position  = "only the position in the queue"
)

// broughtBy says what a version brought that the one before it did not have.
func broughtBy(before, after *unstructured.Unstructured) string {
	if before == nil {
		return other
	}
	was, is := before.Object["status"], after.Object["status"]
	switch {
	case reflect.DeepEqual(was, is):
		return finalizer
	case placesOf(before) == nil && placesOf(after) != nil:
		return opened
	case placesOf(before) != nil && placesOf(after) == nil:
		return closed
	case reasonOf(before) == "Queued" && reasonOf(after) == "Queued":
		return position
	case reasonOf(after) == "Queued":
		return queued
	case placesOf(before) != nil && placesOf(after) != nil && phaseOf(before) == phaseOf(after):
		return progress
	}
	return other
}

func phaseOf(object *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
	return phase
}

// reasonOf gives the reason of the condition Ready; "": there is none yet.
func reasonOf(object *unstructured.Unstructured) any {
	for _, condition := range conditions(object) {
		if condition["type"] == "Ready" {
			return condition["reason"]
		}
	}
	return ""
}

func conditions(object *unstructured.Unstructured) []map[string]any {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var all []map[string]any
	for _, item := range list {
		if condition, is := item.(map[string]any); is {
			all = append(all, condition)
		}
	}
	return all
}

// placesOf gives what the open attempt takes; nil: there is none.
func placesOf(object *unstructured.Unstructured) []string {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "migratedVolumes")
	for _, item := range list {
		entry, is := item.(map[string]any)
		if !is || entry["attempt"] == nil {
			continue
		}
		text := func(path ...string) string {
			found, _, _ := unstructured.NestedString(entry, path...)
			return found
		}
		sourceHost, targetHost := text("source", "hostName"), text("destination", "hostName")
		word := "copy"
		if text("mode") == "Live" {
			word = "live"
		}
		places := []string{word + " " + sourceHost}
		if targetHost != sourceHost {
			places = append(places, word+" "+targetHost)
		}
		if word == "copy" {
			places = append(places, "copy "+text("source", "srName"), "copy "+text("destination", "srName"))
		}
		return places
	}
	return nil
}
