package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

// foreign are objects of a type that are not the test's.
func foreign(t *suite.T, kind string, fits func(wire.Object) bool) []string {
	var ids []string
	found := t.Objects(params{"type": kind})
	for id := range found {
		if !strings.HasPrefix(found.Of(id).Text("name_label"), "xo-operator-conformance-") && fits(found.Of(id)) {
			ids = append(ids, id)
		}
	}
	return ids
}

func anyOne(wire.Object) bool { return true }

var itself = []*suite.Test{
	{Name: "the suite refuses to touch what it did not make", Facts: []string{"suite-guard"}, Needs: []suite.Need{suite.SR, suite.OnlyXosim},
		Run: func(t *suite.T) {
			refused := func(method string, with params) {
				t.Check(t.Allowed(method, with) != nil, "%s %v would be made", method, with)
			}
			disk := t.Disk(suite.Make{})
			mine := params{"id": disk.ID, "sr_id": t.SR()}
			t.Check(t.Allowed("vdi.delete", mine) == nil && t.Allowed("vdi.migrate", mine) == nil, "its own disk is refused")
			for _, id := range foreign(t, "VDI", anyOne) {
				for _, method := range []string{"vdi.delete", "vdi.set", "vdi.migrate", "tag.add"} {
					refused(method, params{"id": id, "sr_id": t.SR()})
				}
				refused("vm.attachDisk", params{"vm": t.VM(), "vdi": id})
				for _, vbd := range t.Object(id).Texts("$VBDs") {
					refused("vbd.disconnect", params{"id": vbd})
					refused("vbd.delete", params{"id": vbd})
				}
			}
			for _, vm := range foreign(t, "VM", func(o wire.Object) bool { return !strings.HasPrefix(o.Text("name_label"), "test-") }) {
				refused("vm.attachDisk", params{"vm": vm, "vdi": disk.ID})
				refused("vm.migrate", params{"vm": vm})
			}
			for _, sr := range foreign(t, "SR", func(o wire.Object) bool { return !contains(o.Texts("tags"), t.Site.Tag) }) {
				refused("disk.create", params{"name": t.Name("x"), "sr": sr})
			}
			refused("disk.create", params{"name": "somebody's", "sr": t.SR()})
			refused("host.reboot", params{"id": nobody})
		}},
	{Name: "the suite removes its disks when it is interrupted", Facts: []string{"suite-end"}, Needs: []suite.Need{suite.OnlyXosim},
		Run: func(t *suite.T) {
			program, err := os.Executable()
			t.Must(err)
			command := exec.CommandContext(t.Ctx, program, "--run", "^deleting a disk in use is tried")
			command.Env = append(os.Environ(), "XOA_URL="+t.Site.URL, "XOA_TOKEN="+t.Site.Token, "SR_TAG="+t.Site.Tag, "TEST_VMS="+t.VM())
			var output bytes.Buffer
			command.Stdout, command.Stderr = &output, &output
			t.Must(command.Start())
			others := func() []string {
				return keys(t.Objects(`type:VDI name_label:/^xo-operator-conformance-/`))
			}
			t.Eventually(time.Minute, func() error {
				for _, id := range others() {
					if len(t.Object(id).List("$VBDs")) > 0 {
						return nil
					}
				}
				return fmt.Errorf("it has no disk that is attached\n%s", output.String())
			})
			t.Must(command.Process.Signal(syscall.SIGINT))
			err = command.Wait()
			t.Check(err != nil, "it ended well")
			t.Check(len(others()) == 0, "%d disks are left\n%s", len(others()), output.String())
		}},
}

func keys(objects wire.Object) []string {
	var list []string
	for key := range objects {
		list = append(list, key)
	}
	return list
}
