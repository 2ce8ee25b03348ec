package tests

import (
	"fmt"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

var failures = []*suite.Test{
	{Name: "a copy that fails midway leaves the source and no target", Facts: []string{"move-fails", "err-xapi"}, Needs: with(forCopy, suite.FaultNeed("COPY_FAILS")),
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0), Seed: 7})
			t.Fault("COPY_FAILS", map[string]string{"DISK": disk.Name})
			failedMove(t, start(t, disk, t.Local(1)))
		}},
	{Name: "a live migration that fails midway leaves the source at its VM and no target", Facts: []string{"move-fails", "err-xapi"},
		Needs: with(forMirror, suite.FaultNeed("COPY_FAILS")), Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0), Seed: 7})
			vbd := t.Attach(disk, t.VM())
			t.Fault("COPY_FAILS", map[string]string{"DISK": disk.Name})
			failedMove(t, start(t, disk, t.Shared()))
			t.Check(t.Object(vbd).Text("VDI") == disk.ID && t.Object(vbd).Bool("attached"), "VBD: %v", t.Object(vbd))
		}},
	{Name: "a copy that is cancelled leaves the source and no target", Facts: []string{"cancel", "err-cancelled"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			m, _ := copying(t)
			cancelled(t, m, moving(t, m.disk, "copy"))
		}},
	{Name: "a live migration that is cancelled leaves the source at its VM and no target", Facts: []string{"cancel", "err-cancelled"}, Needs: slowMove,
		Run: func(t *suite.T) {
			m, _ := mirroring(t)
			cancelled(t, m, moving(t, m.disk, "mirror"))
			t.Check(t.Object(t.VBD(m.old, t.VM())).Bool("attached"), "it is not attached any more")
		}},
	{Name: "a migration goes on when its client's connection drops, and a new one sees it", Facts: []string{"move-dropped"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			m, undo := copying(t)
			m.conn.Close()
			t.Check(moving(t, m.disk, "copy") != "" && m.target() != "", "a new client does not see it")
			undo()
			t.Eventually(5*time.Minute, func() error {
				if left := t.Named(m.disk.Name); len(left) != 1 || left[0] == m.old {
					return fmt.Errorf("there are the disks %v; the source is %s", left, m.old)
				}
				return nil
			})
			good(t, only(t, m.disk.Name), 1)
		}},
	{Name: "a disk that is deleted while it is copied lives on under its new id", Facts: []string{"delete-moved", "move-deleted"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			m, undo := copying(t)
			deletion := t.Send(m.conn, "vdi.delete", params{"id": m.old})
			t.Pass(2 * time.Second)
			undo()
			m.end()
			message := t.Answer(m.conn, deletion)
			t.Check(message.Error == nil && message.Result == true, "vdi.delete: %v %v", message.Result, message.Error)
			t.Check(only(t, m.disk.Name) == m.new, "%s is not what is left", m.new)
			good(t, m.new, 1)
		}},
	{Name: "a disk that is attached while it is copied is left with a stale copy", Facts: []string{"move-attached", "move-alike"}, Needs: with(slowCopy, suite.VM, suite.Minutes),
		Run: func(t *suite.T) {
			m, undo := copying(t)
			t.Attach(m.disk, t.VM())
			if !t.Site.Real() {
				_, err := t.Simulated().Write(t.Ctx, t.VM(), t.Object(t.VBD(m.old, t.VM())).Text("device"), 0, 1<<20, 99)
				t.Must(err)
			}
			started := time.Now()
			undo()
			inUse(t, m.fails(), m.old, "")
			t.Check(t.Since(started) > 40*time.Second, "after %s", t.Since(started))
			left := t.Named(m.disk.Name)
			t.Check(len(left) == 2, "%d disks of the name are left", len(left))
			if !t.Site.Real() {
				truth, err := t.Simulated().Truth(t.Ctx)
				t.Must(err)
				t.Check(truth.Disk(m.target()).StaleBytes > 0, "the copy is not stale")
			}
		}},
	{Name: "a second migration of a disk that is being copied copies it too", Facts: []string{"move-twice"}, Needs: with(slowCopy, suite.LocalTriple),
		Run: func(t *suite.T) {
			m, undo := copying(t)
			again := t.Migrate(m.conn, m.disk, t.Local(2))
			t.Eventually(time.Minute, func() error {
				if found := t.Named(m.disk.Name); len(found) != 3 {
					return fmt.Errorf("there are %d disks of the name", len(found))
				}
				return nil
			})
			undo()
			answers, failed := []*wire.Message{t.Answer(m.conn, m.call), t.Answer(m.conn, again)}, 0
			for _, answer := range answers {
				if answer.Error == nil {
					t.Check(answer.Result != m.old && t.Object(fmt.Sprint(answer.Result)) != nil, "%v is no new disk", answer.Result)
					continue
				}
				failed++ // whichever ends last was seen to fail: its source is gone
				t.Check(answer.Error.Code == -32000, "%v", answer.Error)
			}
			t.Check(failed == 0 || (failed == 1 && t.Site.Real()), "%d of the two calls failed", failed)
			t.Check(len(t.Named(m.disk.Name)) == 2 && t.Object(m.old) == nil, "%d disks are left", len(t.Named(m.disk.Name)))
		}},
}

// failedMove checks the end of a migration with a storage error.
func failedMove(t *suite.T, m *move) {
	failure := m.fails()
	data := xapiError(t, failure, wire.Of(failure.Data).Text("code"))
	t.Check(len(data.Of("task")) > 0 && data.Of("task").Text("status") == "failure", "data.task: %v", data["task"])
	t.Check(only(t, m.disk.Name) == m.old && t.Object(m.old).Text("$SR") == t.Local(0), "%v is left", t.Named(m.disk.Name))
	t.Eventually(time.Minute, func() error {
		if left := t.Object(m.old).Of("current_operations"); len(left) > 0 {
			return fmt.Errorf("the source shows %v", left)
		}
		return nil
	})
	good(t, m.old, 1)
}

// cancelled cancels a migration by its task and checks what is left.
func cancelled(t *suite.T, m *move, ref string) {
	task := taskOf(t, ref)
	t.Check(contains(task.Texts("allowedOperations"), "cancel"), "%v", task)
	started := time.Now()
	t.Check(t.Call(m.conn, "task.cancel", params{"id": task.Text("id")}) == true, "task.cancel did not answer true")
	failure := m.fails()
	t.Check(t.Since(started) < time.Minute, "it ended %s later", t.Since(started))
	t.Check(failure.Code == -32000 && failure.Message == "task canceled", "%v", failure)
	t.Check(wire.Of(failure.Data).Text("message") == "task canceled", "%v", failure)
	t.Check(only(t, m.disk.Name) == m.old, "%v is left", t.Named(m.disk.Name))
	t.Eventually(time.Minute, func() error {
		if t.Object(task.Text("id")) != nil {
			return fmt.Errorf("the task is there still")
		}
		return nil
	})
	noSuch(t, t.Refused(m.conn, "task.cancel", params{"id": task.Text("id")}), task.Text("id"), "task")
	good(t, m.old, 1)
}

var restarts = []*suite.Test{
	{Name: "a restart of Xen Orchestra under a copy leaves two complete disks", Facts: []string{"move-xo-copy", "xo-restart", "task-orphan"},
		Needs: with(slowCopy, suite.FaultNeed("XO_RESTART")), Run: func(t *suite.T) {
			m, undo := copying(t)
			ref := moving(t, m.disk, "copy")
			restarted(t, m)
			t.Check(len(t.Named(m.disk.Name)) == 2, "%d disks are there", len(t.Named(m.disk.Name)))
			undo()
			orphan(t, ref)
			t.Pass(30 * time.Second)
			t.Check(len(t.Named(m.disk.Name)) == 2 && t.Object(m.old) != nil, "%v are left", t.Named(m.disk.Name))
			good(t, m.target(), 2)
		}},
	{Name: "a restart of Xen Orchestra under a live migration leaves the new disk", Facts: []string{"move-xo-mirror", "xo-restart", "task-orphan"},
		Needs: with(slowMove, suite.FaultNeed("XO_RESTART")), Run: func(t *suite.T) {
			m, undo := mirroring(t)
			ref := moving(t, m.disk, "mirror")
			restarted(t, m)
			undo()
			orphan(t, ref)
			t.Eventually(time.Minute, func() error {
				if left := t.Named(m.disk.Name); len(left) != 1 || left[0] == m.old {
					return fmt.Errorf("there are the disks %v; the source was %s", left, m.old)
				}
				return nil
			})
			t.Check(t.Object(t.VBD(only(t, m.disk.Name), t.VM())).Bool("attached"), "it is not attached")
			good(t, only(t, m.disk.Name), 1)
		}},
	{Name: "a toolstack restart leaves a copy incomplete, with nothing that says so", Facts: []string{"move-toolstack", "err-restarted", "move-alike"},
		Needs: with(slowCopy, suite.FaultNeed("TOOLSTACK_RESTART")), Run: func(t *suite.T) {
			m, _ := copying(t)
			target := m.target()
			toolstack(t, m, target)
			source, half := t.Object(m.old), t.Object(target)
			for key := range source {
				t.Check(half.Has(key) && wire.Kind(half[key]) == wire.Kind(source[key]), "the copy's %s is %v", key, half[key])
			}
			for _, key := range []string{"name_label", "name_description", "size", "VDI_type", "missing"} {
				t.Check(half[key] == source[key], "%s tells them apart: %v, %v", key, source[key], half[key])
			}
		}},
	{Name: "a toolstack restart leaves a live migration's source at its VM", Facts: []string{"move-toolstack", "err-restarted"},
		Needs: with(slowMove, suite.FaultNeed("TOOLSTACK_RESTART")), Run: func(t *suite.T) {
			m, _ := mirroring(t)
			toolstack(t, m, m.target())
			t.Check(t.Object(t.VBD(m.old, t.VM())).Bool("attached"), "the source is not attached")
		}},
	{Name: "a toolstack restart after a live migration's source was removed leaves the new disk", Facts: []string{"move-toolstack-late"},
		Needs: with(forMirror, suite.OnlyXosim), Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{SR: t.Local(0), Seed: 7})
			t.Attach(disk, t.VM())
			t.Arm(map[string]any{"name": "toolstack-restart", "when": map[string]any{"event": "mirror-source-gone", "match": disk.Name}})
			failure := start(t, disk, t.Shared()).fails()
			t.Check(failure.Message == "task has been destroyed before completion", "%v", failure)
			t.Eventually(time.Minute, func() error {
				if left := t.Named(disk.Name); len(left) != 1 || left[0] == disk.ID {
					return fmt.Errorf("there are the disks %v; the source was %s", left, disk.ID)
				}
				return nil
			})
			t.Check(t.Object(t.VBD(only(t, disk.Name), t.VM())).Bool("attached"), "it is not attached")
			good(t, only(t, disk.Name), 1)
		}},
	{Name: "a migration that a blip of the pool meets ends well, and is answered after it", Facts: []string{"move-blip"},
		Needs: with(slowCopy, suite.FaultNeed("POOL_BLIP"), suite.Minutes), Run: func(t *suite.T) {
			m, undo := copying(t)
			blip(t, m.conn, m.from)
			from := m.conn.Now()
			undo()
			back := t.Find(m.conn, from, "the pool", tells(t.Pool(), "enter"))
			m.end()
			t.Check(back.Number < m.answer.Number, "the answer came before the pool was back")
			good(t, m.new, 1)
		}},
}

// restarted restarts Xen Orchestra under a migration and waits until the pool is back.
func restarted(t *suite.T, m *move) {
	t.Fault("XO_RESTART", nil)
	_, err := m.conn.CloseStatus(t.Limit(time.Minute))
	t.Must(err)
	reconnect(t).Close()
	t.Eventually(5*time.Minute, func() error {
		if t.Object(t.Pool()) == nil {
			return fmt.Errorf("the pool is not back")
		}
		return nil
	})
}

// orphan checks that a task that nobody watches any more stays, and ends well.
func orphan(t *suite.T, ref string) {
	t.Eventually(5*time.Minute, func() error {
		for _, task := range t.Objects(params{"type": "task", "xapiRef": ref}) {
			if status := wire.Of(task).Text("status"); status != "success" {
				return fmt.Errorf("the task has status %s", status)
			}
			return nil
		}
		return fmt.Errorf("the task is gone")
	})
}

// toolstack restarts XAPI under a migration and checks what is left.
func toolstack(t *suite.T, m *move, target string) {
	t.Fault("TOOLSTACK_RESTART", map[string]string{"POOL": t.Pool()})
	failure := m.fails()
	data := wire.Of(failure.Data)
	t.Check(failure.Code == -32000 && failure.Message == "task has been destroyed before completion", "%v", failure)
	t.Check(len(data.Of("task")) > 0 && data.Text("taskRef") != "", "%v", failure)
	t.Eventually(5*time.Minute, func() error {
		if t.Object(m.old) == nil || t.Object(target) == nil || len(t.Object(m.old).Of("current_operations")) > 0 {
			return fmt.Errorf("source %v, target %v", t.Object(m.old), t.Object(target))
		}
		return nil
	})
	t.Check(len(t.Objects(params{"type": "task", "status": "pending"})) == 0 || t.Site.Real(), "there are tasks still")
	if !t.Site.Real() {
		truth, err := t.Simulated().Truth(t.Ctx)
		t.Must(err)
		t.Check(!truth.Disk(target).Complete && truth.Disk(m.old).Complete, "complete: source %v, target %v", truth.Disk(m.old).Complete, truth.Disk(target).Complete)
	}
}

var away = []*suite.Test{
	{Name: "a blip of a pool makes all its objects exit, and calls on them code 1", Facts: []string{"blip-exit"}, Needs: []suite.Need{suite.SR, suite.FaultNeed("POOL_BLIP")},
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			rest := t.Rest()
			before := t.Objects(params{"$pool": t.Pool()})
			exit := blip(t, conn, 0)
			for id := range before {
				_, has := exit.Items[id]
				t.Check(has || before.Of(id).Text("type") == "task", "%s %s did not exit", before.Of(id).Text("type"), id)
			}
			noSuch(t, t.Refused(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name}), disk.ID, "VDI")
			t.Check(len(t.Objects(params{"$pool": t.Pool()})) == 0, "objects are there still")
			response := get(t, rest, "/vdis/"+disk.ID)
			t.Check(response.Status == 404, "REST: %v", response)
			t.Find(conn, exit.Number, "the pool's return", tells(t.Pool(), "enter"))
		}},
	{Name: "after a blip a pool comes back in one frame", Facts: []string{"blip-enter", "note-big", "ws-frames"}, Needs: []suite.Need{suite.SR, suite.FaultNeed("POOL_BLIP"), suite.Minutes},
		World: manyDisks, Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			count := len(t.Objects(params{"$pool": t.Pool()}))
			started := time.Now()
			exit := blip(t, conn, 0)
			enter := t.Find(conn, exit.Number, "the pool's return", tells(t.Pool(), "enter"))
			_, has := enter.Items[disk.ID]
			t.Check(has && len(enter.Items) > count*9/10, "%d of %d objects came back with the pool", len(enter.Items), count)
			t.Check(t.Between(started, enter.At) < 5*time.Minute, "after %s", t.Between(started, enter.At))
			t.Call(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name})
		}},
	{Name: "server.getAll says connecting while a pool is away, and connected otherwise", Facts: []string{"blip-server", "server-all"},
		Needs: []suite.Need{suite.SR, suite.FaultNeed("POOL_BLIP")}, Run: func(t *suite.T) {
			conn := t.Session()
			server := serverOf(t, conn, t.Pool())
			t.Check(server.Text("status") == "connected" && server.Bool("enabled") && server.Text("host") != "" && server.Text("master") != "", "%v", server)
			blip(t, conn, 0)
			id := server["id"]
			for _, other := range servers(t, conn) {
				if wire.Of(other)["id"] == id {
					t.Check(wire.Of(other).Text("status") == "connecting" && wire.Of(other)["error"] == nil, "%v", other)
				}
			}
			t.Find(conn, 0, "the pool's return", tells(t.Pool(), "enter"))
			t.Check(serverOf(t, conn, t.Pool()).Text("status") == "connected", "%v", serverOf(t, conn, t.Pool()))
		}},
	{Name: "a pool that cannot be reached when Xen Orchestra starts is only told of by its server", Facts: []string{"server-unreachable"},
		Needs: []suite.Need{suite.SR, suite.FaultNeed("POOL_UNREACHABLE"), suite.FaultNeed("XO_RESTART"), suite.Minutes}, Run: func(t *suite.T) {
			conn := t.Session()
			id := serverOf(t, conn, t.Pool())["id"]
			undo := t.Fault("POOL_UNREACHABLE", map[string]string{"POOL": t.Pool()})
			t.Fault("XO_RESTART", nil)
			_, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			back := reconnect(t)
			t.Call(back, "session.signIn", t.Site.Credentials())
			status := func(wanted string) wire.Object {
				var found wire.Object
				t.Eventually(5*time.Minute, func() error {
					for _, server := range servers(t, back) {
						if wire.Of(server)["id"] == id {
							found = wire.Of(server)
						}
					}
					if found.Text("status") != wanted {
						return fmt.Errorf("the server is %v, not %s", found, wanted)
					}
					return nil
				})
				return found
			}
			away := status("disconnected")
			t.Check(away.Bool("enabled") && away["error"] != nil && !away.Has("poolId"), "%v", away)
			t.Check(!wire.Of(t.Call(back, "xo.getAllObjects", params{"filter": params{"id": t.Pool()}})).Has(t.Pool()), "the pool is in the list")
			undo()
			t.Check(status("connected").Text("poolId") == t.Pool(), "%v", serverOf(t, back, t.Pool()))
		}},
	{Name: "Xen Orchestra leaves keys of its own at a pool, and each is told as a change of the pool", Facts: []string{"server-keys"}, Needs: forCopy, Speed: 1,
		Run: func(t *suite.T) {
			own := func(start string) func(wire.Object) bool {
				return func(pool wire.Object) bool {
					for _, key := range append(keys(pool.Of("otherConfig")), keys(pool.Of("other_config"))...) {
						if strings.HasPrefix(key, start) {
							return true
						}
					}
					return false
				}
			}
			t.Check(own("xo:clientInfo:")(t.Object(t.Pool())), "the pool has no such key: %v", t.Object(t.Pool())["otherConfig"])
			m := start(t, t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20}), t.Local(1)).end()
			seen := false
			for _, state := range m.conn.States(t.Pool()) {
				seen = seen || own("xo:barrier:")(state)
			}
			t.Check(seen || t.Site.Real(), "no barrier was told")
		}},
	{Name: "a restart of Xen Orchestra closes connections, and objects are there soon after it takes new ones", Facts: []string{"xo-restart"},
		Needs: []suite.Need{suite.SR, suite.FaultNeed("XO_RESTART")}, Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			t.Fault("XO_RESTART", nil)
			_, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			back := reconnect(t)
			t.Call(back, "session.signIn", t.Site.Credentials())
			t.Eventually(2*time.Minute, func() error {
				if !wire.Of(t.Call(back, "xo.getAllObjects", params{"filter": params{"id": disk.ID}})).Has(disk.ID) {
					return fmt.Errorf("disk %s is not there", disk.ID)
				}
				return nil
			})
		}},
	{Name: "of a host that is down only its power state changes", Facts: []string{"host-down", "err-offline"}, Needs: []suite.Need{suite.LocalPair, suite.FaultNeed("HOST_OFF")},
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{SR: t.Local(1)}), t.Session()
			t.Fault("HOST_OFF", map[string]string{"HOST": t.Host(1)})
			t.Eventually(5*time.Minute, func() error {
				if state := t.Object(t.Host(1)).Text("power_state"); state != "Halted" {
					return fmt.Errorf("power_state is %s", state)
				}
				return nil
			})
			t.Check(t.Object(disk.ID) != nil && t.Object(t.Local(1)) != nil, "disk or SR are gone")
			for _, pbd := range t.Object(t.Local(1)).Texts("$PBDs") {
				t.Check(t.Object(pbd).Bool("attached"), "PBD: %v", t.Object(pbd))
			}
			failure := t.Refused(conn, "vdi.set", params{"id": disk.ID, "size": 2 * suite.GiB})
			t.Check(failure.Code == 18 && failure.Message == "host offline" && wire.Of(failure.Data).Text("objectId") == t.Host(1), "%v", failure)
		}},
	{Name: "a disk destroyed behind Xen Orchestra is HANDLE_INVALID, then code 1", Facts: []string{"destroyed-behind"}, Speed: 1,
		Needs: []suite.Need{suite.SR, suite.FaultNeed("DISK_DESTROYED")}, Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			t.GiveUp(disk.ID)
			t.Fault("DISK_DESTROYED", map[string]string{"VDI": disk.ID})
			failure := t.Refused(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name})
			t.Check(failure.XAPI() == "HANDLE_INVALID" || (failure.Code == 1 && t.Site.Real()), "at once: %v", failure)
			t.Exited(conn, 0, disk.ID)
			noSuch(t, t.Refused(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name}), disk.ID, "VDI")
		}},
	{Name: "while events stall what was known is answered, and a creation hangs", Facts: []string{"events-stall"}, Needs: []suite.Need{suite.SR, suite.FaultNeed("EVENTS_STALL")}, Speed: 4,
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			other := &suite.Disk{Name: t.Name("hangs")}
			t.Keep(other)
			started := time.Now()
			t.Fault("EVENTS_STALL", map[string]string{"POOL": t.Pool()})
			t.Call(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name + "-new"})
			creation := t.Send(conn, "disk.create", params{"name": other.Name, "size": suite.GiB, "sr": t.SR()})
			t.Pass(2 * time.Second)
			t.Check(t.Object(disk.ID).Text("name_label") == disk.Name, "the new name is known")
			t.Check(t.Answer(conn, creation).Error == nil, "%v", t.Answer(conn, creation).Error)
			t.Check(t.Since(started) > 5*time.Second, "the creation did not hang")
			t.Find(conn, 0, "the new name", renamed(disk, disk.Name+"-new"))
		}},
}

// blip loses Xen Orchestra the connection to the pool and waits for the exit. A real one may have it back before it looks; then nothing
// exits, and there is nothing to test.
func blip(t *suite.T, conn *wire.Conn, from int) *wire.Message {
	t.Fault("POOL_BLIP", map[string]string{"POOL": t.Pool()})
	exit, err := conn.Find(from, t.Limit(2*time.Minute), func(m *wire.Message) bool {
		_, has := m.Items[t.Pool()]
		return m.Kind == "exit" && has
	})
	if err != nil && t.Site.Real() {
		t.Skipf("nothing exited: FAULT_POOL_BLIP must keep the pool away until Xen Orchestra notices")
	}
	t.Must(err)
	return exit
}

func servers(t *suite.T, conn *wire.Conn) []any {
	list, _ := t.Call(conn, "server.getAll", params{}).([]any)
	return list
}

func serverOf(t *suite.T, conn *wire.Conn, pool string) wire.Object {
	for _, server := range servers(t, conn) {
		if wire.Of(server).Text("poolId") == pool {
			return wire.Of(server)
		}
	}
	t.Fatalf("no server has pool %s: %v", pool, servers(t, conn))
	return nil
}
