package scenarios

import (
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func TestAVolumeIsAttachedAndDetachedAsKubernetesAsks(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	name := t.Attach(volume, "worker-a1")
	attachment := t.Attached(name, volume)
	const finalizer = "external-attacher/csi-xen-orchestra-marcsi-ch"
	if len(attachment.Metadata.Finalizers) != 1 || attachment.Metadata.Finalizers[0] != finalizer {
		t.Errorf("finalizers are %v, external-attacher's would be %s", attachment.Metadata.Finalizers, finalizer)
	}
	t.Mentions(t.Do("get", "pv", volume.Name, "-o", "jsonpath={.metadata.finalizers}"), finalizer)
	t.Mentions(t.Do("get", "volumeattachment", name, "-o", "jsonpath={.metadata.annotations}"), "csi.alpha.kubernetes.io/node-id", t.World.VM("worker-a1").UUID)
	t.Detach(name)
	if disk := t.GoodDisk(volume, t.SR("host-a1 local")); len(disk.VBDs) != 0 {
		t.Errorf("after the detach the disk still has %+v", disk.VBDs)
	}
}

func TestAVolumeThatAnotherVMHasIsNotTakenFromIt(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	first := t.Attach(volume, "worker-a1")
	t.Attached(first, volume)
	second := t.Attach(volume, "worker-a2")
	t.NotAttached(second, "worker-a1")
	t.Attached(first, volume)
	t.Detach(first)
	t.Attached(second, volume)
	t.GoodDisk(volume, t.SR("host-a2 local"))
}

func TestADiskThatWasRenamedIsNotFoundUntilItsNameIsBack(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID, DiskName: "somebody renamed it"})
	expected := "csi-" + volume.Name
	name := t.Attach(volume, "worker-a1")
	t.NotAttached(name, expected)
	_, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: expected, SR: t.SR("host-a1 local").UUID, Size: volume.Size, Seed: 5,
		Description: `csi:info: {"migrating":{"enabled":true},"srsWithTag":"k8s-local"}`})
	t.Must(err)
	t.Attachment(name, "attached", func(a *testlab.Attachment) bool { return a.Status.Attached })
}

func TestWithTwoDisksOfOneNameNoneIsAttached(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	twin, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("host-a2 local").UUID, Size: volume.Size, Seed: 6})
	t.Must(err)
	t.Apply(testlab.MigrationManifest("look", "{srsWithTag: k8s-shared}", "", "data"))
	t.Phase("look", "ManualRecoveryRequired") // now the operator has seen both
	t.In("delete", "xvm", "look")
	name := t.Attach(volume, "worker-a1")
	t.NotAttached(name, volume.Disk, volume.VDI, twin.UUID)
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	if disks := truth.Named(volume.Disk); len(disks) != 2 || len(disks[0].VBDs)+len(disks[1].VBDs) != 0 {
		t.Errorf("both disks must stay, attached nowhere: %+v", disks)
	}
}

// refusal is a volume that can't be attached to worker-a2, and what the attachError must mention.
type refusal struct {
	name     string
	volume   lab.VolumeOptions
	sr       string
	mentions []string
}

func TestAnAttachThatCanNotBeIsRefusedWithTheReason(tt *testing.T) {
	tt.Parallel()
	for _, test := range []refusal{
		{"a tag that no SR has", lab.VolumeOptions{Tag: "no-such-tag"}, "host-a1 local", []string{"no-such-tag"}},
		{"a tag of local and shared SRs", lab.VolumeOptions{Tag: "mixed"}, "host-a1 local", []string{"mixed"}},
		{"a tag of no SR that the node reaches", lab.VolumeOptions{Tag: "only-a3"}, "only a3", []string{"only-a3", "host-a2"}},
		{"a disk that does not migrate", lab.VolumeOptions{Description: `csi:info: {"srsWithTag":"k8s-local"}`}, "host-a1 local",
			[]string{"host-a1 local"}},
		{"garbage in the marker", lab.VolumeOptions{Description: "csi:info: {garbage"}, "host-a1 local", []string{"csi:info"}},
		{"migrating without a tag", lab.VolumeOptions{Description: `csi:info: {"migrating":{"enabled":true}}`}, "host-a1 local",
			[]string{"srsWithTag"}},
		{"a volume tracked by UUID", lab.VolumeOptions{Handle: "uuid"}, "host-a1 local", []string{"UUID"}},
		{"a handle of no known form", lab.VolumeOptions{Handle: "what is this"}, "host-a1 local", []string{"what is this"}},
		{"neither an SR nor a tag", lab.VolumeOptions{Description: "csi:info: {}", Class: "says-nothing"}, "host-a1 local",
			[]string{"srUUID", "srsWithTag"}},
		{"a disk in another pool", lab.VolumeOptions{}, "host-b1 local", []string{"pool"}},
	} {
		tt.Run(test.name, func(tt *testing.T) {
			tt.Parallel()
			t := testlab.New(tt)
			test.volume.Claim, test.volume.SR = "data", t.SR(test.sr).UUID
			volume := t.Volume(test.volume)
			name := t.Attach(volume, "worker-a2")
			t.NotAttached(name, test.mentions...)
			t.GoodDisk(volume, t.SR(test.sr))
			t.Detach(name)
		})
	}
}

func TestAnAttachThatNeedsRoomWaitsForItAndSaysSo(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("tight a1").UUID, Tag: "tight"})
	name := t.Attach(volume, "worker-a2")
	move := t.AttachMove()
	migration := t.Because(move.Metadata.Name, "Reconciling", "NoSpace")
	t.Mentions(migration.Condition("Reconciling").Message, "tight a2")
	attachment := t.Attachment(name, "not attached", func(a *testlab.Attachment) bool { return !a.Status.Attached })
	if disk := t.GoodDisk(volume, t.SR("tight a1")); disk.UUID != volume.VDI || len(attachment.Status.AttachmentMetadata) > 0 {
		t.Errorf("the disk was moved or attached: %+v", disk)
	}
	t.Do("delete", "volumeattachment", name, "--timeout="+testlab.MoveMax.String())
	t.Gone("xvm", move.Metadata.Name)
}

func TestSettingsThatContradictEachOtherAreRefused(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID, Description: "csi:info: {}",
		Attributes: map[string]string{"srUUID": t.SR("host-a1 local").UUID, "migrating": "true"}})
	name := t.Attach(volume, "worker-a2")
	t.NotAttached(name, "srUUID", "migrating")
}

func TestANodeThatIsNoVMIsRefused(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	const nobody = "00000000-dead-4000-8000-000000000000"
	t.Apply(`{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: ghost},
spec: {drivers: [{name: ` + lab.Driver + `, nodeID: ` + nobody + `, topologyKeys: [pool]}]}}`)
	t.Cleanup(func() { t.Kubectl(tt.Context(), "delete", "csinode", "ghost") }) // the lab ends soon
	t.NotAttached(t.Attach(volume, "ghost"), nobody)
	t.NotAttached(t.Attach(volume, "nowhere"), "nowhere", "CSINode")
}
