package crash

import (
	"os"
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// each runs one of the tests below.
func each(tt *testing.T, scenarios []*scenario, event func(*testlab.Test)) {
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
	each(tt, plain("toolstack"), func(t *testlab.Test) {
		t.Happen(map[string]any{"name": "toolstack-restart", "pool": "pool-a"})
	})
}

func TestAlsoWhenXenOrchestraRestarts(tt *testing.T) {
	each(tt, plain("xo"), func(t *testlab.Test) { t.Happen(map[string]any{"name": "xo-restart", "seconds": 20}) })
}

func TestAlsoWhenXenOrchestraLosesItsPool(tt *testing.T) {
	each(tt, plain("blip"), func(t *testlab.Test) {
		t.Happen(map[string]any{"name": "pool-blip", "pool": "pool-a", "seconds": 61})
	})
}

func TestAlsoWhenTheTokenIsWrongForAWhile(tt *testing.T) {
	each(tt, plain("token"), func(t *testlab.Test) {
		right, err := os.ReadFile(t.XOTokenFile())
		t.Must(err)
		from := len(t.Log(lab.Operator))
		t.XOToken("this-is-no-token")
		t.Happen(map[string]any{"name": "drop-session"})
		t.Logged(lab.Operator, from, "invalid credentials")
		t.XOToken(strings.TrimSpace(string(right)))
	})
}

func TestAlsoWhenTheAPIServerRestarts(tt *testing.T) {
	each(tt, plain("apiserver"), func(t *testlab.Test) { t.Part(t.Restart, lab.APIServer) })
}
