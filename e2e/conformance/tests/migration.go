package tests

import (
	"fmt"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

// move is a migration that a test has seen.
type move struct {
	t        *suite.T
	conn     *wire.Conn
	disk     *suite.Disk
	from     int // the connection's messages since then are of it
	call     int
	old, new string
	answer   *wire.Message
}

// start starts the migration of a disk.
func start(t *suite.T, disk *suite.Disk, sr string) *move {
	m := &move{t: t, conn: t.Session(), disk: disk, old: disk.ID}
	m.from = m.conn.Now()
	m.call = t.Migrate(m.conn, disk, sr)
	return m
}

// end waits for its success.
func (m *move) end() *move {
	m.answer = m.t.Answer(m.conn, m.call)
	if m.answer.Error != nil {
		m.t.Fatalf("vdi.migrate: %v", m.answer.Error)
	}
	m.new, _ = m.answer.Result.(string)
	if m.t.Object(m.new) == nil {
		m.t.Fatalf("vdi.migrate answered %v, which is no disk", m.answer.Result)
	}
	return m
}

// fails waits for its failure.
func (m *move) fails() *wire.Error {
	m.answer = m.t.Answer(m.conn, m.call)
	if m.answer.Error == nil {
		m.t.Fatalf("vdi.migrate did not fail but answered %v", m.answer.Result)
	}
	return m.answer.Error
}

// task is what was told of tasks of a name since the start: the first message with one, and its states.
func (m *move) task(name string) (first int, states []wire.Object) {
	first = -1
	for _, message := range m.conn.Messages()[m.from:] {
		for _, task := range tasksIn(message) {
			if task.Text("name_label") == name {
				if first < 0 {
					first = message.Number
				}
				states = append(states, task)
			}
		}
	}
	return first, states
}

func (m *move) target() string {
	found := ""
	m.t.Eventually(time.Minute, func() error {
		for _, id := range m.t.Named(m.disk.Name) {
			if id != m.old {
				found = id
				return nil
			}
		}
		return fmt.Errorf("there is no second disk named %s", m.disk.Name)
	})
	return found
}

// copying is a copy in its midst: it goes on when undo is called.
func copying(t *suite.T) (m *move, undo func()) {
	disk := t.Disk(suite.Make{SR: t.Local(0), Tags: []string{"kept"}, Description: "described", Seed: 7})
	undo = t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name})
	m = start(t, disk, t.Local(1))
	moving(t, disk, "copy")
	return m, undo
}

// mirroring is the same of a live migration, from a VM.
func mirroring(t *suite.T) (m *move, undo func()) {
	disk := t.Disk(suite.Make{SR: t.Local(0), Tags: []string{"lost"}, Description: "described", Seed: 7})
	t.Attach(disk, t.VM())
	undo = t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name})
	m = start(t, disk, t.Shared())
	moving(t, disk, "mirror")
	return m, undo
}

var (
	forCopy   = []suite.Need{suite.LocalPair}
	slowCopy  = []suite.Need{suite.LocalPair, suite.FaultNeed("COPY_SLOW")}
	forMirror = []suite.Need{suite.LocalPair, suite.Shared, suite.VM}
	slowMove  = []suite.Need{suite.LocalPair, suite.Shared, suite.VM, suite.FaultNeed("COPY_SLOW")}
)

func with(needs []suite.Need, more ...suite.Need) []suite.Need {
	return append(append([]suite.Need{}, needs...), more...)
}

// copied makes a disk with tags and moves it while no VM has it.
func copied(t *suite.T) *move {
	return start(t, t.Disk(suite.Make{SR: t.Local(0), Tags: []string{"kept"}, Description: "described", Seed: 7}), t.Local(1)).end()
}

// mirrored makes a disk with tags and moves it while a VM has it.
func mirrored(t *suite.T) *move {
	disk := t.Disk(suite.Make{SR: t.Local(0), Tags: []string{"lost"}, Description: "described", Seed: 7})
	t.Attach(disk, t.VM())
	return start(t, disk, t.Shared()).end()
}

var copies = []*suite.Test{
	{Name: "a disk that no VM has is moved by three tasks: refused, copy, destroy", Facts: []string{"copy-refused-first"}, Needs: forCopy, Speed: 5,
		Run: func(t *suite.T) {
			m := copied(t)
			last := -1
			for _, name := range []string{"Async.VDI.pool_migrate", "Async.VDI.copy", "Async.VDI.destroy"} {
				first, states := m.task(name)
				if first < 0 && t.Site.Real() && name != "Async.VDI.copy" {
					continue // too short to be told
				}
				t.Check(first > last, "%s was first told in message %d, the task before in %d", name, first, last)
				last = first
				if name == "Async.VDI.pool_migrate" && len(states) > 0 {
					t.Check(states[len(states)-1].Text("status") == "failure", "%s: %v", name, states[len(states)-1])
				}
			}
		}},
	{Name: "a moved disk has a new id, and one disk of its name is left", Facts: []string{"move-new-id"}, Needs: forCopy,
		Run: func(t *suite.T) {
			m := copied(t)
			t.Check(m.new != m.old && m.new != "", "old %s, new %s", m.old, m.new)
			t.Check(t.Object(m.new).Text("$SR") == t.Local(1) && only(t, m.disk.Name) == m.new, "%v", t.Object(m.new))
			noSuch(t, t.Refused(m.conn, "vdi.set", params{"id": m.old, "name_label": m.disk.Name}), m.old, "VDI")
			good(t, m.new, 1)
		}},
	{Name: "a copy keeps name, description and tags", Facts: []string{"copy-keeps"}, Needs: forCopy,
		Run: func(t *suite.T) {
			m := copied(t)
			object := t.Object(m.new)
			tags := object.Texts("tags")
			t.Check(object.Text("name_label") == m.disk.Name && object.Text("name_description") == "described", "%v", object)
			t.Check(len(tags) == 1 && tags[0] == "kept", "tags: %v", tags)
		}},
	{Name: "at the end of a copy the old disk exits before the answer", Facts: []string{"copy-order", "note-before"}, Needs: forCopy, Speed: 1,
		Run: func(t *suite.T) {
			m := start(t, t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20}), t.Local(1)).end()
			together(t, t.Exited(m.conn, m.from, m.old), m.answer)
			entered, _ := t.Entered(m.conn, m.from, "the new disk", func(id string, _ wire.Object) bool { return id == m.new })
			t.Check(entered.Number < t.Exited(m.conn, m.from, m.old).Number, "the old disk exited before the new one entered")
		}},
	{Name: "only the source of a copy shows the operation, by the reference of its task", Facts: []string{"op-keys", "op-source", "move-new-id", "obj-task", "obj-applies-to"},
		Needs: slowCopy, Run: func(t *suite.T) {
			m, undo := copying(t)
			ref, target := moving(t, m.disk, "copy"), m.target()
			task := taskOf(t, ref)
			shapes["task"].check(t, "task", task)
			t.Check(task.Text("name_label") == "Async.VDI.copy" && task.Text("status") == "pending", "%v", task)
			t.Check(task.Number("progress") >= 0 && task.Number("progress") < 1, "progress: %v", task["progress"])
			t.Check(!task.Has("applies_to") || task.Of("other_config").Has("applies_to"), "applies_to: %v", task["applies_to"])
			t.Check(len(t.Object(target).Of("current_operations")) == 0, "the target shows %v", t.Object(target)["current_operations"])
			t.Check(t.Object(target).Text("name_label") == m.disk.Name && t.Object(target).Text("name_description") == "described", "%v", t.Object(target))
			undo()
			m.end()
		}},
	{Name: "while a disk is copied it and its copy have a VBD of the control domain", Facts: []string{"copy-dom0"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			m, undo := copying(t)
			vbds := map[string]string{}
			for _, id := range []string{m.old, m.target()} {
				t.Eventually(time.Minute, func() error {
					for _, vbd := range t.Object(id).Texts("$VBDs") {
						if t.Object(t.Object(vbd).Text("VM")).Text("type") == "VM-controller" {
							t.Check(t.Object(vbd).Bool("read_only") == (id == m.old), "VBD of %s: %v", id, t.Object(vbd))
							vbds[vbd] = id
							return nil
						}
					}
					return fmt.Errorf("%s has no VBD of a VM-controller", id)
				})
			}
			from := m.conn.Now()
			undo()
			m.end()
			for vbd := range vbds {
				t.Exited(m.conn, from, vbd)
			}
		}},
	{Name: "the result of a copy's task is the reference of the new disk", Facts: []string{"task-result", "task-gone"}, Needs: forCopy, Speed: 5,
		Run: func(t *suite.T) { endOfTask(t, copied(t), "Async.VDI.copy") }},
	{Name: "a copy that is renamed meanwhile keeps its old name", Facts: []string{"move-rename"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			m, undo := copying(t)
			t.Call(m.conn, "vdi.set", params{"id": m.old, "name_label": m.disk.Name + "-new"})
			undo()
			m.end()
			t.Check(t.Object(m.new).Text("name_label") == m.disk.Name, "it is named %v", t.Object(m.new)["name_label"])
		}},
}

var mirrors = []*suite.Test{
	{Name: "a live migration shows its task, the new disk, the VBD there, the old disk's end and the answer, in that order",
		Facts: []string{"mirror-order", "note-before"}, Needs: forMirror, Speed: 1, Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20, Seed: 7})
			t.Attach(disk, t.VM())
			m := start(t, disk, t.Shared()).end()
			task, _ := m.task("Async.VDI.pool_migrate")
			entered, _ := t.Entered(m.conn, m.from, "the new disk", func(id string, _ wire.Object) bool { return id == m.new })
			switched, vbd := t.Entered(m.conn, m.from, "the VBD at the new disk", func(_ string, o wire.Object) bool {
				return o.Text("type") == "VBD" && o.Text("VDI") == m.new && o.Text("VM") == t.VM()
			})
			exited := t.Exited(m.conn, m.from, m.old)
			t.Check(0 <= task && task <= entered.Number && entered.Number < switched.Number && switched.Number <= exited.Number,
				"task %d, new disk %d, VBD %d, exit %d", task, entered.Number, switched.Number, exited.Number)
			together(t, exited, m.answer)
			t.Check(t.Object(vbd).Bool("attached") && t.Object(vbd).Text("device") != "", "%v", t.Object(vbd))
			good(t, m.new, 1)
		}},
	{Name: "a live migration keeps the VBD and its device", Facts: []string{"mirror-order"}, Needs: forMirror,
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0)})
			vbd := t.Attach(disk, t.VM())
			before := t.Object(vbd)
			m := start(t, disk, t.Shared()).end()
			after := t.Object(vbd)
			t.Check(after.Text("VDI") == m.new && after.Text("device") == before.Text("device") && after.Text("position") == before.Text("position"), "before %v, after %v", before, after)
			t.Check(t.Object(t.VM()).Text("$container") == t.Host(0), "the VM moved")
		}},
	{Name: "a live migration keeps name and description and loses tags", Facts: []string{"mirror-keeps", "move-new-id"}, Needs: forMirror,
		Run: func(t *suite.T) {
			m := mirrored(t)
			object := t.Object(m.new)
			t.Check(object.Text("name_label") == m.disk.Name && object.Text("name_description") == "described", "%v", object)
			t.Check(len(object.List("tags")) == 0 && m.new != m.old, "tags: %v", object["tags"])
		}},
	{Name: "a disk that is renamed during its live migration has its old name afterwards", Facts: []string{"move-rename", "mirror-keeps"}, Needs: slowMove,
		Run: func(t *suite.T) {
			m, undo := mirroring(t)
			t.Call(m.conn, "vdi.set", params{"id": m.old, "name_label": m.disk.Name + "-new"})
			undo()
			m.end()
			t.Check(t.Object(m.new).Text("name_label") == m.disk.Name, "it is named %v", t.Object(m.new)["name_label"])
		}},
	{Name: "a live migration shows at disk, VM and host, each by its own key", Facts: []string{"op-keys", "op-source"}, Needs: slowMove,
		Run: func(t *suite.T) {
			m, undo := mirroring(t)
			ref := moving(t, m.disk, "mirror")
			task := taskOf(t, ref)
			t.Check(task.Text("name_label") == "Async.VDI.pool_migrate" && contains(task.Texts("allowedOperations"), "cancel"), "%v", task)
			vm, host := t.Object(t.VM()).Of("current_operations"), t.Object(t.Host(0)).Of("current_operations")
			t.Check(vm.Has(task.Text("id")), "VM: %v; task %s", vm, task.Text("id"))
			t.Check(host.Text(ref) == "vm_migrate", "host: %v; task %s", host, ref)
			t.Check(len(t.Object(m.target()).Of("current_operations")) == 0, "the target shows an operation")
			undo()
			m.end()
			t.Eventually(time.Minute, func() error {
				if left := t.Object(t.VM()).Of("current_operations"); len(left) > 0 {
					return fmt.Errorf("the VM shows %v", left)
				}
				return nil
			})
		}},
	{Name: "the result of a live migration's task is the reference of the new disk", Facts: []string{"task-result", "task-gone"}, Needs: forMirror, Speed: 5,
		Run: func(t *suite.T) { endOfTask(t, mirrored(t), "Async.VDI.pool_migrate") }},
	{Name: "the last phase of a live migration can not be cancelled", Facts: []string{"cancel-last"}, Needs: forMirror, Speed: 2,
		Run: func(t *suite.T) {
			m, seen := mirrored(t), 0
			_, states := m.task("Async.VDI.pool_migrate")
			for _, task := range states {
				if task.Text("status") == "pending" && task.Number("progress") == 1 {
					seen++
					t.Check(!contains(task.Texts("allowedOperations"), "cancel"), "at progress 1: %v", task["allowedOperations"])
				}
			}
			t.Check(seen > 0 || t.Site.Real(), "the last phase was never told")
		}},
	{Name: "while a live migration runs there is a VDI-snapshot of the disk and of its name", Facts: []string{"mirror-snapshots", "obj-vdi-types"}, Needs: slowMove,
		Run: func(t *suite.T) {
			m, undo := mirroring(t)
			var snapshot wire.Object
			t.Eventually(time.Minute, func() error {
				for _, one := range t.Objects(params{"type": "VDI-snapshot", "$snapshot_of": m.old}) {
					snapshot = wire.Of(one)
					return nil
				}
				return fmt.Errorf("there is no VDI-snapshot of %s", m.old)
			})
			t.Check(snapshot.Text("name_label") == m.disk.Name && wire.Kind(snapshot["snapshot_time"]) == "number", "%v", snapshot)
			t.Check(contains(t.Object(m.old).Texts("snapshots"), snapshot.Text("id")), "snapshots of the disk: %v", t.Object(m.old)["snapshots"])
			undo()
			m.end()
			t.Eventually(time.Minute, func() error {
				if left := t.Objects(params{"type": "VDI-snapshot", "name_label": m.disk.Name}); len(left) > 0 {
					return fmt.Errorf("%d snapshots are left", len(left))
				}
				return nil
			})
		}},
	{Name: "a VM with a disk in live migration takes no other disk", Facts: []string{"attach-migrating"}, Needs: slowMove,
		Run: func(t *suite.T) {
			m, undo := mirroring(t)
			other, started := t.Disk(suite.Make{SR: t.Local(0)}), time.Now()
			data := xapiError(t, t.Refused(m.conn, "vm.attachDisk", params{"vm": t.VM(), "vdi": other.ID, "mode": "RW"}), "OTHER_OPERATION_IN_PROGRESS")
			t.Check(t.Since(started) < time.Minute, "after %s", t.Since(started))
			t.Check(len(data.Texts("params")) > 0 && data.Texts("params")[0] == "VM", "%v", data["params"])
			undo()
			m.end()
		}},
}

// taskOf is the XAPI task with a reference.
func taskOf(t *suite.T, ref string) wire.Object {
	var found wire.Object
	t.Eventually(time.Minute, func() error {
		for _, task := range t.Objects(params{"type": "task", "xapiRef": ref}) {
			found = wire.Of(task)
			return nil
		}
		return fmt.Errorf("there is no task %s", ref)
	})
	return found
}

// endOfTask checks what the task of a migration said last, and that it is removed.
func endOfTask(t *suite.T, m *move, name string) {
	_, states := m.task(name)
	if len(states) == 0 {
		t.Fatalf("no task %s was told", name)
	}
	last := states[len(states)-1]
	t.Check(last.Text("status") == "success" && last.Number("finished") >= last.Number("created") && last.Number("progress") == 1, "%v", last)
	t.Check(strings.Contains(last.Text("result"), t.Object(m.new).Text("_xapiRef")), "result %v, reference %v", last["result"], t.Object(m.new)["_xapiRef"])
	t.Eventually(time.Minute, func() error {
		if t.Object(last.Text("id")) != nil {
			return fmt.Errorf("task %s is there still", last.Text("id"))
		}
		return nil
	})
}

// good checks, on a simulator, that a disk holds every byte that it ought to, and how many disks of its family are left.
func good(t *suite.T, id string, left int) {
	if t.Site.Real() {
		return
	}
	truth, err := t.Simulated().Truth(t.Ctx)
	t.Must(err)
	disk, existing := truth.Disk(id), 0
	if disk == nil {
		t.Fatalf("there is no disk %s", id)
	}
	for _, other := range truth.Disks {
		if other.Exists && other.Family == disk.Family {
			existing++
		}
	}
	t.Check(disk.Complete && disk.StaleBytes == 0, "disk %s: complete %v, %d bytes stale", id, disk.Complete, disk.StaleBytes)
	t.Check(existing == left, "%d disks of the family are left", existing)
}
