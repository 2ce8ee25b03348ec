package tests

import (
	"context"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

// manyDisks makes the inventory of a simulator larger than 1 MiB.
const manyDisks = "  - {name: many, sr: a private, size: 4 MiB, count: 2500}\n"

// hangs is how long a handshake must go unanswered to count as never answered. It is real time: nothing in it depends on the site.
const hangs = time.Second

var webSocket = []*suite.Test{
	{Name: "the upgrade is answered on /api/ and /v5/api/ and on no other path", Facts: []string{"ws-path"},
		Run: func(t *suite.T) {
			for _, path := range []string{"/api/", "/v5/api/"} {
				conn := t.Connect(wire.Options{Path: path})
				_, err := conn.Call("session.signIn", t.Site.Credentials(), t.Limit(time.Minute))
				t.Must(err)
			}
			for _, path := range []string{"/api", "/api/?x=1", "/", "/nope/"} {
				conn, err := wire.Dial(t.Ctx, t.Site.URL, wire.Options{Path: path, Insecure: t.Site.Insecure, Handshake: hangs})
				if err == nil {
					conn.Close()
					t.Errorf("%s was upgraded", path)
				} else {
					t.Check(strings.Contains(err.Error(), context.DeadlineExceeded.Error()), "%s: answered: %v", path, err)
				}
			}
		}},
	{Name: "a subprotocol is not needed, and chosen when it is offered", Facts: []string{"ws-protocol"},
		Run: func(t *suite.T) {
			t.Check(t.Connect(wire.Options{}).Protocol == "", "one was chosen that nobody offered")
			t.Check(t.Connect(wire.Options{Protocols: []string{"xo"}}).Protocol == "xo", "the one offered was not chosen")
		}},
	{Name: "frames from 512 KiB up are compressed when the client agrees", Facts: []string{"ws-deflate", "ws-frames"}, Needs: []suite.Need{suite.BigSite},
		World: manyDisks, Run: func(t *suite.T) {
			plain, packed := t.Connect(wire.Options{}), t.Connect(wire.Options{Compress: true})
			t.Check(!plain.Compressed, "compression was agreed to that nobody offered")
			t.Check(packed.Compressed, "compression was not agreed to")
			for _, conn := range []*wire.Conn{plain, packed} {
				t.Call(conn, "session.signIn", t.Site.Credentials())
				before := conn.Received()
				id := t.Send(conn, "xo.getAllObjects", params{})
				size := int64(t.Answer(conn, id).Size)
				received := conn.Received() - before
				t.Check(size > 1<<20, "the answer has %d bytes only", size)
				t.Check((received < size/2) == conn.Compressed, "%d bytes came as %d; compressed: %v", size, received, conn.Compressed)
			}
			before := packed.Received()
			message := t.Answer(packed, t.Send(packed, "nope."+strings.Repeat("x", 20000), params{}))
			t.Check(packed.Received()-before >= int64(message.Size), "a small frame of %d bytes was compressed", message.Size)
		}},
	{Name: "the server sends no ping, answers one and leaves an idle connection alone", Facts: []string{"ws-ping"},
		Run: func(t *suite.T) {
			conn := t.Session()
			t.Pass(80 * time.Second)
			t.Check(conn.Pings() == 0, "the server sent %d pings", conn.Pings())
			limited, cancel := context.WithTimeout(t.Ctx, t.Limit(10*time.Second))
			defer cancel()
			t.Must(conn.Ping(limited))
			t.Call(conn, "session.getUser", params{})
		}},
	{Name: "a frame of 99 MiB is taken, one of 101 MiB closes with 1009", Facts: []string{"ws-max"}, Speed: 1,
		Run: func(t *suite.T) {
			conn := t.Session()
			t.Must(conn.SendRaw(`{"jsonrpc":"2.0","id":"big","method":"session.getUser","params":{"x":"` + strings.Repeat("x", 99<<20) + `"}}`))
			t.Find(conn, 0, "the answer to a call of 99 MiB", func(m *wire.Message) bool { return m.ID == "big" })
			_ = conn.SendRaw(`{"jsonrpc":"2.0","id":"bigger","method":"session.getUser","params":{"x":"` + strings.Repeat("x", 101<<20) + `"}}`) // it may end amid it
			status, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			t.Check(status == 1009, "closed with %d", status)
		}},
	{Name: "a frame that is no JSON is ignored", Facts: []string{"ws-no-json"},
		Run: func(t *suite.T) {
			conn := t.Session()
			from := conn.Now()
			t.Must(conn.SendRaw(`{"jsonrpc": oops`))
			t.Call(conn, "session.getUser", params{})
			t.Silent(conn, from, 2*time.Second, "something was answered", func(m *wire.Message) bool { return m.Kind == "" && m.ID != 2.0 })
		}},
	{Name: "a batch is answered with two bytes of binary", Facts: []string{"ws-batch"},
		Run: func(t *suite.T) {
			conn := t.Session()
			t.Must(conn.SendRaw(`[{"jsonrpc":"2.0","id":90,"method":"session.getUser"},{"jsonrpc":"2.0","id":91,"method":"session.getUser"}]`))
			message := t.Find(conn, 0, "a binary frame", func(m *wire.Message) bool { return m.Binary })
			t.Check(message.Size == 2, "it has %d bytes", message.Size)
		}},
	{Name: "a call without an id is not carried out", Facts: []string{"ws-no-id"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			conn := t.Session()
			t.Must(conn.SendRaw(`{"jsonrpc":"2.0","method":"vdi.set","params":{"id":"` + disk.ID + `","name_label":"` + disk.Name + `-renamed"}}`))
			t.Silent(conn, 0, 5*time.Second, "it was renamed", func(m *wire.Message) bool {
				return strings.HasSuffix(wire.Of(m.Items[disk.ID]).Text("name_label"), "-renamed")
			})
		}},
	{Name: "ids of calls may be strings", Facts: []string{"ws-ids"},
		Run: func(t *suite.T) {
			conn := t.Session()
			t.Must(conn.SendRaw(`{"jsonrpc":"2.0","id":"some id","method":"session.getUser","params":{}}`))
			t.Find(conn, 0, "an answer with the same id", func(m *wire.Message) bool { return m.ID == "some id" })
		}},
	{Name: "answers come when they are ready, not in the order of the calls", Facts: []string{"ws-order"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn, disk := t.Session(), &suite.Disk{Name: t.Name("slow")}
			t.Keep(disk)
			slow := t.Send(conn, "disk.create", params{"name": disk.Name, "size": suite.GiB, "sr": t.SR()})
			fast := t.Send(conn, "session.getUser", params{})
			t.Check(t.Answer(conn, slow).Number > t.Answer(conn, fast).Number, "the answer to the second call came last")
		}},
	{Name: "parameters may be left out, but a call with null for them is never answered", Facts: []string{"ws-params"},
		Run: func(t *suite.T) {
			conn := t.Session()
			t.Call(conn, "session.getUser", nil)
			t.Must(conn.SendRaw(`{"jsonrpc":"2.0","id":"null","method":"session.getUser","params":null}`))
			t.Silent(conn, 0, 10*time.Second, "it was answered", func(m *wire.Message) bool { return m.ID == "null" })
		}},
}
