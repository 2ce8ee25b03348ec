package proof

import (
	"errors"
	"testing"

	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// onPoolB is a volume that worker-b1 has, the only node of its pool.
func onPoolB(t *testlab.Test) (*lab.Volume, *testlab.Attachment) {
	t.Helper()
	return attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-b1 local").UUID}, "worker-b1")
}

// Report 1 (a): what is not to be seen is not detached.
func TestAVolumeOfAPoolThatXenOrchestraCouldNotConnectToStaysAttached(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := onPoolB(t)
	connect := t.Fault(map[string]any{"name": "pool-disconnected", "pool": "pool-b"})
	deleted(t, attachment)
	t.Mentions(told(t, attachment.Metadata.Name, "PoolAway"), "Settings")
	stillAttached(t, volume, attachment)
	connect()
	detached(t, volume, attachment)
}

// Report 1 (b): nor by an operator that never saw the pool.
func TestAnOperatorThatStartsWhileAPoolIsAwayDetachesNothingOfIt(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := onPoolB(t)
	connect := t.Fault(map[string]any{"name": "pool-disconnected", "pool": "pool-b"})
	restart(t)
	deleted(t, attachment)
	told(t, attachment.Metadata.Name, "PoolAway")
	stillAttached(t, volume, attachment)
	connect()
	detached(t, volume, attachment)
}

// Report 1 (c): a copy whose pool goes out of sight has not failed, and nobody is asked.
func TestAPoolThatGoesOutOfSightInMidMoveIsWaitedFor(tt *testing.T) {
	t := testlab.New(tt)
	move := &testlab.Move{Test: t, Volume: t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-b1 local").UUID}),
		To: []*lab.SR{t.SR("pool-b shared")}}
	move.Hold()
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s}", "data"))
	move.Copying()
	t.Phase("move", "Migrating")
	connect := t.Fault(map[string]any{"name": "pool-disconnected", "pool": "pool-b"})
	t.Because("move", "Reconciling", "PoolAway")
	move.GoOn()
	t.Eventually(testlab.MoveMax, func() error { // XAPI copies on, without Xen Orchestra
		truth, err := t.Xosim.Truth(t.Ctx)
		if err != nil {
			return err
		}
		for _, disk := range truth.Named(move.Volume.Disk) {
			if disk.UUID != move.Volume.VDI && disk.Complete {
				return nil
			}
		}
		return errors.New("the copy is not complete")
	})
	connect()
	if migration := t.Phase("move", "Succeeded"); migration.Status.Attempts != 1 {
		t.Errorf("%d attempts were made", migration.Status.Attempts)
	}
	t.GoodDisk(move.Volume, move.To...)
}

// Report 1 (d), the worst of all: with the real disk's pool away, a replica is the only disk of the name.
func TestAReplicaInAnotherPoolIsNotTakenForTheVolumeWhileItsPoolIsAway(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := onPoolB(t)
	t.Detach(attachment.Metadata.Name)
	replica, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("pool-a shared").UUID, Size: volume.Size, Seed: 4711,
		Description: `csi:info: {"migrating":{"enabled":true},"srsWithTag":"k8s-local"}`})
	t.Must(err)
	connect := t.Fault(map[string]any{"name": "pool-disconnected", "pool": "pool-b"})
	other := t.Attach(volume, "worker-a1")
	told(t, other, "PoolAway")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Because("move", "Reconciling", "PoolAway")
	noAttempts(t, "move")
	untouched(t, replica.UUID, replica.SHA256, volume.Disk)
	connect()
	t.NotAttached(other, "pool")
	t.Detach(other) // who waits for an attach holds the move up
	t.Phase("move", "Succeeded")
	t.GoodDiskBeside(volume, truly(t, replica.UUID), t.SR("pool-b shared"))
}

// Report 1 (e): a server that a person has disabled shows nothing, too.
func TestAServerThatAPersonHasDisabledLosesNoVolume(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := onPoolB(t)
	call := admin(t)
	server := ""
	for _, one := range call("server.getAll", map[string]any{}).([]any) {
		if wire.Of(one).Text("poolId") == t.World.VM("worker-b1").Pool {
			server = wire.Of(one).Text("id")
		}
	}
	call("server.disable", map[string]any{"id": server})
	enabled := false
	t.Cleanup(func() {
		if !enabled {
			call("server.enable", map[string]any{"id": server})
		}
	})
	deleted(t, attachment)
	told(t, attachment.Metadata.Name, "PoolAway")
	stillAttached(t, volume, attachment)
	call("server.enable", map[string]any{"id": server})
	enabled = true
	detached(t, volume, attachment)
}

// Report 37: a user who is no administrator sees a part, and takes it for no more than that.
func TestATokenThatSeesAPartOfTheWorldConcludesNothingFromWhatIsMissing(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := onPoolB(t)
	t.Cleanup(func() { t.XOToken("lab-token") }) // it is read again by itself
	t.XOToken("tenant-token")
	restart(t)
	deleted(t, attachment)
	t.Mentions(told(t, attachment.Metadata.Name, "PoolAway"), "administrator")
	stillAttached(t, volume, attachment)
	t.XOToken("lab-token")
	t.Part(t.Restart, lab.Operator)
	detached(t, volume, attachment)
}
