package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Limits that the operator has when it is told nothing else, and what is asked of it.
const (
	liveOfHost, copiesOfHost, copiesOfSR = 3, 4, 4
	goalWrites, goalEvents               = 3, 2
)

// newsPerSecond is what the operator writes at most of all objects together only to tell people something, in the long run
// (MIGRATION_NEWS_OF_MOVE_MS and MIGRATION_NEWS_OF_QUEUE_MS): it goes by its own clock, which is not fast.
const newsPerSecond = 1.0/2 + 1.0/5

// table collects rows, and whether a goal was missed.
type table struct {
	text   strings.Builder
	failed []string
}

// row adds a line; an empty goal is none.
func (t *table) row(what, value, goal string, met bool) {
	if goal != "" && !met {
		goal += ": **missed**"
	}
	fmt.Fprintf(&t.text, "| %s | %s | %s |\n", what, value, goal)
}

// must adds a line that says whether something holds that has to: if it does not, the run fails.
func (t *table) must(what, value, goal string, met bool) {
	t.row(what, value, goal, met)
	if !met {
		t.failed = append(t.failed, fmt.Sprintf("%s: %s, must be %s", what, value, goal))
	}
}

// highest gives the most that was open at once of a kind, over places of hosts or of SRs, and where.
func (f *follower) highest(word string, srs bool) int {
	most := 0
	for place, count := range f.most {
		if strings.HasPrefix(place, word+" ") && strings.Contains(strings.TrimPrefix(place, word+" "), " ") == srs {
			most = max(most, count)
		}
	}
	return most
}

func sum(counts map[string]float64, prefixes ...string) float64 {
	total := 0.0
	for key, count := range counts {
		for _, prefix := range prefixes {
			if strings.HasPrefix(key, prefix) {
				total += count
			}
		}
	}
	return total
}

// tell prints the table, keeps it in the document, and fails when something does not hold that has to.
func tell(s settings, p *plan, r *result) error {
	n := float64(len(p.volumes))
	ideal := p.ideal()
	simulated := r.makespan.Seconds() * s.speed
	phases := map[string]int{}
	for _, phase := range r.watched.ended {
		phases[phase]++
	}
	own := sum(r.writes, "xovolumemigrations PATCH", "xovolumemigrations PUT", "xovolumemigrations APPLY", "xovolumemigrations/")
	events := sum(r.writes, "events ")
	var t table
	t.text.WriteString("| | | goal |\n| --- | ---: | --- |\n")
	t.row("migrations of one volume; of these live", fmt.Sprintf("%d; %d", len(p.volumes), s.live), "", true)
	t.row("hosts, with two SRs of 104 MiB/s each; namespaces", fmt.Sprintf("%d; %d", s.hosts, s.namespaces), "", true)
	t.row("data moved, GiB", fmt.Sprint(p.bytes()/gibibyte), "", true)
	t.must("how they ended", phasesText(phases), "all Succeeded", phases["Succeeded"] == len(p.volumes))
	t.row("makespan, simulated; at "+fmt.Sprintf("%g", s.speed)+" × speed", fmt.Sprintf("%.0f s; %.1f s", simulated, r.makespan.Seconds()), "", true)
	t.row("least possible: the busiest SR's data at its bandwidth, simulated", fmt.Sprintf("%.0f s", ideal), "", true)
	t.row("makespan over least possible", fmt.Sprintf("%.2f ×", simulated/ideal), "", true)
	t.row("said that they are queued", fmt.Sprint(r.watched.queued), "", true)
	news := float64(r.watched.writes[progress] + r.watched.writes[position])
	how, others, more := "with the finalizer in the manifest", "without it there, as a write of its own", 1.0
	if !s.finalizer {
		how, others, more = others, how, -more
	}
	t.row("writes to the API server per migration, events aside, "+how, fmt.Sprintf("%.2f", own/n), fmt.Sprintf("≤ %d", goalWrites), own/n <= goalWrites)
	t.row("the same "+others, fmt.Sprintf("%.2f", own/n+more), "", true)
	t.row("the same at real speed, at most", fmt.Sprintf("%.2f", (own-news+newsPerSecond*simulated)/n), "", true)
	for _, key := range slices.Sorted(maps.Keys(r.writes)) {
		if key != "xovolumemigrations POST" && !strings.HasPrefix(key, "events ") && r.writes[key] >= 1 {
			t.row("– "+strings.ToLower(key), fmt.Sprintf("%.2f", r.writes[key]/n), "", true)
		}
	}
	for _, what := range []string{finalizer, queued, opened, closed, other, progress, position} {
		if count := r.watched.writes[what]; count > 0 {
			t.row("– brought "+what, fmt.Sprintf("%.2f", float64(count)/n), "", true)
		}
	}
	t.row("events per migration", fmt.Sprintf("%.2f", events/n), fmt.Sprintf("≤ %d", goalEvents), events/n <= goalEvents)
	t.row("requests to Xen Orchestra per migration", fmt.Sprintf("%.2f", r.xoRequests/n), "", true)
	t.row("private memory of the operator, before; highest, MiB", fmt.Sprintf("%.1f; %.1f", mebibytes(r.before), mebibytes(r.anonymous)), "", true)
	t.row("CPU of the operator per migration, ms", fmt.Sprintf("%.1f", float64(r.cpu.Milliseconds())/n), "", true)
	t.must("open live attempts of a host at once, most", fmt.Sprint(r.watched.highest("live", false)), fmt.Sprintf("≤ %d", liveOfHost),
		r.watched.highest("live", false) <= liveOfHost)
	t.must("open copies of a host at once, most", fmt.Sprint(r.watched.highest("copy", false)), fmt.Sprintf("≤ %d", copiesOfHost),
		r.watched.highest("copy", false) <= copiesOfHost)
	t.must("open copies of an SR at once, most", fmt.Sprint(r.watched.highest("copy", true)), fmt.Sprintf("≤ %d", copiesOfSR),
		r.watched.highest("copy", true) <= copiesOfSR)
	t.must("live moves of a host at once, most, as the hypervisors saw it; refused",
		fmt.Sprintf("%d; %d", r.liveReached, r.liveRefused), fmt.Sprintf("≤ %d; 0", liveOfHost), r.liveReached <= liveOfHost && r.liveRefused == 0)
	t.must("bytes lost or stale; disks too many", fmt.Sprintf("%d; %d", r.lost, r.disks-len(p.volumes)), "0; 0",
		r.lost == 0 && r.disks == len(p.volumes))
	head := fmt.Sprintf("Measured with `cd bench && go run ./load` on %s; the migrations were made within %.1f s.\n\n",
		time.Now().UTC().Format("2006-01-02"), r.made.Seconds())
	fmt.Print("\n", t.text.String())
	if len(t.failed) > 0 {
		return fmt.Errorf("%s", strings.Join(t.failed, "; "))
	}
	if s.write {
		return keep("../docs/benchmarks.md", head+t.text.String())
	}
	return nil
}

func mebibytes(bytes int64) float64 { return float64(bytes) / float64(mebibyte) }

func phasesText(phases map[string]int) string {
	var words []string
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		words = append(words, fmt.Sprintf("%d %s", phases[phase], phase))
	}
	return strings.Join(words, ", ")
}

const begin, end = "<!-- written by go run ./load -->\n", "<!-- end of load -->\n"

// keep puts the table where the document has a place for it.
func keep(path, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(document), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return fmt.Errorf("%s has no place for the table: it stands between %q and %q", path, begin, end)
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o644)
}
