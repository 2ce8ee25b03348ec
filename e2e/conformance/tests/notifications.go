package tests

import (
	"encoding/json"
	"fmt"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

func tells(id, kind string) func(*wire.Message) bool {
	return func(m *wire.Message) bool { _, has := m.Items[id]; return has && m.Kind == kind }
}

// renamed is a message that tells a disk's new name.
func renamed(disk *suite.Disk, name string) func(*wire.Message) bool {
	return func(m *wire.Message) bool { return wire.Of(m.Items[disk.ID]).Text("name_label") == name }
}

// atMost is how much later than its answer a change may be told, generously: Xen Orchestra asks XAPI all the time and sends every 200 ms.
const atMost = 5 * time.Second

var notifications = []*suite.Test{
	{Name: "a notification is a method all with objects that entered or ids that exited", Facts: []string{"note-form", "note-enter"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			disk := t.Disk(suite.Make{})
			enter := t.Find(conn, 0, "enter", tells(disk.ID, "enter"))
			t.Call(conn, "vdi.delete", params{"id": disk.ID})
			exit := t.Find(conn, 0, "exit", tells(disk.ID, "exit"))
			for _, message := range []*wire.Message{enter, exit} {
				var frame map[string]any
				t.Must(json.Unmarshal(message.Text, &frame))
				_, hasID := frame["id"]
				t.Check(!hasID && frame["method"] == "all" && frame["jsonrpc"] == "2.0", "%.200s", message.Text)
				t.Check(len(wire.Of(frame).Of("params")) == 2, "%.200s", message.Text)
			}
			object := wire.Of(enter.Items[disk.ID])
			common.check(t, "enter", object)
			shapes["VDI"].check(t, "enter", object)
			t.Check(exit.Items[disk.ID] == 0.0, "exit has %v", exit.Items[disk.ID])
		}},
	{Name: "a change is told whole to every connection that is signed in, and to no other", Facts: []string{"note-everybody"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			mine, other, out, never := t.Session(), t.Session(), t.Session(), t.Connect(wire.Options{})
			t.Call(out, "session.signOut", params{})
			left := out.Now()
			disk := t.Disk(suite.Make{})
			name := disk.Name + "-new"
			t.Call(mine, "vdi.set", params{"id": disk.ID, "name_label": name})
			for _, conn := range []*wire.Conn{mine, other} {
				message := t.Find(conn, 0, "the new name", renamed(disk, name))
				shapes["VDI"].check(t, "the changed disk", wire.Of(message.Items[disk.ID]))
			}
			some := func(m *wire.Message) bool { return m.Kind != "" }
			t.Silent(never, 0, 2*time.Second, "told before signing in", some)
			t.Silent(out, left, 2*time.Second, "told after signing out", some)
		}},
	{Name: "what a connection missed is not told again", Facts: []string{"note-replay"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			first := t.Session()
			disk := t.Disk(suite.Make{})
			t.Find(first, 0, "enter", tells(disk.ID, "enter"))
			t.Silent(t.Session(), 0, 5*time.Second, "told again", tells(disk.ID, "enter"))
		}},
	{Name: "of one batch what entered is told before what exited", Facts: []string{"note-enter", "note-sr"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			disk := t.Disk(suite.Make{})
			enter := t.Find(conn, 0, "the SR with the new disk", listed(t, disk, true))
			from := conn.Now()
			t.Call(conn, "vdi.delete", params{"id": disk.ID})
			exit := t.Find(conn, from, "exit", tells(disk.ID, "exit"))
			gone := t.Find(conn, from, "the SR without the disk", listed(t, disk, false))
			t.Check(gone.Number < exit.Number, "the disk exited (%d) before its SR was told without it (%d)", exit.Number, gone.Number)
			t.Check(len(wire.Of(enter.Items[t.SR()]).List("VDIs")) == len(wire.Of(gone.Items[t.SR()]).List("VDIs"))+1 || t.Site.Real(),
				"the SR's VDIs: %v, then %v", wire.Of(enter.Items[t.SR()])["VDIs"], wire.Of(gone.Items[t.SR()])["VDIs"])
		}},
	{Name: "a change is told soon, and not before it can have been seen", Facts: []string{"note-delay"}, Needs: []suite.Need{suite.SR}, Speed: 1,
		Run: func(t *suite.T) {
			conn := t.Session()
			disk := t.Disk(suite.Make{})
			started := time.Now()
			t.Call(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name + "-new"})
			told := t.Find(conn, 0, "the new name", renamed(disk, disk.Name+"-new"))
			took := t.Between(started, told.At)
			t.Check(took > 20*time.Millisecond && took < atMost, "told after %s", took)
		}},
	{Name: "quick changes are told in fewer notifications", Facts: []string{"note-delay"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			disk := t.Disk(suite.Make{})
			from, last := conn.Now(), ""
			for number := range 20 {
				last = fmt.Sprintf("%s-%d", disk.Name, number)
				t.Send(conn, "vdi.set", params{"id": disk.ID, "name_label": last})
			}
			t.Find(conn, from, "the last name", renamed(disk, last))
			count := 0
			for _, message := range conn.Messages()[from:] {
				if tells(disk.ID, "enter")(message) {
					count++
				}
			}
			t.Check(count < 20, "20 changes were told in %d notifications", count)
		}},
	{Name: "disk.create and vdi.delete answer when their change was told", Facts: []string{"note-before", "create"}, Needs: []suite.Need{suite.SR}, Speed: 1,
		Run: func(t *suite.T) {
			conn, disk := t.Session(), &suite.Disk{Name: t.Name("told")}
			t.Keep(disk)
			answer := t.Answer(conn, t.Send(conn, "disk.create", params{"name": disk.Name, "size": suite.GiB, "sr": t.SR()}))
			id, _ := answer.Result.(string)
			together(t, t.Find(conn, 0, "enter", tells(id, "enter")), answer)
			answer = t.Answer(conn, t.Send(conn, "vdi.delete", params{"id": id}))
			together(t, t.Find(conn, 0, "exit", tells(id, "exit")), answer)
		}},
	{Name: "vm.attachDisk answers when its change was told", Facts: []string{"note-before"}, Needs: []suite.Need{suite.VM}, Speed: 1,
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			answer := t.Answer(conn, t.Send(conn, "vm.attachDisk", params{"vm": t.VM(), "vdi": disk.ID, "mode": "RW"}))
			told, _ := t.Entered(conn, 0, "the VBD", func(_ string, o wire.Object) bool { return o.Text("type") == "VBD" && o.Text("VDI") == disk.ID })
			together(t, told, answer)
		}},
	{Name: "vdi.set, vbd.disconnect and vbd.delete answer before their change is told", Facts: []string{"note-after"}, Needs: []suite.Need{suite.VM}, Speed: 1,
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			vbd := t.Attach(disk, t.VM())
			answer := t.Answer(conn, t.Send(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name + "-new"}))
			told := t.Find(conn, 0, "the new name", renamed(disk, disk.Name+"-new"))
			t.Check(answer.Number < told.Number, "the name was told before the answer")
			from := conn.Now()
			answer = t.Answer(conn, t.Send(conn, "vbd.disconnect", params{"id": vbd}))
			told, _ = t.Entered(conn, from, "the unplugged VBD", func(id string, o wire.Object) bool { return id == vbd && !o.Bool("attached") })
			t.Check(answer.Number < told.Number, "the unplug was told before the answer")
			answer = t.Answer(conn, t.Send(conn, "vbd.delete", params{"id": vbd}))
			t.Check(answer.Number < t.Exited(conn, from, vbd).Number, "the end of the VBD was told before the answer")
		}},
}

// listed is a message with the disk's SR, whose list has the disk or has it not.
func listed(t *suite.T, disk *suite.Disk, has bool) func(*wire.Message) bool {
	return func(m *wire.Message) bool {
		sr, is := m.Items[disk.SR]
		return is && m.Kind == "enter" && contains(wire.Of(sr).Texts("VDIs"), disk.ID) == has
	}
}

// together checks that a change was told before its answer, or at the same moment: one frame after the other. Only tests at the speed of
// time may ask.
func together(t *suite.T, told, answer *wire.Message) {
	moment := 30 * time.Millisecond // less than the shortest time after which a change is told
	if t.Site.Real() {
		moment = time.Second
	}
	t.Check(t.Site.Speed == 1, "the test does not run at the speed of time")
	t.Check(told.Number < answer.Number || told.At.Sub(answer.At) < moment, "told %s after the answer", told.At.Sub(answer.At))
}
