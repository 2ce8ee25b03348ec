package suite

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"xo-operator.dev/e2e/conformance/wire"
)

// What each call that changes something does it to. A call that is not here must only read.
var changes = map[string][]string{
	"vdi.set": {"id"}, "vdi.delete": {"id"}, "vdi.migrate": {"id"}, "tag.add": {"id"}, "tag.remove": {"id"}, "vm.attachDisk": {"vm", "vdi"},
	"vbd.connect": {"id"}, "vbd.disconnect": {"id"}, "vbd.delete": {"id"}, "vm.migrate": {"vm"}, "vm.snapshot": {"id"}, "vm.set": {"id"}, "vm.delete": {"id"},
	"vdi.enableChangedBlockTracking": {"id"},
}

// Calls that change nothing that belongs to anybody else.
var harmless = []string{"session.", "token.", "xo.getAllObjects", "server.getAll", "system.", "nope."}

// guard ends the test before a call would touch something that is not its own: it stands between a mistake here and somebody's disk.
func (t *T) guard(method string, params any) {
	if err := t.Allowed(method, params); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

// Allowed says what a call would touch that is not the test's own.
func (t *T) Allowed(method string, params any) error {
	for _, start := range harmless {
		if strings.HasPrefix(method, start) {
			return nil
		}
	}
	given := wire.Of(params)
	switch method {
	case "disk.create":
		return t.mayMake(given.Text("name"), given.Text("sr"))
	case "task.cancel":
		return nil // tasks are found by the operations of the test's own disks
	}
	keys, known := changes[method]
	if !known {
		return fmt.Errorf("%s is not known to touch only the test's own", method)
	}
	for _, key := range keys {
		if err := t.own(method, given.Text(key)); err != nil {
			return err
		}
	}
	return nil
}

// mayMake says why a disk may not be made; one without a name is refused by Xen Orchestra.
func (t *T) mayMake(name, sr string) error {
	if name != "" && !strings.HasPrefix(name, prefix+t.run.id) {
		return fmt.Errorf("a disk named %q would not be removed at the end", name)
	}
	if contains(t.foreignSRs(), sr) {
		return fmt.Errorf("SR %s has no tag %s", sr, t.Site.Tag)
	}
	return nil
}

// foreignSRs are those that tests may not use.
func (t *T) foreignSRs() []string {
	var foreign []string
	for id := range wire.Of(t.read("xo.getAllObjects", map[string]any{"filter": map[string]any{"type": "SR"}})) {
		if !contains(t.Site.place.srs, id) && id != t.Site.place.otherPoolSR {
			foreign = append(foreign, id)
		}
	}
	return foreign
}

// read makes a call that can't change anything.
func (t *T) read(method string, params any) any {
	result, err := t.look().Call(method, params, t.Limit(callMax))
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return result
}

// own says whether an object is the test's own: made by it, or a VM that it may use with nothing on it but that. What does not exist can't
// be harmed.
func (t *T) own(method, id string) error {
	objects := wire.Of(t.read("xo.getAllObjects", map[string]any{"filter": map[string]any{"id": id}}))
	object := objects.Of(id)
	if id == "" || len(object) == 0 {
		return nil
	}
	kind := object.Text("type")
	switch {
	case strings.HasPrefix(kind, "VDI") && strings.HasPrefix(object.Text("name_label"), prefix+t.run.id):
		return nil
	case kind == "VBD":
		return t.own(method, object.Text("VDI"))
	case kind == "VM" && t.Site.place.vms[id] && method != "vm.migrate" && method != "vm.snapshot" && method != "vm.delete":
		return nil
	case kind == "VM" && t.Site.place.vms[id] && method != "vm.delete", kind == "VM-snapshot" && t.Site.place.vms[object.Text("$snapshot_of")]:
		for _, vbd := range object.Texts("$VBDs") {
			if err := t.own(method, vbd); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s would touch %s %s %q, which is not the test's own", method, kind, id, object.Text("name_label"))
}

var objectPath = regexp.MustCompile(`^/(?:vdis|vbds|vms)/([^/?]+)`)

// Request makes a request to the REST API that must touch nothing but the test's own.
func (t *T) Request(rest *wire.Rest, method, path string, body any) *wire.Response {
	given := wire.Of(body)
	switch match := objectPath.FindStringSubmatch(path); {
	case method == http.MethodGet || strings.HasPrefix(path, "/events/") || strings.HasPrefix(path, "/tasks/"):
	case match != nil:
		call := "rest"
		if strings.HasSuffix(path, "/actions/migrate") && strings.HasPrefix(path, "/vms/") {
			call = "vm.migrate"
		}
		if err := t.own(call, match[1]); err != nil {
			t.Fatalf("refused: %v", err)
		}
	case path == "/vdis":
		t.guard("disk.create", map[string]any{"name": given["name_label"], "sr": given["srId"]})
	case path == "/vbds":
		t.guard("vm.attachDisk", map[string]any{"vm": given["VM"], "vdi": given["VDI"]})
	default:
		t.Fatalf("refused: %s %s is not known to touch only the test's own", method, path)
	}
	response, err := rest.Do(t.Ctx, method, path, body, nil)
	t.Must(err)
	return response
}
