package scenarios

import (
	"fmt"
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// podEvents are the events that the operator wrote for a Pod: reason and message, a line each.
func podEvents(t *testlab.Test, pod string) string {
	return t.In("get", "events", "--field-selector", "involvedObject.kind=Pod,involvedObject.name="+pod, "--no-headers",
		"-o", "custom-columns=REASON:.reason,MESSAGE:.message,FROM:.reportingComponent")
}

// This one drains a node, so it runs alone: parallel tests start when all others have ended.
func TestADrainedPodRunsElsewhereWithItsData(tt *testing.T) {
	t := testlab.New(tt)
	// Long enough that somebody who waits wants to know how far it is.
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a1 local").UUID, Size: 2 << 30})
	t.Apply(lab.StatefulSet(t.Namespace, "db", "worker-a1", "pool-a"))
	pod, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "")
	t.Must(err)
	if pod.Spec.NodeName != "worker-a1" {
		t.Fatalf("the Pod prefers worker-a1 and is on %s", pod.Spec.NodeName)
	}
	if list, err := t.Migrations(t.Ctx, t.Namespace); err != nil || len(list) > 0 {
		t.Fatalf("the disk was where the Pod is, and %d migrations were made (%v)", len(list), err)
	}
	t.Must(t.Write(t.Ctx, volume, "worker-a1", 100<<20, 8<<20, 77))

	migrations := t.Watch("xovolumemigrations")
	t.Cleanup(func() { t.Kubectl(tt.Context(), "uncordon", "worker-a1") }) // the next test tells
	t.Do("drain", "worker-a1", "--ignore-daemonsets", "--timeout=60s")
	pod, err = t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, "db-0", "worker-a1")
	t.Must(err)
	t.Do("uncordon", "worker-a1")

	home := t.World.LocalSR(t.World.VM(pod.Spec.NodeName).Host, "k8s-local")
	disk := t.GoodDisk(volume, home)
	if attached := disk.AttachedTo(); len(attached) != 1 || attached[0] != t.World.VM(pod.Spec.NodeName).UUID {
		t.Errorf("the disk is attached to %v, the Pod is on %s", attached, pod.Spec.NodeName)
	}
	staged, err := t.StagedAt(pod.Spec.NodeName, volume)
	t.Must(err)
	if staged.SHA256 != volume.SHA256 {
		t.Errorf("%s saw %s, the disk holds %s", pod.Spec.NodeName, staged.SHA256, volume.SHA256)
	}
	noProblems(t, volume)
	t.Mentions(podEvents(t, "db-0"), "MovingDisk", volume.Disk, "host-a1 local", home.Name, "%")
	t.Mentions(strings.Join(migrations.Lines(), "\n"), "PHASE", "Migrating", "host-a1 local", home.Name)
	move := t.AttachMove()
	if move.Status.Phase != "Succeeded" {
		t.Errorf("the Pod runs, and its migration is %s", move.Status.Phase)
	}
}

// noProblems checks that no node's plugin met a volume that was not as it should be.
func noProblems(t *testlab.Test, volume *lab.Volume) {
	t.Helper()
	for _, node := range t.World.Nodes() {
		lines, err := t.Journal(node.Name, volume.Handle)
		t.Must(err)
		for _, line := range lines {
			if line.Problem != "" {
				t.Errorf("%s: %s: %s", node.Name, line.Call, line.Problem)
			}
		}
	}
}

// moveTo makes the set's Pod run on a node; Kubernetes replaces the Pod.
func moveTo(t *testlab.Test, set, node string) *lab.Pod {
	t.Helper()
	was, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, set+"-0", "")
	t.Must(err)
	t.In("patch", "statefulset", set, "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"template":{"spec":{"nodeSelector":{"kubernetes.io/hostname":%q}}}}}`, node))
	pod, err := t.WaitPod(t.Ctx, testlab.MoveMax, t.Namespace, set+"-0", was.Spec.NodeName)
	t.Must(err)
	return pod
}

func TestAPodMovesBackAndForthAndItsDiskFollowsEachTime(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a2 local").UUID})
	t.Apply(lab.StatefulSet(t.Namespace, "db", "worker-a2", "pool-a"))
	moveTo(t, "db", "worker-a3")
	t.GoodDisk(volume, t.SR("host-a3 local"))
	moveTo(t, "db", "worker-a2")
	t.GoodDisk(volume, t.SR("host-a2 local"))
	moveTo(t, "db", "worker-a3")
	t.GoodDisk(volume, t.SR("host-a3 local"))
	noProblems(t, volume)
}

func TestADiskOnSharedStorageIsNotMovedWithItsPod(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	shared := t.SR("pool-a shared")
	volume := t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: shared.UUID, Tag: "k8s-shared"})
	t.Apply(lab.StatefulSet(t.Namespace, "db", "worker-a2", "pool-a"))
	moveTo(t, "db", "worker-a3")
	if disk := t.GoodDisk(volume, shared); disk.UUID != volume.VDI {
		t.Errorf("the disk was copied: it was %s and is %s", volume.VDI, disk.UUID)
	}
	if list, err := t.Migrations(t.Ctx, t.Namespace); err != nil || len(list) > 0 {
		t.Errorf("%d migrations were made for a disk that every host reaches (%v)", len(list), err)
	}
	noProblems(t, volume)
}
