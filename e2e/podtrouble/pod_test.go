package podtrouble

import (
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// move is a move that a Pod waits for.
type move struct{ *testlab.Move }

// onWorkerA1 starts a Pod there that has a volume on its host's local SR.
func onWorkerA1(t *testlab.Test) *move {
	t.Helper()
	m := &move{&testlab.Move{
		Test:   t,
		Volume: t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a1 local").UUID}),
		To:     []*lab.SR{t.SR("host-a2 local")},
	}}
	t.Apply(lab.StatefulSet(t.Namespace, "db", "worker-a1", "pool-a"))
	_, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	return m
}

// follow starts a Pod on worker-a1 whose node selector then says worker-a2, and waits until the disk is being copied there;
// the copy waits at half of the data.
func follow(tt *testing.T) *move {
	t := testlab.New(tt)
	m := onWorkerA1(t)
	t.Must(t.Write(t.Ctx, m.Volume, "worker-a1", 64<<20, 4<<20, 99))
	m.Hold()
	t.In("patch", "statefulset", "db", "--type=merge", "-p",
		`{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"worker-a2"}}}}}`)
	m.Copying()
	return m
}

// runs checks that the Pod runs on worker-a2 with its disk and every byte of it.
func (m *move) runs() {
	m.Helper()
	_, err := m.WaitPod(m.Ctx, 2*testlab.MoveMax, m.Namespace, "db-0", "worker-a1")
	m.Must(err)
	disk := m.GoodDisk(m.Volume, m.To...)
	if vms := disk.AttachedTo(); len(vms) != 1 || vms[0] != m.World.VM("worker-a2").UUID {
		m.Errorf("the disk is attached to %v", vms)
	}
	staged, err := m.StagedAt("worker-a2", m.Volume)
	m.Must(err)
	if staged.SHA256 != m.Volume.SHA256 {
		m.Errorf("worker-a2 saw %s, the disk holds %s", staged.SHA256, m.Volume.SHA256)
	}
}

func TestAPodRunsWithItsDiskWhateverIsKilledMeanwhile(tt *testing.T) {
	for _, part := range []string{lab.XosimPart, lab.APIServer, lab.Kubelet("worker-a1"), lab.Kubelet("worker-a2"),
		lab.ControllerManager} {
		tt.Run(part, func(tt *testing.T) {
			m := follow(tt)
			m.Part(m.Kill, part)
			if part != lab.XosimPart {
				m.GoOn()
			}
			m.Part(m.Start, part)
			m.GoOn()
			m.runs()
		})
	}
}

func TestAPodRunsWithItsDiskAlthoughThePoolVanishesForAWhile(tt *testing.T) {
	m := follow(tt)
	m.Fault(map[string]any{"name": "pool-blip", "pool": "pool-a", "seconds": 10})
	m.GoOn()
	m.runs()
}

func TestALostAnswerIsNotAskedForAgain(tt *testing.T) {
	for _, method := range []string{"vdi.migrate", "vdi.set", "vm.attachDisk", "vbd.disconnect"} {
		tt.Run(method, func(tt *testing.T) {
			t := testlab.New(tt)
			m := onWorkerA1(t)
			t.Fault(map[string]any{"name": "drop-reply", "method": method, "times": 1})
			t.In("patch", "statefulset", "db", "--type=merge", "-p",
				`{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":"worker-a2"}}}}}`)
			m.runs()
			truth, err := t.Xosim.Truth(t.Ctx)
			t.Must(err)
			copies := 0
			for _, disk := range truth.Disks {
				if disk.Family == m.Volume.VDI && disk.UUID != m.Volume.VDI {
					copies++
				}
			}
			if copies != 1 {
				t.Errorf("the disk was copied %d times", copies)
			}
		})
	}
}
