package trouble

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// move is a move that an XoVolumeMigration asked for.
type move struct{ *testlab.Move }

// newMove is one that nobody has asked for yet.
func newMove(t *testlab.Test) *move {
	t.Helper()
	return &move{&testlab.Move{
		Test:   t,
		Volume: t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}),
		To:     []*lab.SR{t.SR("pool-a shared")},
		GoOn:   func() {},
	}}
}

// request starts a move by an XoVolumeMigration; with `hold` it waits at half of the data.
func request(t *testlab.Test, hold bool) *move {
	t.Helper()
	m := newMove(t)
	if hold {
		m.Hold()
	}
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 5s}", "data"))
	return m
}

// ends checks that the move ends well: the object says so, and it is true.
func (m *move) ends() {
	m.Helper()
	m.Phase("move", "Succeeded")
	m.GoodDisk(m.Volume, m.To...)
}

// middle is a move that is being copied, half of the data is there, and it waits.
func middle(t *testlab.Test) *move {
	t.Helper()
	m := request(t, true)
	m.Copying()
	m.MigrationThat("move", "phase Migrating", func(found *lab.Migration) bool { return found.Status.Phase == "Migrating" })
	return m
}

// atEachMoment brings one move each to the middle of its copy, to where its intent is recorded, to its very beginning and to
// the end of its copy, in this order, for the last two do not wait.
func atEachMoment(tt *testing.T) []*move {
	tt.Helper()
	copied := middle(testlab.New(tt))
	ending := middle(testlab.New(tt))
	intended := request(testlab.New(tt), true)
	intended.MigrationThat("move", "an attempt", func(found *lab.Migration) bool { return found.Status.Attempts > 0 })
	asked := request(testlab.New(tt), false)
	ending.GoOn()
	ending.Eventually(testlab.MoveMax, func() error {
		truth, err := ending.Xosim.Truth(ending.Ctx)
		if err != nil {
			return err
		}
		for _, disk := range truth.Named(ending.Volume.Disk) {
			if disk.UUID != ending.Volume.VDI && disk.Complete {
				return nil
			}
		}
		return errors.New("the copy is not complete")
	})
	return []*move{copied, intended, asked, ending}
}

// endAndStart ends a part while moves are at each moment, and starts it again; the copies go on while the part is away, or
// once it is back.
func endAndStart(tt *testing.T, part string, whileAway bool) {
	tt.Helper()
	moves := atEachMoment(tt)
	moves[0].Part(moves[0].Kill, part)
	if whileAway {
		goOn(moves)
	}
	moves[0].Part(moves[0].Start, part)
	goOn(moves)
	for _, m := range moves {
		m.ends()
	}
}

func goOn(moves []*move) {
	for _, m := range moves {
		m.GoOn()
	}
}

func TestTheOperatorIsKilledAndTheCopiesEndMeanwhile(tt *testing.T) {
	endAndStart(tt, lab.Operator, true)
}

func TestTheOperatorIsKilledAndTheCopiesEndAfterwards(tt *testing.T) {
	endAndStart(tt, lab.Operator, false)
}

func TestTheAPIServerIsKilledAndTheCopiesEndMeanwhile(tt *testing.T) {
	endAndStart(tt, lab.APIServer, true)
}

// Xen Orchestra and the hypervisors are one process here: killing it is a power cut of everything.
func TestXenOrchestraAndItsHostsAreKilled(tt *testing.T) { endAndStart(tt, lab.XosimPart, false) }

func TestEtcdIsKilled(tt *testing.T) {
	m := middle(testlab.New(tt))
	m.Part(m.Kill, lab.Etcd)
	m.GoOn()
	m.Part(m.Start, lab.Etcd)
	m.ends()
}

func TestTheOperatorIsFrozenUntilItsLeaseIsOver(tt *testing.T) {
	m := middle(testlab.New(tt))
	m.MayEnd(lab.Operator) // it may find that it does not lead any more
	m.Part(m.Freeze, lab.Operator)
	m.GoOn()
	m.Moved()
	m.Eventually(testlab.MoveMax, func() error {
		var lease struct {
			Spec struct {
				RenewTime            time.Time
				LeaseDurationSeconds int64
			}
		}
		err := m.Get(m.Ctx, "/apis/coordination.k8s.io/v1/namespaces/"+lab.OperatorNamespace+"/leases/xo-operator", &lease)
		left := time.Until(lease.Spec.RenewTime.Add(time.Duration(lease.Spec.LeaseDurationSeconds) * time.Second))
		if err == nil && left > 0 {
			err = fmt.Errorf("the lease lasts %s more", left)
		}
		return err
	})
	m.Part(m.Thaw, lab.Operator)
	m.ends()
}

// The operator writes each status over the version that it was made from: a write that was given up may be carried out later, and
// must not undo what was said since.
func TestAStatusThatWasMadeFromAnOlderVersionIsRefused(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	m.Hold()
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	older, err := t.Kubectl(t.Ctx, "-n", t.Namespace, "get", "xvm", "move", "-o", "jsonpath={.metadata.resourceVersion}")
	t.Must(err)
	m.Copying()
	_, err = t.Kubectl(t.Ctx, "-n", t.Namespace, "annotate", "xvm", "move", "touched=since") // whoever it is that writes meanwhile
	t.Must(err)
	late := fmt.Sprintf(`{"apiVersion":"migration.xo-operator.dev/v1alpha1","kind":"XoVolumeMigration","metadata":{"name":"move","namespace":%q,`+
		`"resourceVersion":%q},"status":{"phase":"Pending"}}`, t.Namespace, older)
	answer, err := t.KubectlInput(t.Ctx, late, "apply", "--server-side", "--force-conflicts", "--subresource=status", "--field-manager=xo-operator", "-f", "-")
	if err == nil {
		t.Errorf("it was taken: %s", answer)
	} else if !strings.Contains(err.Error(), "the object has been modified") {
		t.Errorf("it was refused for another reason: %v", err)
	}
	m.GoOn()
	m.ends()
}
