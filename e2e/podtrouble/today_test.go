package podtrouble

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// failure is one of those that leave a Pod of today's CSI driver stuck, or its user without a word.
type failure struct {
	name   string
	happen func(*move)
	says   []string // what kubectl describe of the Pod or of the move must mention, besides the disk
}

// fault makes one of xosim's faults happen, once.
func fault(fields map[string]any) func(*move) {
	return func(m *move) { m.Happen(fields) }
}

// longer lets the copy take longer than external-attacher waits for an attach before it reports an error.
func longer(m *move) {
	const attachTimeout = 15 * time.Second
	over := time.Now().Add(attachTimeout + 5*time.Second)
	m.Eventually(testlab.MoveMax, func() error {
		if left := time.Until(over); left > 0 {
			return fmt.Errorf("%s to go", left)
		}
		return nil
	})
}

func TestWhatLeavesAPodStuckTodayEndsWithThePodRunning(tt *testing.T) {
	for _, test := range []failure{
		{"the copy takes longer than the attach may", longer, []string{"MovingDisk", "from host-a1 local to host-a2 local"}},
		{"the controller is killed", func(m *move) {
			m.Part(m.Kill, lab.Operator)
			m.GoOn()
			m.Part(m.Start, lab.Operator)
		}, []string{"MovingDisk", "host-a2 local"}}, // nothing went wrong with the move
		{"the copy fails", fault(map[string]any{"name": "copy-fails", "at": 0.6, "match": "csi-pvc-*", "times": 1}),
			[]string{"SR_BACKEND_FAILURE_44", "AttemptFailed"}},
		{"the connection to Xen Orchestra is cut", fault(map[string]any{"name": "drop-session"}), []string{"XenOrchestraAway"}},
		{"Xen Orchestra restarts in mid-copy", fault(map[string]any{"name": "xo-restart", "seconds": 5}),
			[]string{"XenOrchestraAway", "LeftoverRenamed", "AttemptFailed"}},
		{"a failed copy leaves its target", fault(map[string]any{"name": "toolstack-restart", "pool": "pool-a"}),
			[]string{"LeftoverRenamed", "leftover-"}},
	} {
		tt.Run(test.name, func(tt *testing.T) {
			m := follow(tt)
			test.happen(m)
			m.GoOn()
			m.runs()
			described := m.In("describe", "pod", "db-0") + m.In("describe", "xvm")
			m.Mentions(described, append(test.says, m.Volume.Disk)...)
			// Nobody started it twice, and nobody had to touch Xen Orchestra: the name is on one disk, checked by runs().
			for line := range strings.Lines(described) {
				if strings.Contains(line, "ManualRecoveryRequired") && strings.Contains(line, "True") {
					m.Errorf("a person was asked for what needs none: %s", line)
				}
			}
		})
	}
}
