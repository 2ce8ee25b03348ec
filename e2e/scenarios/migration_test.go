package scenarios

import (
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func TestAnAppliedMigrationIsFollowedUntilItSucceeded(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "archive", SR: t.SR("host-a2 local").UUID, Size: 1 << 30})
	watch := t.Watch("xovolumemigrations")
	wide := t.Watch("xovolumemigrations", "-o", "wide")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "archive"))
	t.In("wait", "--for=condition=Ready", "--timeout="+testlab.MoveMax.String(), "xovolumemigration/move")
	t.In("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=10s", "xvm/move")
	disk := t.GoodDisk(volume, t.SR("pool-a shared"))
	t.Mentions(disk.Description, "k8s-shared") // or the next attach moves it back

	t.Eventually(testlab.MoveMax, func() error { return printed(watch, "Succeeded") })
	lines := strings.Join(watch.Lines(), "\n")
	t.Mentions(lines, "PHASE", "PROGRESS", "FROM", "TO", "ATTEMPTS", "AGE", "Migrating", "host-a2 local", "pool-a shared", "100%")
	t.Mentions(strings.Join(wide.Lines(), "\n"), "VOLUMES", "TRIGGER", "MESSAGE", "1/1")
	described := t.In("describe", "xvm", "move")
	t.Mentions(described, "Events:", "Migrating", "Migrated", "pool-a shared", "host-a2 local")
	if _, events, _ := strings.Cut(described, "\nEvents:"); strings.Index(events, "Starting") > strings.Index(events, "Migrated") {
		t.Errorf("the last events should be last:%s", events)
	}
	migration := t.Phase("move", "Succeeded")
	for condition, status := range map[string]string{"Ready": "True", "Reconciling": "False", "Stalled": "False", "Migrating": "False",
		"ManualRecoveryRequired": "False", "Cancelled": "False"} {
		if found := migration.Condition(condition); found == nil || found.Status != status || found.Reason == "" || (status == "True" && found.Message == "") {
			t.Errorf("condition %s should be %s with a reason, and a message where it is True; it is %+v", condition, status, found)
		}
	}
}

func TestAMigrationThatIsAlreadyDoneMovesNothing(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "archive", SR: t.SR("host-a2 local").UUID})
	t.Apply(testlab.MigrationManifest("move", "{srUUID: "+t.SR("host-a2 local").UUID+"}", "", "archive"))
	t.Because("move", "Ready", "AlreadyInPlace")
	if disk := t.GoodDisk(volume, t.SR("host-a2 local")); disk.UUID != volume.VDI {
		t.Errorf("the disk was copied: it was %s and is %s", volume.VDI, disk.UUID)
	}
}

func TestEachKindOfTargetIsReached(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	byUUID := t.Volume(lab.VolumeOptions{Claim: "by-uuid", SR: t.SR("host-a1 local").UUID})
	byTag := t.Volume(lab.VolumeOptions{Claim: "by-tag", SR: t.SR("host-a1 local").UUID})
	byNode := t.Volume(lab.VolumeOptions{Claim: "by-node", SR: t.SR("host-a1 local").UUID})
	t.Apply(`apiVersion: migration.xo-operator.dev/v1alpha1
kind: XoVolumeMigration
metadata: {name: move}
spec:
  volumes:
  - {claimName: by-uuid, target: {srUUID: ` + t.SR("host-a3 local").UUID + `}}
  - {claimName: by-tag, target: {srsWithTag: only-a3}}
  - {claimName: by-node}
  target: {nodeName: worker-a2}
`)
	t.Phase("move", "Succeeded")
	t.GoodDisk(byUUID, t.SR("host-a3 local"))
	t.GoodDisk(byTag, t.SR("only a3"))
	t.GoodDisk(byNode, t.SR("host-a2 local"))
}

func TestAMigrationWaitsForItsClaim(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "later"))
	t.Because("move", "Reconciling", "ClaimNotFound")
	volume := t.Volume(lab.VolumeOptions{Claim: "later", SR: t.SR("host-a2 local").UUID})
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

func TestAMigrationWaitsForAClaimToBeBound(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	t.Apply(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: unbound}, spec: {accessModes: [ReadWriteOnce],
storageClassName: xo-local-migrating, resources: {requests: {storage: 1Gi}}}}`)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "unbound"))
	migration := t.Because("move", "Reconciling", "ClaimNotBound")
	t.Mentions(migration.Condition("Reconciling").Message, "unbound")
}

func TestADiskInUseIsMovedUnderItsVM(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	name := t.Attach(volume, "worker-a1")
	t.Attached(name, volume)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
	t.Attached(name, volume)
	t.Mentions(t.In("get", "xvm", "move", "-o", "jsonpath={.status.migratedVolumes[0].mode}"), "Live")
}

func TestADiskInUseIsMovedWhenItIsNot(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	name := t.Attach(volume, "worker-a1")
	t.Attached(name, volume)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "mode: Offline", "data"))
	t.Because("move", "Reconciling", "InUse")
	if disk := t.GoodDisk(volume, t.SR("host-a1 local")); disk.UUID != volume.VDI {
		t.Errorf("the disk was moved while a VM had it")
	}
	t.Detach(name)
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// standstill is a migration that stops with a reason, and touches nothing.
type standstill struct {
	name      string
	volume    lab.VolumeOptions
	target    string
	condition string
	reason    string
	mentions  []string
}

func TestAMigrationThatCanNotBeStopsWithTheReason(tt *testing.T) {
	tt.Parallel()
	const nowhere = "00000000-dead-4000-8000-000000000000"
	for _, test := range []standstill{
		{"an SR that there is not", lab.VolumeOptions{}, "{srUUID: " + nowhere + "}", "Stalled", "SRNotFound", []string{nowhere}},
		{"a tag that no SR has", lab.VolumeOptions{}, "{srsWithTag: no-such-tag}", "Stalled", "TagNotFound", []string{"no-such-tag"}},
		{"a tag of local and shared SRs", lab.VolumeOptions{}, "{srsWithTag: mixed}", "Stalled", "TagMixed", []string{"mixed"}},
		{"an SR of another pool", lab.VolumeOptions{}, "{srUUID: b0000000-0000-4000-8000-0000000005bf}", "Stalled", "OtherPool",
			[]string{"pool-b"}},
		{"a node that there is not", lab.VolumeOptions{}, "{nodeName: nowhere}", "Stalled", "NodeNotFound", []string{"nowhere"}},
		{"a tag of no SR that the node reaches", lab.VolumeOptions{Tag: "only-a3"}, "{nodeName: worker-a2}", "Stalled",
			"SRNotReachable", []string{"only-a3", "worker-a2"}},
		{"a volume tracked by UUID", lab.VolumeOptions{Handle: "uuid"}, "{srsWithTag: k8s-shared}", "Stalled", "TrackedByUUID",
			[]string{"UUID"}},
		{"no room", lab.VolumeOptions{}, "{srsWithTag: full}", "Reconciling", "NoSpace", []string{"full"}},
		{"a disk that was renamed", lab.VolumeOptions{DiskName: "somebody renamed this"}, "{srsWithTag: k8s-shared}", "Stalled",
			"DiskNotFound", []string{"csi-pvc-"}},
	} {
		tt.Run(test.name, func(tt *testing.T) {
			tt.Parallel()
			t := testlab.New(tt)
			test.volume.Claim, test.volume.SR = "data", t.SR("host-a1 local").UUID
			volume := t.Volume(test.volume)
			t.Apply(testlab.MigrationManifest("move", test.target, "", "data"))
			migration := t.Because("move", test.condition, test.reason)
			t.Mentions(migration.Condition(test.condition).Message, test.mentions...)
			if ready := migration.Condition("Ready"); ready == nil || ready.Status != "False" {
				t.Errorf("Ready is %+v", ready)
			}
			if disk := t.GoodDisk(volume, t.SR("host-a1 local")); disk.UUID != volume.VDI {
				t.Errorf("the disk was copied")
			}
		})
	}
}

func TestAClaimOfAnotherDriverIsLeftAlone(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	name := "pv-other-" + t.Namespace
	t.Apply(`apiVersion: v1
kind: PersistentVolume
metadata: {name: ` + name + `}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, storageClassName: other,
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: ` + t.Namespace + `, name: foreign},
  csi: {driver: other.example.org, volumeHandle: "name:x"}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: foreign}
spec: {accessModes: [ReadWriteOnce], storageClassName: other, volumeName: ` + name + `, resources: {requests: {storage: 1Gi}}}
`)
	t.Cleanup(func() { t.Kubectl(tt.Context(), "delete", "pv", name, "--wait=false") }) // the lab ends soon
	t.Must(t.WaitBound(t.Ctx, t.Namespace, "foreign"))
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "foreign"))
	migration := t.Because("move", "Stalled", "OtherDriver")
	t.Mentions(migration.Condition("Stalled").Message, "other.example.org", name)
}

func TestTwoDisksOfOneNameAreAMatterForAPerson(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	twin, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("host-a2 local").UUID, Size: volume.Size, Seed: 6})
	t.Must(err)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	migration := t.Because("move", "ManualRecoveryRequired", "DuplicateName")
	t.Mentions(migration.Condition("ManualRecoveryRequired").Message, volume.VDI, twin.UUID)
	if migration.Status.Phase != "ManualRecoveryRequired" || migration.Condition("Stalled").Status != "True" {
		t.Errorf("phase is %s, Stalled is %s", migration.Status.Phase, migration.Condition("Stalled").Status)
	}
	t.NotAttached(t.Attach(volume, "worker-a1"), volume.Name, "person")
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	if disks := truth.Named(volume.Disk); len(disks) != 2 {
		t.Errorf("both disks must stay: %+v", disks)
	}
}
