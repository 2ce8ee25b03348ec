package proof

import (
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// Report 2: XO's nightly replica has the volume's name, and its marker.
func TestANightlyReplicaIsIgnoredAndLeftAsItIs(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}, "worker-a1")
	made, err := t.Xosim.MakeBackup(t.Ctx, map[string]any{"kind": "replica", "vm": "worker-a1", "disk": volume.VDI, "sr": "pool-a shared"})
	t.Must(err)
	replica := truly(t, made.Disks[0].UUID)
	t.Detach(attachment.Metadata.Name)
	// To another host: the disk is moved first, past its replica.
	second := t.Attach(volume, "worker-a2")
	t.Attached(second, volume)
	t.Mentions(told(t, "data", "StrangersIgnored"), replica.UUID)
	t.GoodDiskBeside(volume, replica, t.SR("host-a2 local"))
	t.Detach(second)
	t.Apply(testlab.MigrationManifest("move", "{nodeName: worker-a3}", "", "data"))
	t.Phase("move", "Succeeded")
	t.GoodDiskBeside(volume, replica, t.SR("host-a3 local"))
	untouched(t, replica.UUID, replica.SHA256, volume.Disk)
}

// Report 2: the health check of a backup boots a VM with what it restored; that VM is no Node.
func TestARestoredDiskOnARunningVMThatIsNoNodeIsNotTheVolume(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}, "worker-a1")
	made, err := t.Xosim.MakeBackup(t.Ctx, map[string]any{"kind": "health-check", "vm": "worker-a1", "disk": volume.VDI, "sr": "pool-a shared"})
	t.Must(err)
	check := made.Disks[0].UUID
	t.Detach(attachment.Metadata.Name)
	t.Attached(t.Attach(volume, "worker-a1"), volume)
	if disk := truly(t, volume.VDI); len(disk.AttachedTo()) != 1 {
		t.Errorf("the volume's own disk should be attached: %+v", disk)
	}
	if disk := truly(t, check); disk.Name != volume.Disk {
		t.Errorf("a backup's disk was renamed: %+v", disk)
	}
}

// Report 28 and 36: the disk is renamed in Xen Orchestra while it is free; a name that backups skip is a rename, too.
func TestARenamedDiskIsNamedWithTheNameThatItHadAndTakenUpWhenItIsBack(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}, "worker-a1")
	t.Detach(attachment.Metadata.Name)
	call := admin(t)
	call("vdi.set", map[string]any{"id": volume.VDI, "name_label": "[NOBAK] " + volume.Disk})
	name := t.Attach(volume, "worker-a1")
	t.NotAttached(name, volume.VDI, `"[NOBAK] `+volume.Disk+`"`, "give it that name back")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "dryRun: true", "data"))
	t.Because("move", "Stalled", "DiskRenamed")
	call("vdi.set", map[string]any{"id": volume.VDI, "name_label": volume.Disk})
	t.Attached(name, volume)
}

// Report 7 (c): the disk went with its VM.
func TestADestroyedDiskIsSaidToBeDestroyed(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID}, "worker-a1")
	t.Detach(attachment.Metadata.Name)
	t.Must(t.Xosim.RemoveDisk(t.Ctx, volume.VDI))
	t.NotAttached(t.Attach(volume, "worker-a1"), volume.VDI, "does not exist any more", "host-a1 local")
}

// An SR that is forgotten takes its disks out of reach, not out of the world.
func TestADiskOfAForgottenSRIsOutOfReachUntilItIsIntroducedAgain(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("forgotten a").UUID, Tag: "k8s-forgotten"}, "worker-a1")
	t.Detach(attachment.Metadata.Name)
	stranger, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("pool-a shared").UUID, Size: volume.Size, Seed: 99})
	t.Must(err)
	t.Must(t.Xosim.ForgetSR(t.Ctx, "forgotten a"))
	name := t.Attach(volume, "worker-a1")
	t.NotAttached(name, volume.VDI, "out of reach")
	untouched(t, stranger.UUID, stranger.SHA256, volume.Disk)
	t.Must(t.Xosim.IntroduceSR(t.Ctx, "forgotten a"))
	call := admin(t) // an SR of that type comes back without the names of its disks
	t.Eventually(testlab.MoveMax, func() error {
		disk := truly(t, volume.VDI)
		if disk.Name != volume.Disk {
			call("vdi.set", map[string]any{"id": volume.VDI, "name_label": volume.Disk})
		}
		return nil
	})
	t.Attached(name, volume)
	untouched(t, stranger.UUID, stranger.SHA256, volume.Disk)
}

// Report 21: the hypervisor moved the disk to an SR without its tag.
func TestAVolumeThatStrayedIsSaidAndBroughtBackByItsNode(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("pool-a shared").UUID}) // of tag k8s-local
	t.Apply(testlab.MigrationManifest("move", "{nodeName: worker-a3}", "", "data"))
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("host-a3 local"))
}

// Report 10: a control domain keeps the disk after a backup.
func TestADiskThatAControlDomainKeepsIsTroubleAndNotProgress(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Happen(map[string]any{"name": "dom0-keeps-vbd", "match": volume.Disk})
	name := t.Attach(volume, "worker-a1")
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "dryRun: true", "data"))
	t.NotAttached(name, "control domain", "Health")
	t.Because("move", "Stalled", "DiskInControlDomain")
	call := admin(t)
	for _, vbd := range truly(t, volume.VDI).VBDs {
		call("vbd.disconnect", map[string]any{"id": vbd.UUID})
		call("vbd.delete", map[string]any{"id": vbd.UUID})
	}
	t.Attached(name, volume)
}
