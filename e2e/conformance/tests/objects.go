package tests

import (
	"fmt"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

// shape is which keys an object has, and of which JSON types.
type shape map[string]string

func (s shape) check(t *suite.T, what string, object wire.Object) {
	for key, kinds := range s {
		t.Check(strings.Contains(" "+kinds+" ", " "+wire.Kind(object[key])+" ") && (object.Has(key) || strings.Contains(kinds, "null")),
			"%s: %s is %s (%v); wanted %s", what, key, wire.Kind(object[key]), object[key], kinds)
	}
}

var common = shape{"id": "string", "uuid": "string", "type": "string", "$pool": "string", "$poolId": "string", "_xapiRef": "string"}

var shapes = map[string]shape{
	"SR": {"name_label": "string", "name_description": "string", "content_type": "string", "SR_type": "string", "shared": "boolean", "size": "number",
		"physical_usage": "number", "usage": "number", "allocationStrategy": "string", "tags": "array", "VDIs": "array", "$PBDs": "array",
		"$container": "string", "current_operations": "object", "inMaintenanceMode": "boolean", "other_config": "object", "sm_config": "object"},
	"PBD": {"host": "string", "SR": "string", "attached": "boolean", "device_config": "object", "otherConfig": "object"},
	"VDI": {"name_label": "string", "name_description": "string", "size": "number", "usage": "number", "$SR": "string", "$VBDs": "array", "tags": "array",
		"VDI_type": "string", "snapshots": "array", "current_operations": "object", "other_config": "object", "cbt_enabled": "boolean", "missing": "boolean"},
	"VBD": {"VDI": "string null", "VM": "string", "attached": "boolean", "device": "string null", "position": "string", "read_only": "boolean",
		"bootable": "boolean", "is_cd_drive": "boolean"},
	"VM": {"power_state": "string", "$container": "string", "$VBDs": "array", "VIFs": "array", "tags": "array", "current_operations": "object",
		"addresses": "object", "other": "object", "affinityHost": "string null", "mainIpAddress": "string null"},
	"VM-controller": {"$container": "string", "$VBDs": "array"},
	"host": {"power_state": "string", "enabled": "boolean", "address": "string", "residentVms": "array", "$PBDs": "array", "$PIFs": "array",
		"controlDomain": "string", "memory": "object", "tags": "array"},
	"pool":    {"master": "string", "default_SR": "string null", "name_label": "string", "tags": "array"},
	"network": {"bridge": "string", "PIFs": "array", "VIFs": "array"},
	"PIF":     {"$host": "string", "$network": "string", "ip": "string", "management": "boolean"},
	"task": {"name_label": "string", "status": "string", "progress": "number", "created": "number", "allowedOperations": "array",
		"current_operations": "object", "xapiRef": "string", "$host": "string"},
}

// shaped is a test of the shape of all objects of a type.
func shaped(name, fact string, kinds ...string) *suite.Test {
	return &suite.Test{Name: name, Facts: []string{fact, "obj-all"}, Needs: []suite.Need{suite.VM}, Run: func(t *suite.T) {
		t.Attach(t.Disk(suite.Make{Tags: []string{"conformance"}}), t.VM())
		for _, kind := range kinds {
			found := t.Objects(params{"type": kind})
			t.Check(len(found) > 0, "there is no %s", kind)
			for id := range found {
				t.Check(found.Of(id).Text("id") == id, "%s %s has id %v", kind, id, found.Of(id)["id"])
				common.check(t, kind+" "+id, found.Of(id))
				shapes[kind].check(t, kind+" "+id, found.Of(id))
			}
		}
	}}
}

var objects = []*suite.Test{
	shaped("an SR tells its sizes, disks, PBDs and tags", "obj-sr", "SR"),
	shaped("a PBD tells its host and SR and whether it is attached", "obj-pbd", "PBD"),
	shaped("a VDI tells its SR, VBDs, tags and operations", "obj-vdi", "VDI"),
	shaped("a VBD tells its VDI, VM, position and device", "obj-vbd", "VBD"),
	shaped("a VM tells its power state, VBDs and operations", "obj-vm", "VM"),
	shaped("a host's own domain is a VM-controller", "obj-controller", "VM-controller"),
	shaped("a host tells its state, VMs, PBDs and memory", "obj-host", "host"),
	shaped("a pool tells its master and default SR", "obj-pool", "pool"),
	shaped("networks and PIFs tell of each other", "obj-network", "network", "PIF"),
	{Name: "the container of a local SR and of a running VM is its host, of a shared SR its pool", Facts: []string{"obj-sr", "obj-vm"},
		Needs: []suite.Need{suite.LocalPair, suite.Shared, suite.VM}, Run: func(t *suite.T) {
			t.Check(t.Object(t.Local(0)).Text("$container") == t.Host(0) && !t.Object(t.Local(0)).Bool("shared"), "local SR: %v", t.Object(t.Local(0)))
			t.Check(t.Object(t.Shared()).Text("$container") == t.Pool() && t.Object(t.Shared()).Bool("shared"), "shared SR: %v", t.Object(t.Shared()))
			t.Check(t.Object(t.VM()).Text("$container") == t.Host(0), "VM: %v", t.Object(t.VM()))
			t.Check(t.Object(t.Host(0)).Text("power_state") == "Running", "host: %v", t.Object(t.Host(0)))
			t.Check(contains(t.Object(t.Host(0)).Texts("residentVms"), t.VM()), "residentVms: %v", t.Object(t.Host(0))["residentVms"])
			t.Check(t.Object(t.Object(t.Host(0)).Text("controlDomain")).Text("type") == "VM-controller", "controlDomain: %v", t.Object(t.Host(0))["controlDomain"])
		}},
	{Name: "the container of a halted VM is the host of its disk's local SR", Facts: []string{"obj-vm"}, Needs: []suite.Need{suite.LocalPair, suite.HaltedVM},
		Run: func(t *suite.T) {
			t.Attach(t.Disk(suite.Make{SR: t.Local(1)}), t.HaltedVM())
			t.Eventually(time.Minute, func() error {
				if vm := t.Object(t.HaltedVM()); vm.Text("$container") != t.Host(1) {
					return fmt.Errorf("$container is %v, wanted host %s", vm["$container"], t.Host(1))
				}
				return nil
			})
		}},
	{Name: "a filter that is an object matches exact values and arrays by what they contain", Facts: []string{"obj-filter-object"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			one, two := t.Disk(suite.Make{Tags: []string{"red", "blue"}}), t.Disk(suite.Make{Tags: []string{"blue"}})
			found := t.Objects(params{"type": "VDI", "name_label": one.Name})
			t.Check(len(found) == 1 && found.Has(one.ID), "by name: %d found", len(found))
			t.Check(len(t.Objects(params{"type": "VDI", "name_label": one.Name[:len(one.Name)-1]})) == 0, "part of a name matched")
			red := t.Objects(params{"type": "VDI", "tags": []string{"red"}})
			t.Check(red.Has(one.ID) && !red.Has(two.ID), "tags: %d found", len(red))
			t.Check(t.Objects(params{"tags": []string{"blue", "red"}}).Has(one.ID), "tags in another order did not match")
		}},
	{Name: "a filter that is a text matches parts whatever their case, or exactly between slashes", Facts: []string{"obj-filter-text"}, Needs: []suite.Need{suite.SR},
		Run: func(t *suite.T) {
			disk := t.Disk(suite.Make{Tags: []string{"red"}})
			part := strings.ToUpper(disk.Name[3:])
			t.Check(t.Objects(`type:VDI name_label:"`+part+`"`).Has(disk.ID), "a part in capitals did not match")
			t.Check(t.Objects(`type:VDI name_label:/^`+disk.Name+`$/`).Has(disk.ID), "the whole name did not match exactly")
			t.Check(!t.Objects(`type:VDI name_label:/^`+disk.Name[1:]+`$/`).Has(disk.ID), "a part matched exactly")
			t.Check(t.Objects(`name_label:"`+part).Has(disk.ID), "a quote that is not ended was not read to the end")
			for _, mistake := range []string{"type:(VDI", "(((", "type:", "name_label:/[/"} {
				failure := t.Refused(t.Session(), "xo.getAllObjects", params{"filter": mistake})
				t.Check(failure.Code == -32000, "%s: %v", mistake, failure)
			}
			failure := t.Refused(t.Session(), "xo.getAllObjects", params{"filter": "type:(VDI"})
			t.Match("a mistake", failure.Message, "(?i)parse error|expected")
		}},
	{Name: "no more objects are answered than the limit", Facts: []string{"obj-limit"},
		Run: func(t *suite.T) {
			found := wire.Of(t.Call(t.Session(), "xo.getAllObjects", params{"limit": 3}))
			t.Check(len(found) == 3, "%d were answered", len(found))
		}},
	{Name: "a user without permissions is told of every object and change, or of none", Facts: []string{"obj-acl"}, Needs: []suite.Need{suite.OtherUser, suite.SR},
		Run: func(t *suite.T) {
			conn := stranger(t)
			disk := t.Disk(suite.Make{})
			found := wire.Of(t.Call(conn, "xo.getAllObjects", params{"filter": params{"type": "VDI"}}))
			if len(found) == 0 { // newer than 5.207
				t.Silent(conn, 0, 2*time.Second, "a change was told", func(m *wire.Message) bool { return m.Kind != "" })
				return
			}
			t.Entered(conn, 0, "the notification", func(id string, _ wire.Object) bool { return id == disk.ID })
			t.Check(found.Has(disk.ID) && len(found) == len(t.Objects(params{"type": "VDI"})), "the disk is not among %d", len(found))
		}},
	{Name: "a user with access to one object is told of what is in it and of nothing else", Facts: []string{"obj-acl-filter"}, Needs: []suite.Need{suite.LocalPair, suite.OnlyXosim},
		Run: func(t *suite.T) {
			conn := t.Connect(wire.Options{})
			answer := wire.Of(t.Call(conn, "session.signIn", params{"email": "partial@example.org", "password": "partial"}))
			t.Check(answer.Text("permission") == "none", "%v", answer)
			mine, other := t.Disk(suite.Make{SR: t.Local(0)}), t.Disk(suite.Make{SR: t.Local(1)})
			t.Entered(conn, 0, "the disk", func(id string, _ wire.Object) bool { return id == mine.ID })
			found := wire.Of(t.Call(conn, "xo.getAllObjects", params{}))
			t.Check(found.Has(t.Local(0)) && found.Has(mine.ID), "its SR or disk are not among %d", len(found))
			t.Check(!found.Has(t.Local(1)) && !found.Has(other.ID) && !found.Has(t.Pool()), "it sees another SR, its disk or the pool")
			t.Silent(conn, 0, 2*time.Second, "the other disk was told", tells(other.ID, "enter"))
		}},
	{Name: "the device of a VBD stays after it was unplugged", Facts: []string{"obj-vbd"}, Needs: []suite.Need{suite.VM},
		Run: func(t *suite.T) {
			conn := t.Session()
			vbd := t.Attach(t.Disk(suite.Make{}), t.VM())
			device := t.Object(vbd).Text("device")
			t.Match("device", device, "^xvd[a-z]+$")
			from := conn.Now()
			t.Call(conn, "vbd.disconnect", params{"id": vbd})
			_, _ = t.Entered(conn, from, "the VBD unplugged", func(id string, o wire.Object) bool { return id == vbd && !o.Bool("attached") })
			t.Check(t.Object(vbd).Text("device") == device, "device is %v, was %s", t.Object(vbd)["device"], device)
		}},
	{Name: "the device of a VBD that was never plugged is null", Facts: []string{"obj-vbd"}, Needs: []suite.Need{suite.HaltedVM},
		Run: func(t *suite.T) {
			vbd := t.Object(t.Attach(t.Disk(suite.Make{}), t.HaltedVM()))
			t.Check(vbd.Has("device") && vbd["device"] == nil && !vbd.Bool("attached"), "device %v, attached %v", vbd["device"], vbd["attached"])
			t.Check(wire.Kind(vbd["position"]) == "string", "position: %v", vbd["position"])
		}},
}

func contains(list []string, wanted string) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}
