package trouble

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// kstatus is what tools that apply manifests and wait (Flux, Argo CD by a health check, kpt) conclude about the migration.
func kstatus(t *testlab.Test) (*status.Result, error) {
	text, err := t.Kubectl(t.Ctx, "-n", t.Namespace, "get", "xvm", "move", "-o", "json")
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		return nil, err
	}
	return status.Compute(object)
}

// concludes waits until they conclude this.
func concludes(t *testlab.Test, wanted status.Status) {
	t.Helper()
	t.Eventually(testlab.MoveMax, func() error {
		result, err := kstatus(t)
		if err == nil && result.Status != wanted {
			err = fmt.Errorf("they conclude %s, it should be %s: %s", result.Status, wanted, result.Message)
		}
		return err
	})
}

// concludeNow checks that they conclude this without waiting: the operator has said what matters.
func concludeNow(t *testlab.Test, wanted status.Status) {
	t.Helper()
	result, err := kstatus(t)
	t.Must(err)
	if result.Status != wanted {
		t.Errorf("they conclude %s, it should be %s: %s", result.Status, wanted, result.Message)
	}
}

func TestToolsThatWaitConcludeThatAMoveIsInProgressUntilItIsDoneAndAgainWhenTheSpecChanges(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	m.Hold()
	t.MayEnd(lab.Operator) // a process that was frozen may find that it does not lead any more
	t.Part(t.Freeze, lab.Operator)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	concludeNow(t, status.InProgressStatus) // nobody has looked at it yet
	t.Part(t.Thaw, lab.Operator)
	m.Copying()
	concludes(t, status.InProgressStatus)
	m.GoOn()
	m.Moved()
	t.Phase("move", "Succeeded")
	concludeNow(t, status.CurrentStatus)
	t.MayEnd(lab.Operator)
	t.Part(t.Freeze, lab.Operator)
	t.In("patch", "xvm", "move", "--type=merge", "-p", `{"spec":{"stallTimeout":"20m"}}`)
	concludeNow(t, status.InProgressStatus) // what it says is about another generation
	t.Part(t.Thaw, lab.Operator)
	concludes(t, status.CurrentStatus)
}

func TestToolsThatWaitConcludeThatAPersonIsNeeded(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	_, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: m.Volume.Disk, SR: t.SR("host-a2 local").UUID, Size: m.Volume.Size, Seed: 6})
	t.Must(err)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Because("move", "ManualRecoveryRequired", "DuplicateName")
	concludeNow(t, status.FailedStatus)
	answer, err := json.Marshal(map[string]any{"spec": map[string]any{"recovery": []any{map[string]any{"claimName": "data", "keep": m.Volume.VDI}}}})
	t.Must(err)
	t.In("patch", "xvm", "move", "--type=merge", "-p", string(answer))
	t.Phase("move", "Succeeded")
	concludeNow(t, status.CurrentStatus)
}

func TestToolsThatWaitConcludeThatARefusedMoveHasFailedUntilItIsNotRefusedAnyMore(tt *testing.T) {
	t := testlab.New(tt)
	m := newMove(t)
	allow := t.Fault(map[string]any{"name": "call-fails", "method": "vdi.migrate", "times": 0,
		"error": []string{"SR_NOT_ATTACHED", "OpaqueRef:NULL"}})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 1s}", "data"))
	t.Because("move", "Stalled", "Refused")
	allow()
	m.ends()
	concludes(t, status.CurrentStatus)
}

func TestToolsThatWaitConcludeThatACancelledMoveGoesOnNoMore(tt *testing.T) {
	t := testlab.New(tt)
	middle(t)
	t.In("patch", "xvm", "move", "--type=merge", "-p", `{"spec":{"cancel":true}}`)
	t.Phase("move", "Cancelled")
	concludeNow(t, status.FailedStatus)
}

func TestToolsThatWaitConcludeThatADeletedMoveIsTerminatingUntilItIsGone(tt *testing.T) {
	t := testlab.New(tt)
	m := middle(t)
	t.Part(t.Freeze, lab.Operator)
	t.MayEnd(lab.Operator)
	t.In("delete", "xvm", "move", "--wait=false")
	concludeNow(t, status.TerminatingStatus)
	t.Part(t.Thaw, lab.Operator)
	t.Gone("xvm", "move")
	m.GoodDisk(m.Volume, t.SR("host-a1 local"))
}
