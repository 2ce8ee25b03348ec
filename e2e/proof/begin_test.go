package proof

import (
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// Report 4: a thin SR needs room for what is written, not for what is promised.
func TestAThinSRTakesADiskOfWhichLittleIsWritten(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("thin").UUID, Size: 150 << 30, Tag: "k8s-thin"})
	t.Apply(testlab.MigrationManifest("move", "{srUUID: "+t.SR("qcow2").UUID+"}", "dryRun: true", "data"))
	t.Because("move", "Stalled", "DryRun")
	small := t.Volume(lab.VolumeOptions{Claim: "small", SR: t.SR("host-a1 local").UUID})
	t.Apply(testlab.MigrationManifest("small", "{srsWithTag: k8s-thin}", "", "small"))
	t.Phase("small", "Succeeded")
	t.GoodDisk(small, t.SR("thin"))
	t.GoodDisk(volume, t.SR("thin"))
}

// Report 11: a backup forbids to move the disks of its VM for a while.
func TestABackupThatForbidsTheMoveIsWaitedForWithItsReason(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, _ := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a2 local").UUID}, "worker-a2")
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-a2", map[string]any{"blockedOperations": map[string]any{"migrate_send": "backup of job nightly"}}))
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "mode: Live\n  retry: {limit: 1, initialDelay: 1s}", "data"))
	migration := t.Because("move", "Reconciling", "OperationBlocked")
	t.Mentions(migration.Condition("Reconciling").Message, "backup of job nightly", "worker-a2")
	noAttempts(t, "move")
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-a2", map[string]any{"blockedOperations": map[string]any{"migrate_send": nil}}))
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// Report 12: a live move wants the VM's memory a second time.
func TestALiveMoveForWhichTheMemoryIsMissingIsNotBegun(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, _ := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a3 local").UUID}, "worker-a3")
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-a3", map[string]any{"memory": 40 << 30}))
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "mode: Live\n  retry: {initialDelay: 1s}", "data"))
	migration := t.Because("move", "Reconciling", "LiveImpossible")
	t.Mentions(migration.Condition("Reconciling").Message, "memory", "40 GiB", "worker-a3")
	noAttempts(t, "move")
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-a3", map[string]any{"memory": 2 << 30}))
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// Report 14: the source is not reachable.
func TestASourceThatIsUnpluggedIsWaitedForBeforeAnyAttempt(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("unplugged a3").UUID, Tag: "k8s-unplugged"})
	plug := t.Fault(map[string]any{"name": "sr-unplugged", "sr": "unplugged a3"})
	t.Apply(testlab.MigrationManifest("look", "{srsWithTag: k8s-shared}", "dryRun: true", "data"))
	look := t.MigrationThat("look", "SRNotReachable", because("SRNotReachable"))
	t.Mentions(look.Status.Message, "unplugged a3")
	t.In("delete", "xvm", "look")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.MigrationThat("move", "SRNotReachable", because("SRNotReachable"))
	noAttempts(t, "move")
	plug()
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// because says whether any condition has the reason.
func because(reason string) func(*lab.Migration) bool {
	return func(m *lab.Migration) bool {
		for _, condition := range m.Status.Conditions {
			if condition.Reason == reason {
				return true
			}
		}
		return false
	}
}

// Report 17: snapshots stay behind, and keep the space.
func TestSnapshotsThatStayBehindAreSaidBeforeTheMove(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a3 local").UUID}, "worker-a3")
	call := admin(t)
	call("vm.snapshot", map[string]any{"id": t.World.VM("worker-a3").UUID, "name": "nightly"})
	t.Detach(attachment.Metadata.Name)
	t.Apply(testlab.MigrationManifest("look", "{srsWithTag: k8s-shared}", "dryRun: true", "data"))
	look := t.Because("look", "Stalled", "DryRun")
	t.Mentions(look.Status.Message, "snapshot", "host-a3 local", "not freed")
	t.In("delete", "xvm", "look")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "snapshots: Refuse", "data"))
	t.Because("move", "Stalled", "HasSnapshots")
	noAttempts(t, "move")
	if disk := truly(t, volume.VDI); !disk.Exists || disk.SHA256 != volume.SHA256 { // its snapshot has the same name
		t.Errorf("the disk was touched: %+v", disk)
	}
}

// Report 24: a backup brings an object back that has run long ago.
func TestAnObjectThatVeleroRestoredIsNotRun(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	manifest := testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data")
	t.Apply(strings.Replace(manifest, "metadata: {name: move}", "metadata: {name: move, labels: {velero.io/restore-name: nightly}}", 1))
	migration := t.Because("move", "Stalled", "RestoredObject")
	t.Mentions(migration.Condition("Stalled").Message, "velero.io/restore-name-")
	noAttempts(t, "move")
	t.GoodDisk(volume, t.SR("host-a1 local"))
	t.In("label", "xvm", "move", "velero.io/restore-name-")
	t.Phase("move", "Succeeded")
}

// Report 30: the storage is broken, and says so in its own words.
func TestABrokenStorageIsSaidInASentence(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	repair := t.Fault(map[string]any{"name": "call-fails", "method": "vdi.migrate", "times": 0, "match": volume.VDI,
		"error": []string{"SR_BACKEND_FAILURE_40", "", "The SR scan failed  [opterr=uuid=deadbeef]", ""}})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 2s}", "data"))
	migration := t.Because("move", "Stalled", "StorageBroken")
	if message := migration.Condition("Stalled").Message; strings.Contains(message, "(,") || strings.Contains(message, ", )") {
		t.Errorf("this is no sentence: %s", message)
	}
	repair()
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// Report 31: a disk that the image format can not hold.
func TestADiskThatIsTooLargeForTheFormatIsRefusedBeforeAnyAttempt(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("qcow2").UUID, Size: 3 << 40, Tag: "k8s-qcow2"})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-vhd}", "", "data"))
	migration := t.Because("move", "Stalled", "DiskTooLarge")
	t.Mentions(migration.Condition("Stalled").Message, "2040 GiB")
	noAttempts(t, "move")
	t.GoodDisk(volume, t.SR("qcow2"))
}

// A UUID may be written in capitals.
func TestAUUIDInCapitalsIsTheSameSR(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Apply(testlab.MigrationManifest("move", "{srUUID: "+strings.ToUpper(t.SR("pool-a shared").UUID)+"}", "", "data"))
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// Report 19: attempts that fail late are counted by what they have copied in vain.
func TestCopiesInVainAreCountedAndTold(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID, Size: 64 << 20})
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.95, "match": volume.Disk, "times": 4})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s, maxDelay: 1s}", "data"))
	told(t, "move", "CopiedInVain")
	if migration := t.Phase("move", "Succeeded"); len(migration.Status.Leftovers) > 1 {
		t.Errorf("leftovers pile up: %+v", migration.Status.Leftovers)
	}
	t.GoodDisk(volume, t.SR("pool-a shared"))
}
