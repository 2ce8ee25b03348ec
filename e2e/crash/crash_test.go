package crash

import (
	"os"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// each runs one of the tests below.
func each(tt *testing.T, scenarios []*scenario, event func(*testlab.Test) error) {
	endAtEach(testlab.New(tt), func(name string, run func(*testlab.Test)) {
		if !tt.Run(name, func(tt *testing.T) { run(testlab.New(tt)) }) {
			tt.FailNow()
		}
	}, scenarios, event)
}

func TestEveryMoveEndsAsItShouldWhereverTheOperatorEnds(tt *testing.T) { each(tt, straight, nil) }

func TestEveryMoveThatIsStoppedOrFailsDoesToo(tt *testing.T) { each(tt, crooked, nil) }

func TestEveryAttachAndEveryMoveThatWaitsDoesToo(tt *testing.T) { each(tt, asked, nil) }

func TestAlsoWhenTheOperatorIsKilledInMidCopy(tt *testing.T) {
	each(tt, plain("kill"), restartOperator)
}

func TestAlsoWhenTheToolstackRestarts(tt *testing.T) {
	each(tt, plain("toolstack"), func(t *testlab.Test) error {
		return once(t, map[string]any{"name": "toolstack-restart", "pool": "pool-a"})
	})
}

func TestAlsoWhenXenOrchestraRestarts(tt *testing.T) {
	each(tt, plain("xo"), func(t *testlab.Test) error { return once(t, map[string]any{"name": "xo-restart", "seconds": 20}) })
}

func TestAlsoWhenXenOrchestraLosesItsPool(tt *testing.T) {
	each(tt, plain("blip"), func(t *testlab.Test) error {
		return once(t, map[string]any{"name": "pool-blip", "pool": "pool-a", "seconds": 61})
	})
}

func TestAlsoWhenTheTokenIsWrongForAWhile(tt *testing.T) {
	each(tt, plain("token"), func(t *testlab.Test) error {
		right, err := os.ReadFile(t.XOTokenFile())
		if err != nil {
			return err
		}
		if err := os.WriteFile(t.XOTokenFile(), []byte("this-is-no-token\n"), 0o600); err != nil {
			return err
		}
		if err := once(t, map[string]any{"name": "drop-session"}); err != nil {
			return err
		}
		from := time.Now()
		t.Eventually(testlab.MoveMax, func() error { // until the operator has said so
			text, err := os.ReadFile(t.LogFile(lab.Operator))
			if err == nil && !strings.Contains(string(text[len(text)/2:]), "invalid credentials") && time.Since(from) < 20*time.Second {
				return os.ErrDeadlineExceeded
			}
			return err
		})
		return os.WriteFile(t.XOTokenFile(), right, 0o600)
	})
}

func TestAlsoWhenTheAPIServerRestarts(tt *testing.T) {
	each(tt, plain("apiserver"), func(t *testlab.Test) error { return t.Restart(t.Ctx, lab.APIServer) })
}

// once makes a fault that happens at once.
func once(t *testlab.Test, fault map[string]any) error {
	_, err := t.Xosim.AddFault(t.Ctx, fault)
	return err
}
