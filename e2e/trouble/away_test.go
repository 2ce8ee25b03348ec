package trouble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// ready gives the operator's own word on whether it is ready.
func ready(t *testlab.Test) error {
	response, err := http.Get(t.OperatorURL() + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return err
}

// notReady waits until the operator says that it is not ready.
func notReady(t *testlab.Test) {
	t.Helper()
	t.Eventually(testlab.MoveMax, func() error {
		if ready(t) == nil {
			return errors.New("the operator still says that it is ready")
		}
		return nil
	})
}

func TestWithoutXenOrchestraNothingIsDecidedAndWorkGoesOnWhenItIsBack(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	t.Part(t.Kill, lab.XosimPart)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Because("move", "Reconciling", "XenOrchestraAway")
	notReady(t)
	t.Part(t.Start, lab.XosimPart)
	m.ends()
}

func TestAWrongTokenIsSaidAndARightOneIsTakenUp(tt *testing.T) {
	t := testlab.New(tt)
	right, err := os.ReadFile(t.XOTokenFile())
	t.Must(err)
	t.Cleanup(func() { t.XOToken(strings.TrimSpace(string(right))) })
	m := newMove(t)
	from := len(t.Log(lab.Operator))
	t.XOToken("this-is-no-token")
	t.Part(t.Kill, lab.Operator)
	if err := t.StartWithoutWaiting(t.Ctx, lab.Operator); err != nil {
		t.Fatal(err)
	}
	t.Logged(lab.Operator, from, "invalid credentials", "refused")
	notReady(t)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.XOToken(strings.TrimSpace(string(right)))
	m.ends()
	t.Must(ready(t))
	text, err := os.ReadFile(t.LogFile(lab.Operator))
	t.Must(err)
	if strings.Contains(string(text), "this-is-no-token") || strings.Contains(string(text), strings.TrimSpace(string(right))) {
		t.Error("a token is in the operator's log")
	}
}

func TestAnExpiredTokenIsReplacedWithoutARestart(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	old, err := os.ReadFile(t.XOTokenFile())
	t.Must(err)
	t.Fault(map[string]any{"name": "expire-token", "token": strings.TrimSpace(string(old))})
	t.Fault(map[string]any{"name": "drop-session"})
	notReady(t)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Because("move", "Reconciling", "XenOrchestraAway")
	t.XOToken("lab-token-second")
	m.ends()
}

func TestTheAPIServerIsAwayForAWhile(tt *testing.T) {
	m := middle(testlab.New(tt))
	m.Part(m.Kill, lab.APIServer)
	m.GoOn()
	m.Moved()
	m.Logged(lab.Operator, 0, "refused", "connect")
	// Longer than the operator's lease: it must not act when it can't know whether it still leads, and ends.
	m.MayEnd(lab.Operator)
	const away = 20 * time.Second
	over := time.Now().Add(away)
	m.Eventually(2*away, func() error {
		if left := time.Until(over); left > 0 {
			return fmt.Errorf("%s to go", left)
		}
		return nil
	})
	m.Part(m.Start, lab.APIServer)
	m.ends()
	m.Logged(lab.Operator, 0, "the lease is lost")
}

func TestTheOperatorsOwnTokenExpiresAndIsReadAgain(tt *testing.T) {
	t := testlab.New(tt)
	// The API server takes no shorter life than ten minutes, so the old token is made worthless another way: the
	// ServiceAccount is a new one of the same name.
	account := t.Do("-n", lab.OperatorNamespace, "get", "serviceaccount", lab.OperatorAccount, "-o", "json")
	t.Do("-n", lab.OperatorNamespace, "delete", "serviceaccount", lab.OperatorAccount)
	_, err := t.KubectlInput(t.Ctx, withoutServerFields(t, account), "create", "-f", "-")
	t.Must(err)
	t.Must(t.RenewToken(t.Ctx, time.Hour))
	m := request(t, false)
	m.ends()
}

func TestWithoutItsDefinitionTheOperatorSaysSoAndGoesOnLater(tt *testing.T) {
	t := testlab.New(tt)
	definition := withoutServerFields(t, t.Do("get", "crd", "xovolumemigrations.migration.xo-operator.dev", "-o", "json"))
	from := len(t.Log(lab.Operator))
	t.Do("delete", "crd", "xovolumemigrations.migration.xo-operator.dev", "--timeout=60s")
	t.Part(t.Kill, lab.Operator)
	t.Must(t.StartWithoutWaiting(t.Ctx, lab.Operator))
	t.Logged(lab.Operator, from, "xovolumemigrations.migration.xo-operator.dev")
	_, err := t.KubectlInput(t.Ctx, definition, "create", "-f", "-")
	t.Must(err)
	t.Do("wait", "--for=condition=Established", "--timeout=30s", "crd/xovolumemigrations.migration.xo-operator.dev")
	t.Must(lab.Wait(t.Ctx, testlab.MoveMax, func(context.Context) error { return ready(t) }))
	m := request(t, false)
	m.ends()
}

func TestAnOlderDefinitionIsSaid(tt *testing.T) {
	t := testlab.New(tt)
	const name, annotation = "xovolumemigrations.migration.xo-operator.dev", "migration.xo-operator.dev/schema-version"
	version := t.Do("get", "crd", name, "-o", `jsonpath={.metadata.annotations.migration\.xo-operator\.dev/schema-version}`)
	t.Cleanup(func() {
		t.Kubectl(context.Background(), "annotate", "--overwrite", "crd", name, annotation+"="+version) // the next test tells
	})
	t.Do("annotate", "--overwrite", "crd", name, annotation+"=0")
	from := len(t.Log(lab.Operator))
	t.Part(t.Kill, lab.Operator)
	t.Must(t.StartWithoutWaiting(t.Ctx, lab.Operator))
	t.Logged(lab.Operator, from, annotation, "schema-version")
	t.Do("annotate", "--overwrite", "crd", name, annotation+"="+version)
	t.Part(t.Restart, lab.Operator)
}
