package proof

import (
	"fmt"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// Report 5: XAPI forgets the task of a copy after a day; the work goes on, and is followed to its end. That the copy is whole is not proven
// then, so it is a leftover; but never two of them, and never while it is being made.
func TestACopyWhoseTaskIsForgottenIsFollowedToItsEnd(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	move := &testlab.Move{Test: t, Volume: t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}),
		To: []*lab.SR{t.SR("pool-a shared")}}
	t.Happen(map[string]any{"name": "task-forgotten", "at": 0.3, "match": move.Volume.Disk})
	move.Hold()
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s}", "data"))
	move.Copying()
	t.Phase("move", "Migrating")
	const quiet = 70 * time.Second // longer than it takes to be sure that nothing moves
	over := time.Now().Add(quiet)
	t.Eventually(2*quiet, func() error {
		migration, err := t.Migration(t.Ctx, t.Namespace, "move")
		if err == nil && (migration.Status.Attempts > 1 || len(migration.Status.Leftovers) > 0) {
			t.Fatalf("the copy goes on, and it is taken for failed: %+v", migration.Status)
		}
		if left := time.Until(over); err == nil && left > 0 {
			err = fmt.Errorf("%s to go", left)
		}
		return err
	})
	move.GoOn()
	migration := t.Phase("move", "Succeeded", "ManualRecoveryRequired", "Failed")
	if migration.Status.Phase != "Succeeded" || migration.Status.Attempts > 2 || len(migration.Status.Leftovers) > 1 {
		t.Errorf("it is %s after %d attempts: %s; leftovers %+v", migration.Status.Phase, migration.Status.Attempts,
			migration.Status.Message, migration.Status.Leftovers)
	}
	for _, leftover := range migration.Status.Leftovers {
		if disk := truly(t, leftover.VDIUUID); !disk.Complete {
			t.Errorf("a copy was given up while it was made: %+v", disk)
		}
	}
	t.GoodDisk(move.Volume, move.To...)
}
