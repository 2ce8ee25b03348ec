package crash

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// How long all moves of a group may take: a move that was ended at a bad moment waits a minute before it is sure of what
// became of it, and the operator is ended a hundred times meanwhile.
const groupMax = 8 * time.Minute

// rounds is how often a group is run again for the effects that were not met, because the moves' ways were not quite the same.
const rounds = 6

// sight is everything that is looked at, at one time.
type sight struct {
	migrations  map[string]*lab.Migration
	attachments map[string]*testlab.Attachment
	truth       *lab.Truth
}

// group is a number of moves at the same time, and what happens to all of them.
type group struct {
	t     *testlab.Test
	event func(*testlab.Test) // once the copies wait at half of the data; nil: they do not wait
	moves []*move
	seen  *sight
}

// effect is a line of the operator's journal.
type effect struct {
	number int
	what   string
}

// journal gives the effects of each key.
func journal() (map[string][]effect, error) {
	file, err := os.Open(journalFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found := map[string][]effect{}
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var key string
		var one effect
		if _, err := fmt.Sscan(scanner.Text(), &key, &one.number); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", journalFile(), scanner.Text(), err)
		}
		one.what = strings.SplitN(scanner.Text(), " ", 3)[2]
		found[key] = append(found[key], one)
	}
	return found, nil
}

// add makes a move with its volumes' disks.
func (g *group) add(s *scenario, number int, side string) error {
	m := &move{scenario: s, name: s.name, effect: number, side: side}
	if number > 0 {
		m.name = fmt.Sprintf("%s-%d-%s", s.name, number, side)
	}
	if s.attach != "" {
		m.name = g.t.Namespace + "-" + m.name // VolumeAttachments are in no namespace
	}
	for i := range max(1, s.volumes) {
		// Spread over the hosts, so that moves wait for copies and not for one another.
		sr := g.t.SR(fmt.Sprintf("host-a%d local", 3+len(g.moves)%6))
		if s.on != "" {
			sr = g.t.SR("host-a1 local")
		}
		volume, err := g.t.Disk(g.t.Ctx, lab.VolumeOptions{Namespace: g.t.Namespace, Claim: fmt.Sprintf("%s-v%d", m.name, i),
			SR: sr.UUID, Size: 64 << 20})
		if err != nil {
			return err
		}
		m.volumes = append(m.volumes, volume)
		for _, fault := range s.faults {
			own := map[string]any{"match": volume.Disk}
			for field, value := range fault {
				own[field] = value
			}
			g.t.Fault(own)
		}
	}
	g.moves = append(g.moves, m)
	return nil
}

// run makes everything that was added, and waits until all of it has ended as it should.
func (g *group) run() {
	var volumes, before, asks strings.Builder
	for _, m := range g.moves {
		for _, volume := range m.volumes {
			volumes.WriteString("---\n" + volume.Manifest())
		}
		if m.on != "" {
			held := &move{scenario: &scenario{attach: m.on}, name: g.held(m), volumes: m.volumes}
			before.WriteString(held.manifest(g.t.Namespace))
		}
		asks.WriteString(m.manifest(g.t.Namespace))
	}
	g.apply(volumes.String())
	g.apply(before.String())
	g.t.Eventually(testlab.MoveMax, g.allHeld)
	g.endAtEffects()
	release := func() {}
	if g.event != nil {
		release = g.t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": "csi-pvc-" + g.t.Namespace + "-*", "times": 0})
	}
	g.apply(asks.String())
	if g.event != nil {
		g.waitForCopies()
		g.event(g.t)
		release()
	}
	g.t.Eventually(groupMax, g.look)
	g.settle()
	g.check()
}

// settle waits until the operator does nothing more: what it does after the end, such as taking its finalizer away, may be where it
// ends, too.
func (g *group) settle() {
	const still = 1500 * time.Millisecond // several times as long as it takes to be started again
	size, since := int64(-1), time.Now()
	g.t.Eventually(testlab.MoveMax, func() error {
		info, err := os.Stat(journalFile())
		if err != nil {
			return err
		}
		if info.Size() != size {
			size, since = info.Size(), time.Now()
		}
		if time.Since(since) < still {
			return errors.New("the operator still does something")
		}
		return nil
	})
}

func (g *group) apply(manifest string) {
	if manifest == "" {
		return
	}
	_, err := g.t.KubectlInput(g.t.Ctx, manifest, "apply", "-f", "-")
	g.t.Must(err)
}

// endAtEffects tells the operator where to end. It reads that when it starts.
func (g *group) endAtEffects() {
	var lines strings.Builder
	for _, m := range g.moves {
		if m.effect > 0 {
			fmt.Fprintf(&lines, "%s %d %s\n", m.key(g.t.Namespace), m.effect, m.side)
			g.t.MayEnd(lab.Operator)
		}
	}
	g.t.Must(os.WriteFile(exitFile(), []byte(lines.String()), 0o600))
	restartOperator(g.t)
}

// restartOperator does not wait until it is ready: it may have ended again before.
func restartOperator(t *testlab.Test) {
	t.Part(t.Kill, lab.Operator)
	t.Part(t.StartWithoutWaiting, lab.Operator)
}

// held is the name of the VolumeAttachment that a move's node has its volume by.
func (g *group) held(m *move) string { return g.t.Namespace + "-held-" + m.name }

// allHeld waits for what has to be attached before the moves begin.
func (g *group) allHeld() error {
	if err := g.see(); err != nil {
		return err
	}
	for _, m := range g.moves {
		if m.on == "" {
			continue
		}
		if attachment := g.seen.attachments[g.held(m)]; attachment == nil || !attachment.Status.Attached {
			return fmt.Errorf("%s is not attached to %s yet", m.name, m.on)
		}
	}
	return nil
}

// waitForCopies gives the moves time to get to where their copies wait. Some end before, with the operator, and are not waited for.
func (g *group) waitForCopies() {
	quiet, last := time.Now(), -1
	g.t.Eventually(testlab.MoveMax, func() error {
		if err := g.see(); err != nil {
			return err
		}
		copying := 0
		for _, m := range g.moves {
			if len(g.seen.truth.Named(m.volumes[0].Disk)) > 1 {
				copying++
			}
		}
		if copying != last {
			quiet, last = time.Now(), copying
		}
		const settled = 3 * time.Second
		if copying < len(g.moves) && (copying == 0 || time.Since(quiet) < settled) {
			return fmt.Errorf("%d of %d are being copied", copying, len(g.moves))
		}
		return nil
	})
}

func (g *group) see() error {
	seen := &sight{migrations: map[string]*lab.Migration{}, attachments: map[string]*testlab.Attachment{}}
	migrations, err := g.t.Migrations(g.t.Ctx, g.t.Namespace)
	if err != nil {
		return err
	}
	for i := range migrations {
		seen.migrations[migrations[i].Metadata.Name] = &migrations[i]
	}
	var attachments struct{ Items []testlab.Attachment }
	if err := g.t.Get(g.t.Ctx, "/apis/storage.k8s.io/v1/volumeattachments", &attachments); err != nil {
		return err
	}
	for i := range attachments.Items {
		seen.attachments[attachments.Items[i].Metadata.Name] = &attachments.Items[i]
	}
	seen.truth, err = g.t.Xosim.Truth(g.t.Ctx)
	g.seen = seen
	return err
}

// look does what users do, and says whether all moves have ended; an error: the first that has not.
func (g *group) look() error {
	if err := g.see(); err != nil {
		return err
	}
	waiting := 0
	var first error
	for _, m := range g.moves {
		if m.act != nil && !m.acted {
			err := m.act(g, m)
			m.acted = err == nil
			first = errors.Join(first, err)
		}
		if err := m.ended(g.seen); err != nil || (m.act != nil && !m.acted) {
			waiting++
			if first == nil {
				first = fmt.Errorf("%s: %w", m, err)
			}
		}
	}
	if waiting > 0 {
		return fmt.Errorf("%d of %d moves have not ended, the first: %w", waiting, len(g.moves), first)
	}
	return nil
}

// check compares what there is with what there was: every byte, once, in the right place, unmarked; and whatever a move left is
// written down in its object.
func (g *group) check() {
	g.t.Must(g.see())
	listed := map[string]string{} // the name of each leftover
	for _, migration := range g.seen.migrations {
		for _, leftover := range migration.Status.Leftovers {
			listed[leftover.VDIUUID] = leftover.Name
		}
	}
	g.checkSlots()
	for _, m := range g.moves {
		for _, volume := range m.volumes {
			disk, err := g.t.CheckDisk(g.t.Ctx, volume)
			switch {
			case err != nil:
				g.t.Errorf("%s: %v", m, err)
				continue
			case m.stays && disk.UUID != volume.VDI:
				g.t.Errorf("%s: the disk was moved", m)
			case !m.stays && !m.wants(g.t.World.SR(disk.SR)):
				g.t.Errorf("%s: the disk is on SR %s", m, disk.SR)
			case strings.Contains(disk.Description, "inProgressToSRUUID"):
				g.t.Errorf("%s: the disk is still marked: %s", m, disk.Description)
			}
			for _, other := range g.seen.truth.Disks {
				if other.Exists && other.Family == disk.Family && other.UUID != disk.UUID && listed[other.UUID] != other.Name {
					g.t.Errorf("%s: disk %s, named %s, is left and not listed", m, other.UUID, other.Name)
				}
			}
		}
	}
}

// checkSlots sees that no host had more live moves, and no SR more copies, than slots: at any time, whatever ended in between.
func (g *group) checkSlots() {
	const liveOfHost, copiesOfSR = 3, 4 // what the operator has without flags
	for _, host := range g.seen.truth.Hosts {
		if host.LiveMovesReached > liveOfHost || host.LiveMovesRefused > 0 {
			g.t.Errorf("host %s had %d live moves at once, and refused %d", host.Name, host.LiveMovesReached, host.LiveMovesRefused)
		}
	}
	for _, sr := range g.seen.truth.SRs {
		if sr.CopiesReached > copiesOfSR {
			g.t.Errorf("SR %s had %d copies at once", sr.Name, sr.CopiesReached)
		}
	}
}

// met says which moves' effects were really met.
func (g *group) met() map[string]bool {
	met := map[string]bool{}
	for line := range strings.Lines(g.t.Log(lab.Operator)) {
		if !strings.Contains(line, "ended at an effect") {
			continue
		}
		for _, m := range g.moves {
			if strings.Contains(line, " key="+m.key(g.t.Namespace)+" ") && strings.Contains(line, fmt.Sprintf("effect=%d ", m.effect)) {
				met[m.name] = true
			}
		}
	}
	return met
}

// list runs each scenario once, undisturbed, and gives the effects of each.
func list(t *testlab.Test, scenarios []*scenario, event func(*testlab.Test)) map[*scenario][]effect {
	g := &group{t: t, event: event}
	for _, s := range scenarios {
		t.Must(g.add(s, 0, ""))
	}
	g.run()
	all, err := journal()
	t.Must(err)
	found := map[*scenario][]effect{}
	for _, m := range g.moves {
		found[m.scenario] = all[m.key(t.Namespace)]
		if len(found[m.scenario]) == 0 {
			t.Fatalf("%s has no effects; the journal is %s", m, filepath.Base(journalFile()))
		}
		for _, one := range found[m.scenario] {
			t.Logf("%-12s %2d %s", m.scenario.name, one.number, one.what)
		}
	}
	return found
}

// wanted is an effect of a scenario, and a side of it.
type wanted struct {
	scenario *scenario
	number   int
	side     string
}

// endAtEach runs scenarios with the operator's end before and after each of their effects.
func endAtEach(t *testlab.Test, sub func(string, func(*testlab.Test)), scenarios []*scenario, event func(*testlab.Test)) {
	var open []wanted
	sub("undisturbed", func(t *testlab.Test) {
		for s, effects := range list(t, scenarios, event) {
			for _, one := range effects {
				open = append(open, wanted{s, one.number, "before"}, wanted{s, one.number, "after"})
			}
		}
	})
	slices.SortStableFunc(open, func(a, b wanted) int { return a.number - b.number })
	total := len(open)
	shorter := 0 // of those still open, moves that came to their end with fewer effects
	for round := 1; round <= rounds && len(open) > 0; round++ {
		sub(fmt.Sprintf("round-%d", round), func(t *testlab.Test) {
			g := &group{t: t, event: event}
			for _, one := range open {
				t.Must(g.add(one.scenario, one.number, one.side))
			}
			g.run()
			met := g.met()
			done, err := journal()
			t.Must(err)
			var still []wanted
			shorter = 0
			for i, m := range g.moves {
				if !met[m.name] {
					still = append(still, open[i])
				}
				if !met[m.name] && len(done[m.key(t.Namespace)]) < m.effect {
					shorter++
				}
			}
			t.Logf("the operator was ended at %d of %d effects", len(open)-len(still), len(open))
			open = still
		})
	}
	if len(open) > shorter || len(open) > total/10 {
		t.Errorf("the operator was not ended at %+v; %d of these %d moves needed fewer effects than the undisturbed one", open, shorter, len(open))
	}
	t.Logf("%d ends of the operator, before and after %d effects", total-len(open), total/2)
}
