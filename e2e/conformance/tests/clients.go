package tests

import (
	"net/http"
	"strings"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

// xoLib has Xen Orchestra's own client library do what clients do.
func xoLib(t *suite.T) {
	disk := &suite.Disk{Name: t.Name("xo-lib")}
	t.Keep(disk)
	steps := t.CheckXoLib(disk.Name, t.Local(0), t.Local(1))
	t.Check(len(steps) == 6, "%d steps were done: %s", len(steps), strings.Join(steps, "; "))
	t.Check(len(t.Named(disk.Name)) == 0, "its disk is there still")
}

var clients = []*suite.Test{
	{Name: "xo-lib signs in, mirrors the inventory, creates, migrates, watches the task and reads errors",
		Facts: []string{"sign-in", "sign-in-bad", "obj-all", "note-enter", "create", "task-result", "err-unknown", "err-full"},
		Needs: with(forCopy, suite.XoLib), Run: xoLib},
	{Name: "xo-lib does the same over TLS", Facts: []string{"sign-in", "note-enter", "create", "task-result", "err-unknown"},
		Needs: with(forCopy, suite.XoLib, suite.TLS), TLS: true, Run: xoLib},
	{Name: "WebSocket and REST work over TLS", Facts: []string{"ws-frames", "rest-lists"}, Needs: []suite.Need{suite.SR, suite.TLS}, TLS: true,
		Run: func(t *suite.T) {
			conn, rest := t.Session(), t.Rest()
			t.Check(strings.HasPrefix(t.Site.URL, "https:"), "%s", t.Site.URL)
			disk := t.Disk(suite.Make{})
			t.Find(conn, 0, "the disk", tells(disk.ID, "enter"))
			status(t, "GET", get(t, rest, "/vdis/"+disk.ID), http.StatusOK)
			t.Call(conn, "vdi.delete", params{"id": disk.ID})
			t.Find(conn, 0, "its end", tells(disk.ID, "exit"))
			t.Call(t.Connect(wire.Options{}), "session.signIn", t.Site.Credentials())
		}},
}
