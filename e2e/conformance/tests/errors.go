package tests

import (
	"fmt"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

const nobody = "00000000-0000-4000-8000-00000000dead"

func noSuch(t *suite.T, failure *wire.Error, id, kind string) {
	data := wire.Of(failure.Data)
	t.Check(failure.Code == 1, "%v", failure)
	t.Match("message", failure.Message, "^no such "+kind+".* "+id+"$")
	t.Check(data.Text("id") == id, "data.id: %v", failure)
	t.Check(data.Text("type") == kind || len(data.Texts("type")) > 0 && data.Texts("type")[0] == kind, "data.type: %v", failure)
}

func inUse(t *suite.T, failure *wire.Error, id, operation string) {
	data := wire.Of(failure.Data)
	t.Check(failure.Code == 17 && failure.Message == "VDI in use", "%v", failure)
	t.Check(data.Text("objectId") == id && (operation == "" || data.Text("operation") == operation), "%v", failure)
}

// xapiError checks an error that Xen Orchestra passes on.
func xapiError(t *suite.T, failure *wire.Error, codes ...string) wire.Object {
	data := wire.Of(failure.Data)
	t.Check(failure.Code == -32000, "%v", failure)
	fits := false
	for _, code := range codes {
		fits = fits || data.Text("code") == code
	}
	t.Check(fits, "wanted %s: %v", strings.Join(codes, " or "), failure)
	t.Match("message", failure.Message, `^`+data.Text("code")+`\(.*\)$`)
	t.Check(wire.Kind(data["params"]) == "array" && data.Text("name") == "XapiError" && data.Has("stack"), "params, name, stack: %v", failure)
	t.Check(len(data.Of("call")) > 0 || len(data.Of("task")) > 0, "neither call nor task: %v", failure)
	return data
}

var full = []string{"SR_FULL", "SR_BACKEND_FAILURE_44"}

var errorsOfCalls = []*suite.Test{
	{Name: "an unknown id and that of another type are code 1", Facts: []string{"err-unknown"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			noSuch(t, t.Refused(conn, "vdi.set", params{"id": nobody, "name_label": "x"}), nobody, "VDI")
			noSuch(t, t.Refused(conn, "vbd.delete", params{"id": nobody}), nobody, "VBD")
			disk := t.Disk(suite.Make{})
			noSuch(t, t.Refused(conn, "vbd.connect", params{"id": disk.ID}), disk.ID, "VBD")
			noSuch(t, t.Refused(conn, "disk.create", params{"name": t.Name("lost"), "size": suite.GiB, "sr": nobody}), nobody, "SR")
		}},
	{Name: "what a user may not do is code 2", Facts: []string{"err-denied"}, Needs: []suite.Need{suite.OtherUser, suite.SR},
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), stranger(t)
			failure := t.Refused(conn, "vdi.set", params{"id": disk.ID, "name_description": "mine now"})
			data := wire.Of(failure.Data)
			t.Check(failure.Code == 2 && failure.Message == "not enough permissions", "%v", failure)
			t.Check(data.Text("permission") != "" && data.Of("object").Text("id") == disk.ID, "%v", failure)
		}},
	{Name: "bad parameters are code 10 with an entry for each", Facts: []string{"err-params"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			conn := t.Session()
			for _, bad := range []params{{"size": suite.GiB, "sr": t.SR()}, {"name": 7, "size": suite.GiB, "sr": t.SR()}} {
				failure := t.Refused(conn, "disk.create", bad)
				entries := wire.Of(failure.Data).List("errors")
				t.Check(failure.Code == 10 && failure.Message == "invalid parameters" && len(entries) == 1, "%v: %v", bad, failure)
				for _, entry := range entries {
					t.Check(wire.Of(entry).Text("keyword") != "" && wire.Of(entry).Text("message") != "", "%v", failure)
				}
			}
			disk := t.Disk(suite.Make{})
			failure := t.Refused(conn, "vdi.set", params{"id": disk.ID, "size": 1024})
			t.Check(failure.Code == 10 && len(wire.Of(failure.Data)) == 0, "%v", failure)
			t.Match("shrinking", failure.Message, `^cannot set new size \(1024\) below the current size \(\d+\)$`)
		}},
	{Name: "resizing a disk that is plugged is code 17", Facts: []string{"err-in-use", "set-attached"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			t.Attach(disk, t.VM())
			inUse(t, t.Refused(t.Session(), "vdi.set", params{"id": disk.ID, "size": 2 * suite.GiB}), disk.ID, "resize")
		}},
	{Name: "errors of XAPI that have codes of their own come with them", Facts: []string{"err-no-hosts", "err-mapped"}, Needs: []suite.Need{suite.SR, suite.OnlyXosim},
		Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{}), t.Session()
			for xapi, code := range map[string]int{"NO_HOSTS_AVAILABLE": 7, "VM_BAD_POWER_STATE": 13, "OPERATION_BLOCKED": 19} {
				t.Arm(map[string]any{"name": "call-fails", "method": "vdi.set", "error": []string{xapi, "OpaqueRef:NULL"}})
				failure := t.Refused(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name})
				t.Check(failure.Code == code, "%s: %v", xapi, failure)
			}
		}},
	{Name: "a method that is not there is -32601 with its name", Facts: []string{"err-method"},
		Run: func(t *suite.T) {
			failure := t.Refused(t.Session(), "nope.nope", params{})
			t.Check(failure.Code == -32601 && failure.Message == "method not found: nope.nope" && failure.Data == "nope.nope", "%v", failure)
		}},
	{Name: "an error of XAPI comes whole, with references to objects", Facts: []string{"err-xapi", "err-refs", "attach-wrong-host", "attach-leftover"},
		Needs: []suite.Need{suite.LocalPair, suite.FarVM}, Run: func(t *suite.T) {
			disk, conn := t.Disk(suite.Make{SR: t.Local(0)}), t.Session()
			for try := range 2 {
				failure := t.Refused(conn, "vm.attachDisk", params{"vm": t.FarVM(), "vdi": disk.ID, "mode": "RW"})
				data := xapiError(t, failure, "SR_NOT_ATTACHED")
				refs := data.Texts("params")
				t.Check(len(refs) == 1 && refs[0] == t.Object(disk.SR).Text("_xapiRef"), "params: %v; SR: %v", refs, t.Object(disk.SR)["_xapiRef"])
				t.Eventually(time.Minute, func() error {
					left := t.Objects(params{"type": "VBD", "VDI": disk.ID})
					for id := range left {
						t.Check(!left.Of(id).Bool("attached"), "VBD %s is attached", id)
					}
					if len(left) != try+1 {
						return fmt.Errorf("%d VBDs are left after %d tries", len(left), try+1)
					}
					return nil
				})
			}
		}},
	{Name: "a disk is not made on a full SR, and the error says so", Facts: []string{"err-full", "create-full", "err-xapi"},
		Needs: []suite.Need{suite.SR, suite.FaultNeed("SR_FULL")}, Run: func(t *suite.T) {
			disk, conn := &suite.Disk{Name: t.Name("full")}, t.Session()
			t.Keep(disk)
			undo := t.Fault("SR_FULL", map[string]string{"SR": t.SR()})
			xapiError(t, t.Refused(conn, "disk.create", params{"name": disk.Name, "size": suite.GiB, "sr": t.SR()}), full...)
			t.Check(len(t.Named(disk.Name)) == 0, "there is a disk")
			undo()
			t.Call(conn, "disk.create", params{"name": disk.Name, "size": suite.GiB, "sr": t.SR()})
		}},
	{Name: "a disk larger than its SR is refused by XAPI", Facts: []string{"err-full", "create-full"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			disk := &suite.Disk{Name: t.Name("large")}
			t.Keep(disk)
			size := int64(t.Object(t.SR()).Number("size"))
			xapiError(t, t.Refused(t.Session(), "disk.create", params{"name": disk.Name, "size": size + suite.GiB, "sr": t.SR()}), full...)
		}},
}

// stranger is a connection of a user without permissions.
func stranger(t *suite.T) *wire.Conn {
	conn := t.Connect(wire.Options{})
	t.Call(conn, "session.signIn", params{"email": t.Site.OtherUsername, "password": t.Site.OtherPassword})
	return conn
}
