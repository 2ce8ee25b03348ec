// Package proof plays what people have reported of products like this one: pools that Xen Orchestra can not connect to, backups that
// have a volume's name, hosts that die, disks that are pulled from under a guest. Each test is named after what the user sees, with the
// number of the report. What is asked is the ground truth: whose disk was touched, and whether a byte is lost.
//
// Tests that break what others need come first, one after the other; the rest run side by side.
package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func TestMain(m *testing.M) { os.Exit(testlab.Run(m, "e2e-proof", "proof.yaml")) }

// admin talks to Xen Orchestra as an administrator at its web page does.
func admin(t *testlab.Test) func(method string, params map[string]any) any {
	t.Helper()
	connection, err := wire.Dial(t.Ctx, t.XOAURL(), wire.Options{})
	t.Must(err)
	t.Cleanup(connection.Close)
	call := func(method string, params map[string]any) any {
		t.Helper()
		result, err := connection.Call(method, params, time.Minute)
		t.Must(err)
		return result
	}
	call("session.signIn", map[string]any{"email": "admin@admin.net", "password": "admin"})
	return call
}

// attached is a volume that a node has.
func attached(t *testlab.Test, options lab.VolumeOptions, node string) (*lab.Volume, *testlab.Attachment) {
	t.Helper()
	volume := t.Volume(options)
	return volume, t.Attached(t.Attach(volume, node), volume)
}

// deleted asks for a detach and does not wait for it.
func deleted(t *testlab.Test, attachment *testlab.Attachment) {
	t.Helper()
	t.Do("delete", "volumeattachment", attachment.Metadata.Name, "--wait=false")
}

// told waits until an object, of the test's namespace or of none, has an event of the operator with the reason, and returns the newest message.
func told(t *testlab.Test, object, reason string) string {
	t.Helper()
	message := ""
	t.Eventually(testlab.MoveMax, func() error {
		for _, namespace := range []string{t.Namespace, "default"} {
			text, err := t.Kubectl(t.Ctx, "-n", namespace, "get", "events", "--field-selector", "involvedObject.name="+object+",reason="+reason,
				"--sort-by=.lastTimestamp", "-o", "jsonpath={range .items[*]}{.message}{\"\\n\"}{end}")
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimSpace(text), "\n")
			if message = lines[len(lines)-1]; message != "" {
				return nil
			}
		}
		return fmt.Errorf("%s has no event %s", object, reason)
	})
	return message
}

// held waits until the detach is held with a message that mentions all of these, and checks that the disk is where it was.
func held(t *testlab.Test, volume *lab.Volume, attachment *testlab.Attachment, mentions ...string) {
	t.Helper()
	t.Attachment(attachment.Metadata.Name, fmt.Sprintf("held with a message that mentions %q", mentions), func(a *testlab.Attachment) bool {
		if a.Status.DetachError == nil {
			return false
		}
		for _, word := range mentions {
			if !strings.Contains(a.Status.DetachError.Message, word) {
				return false
			}
		}
		return true
	})
	stillAttached(t, volume, attachment)
}

// stillAttached checks that the VM has the very disk, and that nothing was pulled from it.
func stillAttached(t *testlab.Test, volume *lab.Volume, attachment *testlab.Attachment) {
	t.Helper()
	disk := truly(t, volume.VDI)
	if vms := disk.AttachedTo(); len(vms) != 1 || vms[0] != t.World.VM(attachment.Spec.NodeName).UUID {
		t.Fatalf("the disk is attached to %v, it must stay on %s", vms, attachment.Spec.NodeName)
	}
	if len(disk.LostBy) > 0 || disk.LostBytes > 0 {
		t.Fatalf("the disk was pulled: %+v", disk.LostBy)
	}
}

// detached waits until the VolumeAttachment is gone, and checks that the disk is whole and nobody's.
func detached(t *testlab.Test, volume *lab.Volume, attachment *testlab.Attachment) {
	t.Helper()
	t.Do("wait", "--for=delete", "--timeout="+testlab.MoveMax.String(), "volumeattachment/"+attachment.Metadata.Name)
	disk := truly(t, volume.VDI)
	if len(disk.AttachedTo()) > 0 || disk.SHA256 != volume.SHA256 || disk.LostBytes > 0 {
		t.Fatalf("after the detach the disk is %+v; it should hold %s", disk, volume.SHA256)
	}
}

// truly is a disk as it really is.
func truly(t *testlab.Test, uuid string) *lab.Disk {
	t.Helper()
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	disk := truth.Disk(uuid)
	if disk == nil {
		t.Fatalf("there never was a disk %s", uuid)
	}
	return disk
}

// untouched checks that a disk that is not the volume's is exactly as it was made.
func untouched(t *testlab.Test, uuid, sha256 string, name string) {
	t.Helper()
	disk := truly(t, uuid)
	if !disk.Exists || disk.Name != name || disk.SHA256 != sha256 || len(disk.AttachedTo()) > 0 {
		t.Fatalf("a disk that is not the volume's was touched: %+v; it was %s, %s", disk, name, sha256)
	}
}

// running checks that an operator that was started without waiting has come so far that it decides: it leads.
func running(t *testlab.Test, from int) {
	t.Helper()
	t.Logged(lab.Operator, from, "leading: work begins")
}

// restart ends the operator by force and starts another one, which may find that something is out of sight.
func restart(t *testlab.Test) {
	t.Helper()
	from := len(t.Log(lab.Operator))
	t.Part(t.Kill, lab.Operator)
	t.Must(t.StartWithoutWaiting(t.Ctx, lab.Operator))
	running(t, from)
}

// noMigrationOf checks that no attempt was made.
func noAttempts(t *testlab.Test, name string) {
	t.Helper()
	migration, err := t.Migration(t.Ctx, t.Namespace, name)
	t.Must(err)
	if migration.Status.Attempts > 0 {
		t.Errorf("%d attempts were made: %s", migration.Status.Attempts, migration.Status.Message)
	}
}

// uses waits until the node lists, or does not list, the volume in status.volumesInUse.
func uses(t *testlab.Test, node string, volume *lab.Volume, wanted bool) {
	t.Helper()
	t.Eventually(testlab.MoveMax, func() error {
		text, err := t.Kubectl(t.Ctx, "get", "node", node, "-o", "jsonpath={.status.volumesInUse}")
		if err == nil && strings.Contains(text, volume.Handle) != wanted {
			err = fmt.Errorf("node %s lists %s; with %s: %t is wanted", node, text, volume.Handle, wanted)
		}
		return err
	})
}

// attachmentOf waits until Kubernetes has made a VolumeAttachment of the volume and it is attached.
func attachmentOf(t *testlab.Test, volume *lab.Volume) *testlab.Attachment {
	t.Helper()
	var found *testlab.Attachment
	t.Eventually(testlab.MoveMax, func() error {
		var list struct{ Items []testlab.Attachment }
		if err := t.Get(t.Ctx, "/apis/storage.k8s.io/v1/volumeattachments", &list); err != nil {
			return err
		}
		for i := range list.Items {
			if list.Items[i].Spec.Source.PersistentVolumeName == volume.Name && list.Items[i].Status.Attached {
				found = &list.Items[i]
				return nil
			}
		}
		return errors.New("the volume is not attached")
	})
	return found
}

// setOn is a set whose Pod runs on that node and nowhere else.
func setOn(t *testlab.Test, node, pool string) {
	t.Helper()
	manifest := lab.StatefulSet(t.Namespace, "db", node, pool)
	t.Apply(strings.Replace(manifest, "nodeSelector: {", "nodeSelector: {kubernetes.io/hostname: "+node+", ", 1))
	t.Cleanup(func() {
		t.Kubectl(context.Background(), "-n", t.Namespace, "delete", "statefulset", "db", "--wait=false") // the namespace goes, too
	})
}
