package scenarios

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func printed(watch *testlab.Watch, text string) error {
	if strings.Contains(strings.Join(watch.Lines(), "\n"), text) {
		return nil
	}
	return errors.New(text + " was not printed yet")
}

// halfway starts a move that stops for as long as the test wants when half of the data is copied, and waits until it is there.
// The function it returns lets the copy go on.
func halfway(t *testlab.Test, more string) (*lab.Volume, func()) {
	t.Helper()
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	goOn := t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", more, "data"))
	t.MigrationThat("move", "progress", func(m *lab.Migration) bool {
		return m.Status.Phase == "Migrating" && m.Status.Progress != "" && m.Status.Progress != "0%"
	})
	return volume, goOn
}

// cancelled checks that a stopped move left the source where and as it was, under its name alone.
func cancelled(t *testlab.Test, volume *lab.Volume) {
	t.Helper()
	t.Eventually(testlab.MoveMax, func() error {
		disk, err := t.CheckDisk(t.Ctx, volume, t.SR("host-a1 local").UUID)
		if err == nil && disk.UUID != volume.VDI {
			return errors.New("the source is gone")
		}
		return err
	})
	t.Attached(t.Attach(volume, "worker-a1"), volume)
}

func TestCancelInMidMoveLeavesTheSource(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, _ := halfway(t, "")
	t.In("patch", "xvm", "move", "--type=merge", "-p", `{"spec":{"cancel":true}}`)
	migration := t.Phase("move", "Cancelled")
	if condition := migration.Condition("Cancelled"); condition == nil || condition.Status != "True" {
		t.Errorf("condition Cancelled is %+v", condition)
	}
	cancelled(t, volume)
}

func TestDeletionInMidMoveLeavesTheSourceAndDoesNotHang(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, _ := halfway(t, "")
	t.In("delete", "xvm", "move", "--timeout="+testlab.MoveMax.String())
	cancelled(t, volume)
}

func TestAnotherTargetInMidMoveIsObeyedAfterwards(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, goOn := halfway(t, "")
	there := t.SR("host-a2 local") // not where it comes from: that would be a request to cancel
	t.In("patch", "xvm", "move", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"target":{"srsWithTag":null,"srUUID":%q}}}`, there.UUID))
	t.Because("move", "Reconciling", "SpecChangeDeferred")
	goOn()
	t.MigrationThat("move", "generation 2 done", func(m *lab.Migration) bool {
		ready := m.Condition("Ready")
		return ready != nil && ready.Status == "True" && m.Status.Phase == "Succeeded" && m.Status.To != "pool-a shared"
	})
	t.GoodDisk(volume, there)
}

func TestACopyThatFailsIsTriedAgain(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.6, "match": volume.Disk, "times": 2})
	watch := t.Watch("xovolumemigrations")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 2s}", "data"))
	migration := t.Phase("move", "Succeeded")
	if migration.Status.Attempts != 3 {
		t.Errorf("two attempts failed and one succeeded; attempts is %d", migration.Status.Attempts)
	}
	t.GoodDisk(volume, t.SR("pool-a shared"))
	t.Eventually(testlab.MoveMax, func() error { return printed(watch, "BackingOff") })
	t.Mentions(t.In("describe", "xvm", "move"), "AttemptFailed")
}

func TestARetryLimitIsKept(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.3, "match": volume.Disk, "times": 0})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {limit: 2, initialDelay: 1s, maxDelay: 1s}", "data"))
	migration := t.Because("move", "Stalled", "RetryLimitReached")
	if migration.Status.Phase != "Failed" || migration.Status.Attempts != 2 {
		t.Errorf("phase is %s after %d attempts", migration.Status.Phase, migration.Status.Attempts)
	}
	cancelled(t, volume)
}

func TestACopyThatStallsCountsAsFailed(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk, "times": 1})
	t.Apply(strings.Replace(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}",
		"retry: {initialDelay: 1s, maxDelay: 1s}", "data"), "spec:\n", "spec:\n  stallTimeout: 5s\n", 1))
	migration := t.Phase("move", "Succeeded")
	if migration.Status.Attempts != 2 {
		t.Errorf("one attempt stalled and one succeeded; attempts is %d", migration.Status.Attempts)
	}
	t.GoodDisk(volume, t.SR("pool-a shared"))
}
