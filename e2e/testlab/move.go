package testlab

import (
	"fmt"

	"xo-operator.dev/e2e/lab"
)

// Move is a move under way, and where it must end.
type Move struct {
	*Test
	Volume *lab.Volume
	To     []*lab.SR
	GoOn   func() // lets a copy go on that Hold makes wait
}

// Hold makes the next copy of the volume's disk wait at half of the data, until GoOn is called or the test ends.
func (m *Move) Hold() {
	m.Helper()
	m.GoOn = m.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": m.Volume.Disk})
}

// Copying waits until the data is being copied, as it truly is: two disks of the name exist.
func (m *Move) Copying() {
	m.Helper()
	m.Eventually(MoveMax, func() error {
		truth, err := m.Xosim.Truth(m.Ctx)
		if err != nil {
			return err
		}
		if count := len(truth.Named(m.Volume.Disk)); count < 2 {
			return fmt.Errorf("%d disks of the name %s: it is not being copied", count, m.Volume.Disk)
		}
		return nil
	})
}

// Moved waits until the only disk of the name is another one than at first, with every byte, where it should be.
func (m *Move) Moved() {
	m.Helper()
	m.Eventually(MoveMax, func() error {
		disk, err := m.CheckDisk(m.Ctx, m.Volume, m.To[0].UUID)
		if err == nil && disk.UUID == m.Volume.VDI {
			return fmt.Errorf("disk %s was not moved", m.Volume.Disk)
		}
		return err
	})
}
