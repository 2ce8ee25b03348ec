package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are all runs, by program and number of objects.
type results map[string]map[int][]result

func (t results) add(program string, objects int, r result) {
	if t[program] == nil {
		t[program] = map[int][]result{}
	}
	t[program][objects] = append(t[program][objects], r)
}

func mebibytes(bytes int64) float64               { return float64(bytes) / (1 << 20) }
func milliseconds(duration time.Duration) float64 { return float64(duration.Microseconds()) / 1000 }

// metric is a row of the table.
type metric struct {
	name, unit string
	value      func(result) float64
	// goal says, for a number of objects, what the operator is to reach ("" is no goal) and whether it did.
	goal func(objects int, ours, ratio float64) (string, bool)
}

func atMost(limits map[int]float64, unit string) func(int, float64, float64) (string, bool) {
	return func(objects int, ours, _ float64) (string, bool) {
		limit, ok := limits[objects]
		if !ok {
			return "", true
		}
		return fmt.Sprintf("≤ %g %s%s", limit, unit, missedBy(ours, limit)), ours <= limit
	}
}

func missedBy(ours, limit float64) string {
	if ours <= limit {
		return ""
	}
	return fmt.Sprintf(": **missed by %.0f %%**", (ours/limit-1)*100)
}

func fifth(metric func(int, float64, float64) (string, bool)) func(int, float64, float64) (string, bool) {
	return func(objects int, ours, ratio float64) (string, bool) {
		said, ok := "", true
		if metric != nil {
			said, ok = metric(objects, ours, ratio)
		}
		if said != "" {
			said += ", "
		}
		if ratio < 5 {
			return said + fmt.Sprintf("≥ 5 × less: **missed, %.1f ×**", ratio), false
		}
		return said + "≥ 5 × less", ok
	}
}

var metrics = []metric{
	{"private memory, synced", "MiB", func(r result) float64 { return mebibytes(r.anonymous) },
		fifth(atMost(map[int]float64{0: 4, 10000: 12}, "MiB"))},
	{"highest private memory while syncing", "MiB", func(r result) float64 { return mebibytes(r.peakAnonymous) }, nil},
	{"the same, over synced", "×", func(r result) float64 { return float64(r.peakAnonymous) / float64(r.anonymous) },
		atMost(map[int]float64{2000: 1.25, 10000: 1.25}, "×")},
	{"resident memory, synced", "MiB", func(r result) float64 { return mebibytes(r.resident) }, nil},
	{"start to synced", "ms", func(r result) float64 { return milliseconds(r.synced) }, nil},
	{"CPU until synced", "ms", func(r result) float64 { return milliseconds(r.cpuSynced) },
		fifth(atMost(map[int]float64{10000: 500}, "ms"))},
	{"CPU until what follows is done, too", "ms", func(r result) float64 { return milliseconds(r.cpuSettled) }, fifth(nil)},
	{"CPU per 1,000 watch events", "ms", func(r result) float64 { return milliseconds(r.cpuEvents) }, fifth(nil)},
}

func (t results) markdown(rounds int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Measured with `make bench` on %s, %d interleaved runs of each program at each size; medians, in brackets lowest and "+
		"highest.\nMachine: %s.\n\n", time.Now().UTC().Format("2006-01-02"), rounds, machine())
	text.WriteString("| objects | | xo-operator | controller-runtime | ratio | goal |\n| ---: | --- | ---: | ---: | ---: | --- |\n")
	sizes := []int{}
	for objects := range t[operatorName] {
		sizes = append(sizes, objects)
	}
	slices.Sort(sizes)
	for _, objects := range sizes {
		for _, m := range metrics {
			ours, oursText := t.cell(operatorName, objects, m)
			theirs, theirsText := t.cell(peerName, objects, m)
			if theirs == 0 && ours == 0 {
				continue // not measured at this size
			}
			ratio := theirs / max(ours, 0.001)
			goal := ""
			if m.goal != nil {
				goal, _ = m.goal(objects, ours, ratio)
			}
			fmt.Fprintf(&text, "| %s | %s, %s | %s | %s | %.1f | %s |\n", thousands(objects), m.name, m.unit, oursText, theirsText, ratio, goal)
		}
	}
	return text.String()
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func (t results) cell(program string, objects int, m metric) (float64, string) {
	values := []float64{}
	for _, r := range t[program][objects] {
		values = append(values, m.value(r))
	}
	middle := median(values)
	digits := 1
	if m.unit == "×" {
		digits = 2
	} else if m.unit == "ms" && middle >= 100 {
		digits = 0
	}
	return middle, fmt.Sprintf("%.*f (%.*f–%.*f)", digits, middle, digits, values[0], digits, values[len(values)-1])
}

// machine describes what it was measured on, without naming it.
func machine() string {
	model := runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		for scanner := bufio.NewScanner(file); scanner.Scan(); {
			if value, ok := strings.CutPrefix(scanner.Text(), "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(value, "\t :"))
				break
			}
		}
	}
	memory := ""
	if file, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kilobytes int64
		if _, err := fmt.Sscanf(string(file), "MemTotal: %d", &kilobytes); err == nil {
			memory = fmt.Sprintf(", %.0f GiB of memory", float64(kilobytes)/(1<<20))
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // left out where there is none
	number := strings.FieldsFunc(string(kernel), func(r rune) bool { return r == '-' || r == '\n' || r == '+' })
	compiler := ""
	if text, err := exec.Command("gcc", "-dumpfullversion").Output(); err == nil {
		compiler = ", gcc " + strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%d cores of %s%s, Linux %s%s, %s", cores, model, memory, strings.Join(number[:min(1, len(number))], ""), compiler,
		strings.Replace(runtime.Version(), "go", "Go ", 1))
}

const begin, end = "<!-- written by make bench -->\n", "<!-- end -->\n"

func replaceTable(path, table string) {
	text, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		fail("%s has no place for the table: it stands between %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
		fail("%v", err)
	}
}
