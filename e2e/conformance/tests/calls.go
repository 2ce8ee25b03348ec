package tests

import (
	"fmt"
	"sort"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

var disks = []*suite.Test{
	{Name: "a disk is known when disk.create answers its id, without tags and description", Facts: []string{"create"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			for _, size := range []any{suite.GiB, "1 GiB"} {
				disk := &suite.Disk{Name: t.Name("made")}
				t.Keep(disk)
				id, _ := t.Call(conn, "disk.create", params{"name": disk.Name, "size": size, "sr": t.SR()}).(string)
				object := t.Object(id)
				t.Check(object.Text("name_label") == disk.Name && object.Number("size") == suite.GiB && object.Text("$SR") == t.SR(), "%v", object)
				t.Check(object.Text("VDI_type") == "user" && len(object.List("tags")) == 0 && object.Text("name_description") == "", "%v", object)
			}
		}},
	{Name: "a disk of odd size is made larger, not smaller", Facts: []string{"create-rounds"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			size := t.Object(t.Disk(suite.Make{Size: 1000}).ID).Number("size")
			t.Check(size >= 1000 && (t.Site.Real() || size == 2<<20), "1000 bytes became %.0f", size)
		}},
	{Name: "the same disk.create twice makes two disks of one name", Facts: []string{"create-names"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), &suite.Disk{Name: t.Name("twin")}
			t.Keep(disk)
			for range 2 {
				t.Call(conn, "disk.create", params{"name": disk.Name, "size": suite.GiB, "sr": t.SR()})
			}
			t.Check(len(t.Named(disk.Name)) == 2, "there are %d", len(t.Named(disk.Name)))
		}},
	{Name: "name, description, size and tags of a disk can be changed", Facts: []string{"set"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{Tags: []string{"old"}})
			t.Check(t.Call(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name + "-new", "name_description": "said"}) == true, "no true")
			t.Check(t.Call(conn, "vdi.set", params{"id": disk.ID, "size": 2 * suite.GiB}) == true, "no true")
			t.Call(conn, "tag.add", params{"id": disk.ID, "tag": "new"})
			t.Call(conn, "tag.remove", params{"id": disk.ID, "tag": "old"})
			t.Entered(conn, 0, "all of it", func(id string, o wire.Object) bool {
				tags := o.Texts("tags")
				return id == disk.ID && o.Text("name_label") == disk.Name+"-new" && o.Text("name_description") == "said" &&
					o.Number("size") == 2*suite.GiB && len(tags) == 1 && tags[0] == "new"
			})
		}},
	{Name: "deleting a disk answers true and takes its VBDs along", Facts: []string{"delete"}, Needs: []suite.Need{suite.HaltedVM},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{})
			vbd := t.Attach(disk, t.HaltedVM())
			from := conn.Now()
			t.Check(t.Call(conn, "vdi.delete", params{"id": disk.ID}) == true, "no true")
			t.Exited(conn, from, disk.ID)
			t.Exited(conn, from, vbd)
			noSuch(t, t.Refused(conn, "vdi.delete", params{"id": disk.ID}), disk.ID, "VDI")
		}},
	{Name: "deleting a disk in use is tried for a while, then code 17", Facts: []string{"delete-in-use", "err-in-use"}, Needs: []suite.Need{suite.VM, suite.Minutes},
		Run: func(t *suite.T) {
			disk, started := t.Disk(suite.Make{}), time.Now()
			t.Attach(disk, t.VM())
			inUse(t, t.Refused(t.Session(), "vdi.delete", params{"id": disk.ID}), disk.ID, "")
			t.Check(t.Since(started) > 40*time.Second && t.Since(started) < 4*time.Minute, "after %s", t.Since(started))
			t.Check(t.Object(disk.ID) != nil, "it is gone")
		}},
	{Name: "a disk that is freed while its deletion is tried is deleted", Facts: []string{"delete-in-use"}, Needs: []suite.Need{suite.VM, suite.Minutes}, Speed: 5,
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{})
			t.GiveUp(disk.ID)
			vbd := t.Attach(disk, t.VM())
			id := t.Send(conn, "vdi.delete", params{"id": disk.ID})
			t.Pass(3 * time.Second)
			t.Call(conn, "vbd.disconnect", params{"id": vbd})
			message := t.Answer(conn, id)
			t.Check(message.Result == true, "%v", message.Error)
			t.Check(t.Object(disk.ID) == nil, "it is there still")
		}},
}

var devices = []*suite.Test{
	{Name: "attaching a disk answers true and the VBD is found by disk and VM", Facts: []string{"attach"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			t.Check(t.Call(t.Session(), "vm.attachDisk", params{"vm": t.VM(), "vdi": disk.ID, "mode": "RW"}) == true, "no true")
			id := t.VBD(disk.ID, t.VM())
			vbd := t.Object(id)
			t.Check(vbd.Bool("attached") && !vbd.Bool("read_only") && !vbd.Bool("is_cd_drive"), "%v", vbd)
			t.Check(contains(t.Object(t.VM()).Texts("$VBDs"), id) && contains(t.Object(disk.ID).Texts("$VBDs"), id), "$VBDs of VM and disk")
		}},
	{Name: "a disk attached with mode RO is read-only", Facts: []string{"attach"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			t.Call(t.Session(), "vm.attachDisk", params{"vm": t.VM(), "vdi": disk.ID, "mode": "RO"})
			t.Check(t.Object(t.VBD(disk.ID, t.VM())).Bool("read_only"), "%v", t.Object(t.VBD(disk.ID, t.VM())))
		}},
	{Name: "a disk that is plugged can not be attached again", Facts: []string{"attach-twice", "err-in-use"}, Needs: []suite.Need{suite.VMs},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			t.Attach(disk, t.VM())
			inUse(t, t.Refused(t.Session(), "vm.attachDisk", params{"vm": t.VMs()[1], "vdi": disk.ID, "mode": "RW"}), disk.ID, "")
		}},
	{Name: "a disk that can not be plugged leaves its VBD behind", Facts: []string{"attach-leftover"}, Needs: []suite.Need{suite.VM, suite.FaultNeed("PLUG_FAILS")},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			t.Fault("PLUG_FAILS", map[string]string{"VM": t.VM()})
			failure := t.Refused(t.Session(), "vm.attachDisk", params{"vm": t.VM(), "vdi": disk.ID, "mode": "RW"})
			t.Check(failure.Code == -32000 && failure.XAPI() != "", "%v", failure)
			t.Check(!t.Object(t.VBD(disk.ID, t.VM())).Bool("attached"), "it is attached")
		}},
	{Name: "disks attached to one VM at once race for the first free device", Facts: []string{"attach-race"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			conn, done := t.Session(), 0
			var calls []params
			for range 6 {
				calls = append(calls, params{"vm": t.VM(), "vdi": t.Disk(suite.Make{}).ID, "mode": "RW"})
			}
			for _, id := range t.SendAll(conn, "vm.attachDisk", calls) {
				if message := t.Answer(conn, id); message.Error != nil {
					xapiError(t, message.Error, "DEVICE_ALREADY_EXISTS")
				} else {
					done++
				}
			}
			t.Check(done >= 1 && done < 6, "%d of 6 succeeded", done)
		}},
	{Name: "disks attached at once at positions of their own all get the device of theirs", Facts: []string{"attach-position"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			conn := t.Session()
			var calls []params
			for position := 3; position < 15; position++ {
				calls = append(calls, params{"vm": t.VM(), "vdi": t.Disk(suite.Make{}).ID, "mode": "RW", "position": fmt.Sprint(position)})
			}
			for index, id := range t.SendAll(conn, "vm.attachDisk", calls) {
				if message := t.Answer(conn, id); message.Error != nil {
					t.Errorf("position %d: %v", index+3, message.Error)
					continue
				}
				vbd := t.Object(t.VBD(calls[index]["vdi"].(string), t.VM()))
				t.Check(vbd.Text("position") == fmt.Sprint(index+3) && vbd.Text("device") == "xvd"+string(rune('d'+index)), "position %d: %v, %v",
					index+3, vbd["position"], vbd["device"])
			}
		}},
	{Name: "a position that is chosen is never that of the CD drive", Facts: []string{"attach-cd"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			var positions []string
			for range 5 {
				positions = append(positions, t.Object(t.Attach(t.Disk(suite.Make{}), t.VM())).Text("position"))
			}
			sort.Strings(positions)
			for index, position := range positions {
				t.Check(position != "3" && (index == 0 || position != positions[index-1]), "positions: %v", positions)
			}
		}},
	{Name: "connecting what is connected and disconnecting what is not fails", Facts: []string{"connect", "unplug-forced"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			conn := t.Session()
			vbd := t.Attach(t.Disk(suite.Make{}), t.VM())
			xapiError(t, t.Refused(conn, "vbd.connect", params{"id": vbd}), "DEVICE_ALREADY_ATTACHED")
			t.Call(conn, "vbd.disconnect", params{"id": vbd})
			detached := xapiError(t, t.Refused(conn, "vbd.disconnect", params{"id": vbd}), "DEVICE_ALREADY_DETACHED")
			t.Check(detached.Of("call").Text("method") == "VBD.unplug_force", "data.call: %v", detached["call"])
			t.Call(conn, "vbd.connect", params{"id": vbd})
		}},
	{Name: "deleting a VBD that is plugged unplugs it", Facts: []string{"vbd-delete"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{})
			vbd := t.Attach(disk, t.VM())
			from := conn.Now()
			t.Call(conn, "vbd.delete", params{"id": vbd})
			t.Exited(conn, from, vbd)
			t.Attach(disk, t.VM())
		}},
}

var limits = []*suite.Test{
	{Name: "migrating a disk to the SR where it is answers its id at once", Facts: []string{"migrate-same"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{})
			t.Check(t.Answer(conn, t.Migrate(conn, disk, disk.SR)).Result == disk.ID, "another answer than its id")
			t.Silent(conn, 0, 2*time.Second, "a task was made", func(m *wire.Message) bool { return len(tasksIn(m)) > 0 })
		}},
	{Name: "a live migration that is blocked is code 19 with the reason, until it is unblocked", Facts: []string{"migrate-blocked", "err-mapped"}, Needs: forMirror,
		Run: func(t *suite.T) {
			const reason = "the conformance tests block it"
			conn, disk := t.Session(), t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20})
			t.Attach(disk, t.VM())
			block := func(reason any) {
				t.Call(conn, "vm.set", params{"id": t.VM(), "blockedOperations": params{"migrate_send": reason}})
				t.Eventually(time.Minute, func() error {
					if shown := t.Object(t.VM()).Of("blockedOperations")["migrate_send"]; shown != reason {
						return fmt.Errorf("blocked is %v", shown)
					}
					return nil
				})
			}
			block(reason)
			t.Cleanup(func() { t.Call(conn, "vm.set", params{"id": t.VM(), "blockedOperations": params{"migrate_send": nil}}) })
			answer := t.Answer(conn, t.Migrate(conn, disk, t.Shared()))
			t.Check(answer.Error != nil && answer.Error.Code == 19, "%v", answer.Error)
			data := wire.Of(answer.Error.Data)
			t.Check(data.Text("objectId") == t.VM() && data.Text("code") == reason, "data: %v", data)
			block(nil)
			answer = t.Answer(conn, t.Migrate(conn, disk, t.Shared()))
			t.Check(answer.Error == nil, "unblocked: %v", answer.Error)
		}},
	{Name: "migrating a disk to an SR of another pool is code 1 with a reference", Facts: []string{"migrate-pool"}, Needs: []suite.Need{suite.SR, suite.OtherPool},
		Run: func(t *suite.T) {
			failure := t.Refused(t.Session(), "vdi.migrate", params{"id": t.Disk(suite.Make{}).ID, "sr_id": t.OtherPoolSR()})
			t.Check(failure.Code == 1, "%v", failure)
			t.Match("message", failure.Message, "^no such object OpaqueRef:")
		}},
	{Name: "a fourth live migration of a host is refused after ten tries", Facts: []string{"migrate-too-many"},
		Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.FourVMs, suite.FaultNeed("COPY_SLOW")}, Run: func(t *suite.T) {
			conn := t.Session()
			ids, undo := threeMoving(t, conn)
			fourth := t.Disk(suite.Make{SR: t.Local(0)})
			t.Attach(fourth, t.VMs()[3])
			started := time.Now()
			xapiError(t, t.Refused(conn, "vdi.migrate", params{"id": fourth.ID, "sr_id": t.Shared()}), "TOO_MANY_STORAGE_MIGRATES")
			t.Check(t.Since(started) > 8*time.Second && t.Since(started) < time.Minute, "after %s", t.Since(started))
			undo()
			for _, id := range ids {
				t.Check(t.Answer(conn, id).Error == nil, "%v", t.Answer(conn, id).Error)
			}
		}},
	{Name: "eight copies run at once", Facts: []string{"migrate-copies"}, Needs: []suite.Need{suite.LocalPair, suite.FaultNeed("COPY_SLOW")},
		Run: func(t *suite.T) {
			conn, ids, undo := t.Session(), []int{}, []func(){}
			var made []*suite.Disk
			for range 8 {
				disk := t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20})
				made, undo = append(made, disk), append(undo, t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name}))
			}
			for _, disk := range made {
				ids = append(ids, t.Migrate(conn, disk, t.Local(1)))
			}
			t.Eventually(time.Minute, func() error {
				running := 0
				for _, disk := range made {
					if len(t.Object(disk.ID).Of("current_operations")) > 0 {
						running++
					}
				}
				if running < 8 {
					return fmt.Errorf("%d of 8 run", running)
				}
				return nil
			})
			for index, id := range ids {
				undo[index]()
				t.Check(t.Answer(conn, id).Error == nil, "%v", t.Answer(conn, id).Error)
			}
		}},
	{Name: "of forty creations at once twenty are made at a time, and all are answered at the end", Facts: []string{"twenty-calls"},
		Needs: []suite.Need{suite.SR, suite.FaultNeed("SR_SLOW")}, Speed: 1, Run: func(t *suite.T) {
			conn := t.Session()
			t.Fault("SR_SLOW", map[string]string{"SR": t.SR()})
			var calls []params
			for range 40 {
				disk := &suite.Disk{Name: t.Name("many")}
				t.Keep(disk)
				calls = append(calls, params{"name": disk.Name, "size": 64 << 20, "sr": t.SR()})
			}
			ids := t.SendAll(conn, "disk.create", calls)
			started := time.Now()
			var first, last time.Time
			for _, id := range ids {
				at := t.Answer(conn, id).At
				if first.IsZero() || at.Before(first) {
					first = at
				}
				if at.After(last) {
					last = at
				}
			}
			t.Check(last.Sub(started) > 1800*time.Millisecond, "the last was answered after %s", last.Sub(started))
			t.Check(last.Sub(first) < last.Sub(started)/3, "answered from %s to %s", first.Sub(started), last.Sub(started))
		}},
	{Name: "of two disks of one VM the second waits with its task at 0", Facts: []string{"migrate-vm-lock"},
		Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM, suite.FaultNeed("COPY_SLOW")}, Run: func(t *suite.T) {
			conn := t.Session()
			one, two := t.Disk(suite.Make{SR: t.Local(0)}), t.Disk(suite.Make{SR: t.Local(0)})
			t.Attach(one, t.VM())
			t.Attach(two, t.VM())
			undo := t.Fault("COPY_SLOW", map[string]string{"DISK": one.Name})
			first := t.Migrate(conn, one, t.Shared())
			ref, from := moving(t, one, "mirror"), conn.Now()
			second := t.Migrate(conn, two, t.Shared())
			_, task := t.Entered(conn, from, "the second task", func(_ string, o wire.Object) bool {
				return o.Text("name_label") == "Async.VDI.pool_migrate" && o.Text("status") == "pending" && o.Text("xapiRef") != ref
			})
			t.Pass(5 * time.Second)
			t.Check(t.Object(task).Text("status") == "pending" && t.Object(task).Number("progress") == 0, "%v", t.Object(task))
			undo()
			for _, id := range []int{first, second} {
				t.Check(t.Answer(conn, id).Error == nil, "%v", t.Answer(conn, id).Error)
			}
		}},
	{Name: "a plugged disk can not go where its VM can not follow", Facts: []string{"migrate-unseen"}, Needs: []suite.Need{suite.LocalPair, suite.VM},
		Run: func(t *suite.T) {
			disk, other := t.Disk(suite.Make{SR: t.Local(0)}), t.Disk(suite.Make{SR: t.Local(0)})
			t.Attach(disk, t.VM())
			t.Attach(other, t.VM()) // keeps the VM on its host
			inUse(t, t.Refused(t.Session(), "vdi.migrate", params{"id": disk.ID, "sr_id": t.Local(1)}), disk.ID, "copy")
			t.Check(t.Object(disk.ID).Text("$SR") == t.Local(0), "it moved")
		}},
	{Name: "a disk of a halted VM is moved and stays with its VM", Facts: []string{"migrate-halted"}, Needs: []suite.Need{suite.LocalPair, suite.HaltedVM},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{SR: t.Local(0)})
			t.Attach(disk, t.HaltedVM())
			message := t.Answer(conn, t.Migrate(conn, disk, t.Local(1)))
			if message.Error != nil {
				t.Fatalf("%v", message.Error)
			}
			moved, _ := message.Result.(string)
			t.Check(t.Object(disk.ID) == nil && t.Object(moved).Text("$SR") == t.Local(1), "it did not move")
			t.Check(!t.Object(t.VBD(moved, t.HaltedVM())).Bool("attached"), "it is plugged into a VM that does not run")
		}},
}

// threeMoving has three disks of three VMs of a host in the midst of a live migration; undo lets them end.
func threeMoving(t *suite.T, conn *wire.Conn) (ids []int, undo func()) {
	var undos []func()
	for index := range 3 {
		disk := t.Disk(suite.Make{SR: t.Local(0)})
		t.Attach(disk, t.VMs()[index])
		undos = append(undos, t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name}))
		ids = append(ids, t.Migrate(conn, disk, t.Shared()))
		moving(t, disk, "mirror")
	}
	return ids, func() {
		for _, undo := range undos {
			undo()
		}
	}
}

// moving waits until a disk shows an operation and returns the reference of its task.
func moving(t *suite.T, disk *suite.Disk, operation string) string {
	found := ""
	t.Eventually(2*time.Minute, func() error {
		operations := t.Object(disk.ID).Of("current_operations")
		for ref, name := range operations {
			if name == operation {
				found = ref
				return nil
			}
		}
		return fmt.Errorf("disk %s has operations %v, not %s", disk.ID, operations, operation)
	})
	return found
}

// tasksIn are the XAPI tasks in a notification.
func tasksIn(m *wire.Message) []wire.Object {
	var tasks []wire.Object
	for _, item := range m.Items {
		if object := wire.Of(item); object.Text("type") == "task" {
			tasks = append(tasks, object)
		}
	}
	return tasks
}

var machines = []*suite.Test{
	{Name: "a VM whose disks the target host sees moves there and keeps them", Facts: []string{"vm-migrate"}, Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), t.Disk(suite.Make{SR: t.Shared()})
			vbd := t.Attach(disk, t.VM())
			moveVM(t, conn, params{"vm": t.VM(), "targetHost": t.Host(1)})
			t.Check(t.Object(t.VM()).Text("$container") == t.Host(1), "it is on %v", t.Object(t.VM())["$container"])
			t.Check(t.Object(disk.ID).Text("$SR") == t.Shared() && t.Object(vbd).Bool("attached"), "disk %v, VBD %v", t.Object(disk.ID), t.Object(vbd))
		}},
	{Name: "of a VM that moves each disk goes where it is told to", Facts: []string{"vm-migrate-disks"}, Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM},
		Run: func(t *suite.T) {
			conn, near, seen := t.Session(), t.Disk(suite.Make{SR: t.Local(0)}), t.Disk(suite.Make{SR: t.Shared()})
			t.Attach(near, t.VM())
			t.Attach(seen, t.VM())
			moveVM(t, conn, params{"vm": t.VM(), "targetHost": t.Host(1), "mapVdisSrs": params{near.ID: t.Local(1)}})
			t.Check(t.Object(t.VM()).Text("$container") == t.Host(1), "it is on %v", t.Object(t.VM())["$container"])
			moved := only(t, near.Name)
			t.Check(t.Object(moved).Text("$SR") == t.Local(1) && moved != near.ID, "the mapped disk: %v", t.Object(moved))
			t.Check(t.Object(only(t, seen.Name)).Text("$SR") == t.Shared(), "the disk that the host sees: %v", t.Object(only(t, seen.Name)))
		}},
	{Name: "a disk that a VM's new host does not see goes to the pool's default SR", Facts: []string{"vm-migrate-default"},
		Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM}, Run: func(t *suite.T) {
			standard := t.Object(t.Pool()).Text("default_SR")
			if standard != t.Shared() {
				t.Skipf("the pool's default SR is not the one that is tagged")
			}
			conn, disk := t.Session(), t.Disk(suite.Make{SR: t.Local(0)})
			t.Attach(disk, t.VM())
			moveVM(t, conn, params{"vm": t.VM(), "targetHost": t.Host(1)})
			moved := only(t, disk.Name)
			t.Check(t.Object(moved).Text("$SR") == standard && moved != disk.ID, "%v", t.Object(moved))
		}},
	{Name: "a VM that moves to another pool keeps its id, its disk gets a new one", Facts: []string{"vm-migrate-pool"}, Needs: []suite.Need{suite.OtherPool, suite.LocalPair, suite.VM},
		Run: func(t *suite.T) {
			if t.OtherPoolHost() == "" {
				t.Skipf("no host of the other pool has a local SR that is tagged")
			}
			conn, disk := t.Session(), t.Disk(suite.Make{SR: t.Local(0)})
			vbd := t.Attach(disk, t.VM())
			from := conn.Now()
			moveVM(t, conn, params{"vm": t.VM(), "targetHost": t.OtherPoolHost(), "sr": t.OtherPoolSR()})
			t.Exited(conn, from, disk.ID)
			t.Exited(conn, from, vbd)
			t.Check(t.Object(t.VM()).Text("$container") == t.OtherPoolHost(), "it is on %v", t.Object(t.VM())["$container"])
			moved := only(t, disk.Name)
			t.Check(t.Object(moved).Text("$SR") == t.OtherPoolSR(), "%v", t.Object(moved))
			t.Check(t.Object(t.VBD(moved, t.VM())).Bool("attached"), "it is not attached")
		}},
	{Name: "a VM that finds its host's live migrations taken waits until one ends", Facts: []string{"vm-migrate-too-many"},
		Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.FourVMs, suite.FaultNeed("COPY_SLOW"), suite.Minutes}, Run: func(t *suite.T) {
			conn := t.Session()
			ids, undo := threeMoving(t, conn)
			disk, vm := t.Disk(suite.Make{SR: t.Local(0)}), t.VMs()[3]
			t.Attach(disk, vm)
			returnVM(t, vm)
			id := t.Send(conn, "vm.migrate", params{"vm": vm, "targetHost": t.Host(1), "mapVdisSrs": params{disk.ID: t.Local(1)}})
			t.Silent(conn, 0, 40*time.Second, "it was answered", func(m *wire.Message) bool { return m.ID == float64(id) })
			undo()
			for _, one := range append(ids, id) {
				t.Check(t.Answer(conn, one).Error == nil, "%v", t.Answer(conn, one).Error)
			}
		}},
}

// moveVM moves a VM, and back at the end.
func moveVM(t *suite.T, conn *wire.Conn, with params) {
	returnVM(t, with["vm"].(string))
	t.Check(t.Call(conn, "vm.migrate", with) == true, "vm.migrate did not answer true")
}

// returnVM has a VM moved back to where it is now, when the test ends.
func returnVM(t *suite.T, vm string) {
	if !t.Site.Real() {
		return
	}
	home := t.Object(vm).Text("$container")
	t.Cleanup(func() {
		if t.Object(vm).Text("$container") != home {
			t.Call(t.Session(), "vm.migrate", params{"vm": vm, "targetHost": home})
		}
	})
}

// only is the one disk of a name.
func only(t *suite.T, name string) string {
	found := t.Named(name)
	if len(found) != 1 {
		t.Fatalf("there are %d disks named %s", len(found), name)
	}
	return found[0]
}
