package crash

import (
	"fmt"
	"slices"
	"strings"

	"xo-operator.dev/e2e/lab"
)

// scenario is one way for a move to go. Its moves differ in when the operator is ended.
type scenario struct {
	name    string
	volumes int                       // 0: one
	tag     string                    // where they are to go; "": k8s-shared
	more    string                    // further fields of the spec, in one line
	on      string                    // a node that has the volume before the move begins; "": none
	attach  string                    // instead of an XoVolumeMigration, a VolumeAttachment to this node asks for the move
	byMove  bool                      // with attach: the effects of the move that it makes are counted, not its own
	faults  []map[string]any          // of xosim, for each volume's disk
	act     func(*group, *move) error // what a user does meanwhile; called at each look until it says that it is done
	phase   string                    // how it ends; "": Succeeded
	stays   bool                      // the disk must end where it began
}

// move is one object of a scenario, and the effect that the operator is ended at.
type move struct {
	*scenario
	name    string
	effect  int    // 0: at none
	side    string // before, after
	volumes []*lab.Volume
	acted   bool
	failed  bool // already reported
}

// key is the operator's, of which effects are counted.
func (m *move) key(namespace string) string {
	if m.attach != "" && !m.byMove {
		return "va/" + m.name
	}
	return namespace + "/" + m.name
}

func (m *move) String() string {
	if m.effect == 0 {
		return m.scenario.name
	}
	return fmt.Sprintf("%s, ended %s effect %d", m.scenario.name, m.side, m.effect)
}

// manifest is what asks for the move.
func (m *move) manifest(namespace string) string {
	if m.attach != "" {
		return fmt.Sprintf("---\napiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata: {name: %s}\n"+
			"spec: {attacher: %s, nodeName: %s, source: {persistentVolumeName: %s}}\n", m.name, lab.Driver, m.attach, m.volumes[0].Name)
	}
	var claims []string
	for _, volume := range m.volumes {
		claims = append(claims, "{claimName: "+volume.Claim+"}")
	}
	tag := m.tag
	if tag == "" {
		tag = "k8s-shared"
	}
	more := m.more
	if more == "" {
		more = "retry: {initialDelay: 1s, maxDelay: 2s}"
	}
	return fmt.Sprintf("---\napiVersion: migration.xo-operator.dev/v1alpha1\nkind: XoVolumeMigration\nmetadata: {name: %s, namespace: %s}\n"+
		"spec:\n  volumes: [%s]\n  target: {srsWithTag: %s}\n  %s\n", m.name, namespace, strings.Join(claims, ", "), tag, more)
}

// ended says whether the move has ended as it should, as the API shows it; an error: how it is wrong, or not there yet.
func (m *move) ended(seen *sight) error {
	if m.attach != "" {
		attachment := seen.attachments[m.name]
		if attachment == nil || !attachment.Status.Attached {
			return fmt.Errorf("it is not attached: %+v", attachment)
		}
		return nil
	}
	phase := m.phase
	if phase == "" {
		phase = "Succeeded"
	}
	migration := seen.migrations[m.name]
	if migration == nil || migration.Status.Phase != phase {
		return fmt.Errorf("it should be %s; it is %+v", phase, migration)
	}
	return nil
}

// wants says whether a disk that was moved there is where it was to go.
func (m *move) wants(sr *lab.SR) bool {
	if m.attach != "" {
		return sr != nil && sr.Name == strings.Replace(m.attach, "worker", "host", 1)+" local"
	}
	return sr != nil && slices.Contains(sr.Tags, "k8s-shared") // also where there was no room for it first
}

// How the operator's users see most moves; each group of these is run by itself, for each is ended a hundred times already.
var (
	straight = []*scenario{
		{name: "offline"},
		{name: "several", volumes: 3},
		{name: "live", on: "worker-a1", more: "mode: Live"},
	}
	crooked = []*scenario{
		{name: "cancel", act: cancelWhileCopying, phase: "Cancelled", stays: true,
			faults: []map[string]any{{"name": "copy-stalls", "at": 0.5, "times": 0}}},
		{name: "retry", faults: []map[string]any{{"name": "copy-fails", "at": 0.4, "times": 1}}},
		{name: "copy-fails", more: "retry: {limit: 2, initialDelay: 1s, maxDelay: 1s}", phase: "Failed", stays: true,
			faults: []map[string]any{{"name": "copy-fails", "at": 0.6, "times": 0}}},
	}
	asked = []*scenario{
		{name: "no-space", tag: "small", act: moreRoomElsewhere},
		{name: "attach", attach: "worker-a2"},
		{name: "attach-move", attach: "worker-a2", byMove: true},
	}
)

// plain is a move that something happens to which concerns everybody.
func plain(name string) []*scenario { return []*scenario{{name: name}} }

// cancelWhileCopying is a user who changes their mind when half of the data is there.
func cancelWhileCopying(g *group, m *move) error {
	if migration := g.seen.migrations[m.name]; migration == nil || len(migration.Status.MigratedVolumes) == 0 ||
		len(g.seen.truth.Named(m.volumes[0].Disk)) < 2 {
		return fmt.Errorf("it is not being copied")
	}
	_, err := g.t.Kubectl(g.t.Ctx, "-n", g.t.Namespace, "patch", "xvm", m.name, "--type=merge", "-p", `{"spec":{"cancel":true}}`)
	return err
}

// moreRoomElsewhere is a user who sees NoSpace, and names another target.
func moreRoomElsewhere(g *group, m *move) error {
	migration := g.seen.migrations[m.name]
	if migration == nil || migration.Condition("Reconciling") == nil || migration.Condition("Reconciling").Reason != "NoSpace" {
		return fmt.Errorf("it does not wait for space")
	}
	_, err := g.t.Kubectl(g.t.Ctx, "-n", g.t.Namespace, "patch", "xvm", m.name, "--type=merge", "-p",
		`{"spec":{"target":{"srsWithTag":"k8s-shared"}}}`)
	return err
}
