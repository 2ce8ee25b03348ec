package suite

import (
	"fmt"
	"strings"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
)

// prefix starts the name of everything that tests make.
const prefix = "xo-operator-conformance-"

// Disk is one that the test made.
type Disk struct {
	ID   string // as it is now: a migration changes it
	Name string
	SR   string
	Size int64
}

// Make says what disk to make. Seed is its content where there is a simulator; elsewhere disks are empty.
type Make struct {
	SR          string // "": T.SR()
	Size        int64  // 0: 1 GiB
	Tags        []string
	Description string
	Seed        int64
}

// GiB is the size that disks have when it does not matter.
const GiB = 1 << 30

// Name makes a name for something, told apart by a word.
func (t *T) Name(word string) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.made++
	return fmt.Sprintf("%s%s-%s-%d", prefix, t.run.id, word, t.made)
}

// Disk makes a disk, which is removed when the test ends.
func (t *T) Disk(make Make) *Disk {
	if make.SR == "" {
		make.SR = t.SR()
	}
	if make.Size == 0 {
		make.Size = GiB
	}
	disk := &Disk{Name: t.Name("disk"), SR: make.SR, Size: make.Size}
	t.Keep(disk)
	if make.Seed != 0 && t.Site.control != nil {
		t.seeded(disk, make)
		return disk
	}
	id, _ := t.Call(t.look(), "disk.create", map[string]any{"name": disk.Name, "size": make.Size, "sr": make.SR}).(string)
	if id == "" {
		t.Fatalf("disk.create did not answer an id")
	}
	disk.ID = id
	if make.Description != "" {
		t.Call(t.look(), "vdi.set", map[string]any{"id": id, "name_description": make.Description})
	}
	for _, tag := range make.Tags {
		t.Call(t.look(), "tag.add", map[string]any{"id": id, "tag": tag})
	}
	t.Eventually(time.Minute, func() error {
		object := t.Object(id)
		if object.Text("name_description") != make.Description || len(object.List("tags")) != len(make.Tags) {
			return fmt.Errorf("disk %s does not show its description and tags", id)
		}
		return nil
	})
	return disk
}

func (t *T) seeded(disk *Disk, make Make) {
	made, err := t.Site.control.MakeDisk(t.Ctx, newDisk(disk, make))
	t.Must(err)
	disk.ID = made.UUID
	t.Eventually(time.Minute, func() error {
		if t.Object(disk.ID) == nil {
			return fmt.Errorf("disk %s is not told", disk.ID)
		}
		return nil
	})
}

// Keep has a disk removed when the test ends; by its name, so it need not exist yet.
func (t *T) Keep(disk *Disk) {
	t.mutex.Lock()
	t.disks = append(t.disks, disk)
	t.mutex.Unlock()
	t.run.keep(t.Site, disk.Name)
}

// GiveUp says that what is on a disk may be lost: the test deletes it, or lets it be overwritten.
func (t *T) GiveUp(id string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.given[id] = true
}

// Attach plugs a disk into a VM and returns the VBD's id.
func (t *T) Attach(disk *Disk, vm string) string {
	t.Call(t.look(), "vm.attachDisk", map[string]any{"vm": vm, "vdi": disk.ID, "mode": "RW"})
	return t.VBD(disk.ID, vm)
}

// VBD waits for the VBD of a disk on a VM and returns its id.
func (t *T) VBD(vdi, vm string) string {
	found := ""
	t.Eventually(time.Minute, func() error {
		for id := range t.Objects(map[string]any{"type": "VBD", "VDI": vdi, "VM": vm}) {
			found = id
			return nil
		}
		return fmt.Errorf("no VBD of %s on %s is told", vdi, vm)
	})
	return found
}

// Detach unplugs a VBD and removes it.
func (t *T) Detach(vbd string) {
	t.Call(t.look(), "vbd.disconnect", map[string]any{"id": vbd})
	t.Call(t.look(), "vbd.delete", map[string]any{"id": vbd})
}

// Migrate starts a migration of a disk and returns the id of the call.
func (t *T) Migrate(conn *wire.Conn, disk *Disk, sr string) int {
	return t.Send(conn, "vdi.migrate", map[string]any{"id": disk.ID, "sr_id": sr})
}

// removeDisks removes every disk whose name starts so, with whatever holds it, and returns what is left.
func removeDisks(site *Site, starts string) error {
	conn, err := site.Dial(backgroundContext())
	if err != nil {
		return err
	}
	defer conn.Close()
	var last error
	for deadline := time.Now().Add(removeMax); ; {
		left, err := removeOnce(conn, site, starts)
		if err != nil {
			return err
		}
		if left == 0 {
			return nil
		}
		last = fmt.Errorf("%d disks named %s… could not be removed", left, starts)
		if time.Now().After(deadline) {
			return last
		}
		time.Sleep(time.Duration(float64(time.Second) / site.Speed))
	}
}

// removeMax is longer than a copy of a test's disk takes, which must end before it can be removed, and than a pool that vanished is away.
const removeMax = 5 * time.Minute

func removeOnce(conn *wire.Conn, site *Site, starts string) (int, error) {
	result, err := conn.Call("xo.getAllObjects", map[string]any{}, callMax)
	if err != nil {
		return 0, err
	}
	objects := wire.Of(result)
	left := 0
	for id := range objects {
		object := objects.Of(id)
		name := object.Text("name_label")
		if !strings.HasPrefix(name, starts) || !strings.HasPrefix(object.Text("type"), "VDI") || object.Text("type") == "VDI-unmanaged" {
			continue
		}
		left++
		cancelTasks(conn, objects, object)
		for _, vbd := range object.Texts("$VBDs") {
			if objects.Of(objects.Of(vbd).Text("VM")).Text("type") == "VM-controller" {
				continue
			}
			_, _ = conn.Call("vbd.disconnect", map[string]any{"id": vbd}, callMax) // it may not be plugged
			_, _ = conn.Call("vbd.delete", map[string]any{"id": vbd}, callMax)     // the next round sees
		}
		_, _ = conn.Call("vdi.delete", map[string]any{"id": id}, callMax) // the same
	}
	return left, nil
}

func cancelTasks(conn *wire.Conn, objects, disk wire.Object) {
	for ref := range disk.Of("current_operations") {
		for id := range objects {
			if task := objects.Of(id); task.Text("type") == "task" && task.Text("xapiRef") == ref {
				_, _ = conn.Call("task.cancel", map[string]any{"id": id}, callMax) // it may have ended
			}
		}
	}
}
