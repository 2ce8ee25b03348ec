package leaders

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// leaseLasts is how long a lease of the operator is valid without renewal; the others look
// every second or two.
const leaseLasts = 11 * time.Second

// slack is for a machine that does much else.
const slack = 15 * time.Second

type lease struct {
	Spec struct {
		HolderIdentity         string
		AcquireTime, RenewTime time.Time
		LeaseTransitions       int
	}
}

func theLease(t *testlab.Test) lease {
	t.Helper()
	var found lease
	t.Eventually(testlab.MoveMax, func() error {
		err := t.Get(t.Ctx, "/apis/coordination.k8s.io/v1/namespaces/"+lab.OperatorNamespace+"/leases/xo-operator", &found)
		if err == nil && found.Spec.HolderIdentity == "" {
			err = errors.New("nobody holds the lease")
		}
		return err
	})
	return found
}

// leads waits until a part says that it leads, once more than before, and the lease says so too.
func leads(t *testlab.Test, part string, since int) lease {
	t.Helper()
	t.Eventually(leaseLasts+2*slack, func() error {
		if text := t.Log(part)[since:]; !strings.Contains(text, "leading: work begins") {
			return fmt.Errorf("%s does not lead", part)
		}
		return nil
	})
	return theLease(t)
}

// effects gives the lines of a part's journal that are about a key.
func effects(t *testlab.Test, part, key string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(journalOf(part), "journal"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	t.Must(err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, key+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// starts counts how often either operator asked for the move of the test's disk.
func starts(t *testlab.Test) int {
	t.Helper()
	count := 0
	for _, part := range []string{lab.Operator, lab.OtherOperator} {
		for _, line := range effects(t, part, t.Namespace+"/move") {
			if strings.HasSuffix(line, " vdi.migrate") {
				count++
			}
		}
	}
	return count
}

// pair is the lab's operator and the other one, of which the first leads, and a disk to move.
type pair struct {
	*testlab.Move
	proxy *proxy
}

func newPair(tt *testing.T) *pair {
	t := testlab.New(tt)
	p := &pair{Move: &testlab.Move{Test: t, To: []*lab.SR{t.SR("pool-a shared")}, GoOn: func() {},
		Volume: t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})}}
	parts, err := t.Parts(t.Ctx)
	t.Must(err)
	other := false
	for _, part := range parts {
		if part.Name == lab.OtherOperator {
			other = true
		}
	}
	if other { // of an earlier test, through a proxy that is no more
		t.Part(t.Kill, lab.OtherOperator)
	}
	p.proxy, err = newProxy(strings.TrimPrefix(t.APIServerURL(), "https://"))
	t.Must(err)
	t.Cleanup(func() { p.proxy.listener.Close() })
	// The first leads when nobody else is there.
	from := len(t.Log(lab.Operator))
	t.Part(t.Kill, lab.Operator)
	t.Part(t.Start, lab.Operator)
	leads(t, lab.Operator, from)
	t.Must(t.StartOtherOperator(t.Ctx, "https://"+p.proxy.address(), "--effects", journalOf(lab.OtherOperator)))
	return p
}

// middle brings a move to half of its data.
func (p *pair) middle() {
	p.Helper()
	p.Hold()
	p.request()
	p.Copying()
	p.Phase("move", "Migrating")
}

func (p *pair) request() {
	p.Helper()
	p.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 5s}", "data"))
}

// ends checks that the move ended well and was started once.
func (p *pair) ends() {
	p.Helper()
	p.Phase("move", "Succeeded")
	p.GoodDisk(p.Volume, p.To...)
	if count := starts(p.Test); count != 1 {
		p.Errorf("the move was asked for %d times", count)
	}
}

func TestOfTwoOperatorsOneWorksAndTheOtherIsReady(tt *testing.T) {
	p := newPair(tt)
	p.request()
	p.ends()
	if lines := effects(p.Test, lab.OtherOperator, p.Namespace+"/move"); len(lines) > 0 {
		p.Errorf("the one that does not lead did %q", lines)
	}
}

func TestALeaderThatLeavesPolitelyIsFollowedAtOnce(tt *testing.T) {
	p := newPair(tt)
	p.middle()
	from := len(p.Log(lab.OtherOperator))
	asked := time.Now()
	p.Part(p.Stop, lab.Operator)
	after := leads(p.Test, lab.OtherOperator, from).Spec.AcquireTime.Sub(asked)
	p.Logf("the other leads %s after the end was asked for", after.Round(time.Millisecond))
	if after > leaseLasts {
		p.Errorf("%s is as long as if the leader had been killed", after)
	}
	p.GoOn()
	p.ends()
	p.Part(p.Start, lab.Operator)
}

func TestALeaderThatIsKilledIsFollowedWhenItsLeaseIsOver(tt *testing.T) {
	p := newPair(tt)
	p.middle()
	from := len(p.Log(lab.OtherOperator))
	renewed := theLease(p.Test).Spec.RenewTime
	p.Part(p.Kill, lab.Operator)
	after := leads(p.Test, lab.OtherOperator, from).Spec.AcquireTime.Sub(renewed)
	p.Logf("the other leads %s after the lease was renewed last", after.Round(time.Millisecond))
	if after > leaseLasts+slack {
		p.Errorf("the lease lasts %s, the other leads after %s", leaseLasts, after)
	}
	p.GoOn()
	p.ends()
	p.Part(p.Start, lab.Operator)
}

func TestALeaderThatIsCutOffFromTheAPIServerStartsNothingNew(tt *testing.T) {
	p := newPair(tt)
	from := len(p.Log(lab.OtherOperator))
	p.Part(p.Stop, lab.Operator)
	leads(p.Test, lab.OtherOperator, from) // the one behind the proxy leads now
	p.Part(p.Start, lab.Operator)
	p.middle()
	count := starts(p.Test)

	from = len(p.Log(lab.Operator))
	p.MayEnd(lab.OtherOperator) // it must, for it can't know any more whether it leads
	p.proxy.Cut()
	p.Apply(testlab.MigrationManifest("second", "{srsWithTag: k8s-shared}", "", "second"))
	second := p.Test.Volume(lab.VolumeOptions{Claim: "second", SR: p.SR("host-a2 local").UUID})
	p.GoOn()
	leads(p.Test, lab.Operator, from)
	p.Phase("second", "Succeeded")
	p.GoodDisk(second, p.SR("pool-a shared"))
	p.ends()
	if after := starts(p.Test); after != count {
		p.Errorf("the first move was asked for %d times more", after-count)
	}
	if lines := effects(p.Test, lab.OtherOperator, p.Namespace+"/second"); len(lines) > 0 {
		p.Errorf("cut off, it did %q", lines)
	}
	if !strings.Contains(p.Log(lab.OtherOperator), "the lease is lost") {
		p.Errorf("the one that was cut off does not say so")
	}
	p.Part(p.Kill, lab.OtherOperator)
	p.proxy.Mend()
}
