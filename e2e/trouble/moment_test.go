package trouble

import (
	"errors"
	"fmt"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// move is a move under way, and where it must end.
type move struct {
	*testlab.Test
	volume *lab.Volume
	goOn   func() // lets the copy go on that waits at half of the data
	to     []*lab.SR
}

// request starts a move by an XoVolumeMigration; with `hold` it waits at half of the data.
func request(t *testlab.Test, hold bool) *move {
	t.Helper()
	m := &move{Test: t, to: []*lab.SR{t.SR("pool-a shared")}, goOn: func() {}}
	m.volume = t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	if hold {
		m.goOn = t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": m.volume.Disk})
	}
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 5s}", "data"))
	return m
}

// copying waits until the data is being copied, as it truly is: two disks of the name exist.
func (m *move) copying() {
	m.Helper()
	m.Eventually(testlab.MoveMax, func() error {
		truth, err := m.Xosim.Truth(m.Ctx)
		if err != nil {
			return err
		}
		if count := len(truth.Named(m.volume.Disk)); count < 2 {
			return fmt.Errorf("%d disks of the name %s: it is not being copied", count, m.volume.Disk)
		}
		return nil
	})
}

// ends checks that the move ends well: the object says so, and it is true.
func (m *move) ends() {
	m.Helper()
	m.Phase("move", "Succeeded")
	m.GoodDisk(m.volume, m.to...)
}

// moments are those at which something is ended. Each leaves the move at that moment.
var moments = []struct {
	name  string
	reach func(*testing.T) *move
}{
	{"as soon as it is asked for", func(t *testing.T) *move { return request(testlab.New(t), false) }},
	{"when the intent is recorded", func(t *testing.T) *move {
		m := request(testlab.New(t), true)
		m.MigrationThat("move", "an attempt", func(found *lab.Migration) bool { return found.Status.Attempts > 0 })
		return m
	}},
	{"in the middle of the copy", func(t *testing.T) *move {
		m := request(testlab.New(t), true)
		m.copying()
		m.MigrationThat("move", "progress", func(found *lab.Migration) bool { return found.Status.Phase == "Migrating" })
		return m
	}},
	{"while the copy ends", func(t *testing.T) *move {
		m := request(testlab.New(t), true)
		m.copying()
		m.goOn()
		m.Eventually(testlab.MoveMax, func() error {
			truth, err := m.Xosim.Truth(m.Ctx)
			if err != nil {
				return err
			}
			for _, disk := range truth.Named(m.volume.Disk) {
				if disk.UUID != m.volume.VDI && disk.Complete {
					return nil
				}
			}
			return errors.New("the copy is not complete")
		})
		return m
	}},
}

// endAndStart ends a part and starts it again; the copy goes on while the part is away, or once it is back.
func endAndStart(tt *testing.T, part string, whileAway bool) {
	for _, moment := range moments {
		tt.Run(moment.name, func(tt *testing.T) {
			m := moment.reach(tt)
			m.Part(m.Kill, part)
			if whileAway {
				m.goOn()
			}
			m.Part(m.Start, part)
			m.goOn()
			m.ends()
		})
	}
}

func TestTheOperatorIsKilledAndTheCopyEndsMeanwhile(t *testing.T) { endAndStart(t, lab.Operator, true) }

func TestTheOperatorIsKilledAndTheCopyEndsAfterwards(t *testing.T) {
	endAndStart(t, lab.Operator, false)
}

func TestTheAPIServerIsKilled(t *testing.T) { endAndStart(t, lab.APIServer, true) }

// Xen Orchestra and the hypervisors are one process here: killing it is a power cut of everything.
func TestXenOrchestraAndItsHostsAreKilled(tt *testing.T) {
	for _, moment := range moments {
		tt.Run(moment.name, func(tt *testing.T) {
			m := moment.reach(tt)
			m.Part(m.Kill, lab.XosimPart)
			m.Part(m.Start, lab.XosimPart)
			m.goOn()
			m.ends()
		})
	}
}

func TestEtcdIsKilled(tt *testing.T) {
	m := moments[2].reach(tt)
	m.Part(m.Kill, lab.Etcd)
	m.goOn()
	m.Part(m.Start, lab.Etcd)
	m.ends()
}

func TestTheOperatorIsFrozenUntilItsLeaseIsOver(tt *testing.T) {
	m := moments[2].reach(tt)
	m.Part(m.Freeze, lab.Operator)
	m.goOn()
	m.Eventually(testlab.MoveMax, func() error {
		disk, err := m.CheckDisk(m.Ctx, m.volume, m.to[0].UUID)
		if err == nil && disk.UUID == m.volume.VDI {
			return errors.New("not moved yet")
		}
		return err
	})
	m.Part(m.Thaw, lab.Operator)
	m.ends()
}
