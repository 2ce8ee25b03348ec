package oncall

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"xo-operator.dev/e2e/lab"
)

// failure is one section of the page: what is told, and what was read.
type failure struct {
	order      int
	title      string
	happened   string // in a sentence or two
	next       string // what to do
	transcript string
}

// page collects the sections that this run has made.
var page struct {
	lock     sync.Mutex
	sections []failure
}

const introduction = `# When something is wrong

Everything that the operator knows about a move is in its XoVolumeMigration: ` + "`kubectl get xvm -A -o wide`" + ` shows where each one is and the
one sentence that matters; ` + "`kubectl describe xvm NAME`" + ` the conditions, what is left over, and the events, last ones last. A Pod that
waits for its disk says so in its own events.

| PHASE | means | look at |
| --- | --- | --- |
| Pending | it waits for something that passes by itself, or for a change | the reason of Reconciling or Stalled |
| Migrating | data is being copied | PROGRESS; it never runs backwards within an attempt |
| BackingOff | an attempt failed; the next one starts at nextRetryTime | the event AttemptFailed says what Xen Orchestra answered |
| Cancelling | it stops on request | – |
| Stalled | nothing will happen until the spec or the world changes | the reason of Stalled |
| Failed | as many attempts failed as spec.retry.limit allows; the disk is where it was | the event AttemptFailed |
| ManualRecoveryRequired | nothing proves which disk is the good one; nobody touches them | the message: it lists the disks and the command to type |

The operator never deletes a disk on its own judgement. What a failed copy left is renamed, ` + "`leftover-<disk name>-<8 characters of its UUID>`" + `,
and listed in status.leftovers.

The rest of this page is what a cluster with a simulated Xen Orchestra said in each case: it is made and checked by the tests in
` + "`e2e/oncall`" + `. Of ` + "`kubectl describe`" + ` it shows the message, the conditions that are True, leftovers and events; UUIDs and times are made alike.
`

var (
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	renamed = regexp.MustCompile(`(leftover-[a-z0-9-]+)-[0-9a-f]{8}\b`)
	clock   = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	age     = regexp.MustCompile(`\b(\d+[hms])+( \(x\d+ over (\d+[hms])+\))?(\s)`)
	numbers = regexp.MustCompile(`\b\d+(\.\d+)? ?(MiB/s|%|ms)`)
)

// alike makes two runs' texts the same: UUIDs that the world does not define, names that contain them, times and ages.
func alike(t *lab.Lab, text string) string {
	known := map[string]string{}
	text = uuid.ReplaceAllStringFunc(text, func(id string) string {
		if t.World.SR(id) != nil || t.World.Host(id) != nil || t.World.Pool(id) != nil {
			return id
		}
		if known[id] == "" {
			known[id] = fmt.Sprintf("%08x-0000-4000-8000-%012x", len(known)+1, len(known)+1)
		}
		return known[id]
	})
	text = renamed.ReplaceAllString(text, "$1-00000001")
	return clock.ReplaceAllString(text, "2026-01-01T03:00:00Z")
}

// described is what this page shows of kubectl describe.
func described(text string) string {
	_, status, _ := strings.Cut(text, "\nStatus:\n")
	status, events, _ := strings.Cut(status, "\nEvents:")
	var kept []string
	for _, section := range sections(status) {
		name, _, _ := strings.Cut(strings.TrimSpace(section[0]), ":")
		switch name {
		case "Phase", "Message", "Leftovers":
			kept = append(kept, section...)
		case "Conditions":
			kept = append(kept, hold(section[1:])...)
		}
	}
	return strings.Join(kept, "\n") + "\nEvents:" + strings.TrimRight(events, "\n")
}

// sections splits a status at its members.
func sections(status string) [][]string {
	var found [][]string
	for _, line := range strings.Split(status, "\n") {
		switch {
		case strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   "):
			found = append(found, []string{line})
		case len(found) > 0:
			found[len(found)-1] = append(found[len(found)-1], line)
		}
	}
	return found
}

// hold gives the conditions that are True, each with its message, of six lines for each condition.
func hold(lines []string) []string {
	var kept []string
	value := func(line string) string { _, text, _ := strings.Cut(line, ":"); return strings.TrimSpace(text) }
	for ; len(lines) >= 6; lines = lines[6:] {
		if value(lines[4]) == "True" {
			kept = append(kept, "  "+value(lines[5])+" is True, Reason: "+value(lines[3]), "    Message: "+value(lines[1]))
		}
	}
	return kept
}

// promise is the part of a transcript that users rely on, and that may not change unnoticed: phase, reasons, messages.
func promise(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "Phase:") || strings.HasPrefix(line, "Message:") || strings.Contains(line, " is True, ") {
			lines = append(lines, numbers.ReplaceAllString(strings.Join(strings.Fields(line), " "), "N"))
		}
	}
	return lines
}

func pageFile() (string, error) {
	top, err := lab.Top()
	return filepath.Join(top, "docs", "troubleshooting.md"), err
}

// writePage writes what was read.
func writePage() error {
	file, err := pageFile()
	if err != nil {
		return err
	}
	slices.SortFunc(page.sections, func(a, b failure) int { return a.order - b.order })
	var text strings.Builder
	text.WriteString(introduction)
	for _, one := range page.sections {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n```console\n%s\n```\n\n**What to do.** %s\n", one.title, one.happened,
			age.ReplaceAllString(one.transcript, "1m$4"), one.next)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
