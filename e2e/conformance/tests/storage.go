package tests

import (
	"fmt"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
)

var keptByDom0 = []*suite.Test{
	{Name: "a disk that stays plugged into a control domain is in use until its VBD is disconnected", Facts: []string{"dom0-kept", "err-in-use"},
		Needs: with(forCopy, suite.VM, suite.FaultNeed("DOM0_KEEPS")), Run: func(t *suite.T) {
			disk, vbd := kept(t)
			object := t.Object(disk.ID)
			t.Check(len(object.Of("current_operations")) == 0, "it has operations: %v", object["current_operations"])
			inUse(t, start(t, disk, t.Local(1)).fails(), disk.ID, "copy")
			inUse(t, t.Refused(t.Session(), "vm.attachDisk", params{"vm": t.VM(), "vdi": disk.ID}), disk.ID, "")
			t.Check(only(t, disk.Name) == disk.ID, "%v are left", t.Named(disk.Name))
			t.Call(t.Session(), "vbd.disconnect", params{"id": vbd})
			good(t, start(t, disk, t.Local(1)).end().new, 1)
		}},
	{Name: "Xen Orchestra takes a disk out of a control domain before it tries again to delete it", Facts: []string{"dom0-kept", "delete-dom0"},
		Needs: []suite.Need{suite.SR, suite.LocalPair, suite.FaultNeed("DOM0_KEEPS")}, Run: func(t *suite.T) {
			disk, _ := kept(t)
			t.GiveUp(disk.ID)
			t.Check(t.Call(t.Session(), "vdi.delete", params{"id": disk.ID}) == true, "vdi.delete did not answer true")
			t.Check(len(t.Named(disk.Name)) == 0, "the disk is there still")
		}},
}

// kept is a disk that a control domain has plugged for writing, and the VBD.
func kept(t *suite.T) (*suite.Disk, string) {
	disk, found := t.Disk(suite.Make{SR: t.Local(0), Seed: 7}), ""
	t.Fault("DOM0_KEEPS", map[string]string{"DISK": disk.Name})
	t.Eventually(time.Minute, func() error {
		for id, vbd := range t.Objects(params{"type": "VBD", "VDI": disk.ID, "attached": true}) {
			if vm := t.Object(wire.Of(vbd).Text("VM")); vm.Text("type") == "VM-controller" && !wire.Of(vbd).Bool("read_only") {
				found = id
				return nil
			}
		}
		return fmt.Errorf("no control domain has disk %s", disk.ID)
	})
	return disk, found
}

var forgottenTasks = []*suite.Test{
	{Name: "a task that XAPI forgets ends its call with an error while the copy goes on to its end", Facts: []string{"task-forgotten", "move-alike"},
		Needs: with(slowCopy, suite.OnlyXosim), Run: func(t *suite.T) {
			m, undo := copying(t)
			task := taskOf(t, moving(t, m.disk, "copy"))
			t.Arm(map[string]any{"name": "task-forgotten"})
			failure := m.fails()
			t.Check(failure.Message == "task has been destroyed before completion" && wire.Of(failure.Data).Text("taskRef") != "", "%v", failure)
			t.Check(t.Object(task.Text("id")) == nil, "the task is there still")
			t.Check(len(t.Object(m.old).Of("current_operations")) == 1, "the source shows no operation any more")
			undo()
			t.Eventually(time.Minute, func() error {
				if left := t.Object(m.old).Of("current_operations"); len(left) > 0 {
					return fmt.Errorf("the source shows %v", left)
				}
				return nil
			})
			t.Check(len(t.Named(m.disk.Name)) == 2, "%v are left", t.Named(m.disk.Name))
			good(t, m.target(), 2)
		}},
}

var backups = []*suite.Test{
	{Name: "a replica of a backup has disks of the same name and description, older bytes, and a halted VM that says what it is a copy of",
		Facts: []string{"backup-replica"}, Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM, suite.OnlyXosim}, Run: func(t *suite.T) {
			disk, made := backup(t, "replica", nil)
			vm, copied := t.Object(made.VM), t.Object(made.Disks[0].UUID)
			t.Check(vm.Text("power_state") == "Halted" && vm.Of("other").Text("xo:copy_of") == t.VM(), "%v", vm)
			t.Check(contains(vm.Texts("tags"), "Continuous Replication"), "tags: %v", vm["tags"])
			t.Check(copied.Text("name_label") == disk.Name && copied.Text("name_description") == "described", "%v", copied)
			t.Check(copied.Of("other_config").Text("xo:copy_of") == disk.ID, "%v", copied["other_config"])
			truth, err := t.Simulated().Truth(t.Ctx)
			t.Must(err)
			t.Check(truth.Disk(made.Disks[0].UUID).StaleBytes > 0 && truth.Disk(disk.ID).StaleBytes == 0, "the copy has the bytes of now")
		}},
	{Name: "a backup's health check runs a VM with copies of the disks for a while, then all of it is gone",
		Facts: []string{"backup-health-check"}, Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM, suite.OnlyXosim}, Run: func(t *suite.T) {
			disk, made := backup(t, "health-check", map[string]any{"seconds": 60})
			vm := t.Object(made.VM)
			t.Check(vm.Text("power_state") == "Running", "%v", vm)
			plugged := t.Objects(params{"type": "VBD", "VM": made.VM, "attached": true})
			t.Check(len(plugged) == 1, "%d disks are plugged", len(plugged))
			t.Eventually(2*time.Minute, func() error {
				if t.Object(made.VM) != nil || len(t.Named(disk.Name)) != 1 {
					return fmt.Errorf("the VM or its disk are there still")
				}
				return nil
			})
			t.Check(t.Object(disk.ID) != nil, "the disk itself is gone")
		}},
}

// backup has a simulator make what a backup of a VM makes, of a disk of the test.
func backup(t *suite.T, kind string, more map[string]any) (*suite.Disk, *lab.MadeBackup) {
	disk := t.Disk(suite.Make{SR: t.Local(0), Description: "described", Seed: 7})
	t.Attach(disk, t.VM())
	wanted := map[string]any{"kind": kind, "vm": t.VM(), "sr": t.Shared(), "disk": disk.ID}
	for key, value := range more {
		wanted[key] = value
	}
	made, err := t.Simulated().MakeBackup(t.Ctx, wanted)
	t.Must(err)
	t.Eventually(time.Minute, func() error {
		if t.Object(made.VM) == nil || t.Object(made.Disks[0].UUID) == nil {
			return fmt.Errorf("VM and disk are not told")
		}
		return nil
	})
	return disk, made
}

var space = []*suite.Test{
	{Name: "on a thin SR a disk takes what was written to it, and the SR says that it is thin", Facts: []string{"sr-thin"}, Needs: []suite.Need{suite.SR, suite.Thin},
		Run: func(t *suite.T) {
			t.Check(t.Object(t.Thin()).Text("allocationStrategy") == "thin", "%v", t.Object(t.Thin())["allocationStrategy"])
			disk := t.Disk(suite.Make{SR: t.Thin(), Size: 8 * suite.GiB})
			usage, _ := t.Object(disk.ID)["usage"].(float64)
			t.Check(usage < suite.GiB, "an empty disk of 8 GiB takes %v bytes", usage)
		}},
	{Name: "a copy of a used disk to a thin SR takes what is on it", Facts: []string{"sr-thin"}, Needs: with(forCopy, suite.Thin, suite.Truth),
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0), Seed: 7})
			m := start(t, disk, t.Thin()).end()
			usage, _ := t.Object(m.new)["usage"].(float64)
			t.Check(usage > suite.GiB/4 && usage < suite.GiB, "the copy takes %v bytes", usage)
		}},
	{Name: "a snapshot of a disk stays where it is, with its space, when the disk is moved while no VM has it", Facts: []string{"snapshot-stays", "obj-vdi-types"},
		Needs: with(forCopy, suite.VM), Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{SR: t.Local(0), Seed: 7}), t.Session()
			vbd := t.Attach(disk, t.VM())
			taken, _ := t.Call(conn, "vm.snapshot", params{"id": t.VM(), "name": t.Name("snapshot")}).(string)
			defer func() { t.Call(conn, "vm.delete", params{"id": taken}) }()
			snapshots := t.Object(disk.ID).Texts("snapshots")
			t.Check(len(snapshots) == 1, "it has the snapshots %v", snapshots)
			snapshot := t.Object(snapshots[0])
			t.Check(snapshot.Text("type") == "VDI-snapshot" && snapshot.Text("$snapshot_of") == disk.ID && snapshot.Text("name_label") == disk.Name, "%v", snapshot)
			t.Detach(vbd)
			m := start(t, disk, t.Local(1)).end()
			left := t.Object(snapshots[0])
			t.Check(left.Text("$SR") == t.Local(0) && left["$snapshot_of"] != m.new, "%v", left)
			t.Check(left["size"] == snapshot["size"], "its size changed: %v", left)
		}},
}
