package proof

import (
	"context"
	"fmt"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// handsOff makes every unplug of the attachment's VBD fail, until the function is called.
func handsOff(t *testlab.Test, attachment *testlab.Attachment) func() {
	t.Helper()
	return t.Fault(map[string]any{"name": "call-fails", "method": "vbd.disconnect", "times": 0,
		"match": attachment.Status.AttachmentMetadata["vbd"], "error": []string{"OTHER_OPERATION_IN_PROGRESS", "VBD", "OpaqueRef:NULL"}})
}

// The next Pod on the same node makes kubelet list the volume again; that must not hold up the detach which it waits for.
func TestADetachThatHadToWaitDoesNotHoldUpTheNextPodOnItsNode(tt *testing.T) {
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a1 local").UUID})
	setOn(t, "worker-a1", "pool-a")
	_, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	attachment := attachmentOf(t, volume)
	goOn := handsOff(t, attachment)
	t.In("scale", "statefulset", "db", "--replicas=0")
	held(t, volume, attachment, "failed")
	t.Do("wait", "--timeout="+testlab.MoveMax.String(), "volumeattachment/"+attachment.Metadata.Name,
		`--for=jsonpath={.metadata.annotations.migration\.xo-operator\.dev/unmounted}`)
	t.In("scale", "statefulset", "db", "--replicas=1")
	uses(t, "worker-a1", volume, true)
	restart(t) // which knows only what is written
	goOn()
	_, err = t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	if again := attachmentOf(t, volume); again.Metadata.Name != attachment.Metadata.Name {
		t.Errorf("the VolumeAttachment is %s, it was %s: this test wants one of the same name", again.Metadata.Name, attachment.Metadata.Name)
	}
	if disk := t.GoodDisk(volume, t.SR("host-a1 local")); len(disk.LostBy) > 0 {
		t.Errorf("the disk was pulled while it was mounted: %+v", disk.LostBy)
	}
}

// Who comes too late to see the unmount can not tell a Pod that waits from a mount that is there.
func TestAHeldDetachNamesThePodThatKeepsTheVolumeListed(tt *testing.T) {
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a1 local").UUID})
	setOn(t, "worker-a1", "pool-a")
	_, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	attachment := attachmentOf(t, volume)
	t.Part(t.Stop, lab.Operator)
	t.In("scale", "statefulset", "db", "--replicas=0")
	t.Do("wait", "--for=jsonpath={.metadata.deletionTimestamp}", "--timeout="+testlab.MoveMax.String(),
		"volumeattachment/"+attachment.Metadata.Name)
	t.In("scale", "statefulset", "db", "--replicas=1")
	uses(t, "worker-a1", volume, true)
	t.Part(t.Start, lab.Operator)
	held(t, volume, attachment, "Pod "+t.Namespace+"/db-0", "scale")
	t.In("scale", "statefulset", "db", "--replicas=0")
	detached(t, volume, attachment)
	t.In("scale", "statefulset", "db", "--replicas=1")
	_, err = t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
}

// Report 6: the host is dead, and XAPI says that its VMs run.
func TestADiskOnAHostThatDiedIsHeldWithWhatToDoAndGoesOnByItself(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("pool-a shared").UUID, Tag: "k8s-shared"}, "worker-a2")
	call := admin(t)
	on := t.Fault(map[string]any{"name": "host-power-off", "host": "host-a2"})
	deleted(t, attachment)
	held(t, volume, attachment, "host-a2", "node.kubernetes.io/out-of-service")
	t.Cleanup(func() {
		t.Kubectl(context.Background(), "taint", "node", "worker-a2", "node.kubernetes.io/out-of-service-") // the next tests tell
	})
	t.Do("taint", "node", "worker-a2", "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
	held(t, volume, attachment, "xe vm-reset-powerstate uuid="+t.World.VM("worker-a2").UUID)
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-a2", map[string]any{"powerState": "halted"}))
	detached(t, volume, attachment)
	t.Attached(t.Attach(volume, "worker-a1"), volume)
	on()
	call("vm.start", map[string]any{"id": t.World.VM("worker-a2").UUID})
}

// Report 7 (a): who deletes a halted worker deletes the disks that it has.
func TestAHaltedVMLosesTheDiskThatNoPodUsesThere(tt *testing.T) {
	t := testlab.New(tt)
	volume, attachment := attached(t, lab.VolumeOptions{Claim: "data", SR: t.SR("host-a2 local").UUID}, "worker-a2")
	call := admin(t)
	worker := map[string]any{"id": t.World.VM("worker-a2").UUID}
	call("vm.stop", map[string]any{"id": worker["id"], "force": true})
	t.Cleanup(func() { call("vm.start", worker) })
	t.Eventually(testlab.MoveMax, func() error {
		disk, err := t.CheckDisk(t.Ctx, volume, t.SR("host-a2 local").UUID)
		if err == nil && len(disk.VBDs) > 0 {
			err = fmt.Errorf("the disk has %+v", disk.VBDs)
		}
		return err
	})
	deleted(t, attachment)
	detached(t, volume, attachment)
}

// Report 8: kubelet is silent, the VM writes, the Pod is gone by force.
func TestADiskIsNotPulledFromAVMThatWritesWhileItsKubeletIsSilent(tt *testing.T) {
	tt.Parallel() // nobody else of those uses worker-b1
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-b1 local").UUID})
	setOn(t, "worker-b1", "pool-b")
	_, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	attachment := attachmentOf(t, volume)
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-b1", map[string]any{"writeRate": 1 << 20}))
	t.Cleanup(func() {
		t.Must(t.Xosim.ChangeVM(context.Background(), "worker-b1", map[string]any{"writeRate": 0}))
		t.Must(t.Thaw(context.Background(), lab.Kubelet("worker-b1")))
	})
	t.Part(t.Freeze, lab.Kubelet("worker-b1"))
	t.In("delete", "statefulset", "db", "--wait=false")
	t.In("delete", "pod", "db-0", "--force", "--grace-period=0")
	deleted(t, attachment) // as Kubernetes does after six minutes
	held(t, volume, attachment, "status.volumesInUse")
	held(t, volume, attachment, "nothing is heard of Node worker-b1", "migration.xo-operator.dev/force-detach=true")
	t.Mentions(told(t, "worker-b1", "DetachHeld"), volume.Disk)
	t.Must(t.Xosim.ChangeVM(t.Ctx, "worker-b1", map[string]any{"writeRate": 0}))
	t.Part(t.Thaw, lab.Kubelet("worker-b1"))
	t.Do("wait", "--for=delete", "--timeout="+testlab.MoveMax.String(), "volumeattachment/"+attachment.Metadata.Name)
	if disk := truly(t, volume.VDI); len(disk.LostBy) > 0 || disk.LostBytes > 0 || disk.StaleBytes > 0 {
		t.Errorf("bytes are lost: %+v", disk)
	}
}
