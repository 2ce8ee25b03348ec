package tests

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

func status(t *suite.T, what string, response *wire.Response, wanted int) bool {
	t.Check(response.Status == wanted, "%s: wanted %d, found %v", what, wanted, response)
	return response.Status == wanted
}

// restDisk makes a disk by REST and returns it.
func restDisk(t *suite.T, rest *wire.Rest, more params) *suite.Disk {
	disk := &suite.Disk{Name: t.Name("rest"), SR: t.SR(), Size: suite.GiB}
	t.Keep(disk)
	body := params{"srId": disk.SR, "virtual_size": disk.Size, "name_label": disk.Name}
	for key, value := range more {
		body[key] = value
	}
	response := request(t, rest, http.MethodPost, "/vdis", body)
	if !status(t, "POST /vdis", response, http.StatusCreated) {
		t.Fatalf("no disk was made")
	}
	disk.ID = response.Object().Text("id")
	return disk
}

// restKnown waits until a disk made by REST is known.
func restKnown(t *suite.T, rest *wire.Rest, disk *suite.Disk) *suite.Disk {
	t.Eventually(time.Minute, func() error {
		if response := get(t, rest, "/vdis/"+disk.ID); response.Status != http.StatusOK {
			return fmt.Errorf("GET /vdis/%s: %v", disk.ID, response)
		}
		return nil
	})
	return disk
}

// basic asks with a user's password instead of a token.
func basic(t *suite.T, user, password, method, path string, body any) *wire.Response {
	rest := wire.NewRest(t.Site.URL, "", t.Site.Insecure)
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
	response, err := rest.Do(t.Ctx, method, path, body, header)
	t.Must(err)
	return response
}

var restSigning = []*suite.Test{
	{Name: "REST takes a token as cookie, and no bearer", Facts: []string{"rest-auth", "rest-pretty"},
		Run: func(t *suite.T) {
			rest := t.Rest()
			good := get(t, rest, "/pools?fields=*")
			status(t, "cookie", good, http.StatusOK)
			t.Check(bytes.Contains(good.Body, []byte("\n  ")), "not indented: %v", good)
			bearer, err := wire.NewRest(t.Site.URL, "", t.Site.Insecure).Do(t.Ctx, http.MethodGet, "/pools", nil, http.Header{"Authorization": {"Bearer " + rest.Token}})
			t.Must(err)
			bad := get(t, wire.NewRest(t.Site.URL, "no such token", t.Site.Insecure), "/pools")
			nothing := get(t, wire.NewRest(t.Site.URL, "", t.Site.Insecure), "/pools")
			for what, response := range map[string]*wire.Response{"bearer": bearer, "a bad token": bad, "nothing": nothing} {
				status(t, what, response, http.StatusUnauthorized)
				t.Check(response.Object().Text("error") == "invalid credentials", "%s: %v", what, response)
				t.Match("WWW-Authenticate", response.Header.Get("WWW-Authenticate"), `^Basic realm="xo"$`)
			}
		}},
	{Name: "REST takes a password by Basic", Facts: []string{"rest-auth"}, Needs: []suite.Need{suite.Password},
		Run: func(t *suite.T) {
			status(t, "Basic", basic(t, t.Site.Username, t.Site.Password, http.MethodGet, "/pools", nil), http.StatusOK)
			status(t, "a bad one", basic(t, t.Site.Username, "wrong", http.MethodGet, "/pools", nil), http.StatusUnauthorized)
		}},
	{Name: "REST lets a user without permissions see nothing and do nothing", Facts: []string{"rest-acl", "rest-403"}, Needs: []suite.Need{suite.OtherUser, suite.SR},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{})
			list := basic(t, t.Site.OtherUsername, t.Site.OtherPassword, http.MethodGet, "/vdis", nil)
			found, is := list.Value.([]any)
			t.Check(status(t, "list", list, http.StatusOK) && is && len(found) == 0, "%v", list)
			refused := basic(t, t.Site.OtherUsername, t.Site.OtherPassword, http.MethodDelete, "/vdis/"+disk.ID, nil)
			status(t, "DELETE", refused, http.StatusForbidden)
			missing := refused.Object().Of("data").List("missingPrivileges")
			t.Check(refused.Object().Text("error") == "not enough privileges" && len(missing) > 0, "%v", refused)
			for _, one := range missing {
				t.Check(wire.Of(one).Text("objectId") != "" && wire.Of(one).Text("action") != "" && wire.Of(one).Text("resource") != "", "%v", one)
			}
		}},
}

var restErrors = []*suite.Test{
	{Name: "REST answers 404 with id and type for an unknown object, and HTML for an unknown route", Facts: []string{"rest-404"},
		Run: func(t *suite.T) {
			rest := t.Rest()
			response := get(t, rest, "/vdis/"+nobody)
			data := response.Object().Of("data")
			t.Check(status(t, "unknown", response, http.StatusNotFound) && data.Text("id") == nobody && data.Has("type"), "%v", response)
			t.Match("error", response.Object().Text("error"), "^no such VDI.* "+nobody+"$")
			route := get(t, rest, "/no-such-thing")
			status(t, "route", route, http.StatusNotFound)
			t.Match("Content-Type", route.Header.Get("Content-Type"), "^text/html")
		}},
	{Name: "REST answers 422 for wrong fields, 400 for a bad filter, 500 for a body that is no JSON", Facts: []string{"rest-422"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := t.Disk(suite.Make{})
			wrong := request(t, rest, http.MethodPost, "/vdis", params{"srId": t.SR(), "virtual_size": "large"})
			status(t, "a wrong field", wrong, http.StatusUnprocessableEntity)
			fields := wire.Of(wrong.Object()["error"])
			t.Check(len(fields) > 0, "error is no object: %v", wrong)
			for name := range fields {
				t.Check(fields.Of(name).Text("message") != "", "%s: %v", name, fields[name])
			}
			status(t, "an unknown field", request(t, rest, http.MethodPatch, "/vdis/"+disk.ID, params{"colour": "red"}), http.StatusUnprocessableEntity)
			shrink := request(t, rest, http.MethodPatch, "/vdis/"+disk.ID, params{"size": 1024})
			t.Check(status(t, "shrinking", shrink, http.StatusUnprocessableEntity) && shrink.Object().Text("error") != "", "%v", shrink)
			status(t, "a bad filter", get(t, rest, "/vdis?filter="+url.QueryEscape("type:(VDI")), http.StatusBadRequest)
			status(t, "no JSON", request(t, rest, http.MethodPatch, "/vdis/"+disk.ID, `{"size":`), http.StatusInternalServerError)
		}},
	{Name: "REST answers 422 for a parameter that is neither true nor false", Facts: []string{"rest-booleans"},
		Run: func(t *suite.T) {
			rest := t.Rest()
			status(t, "?ndjson", get(t, rest, "/pools?ndjson"), http.StatusUnprocessableEntity)
			status(t, "?watch&ndjson", get(t, rest, "/tasks?watch&ndjson"), http.StatusUnprocessableEntity)
			status(t, "?ndjson=true", get(t, rest, "/pools?fields=*&ndjson=true"), http.StatusOK)
		}},
	{Name: "REST answers 500 for an error of XAPI, with its code in the text", Facts: []string{"rest-xapi"}, Needs: []suite.Need{suite.SR, suite.FaultNeed("SR_FULL")},
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), &suite.Disk{Name: t.Name("full")}
			t.Keep(disk)
			t.Fault("SR_FULL", map[string]string{"SR": t.SR()})
			response := request(t, rest, http.MethodPost, "/vdis", params{"srId": t.SR(), "virtual_size": suite.GiB, "name_label": disk.Name})
			status(t, "a full SR", response, http.StatusInternalServerError)
			t.Match("error", response.Object().Text("error"), `^(`+strings.Join(full, "|")+`)\(`)
			t.Check(response.Object().Text("info") != "", "%v", response)
		}},
	{Name: "REST answers 500 for a disk in use after the same tries", Facts: []string{"rest-xapi"}, Needs: []suite.Need{suite.VM, suite.Minutes},
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{})
			t.Attach(disk, t.VM())
			started := time.Now()
			response := request(t, rest, http.MethodDelete, "/vdis/"+disk.ID, nil)
			status(t, "in use", response, http.StatusInternalServerError)
			t.Match("error", response.Object().Text("error"), `^VDI_IN_USE\(OpaqueRef:`)
			t.Check(t.Since(started) > 40*time.Second, "after %s", t.Since(started))
		}},
}

var restObjects = []*suite.Test{
	{Name: "a REST list has addresses, or objects with the fields asked for, chosen by filter and limit", Facts: []string{"rest-lists"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := t.Disk(suite.Make{})
			t.Disk(suite.Make{})
			byName := "filter=" + url.QueryEscape(`name_label:"`+disk.Name+`"`)
			addresses, _ := get(t, rest, "/vdis?"+byName).Value.([]any)
			t.Check(len(addresses) == 1 && addresses[0] == "/rest/v0/vdis/"+disk.ID, "addresses: %v", addresses)
			all, _ := get(t, rest, "/vdis?fields=*&"+byName).Value.([]any)
			t.Check(len(all) == 1, "%d objects", len(all))
			for _, one := range all {
				shapes["VDI"].check(t, "REST", wire.Of(one))
				t.Check(wire.Of(one).Text("href") == "/rest/v0/vdis/"+disk.ID, "href: %v", wire.Of(one)["href"])
			}
			some, _ := get(t, rest, "/vdis?fields=name_label,size&"+byName).Value.([]any)
			t.Check(len(some) == 1 && len(wire.Of(some[0])) == 3 && wire.Of(some[0]).Text("name_label") == disk.Name, "fields: %v", some)
			limited, _ := get(t, rest, "/vdis?limit=2").Value.([]any)
			t.Check(len(limited) == 2, "limit=2: %d", len(limited))
		}},
	{Name: "a REST list as NDJSON has an object a line", Facts: []string{"rest-lists"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			rest := t.Rest()
			t.Disk(suite.Make{})
			response := get(t, rest, "/vdis?fields=name_label&ndjson=true")
			lines := strings.Split(strings.TrimSpace(string(response.Body)), "\n")
			t.Check(len(lines) == len(t.Objects(params{"type": "VDI"})), "%d lines, %d disks", len(lines), len(t.Objects(params{"type": "VDI"})))
			for _, line := range lines {
				var object wire.Object
				t.Check(json.Unmarshal([]byte(line), &object) == nil && object.Has("name_label"), "%s", line)
			}
		}},
	{Name: "a REST disk is made whole at once, and known a moment later", Facts: []string{"rest-create"}, Needs: []suite.Need{suite.SR}, Speed: 1,
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := restDisk(t, rest, params{"name_description": "described", "tags": []string{"red"}, "other_config": params{"key": "value"}})
			status(t, "at once", get(t, rest, "/vdis/"+disk.ID), http.StatusNotFound)
			object := get(t, rest, "/vdis/"+restKnown(t, rest, disk).ID).Object()
			t.Check(object.Text("name_label") == disk.Name && object.Text("name_description") == "described", "%v", object)
			t.Check(contains(object.Texts("tags"), "red") && object.Of("other_config").Text("key") == "value", "tags %v, other_config %v", object["tags"], object["other_config"])
		}},
	{Name: "a copy keeps other_config and a live migration loses it", Facts: []string{"copy-keeps", "mirror-keeps"}, Needs: with(forMirror),
		Run: func(t *suite.T) {
			rest := t.Rest()
			detached := restKnown(t, rest, restDisk(t, rest, params{"other_config": params{"key": "value"}}))
			t.Check(t.Object(start(t, detached, t.Local(1)).end().new).Of("other_config").Text("key") == "value", "the copy lost it")
			attached := restKnown(t, rest, restDisk(t, rest, params{"other_config": params{"key": "value"}}))
			t.Attach(attached, t.VM())
			t.Check(!t.Object(start(t, attached, t.Shared()).end().new).Of("other_config").Has("key"), "the live migration kept it")
		}},
	{Name: "REST changes, tags and deletes a disk with 204", Facts: []string{"rest-change"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := restKnown(t, rest, restDisk(t, rest, nil))
			path := "/vdis/" + disk.ID
			status(t, "PATCH", request(t, rest, http.MethodPatch, path, params{"name_label": disk.Name + "-new", "name_description": "said", "size": 2 * suite.GiB}), http.StatusNoContent)
			status(t, "PUT tag", request(t, rest, http.MethodPut, path+"/tags/blue", nil), http.StatusNoContent)
			status(t, "PUT tag", request(t, rest, http.MethodPut, path+"/tags/green", nil), http.StatusNoContent)
			status(t, "DELETE tag", request(t, rest, http.MethodDelete, path+"/tags/blue", nil), http.StatusNoContent)
			t.Eventually(time.Minute, func() error {
				object := t.Object(disk.ID)
				if object.Text("name_label") != disk.Name+"-new" || object.Number("size") != 2*suite.GiB || len(object.Texts("tags")) != 1 {
					return fmt.Errorf("it is %v", object)
				}
				return nil
			})
			status(t, "DELETE", request(t, rest, http.MethodDelete, path, nil), http.StatusNoContent)
			status(t, "DELETE again", request(t, rest, http.MethodDelete, path, nil), http.StatusNotFound)
		}},
}

var restDevices = []*suite.Test{
	{Name: "REST makes, disconnects, connects and deletes a VBD", Facts: []string{"rest-vbd"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := t.Disk(suite.Make{})
			made := request(t, rest, http.MethodPost, "/vbds", params{"VM": t.VM(), "VDI": disk.ID})
			id := made.Object().Text("id")
			t.Check(status(t, "POST", made, http.StatusCreated) && id != "", "%v", made)
			t.Check(t.VBD(disk.ID, t.VM()) == id, "the VBD is another one")
			path := "/vbds/" + id + "/actions/"
			already := request(t, rest, http.MethodPost, path+"connect?sync=true", params{})
			status(t, "connect again", already, http.StatusInternalServerError)
			t.Match("error", already.Object().Text("error"), "^DEVICE_ALREADY_ATTACHED")
			status(t, "disconnect", request(t, rest, http.MethodPost, path+"disconnect?sync=true", params{}), http.StatusNoContent)
			already = request(t, rest, http.MethodPost, path+"disconnect?sync=true", params{})
			status(t, "disconnect again", already, http.StatusInternalServerError)
			t.Match("error", already.Object().Text("error"), "^DEVICE_ALREADY_DETACHED")
			status(t, "connect", request(t, rest, http.MethodPost, path+"connect?sync=true", params{}), http.StatusNoContent)
			status(t, "disconnect", request(t, rest, http.MethodPost, path+"disconnect?sync=true", params{}), http.StatusNoContent)
			deleted := request(t, rest, http.MethodDelete, "/vbds/"+id, nil)
			t.Check(deleted.Status/100 == 2, "DELETE: %v", deleted)
		}},
	{Name: "REST answers 201 for a VBD that could not be plugged", Facts: []string{"rest-vbd-unplugged"}, Needs: []suite.Need{suite.LocalPair, suite.FarVM},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := t.Disk(suite.Make{SR: t.Local(0)})
			made := request(t, rest, http.MethodPost, "/vbds", params{"VM": t.FarVM(), "VDI": disk.ID})
			status(t, "POST", made, http.StatusCreated)
			t.Check(!t.Object(t.VBD(disk.ID, t.FarVM())).Bool("attached"), "it is attached")
		}},
	{Name: "REST answers 422 for a VBD of a disk and a VM of different pools", Facts: []string{"rest-vbd"}, Needs: []suite.Need{suite.OtherPool, suite.VM},
		Run: func(t *suite.T) {
			rest := t.Rest()
			disk := t.Disk(suite.Make{SR: t.OtherPoolSR()})
			status(t, "POST", request(t, rest, http.MethodPost, "/vbds", params{"VM": t.VM(), "VDI": disk.ID}), http.StatusUnprocessableEntity)
		}},
	{Name: "REST migrates a VM by a task", Facts: []string{"rest-vm-migrate"}, Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM},
		Run: func(t *suite.T) {
			rest := t.Rest()
			t.Attach(t.Disk(suite.Make{SR: t.Shared()}), t.VM())
			returnVM(t, t.VM())
			started := request(t, rest, http.MethodPost, "/vms/"+t.VM()+"/actions/migrate", params{"hostId": t.Host(1)})
			status(t, "POST", started, http.StatusAccepted)
			done := get(t, rest, "/tasks/"+started.Object().Text("taskId")+"?wait=true")
			t.Check(done.Object().Text("status") == "success", "%v", done)
			t.Check(t.Object(t.VM()).Text("$container") == t.Host(1), "it is on %v", t.Object(t.VM())["$container"])
		}},
}

// restMove starts a migration by REST and returns the id of its task.
func restMove(t *suite.T, rest *wire.Rest, disk *suite.Disk, sr string) string {
	started := request(t, rest, http.MethodPost, "/vdis/"+disk.ID+"/actions/migrate", params{"srId": sr})
	id := started.Object().Text("taskId")
	t.Check(status(t, "migrate", started, http.StatusAccepted) && id != "", "%v", started)
	t.Match("Location", started.Header.Get("Location"), "/tasks/"+id+"$")
	return id
}

var restTasks = []*suite.Test{
	{Name: "REST migrates a disk by a task of Xen Orchestra's own", Facts: []string{"rest-migrate", "rest-tasks", "rest-tasks-wait"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{SR: t.Local(0), Seed: 7})
			undo := t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name})
			id := restMove(t, rest, disk, t.Local(1))
			moving(t, disk, "copy")
			task := get(t, rest, "/tasks/"+id).Object()
			about := task.Of("properties")
			t.Check(task.Text("id") == id && task.Text("status") == "pending" && wire.Kind(task["start"]) == "number" && !task.Has("end"), "%v", task)
			t.Check(about.Text("objectId") == disk.ID && about.Text("objectType") == "VDI" && about.Text("type") == "xo:rest-api:action" && about.Text("name") != "" && about.Text("userId") != "", "%v", about)
			t.Check(!task.Has("progress"), "it has a progress")
			undo()
			done := get(t, rest, "/tasks/"+id+"?wait=true").Object()
			moved := done.Of("result").Text("id")
			t.Check(done.Text("status") == "success" && wire.Kind(done["end"]) == "number" && moved != disk.ID, "%v", done)
			t.Check(t.Object(moved).Text("$SR") == t.Local(1), "%v", t.Object(moved))
			started := time.Now()
			get(t, rest, "/tasks/"+id+"?wait=true")
			t.Check(t.Since(started) < time.Minute, "a task that is done was waited for")
			status(t, "an unknown task", get(t, rest, "/tasks/0nope-nope?wait=true"), http.StatusNotFound)
		}},
	{Name: "REST migrates a disk and answers its new id when asked to wait", Facts: []string{"rest-migrate"}, Needs: forCopy,
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20})
			done := request(t, rest, http.MethodPost, "/vdis/"+disk.ID+"/actions/migrate?sync=true", params{"srId": t.Local(1)})
			status(t, "sync", done, http.StatusOK)
			t.Check(t.Object(done.Object().Text("id")).Text("$SR") == t.Local(1), "%v", done)
			status(t, "an unknown disk", request(t, rest, http.MethodPost, "/vdis/"+nobody+"/actions/migrate", params{"srId": t.Local(1)}), http.StatusNotFound)
			status(t, "an unknown SR", request(t, rest, http.MethodPost, "/vdis/"+done.Object().Text("id")+"/actions/migrate", params{"srId": nobody}), http.StatusNotFound)
		}},
	{Name: "a REST task that fails says why", Facts: []string{"rest-tasks"}, Needs: with(forCopy, suite.FaultNeed("COPY_FAILS")),
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{SR: t.Local(0)})
			t.Fault("COPY_FAILS", map[string]string{"DISK": disk.Name})
			done := get(t, rest, "/tasks/"+restMove(t, rest, disk, t.Local(1))+"?wait=true").Object()
			result := done.Of("result")
			t.Check(done.Text("status") == "failure" && result.Text("code") != "" && wire.Kind(result["params"]) == "array" && result.Text("message") != "", "%v", done)
		}},
	{Name: "a call by JSON-RPC is a REST task of the disk until it succeeds", Facts: []string{"rest-tasks-calls"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			rest := t.Rest()
			m, undo := copying(t)
			path := "/vdis/" + m.old + "/tasks?fields=*&filter=" + url.QueryEscape("status:pending")
			list, _ := get(t, rest, path).Value.([]any)
			var task wire.Object
			for _, one := range list {
				if wire.Of(one).Of("properties").Text("method") == "vdi.migrate" {
					task = wire.Of(one)
				}
			}
			about := task.Of("properties")
			t.Check(about.Text("type") == "api.call" && about.Of("params").Text("id") == m.old && about.Of("params").Text("sr_id") == t.Local(1), "%v", list)
			undo()
			m.end()
			t.Eventually(time.Minute, func() error {
				if response := get(t, rest, "/tasks/"+task.Text("id")); response.Status != http.StatusNotFound {
					return fmt.Errorf("the task is there still: %v", response)
				}
				return nil
			})
		}},
	{Name: "a restart of Xen Orchestra interrupts REST tasks", Facts: []string{"rest-tasks-interrupted", "rest-tasks-wait"}, Needs: with(slowCopy, suite.FaultNeed("XO_RESTART")),
		Run: func(t *suite.T) {
			rest, conn, disk := t.Rest(), t.Session(), t.Disk(suite.Make{SR: t.Local(0)})
			t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name})
			id := restMove(t, rest, disk, t.Local(1))
			moving(t, disk, "copy")
			t.Fault("XO_RESTART", nil)
			_, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			reconnect(t).Close()
			task := get(t, rest, "/tasks/"+id+"?wait=true").Object()
			t.Check(task.Text("status") == "interrupted" && !task.Has("end"), "%v", task)
		}},
	{Name: "aborting a REST task notes it and lets the migration run to its end", Facts: []string{"rest-abort"}, Needs: slowCopy,
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{SR: t.Local(0)})
			undo := t.Fault("COPY_SLOW", map[string]string{"DISK": disk.Name})
			id := restMove(t, rest, disk, t.Local(1))
			moving(t, disk, "copy")
			status(t, "abort", request(t, rest, http.MethodPost, "/tasks/"+id+"/actions/abort", nil), http.StatusAccepted)
			task := get(t, rest, "/tasks/"+id).Object()
			t.Check(wire.Kind(task["abortionRequestedAt"]) == "number" && task.Text("status") == "pending", "%v", task)
			status(t, "abort twice", request(t, rest, http.MethodPost, "/tasks/"+id+"/actions/abort", nil), http.StatusAccepted)
			undo()
			done := get(t, rest, "/tasks/"+id+"?wait=true").Object()
			t.Check(done.Text("status") == "success", "%v", done)
			status(t, "abort again", request(t, rest, http.MethodPost, "/tasks/"+id+"/actions/abort", nil), http.StatusNotFound)
		}},
	{Name: "watching REST tasks says nothing before the first change, then a line for each", Facts: []string{"rest-tasks-watch"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			told, line := firstTold(t, "&fields=*")
			t.Check(wire.Of(told).Text("id") != "", "%s", line)
		}},
	{Name: "watching REST tasks without fields tells the address of one that changes", Facts: []string{"rest-tasks-watch"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			told, line := firstTold(t, "")
			address, _ := told.(string)
			t.Check(strings.HasPrefix(address, "/rest/v0/tasks/"), "%s", line)
		}},
}

// firstTold watches tasks and returns of the first update what is told, and the line. Nothing may come before something changes.
func firstTold(t *suite.T, query string) (any, string) {
	rest := t.Rest()
	ctx, cancel := context.WithCancel(t.Ctx)
	defer cancel()
	opened := make(chan *wire.Stream, 1)
	go func() {
		stream, err := rest.Open(ctx, "/tasks?watch=true&ndjson=true"+query)
		if err != nil {
			t.Errorf("%v", err)
		}
		opened <- stream
	}()
	select {
	case <-opened:
		t.Fatalf("the head came before the first change")
	case <-time.After(300 * time.Millisecond): // it is real time: nothing happens until the test makes it
	}
	disk := t.Disk(suite.Make{})
	t.Call(t.Session(), "vdi.delete", params{"id": disk.ID})
	var stream *wire.Stream
	select {
	case stream = <-opened:
	case <-time.After(t.Limit(time.Minute)):
	}
	if stream == nil {
		t.Fatalf("no change was told")
	}
	for {
		line, err := stream.Line(t.Limit(time.Minute))
		t.Must(err)
		var pair []any
		t.Must(json.Unmarshal([]byte(line), &pair))
		t.Check(len(pair) == 2 && (pair[0] == "update" || pair[0] == "remove"), "%s", line)
		if len(pair) == 2 && pair[0] == "update" {
			return pair[1], line
		}
	}
}

// events opens the stream of events and returns it with its id.
func events(t *suite.T, rest *wire.Rest) (*wire.Stream, string) {
	ctx, cancel := context.WithCancel(t.Ctx)
	t.Cleanup(cancel)
	stream, err := rest.Open(ctx, "/events")
	t.Must(err)
	t.Match("Content-Type", stream.Response.Header.Get("Content-Type"), "^text/event-stream")
	first, err := stream.Event(t.Limit(time.Minute))
	t.Must(err)
	t.Check(first.Name == "init" && first.Data.Text("id") != "", "%v", first)
	return stream, first.Data.Text("id")
}

// next is the next event that is no ping.
func next(t *suite.T, stream *wire.Stream, what string) *wire.Event {
	for deadline := time.Now().Add(t.Limit(time.Minute)); ; {
		event, err := stream.Event(time.Until(deadline))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if event.Name != "ping" {
			return event
		}
	}
}

var restEvents = []*suite.Test{
	{Name: "server-sent events tell what was added, changed and removed, with the fields asked for", Facts: []string{"rest-events", "rest-events-fields"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			rest := t.Rest()
			t.Disk(suite.Make{}) // is there already
			stream, id := events(t, rest)
			made := request(t, rest, http.MethodPost, "/events/"+id+"/subscriptions", params{"collection": "VDI", "fields": []string{"id", "name_label"}})
			status(t, "subscribe", made, http.StatusCreated)
			disk := t.Disk(suite.Make{})
			added := next(t, stream, "add")
			t.Check(added.Name == "add" && added.Data.Text("id") == disk.ID && added.Data.Text("name_label") == disk.Name && added.Data.Has("$subscription"), "%v", added)
			t.Check(!added.Data.Has("size"), "it has fields that nobody asked for: %v", added)
			conn := t.Session()
			t.Call(conn, "vdi.set", params{"id": disk.ID, "name_description": "of no interest"})
			t.Find(conn, 0, "the description", func(m *wire.Message) bool { return wire.Of(m.Items[disk.ID]).Text("name_description") != "" })
			t.Call(conn, "vdi.set", params{"id": disk.ID, "name_label": disk.Name + "-new"})
			changed := next(t, stream, "update")
			t.Check(changed.Name == "update" && changed.Data.Text("name_label") == disk.Name+"-new", "%v", changed)
			t.Call(conn, "vdi.delete", params{"id": disk.ID})
			removed := next(t, stream, "remove")
			t.Check(removed.Name == "remove" && removed.Data.Text("id") == disk.ID, "%v", removed)
		}},
	{Name: "server-sent events have a ping every 30 seconds", Facts: []string{"rest-events-ping"}, Needs: []suite.Need{suite.Minutes},
		Run: func(t *suite.T) {
			stream, _ := events(t, t.Rest())
			started := time.Now()
			event, err := stream.Event(t.Limit(5 * time.Minute))
			t.Must(err)
			t.Check(event.Name == "ping" && t.Since(started) > 15*time.Second && t.Since(started) < 3*time.Minute, "%v after %s", event, t.Since(started))
		}},
	{Name: "a subscription to what is not there is refused", Facts: []string{"rest-events-errors"},
		Run: func(t *suite.T) {
			rest := t.Rest()
			_, id := events(t, rest)
			status(t, "unknown collection", request(t, rest, http.MethodPost, "/events/"+id+"/subscriptions", params{"collection": "nope"}), http.StatusUnprocessableEntity)
			status(t, "unknown id", request(t, rest, http.MethodPost, "/events/"+nobody+"/subscriptions", params{"collection": "VDI"}), http.StatusNotFound)
		}},
	{Name: "the collection of tasks has Xen Orchestra's own, without progress", Facts: []string{"rest-events-errors"}, Needs: forCopy,
		Run: func(t *suite.T) {
			rest, disk := t.Rest(), t.Disk(suite.Make{SR: t.Local(0), Size: 64 << 20})
			stream, id := events(t, rest)
			status(t, "subscribe", request(t, rest, http.MethodPost, "/events/"+id+"/subscriptions", params{"collection": "task"}), http.StatusCreated)
			task := restMove(t, rest, disk, t.Local(1))
			for {
				event := next(t, stream, "the task")
				t.Check(!event.Data.Has("progress") && event.Data.Text("name_label") == "", "%v", event)
				if event.Data.Text("id") == task {
					return
				}
			}
		}},
}
