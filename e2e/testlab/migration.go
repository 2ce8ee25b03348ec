package testlab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"xo-operator.dev/e2e/lab"
)

// MoveMax is how long a move of one of the tests' small disks may take on a machine that does much else: seconds, and a
// minute more when Xen Orchestra must first connect to its pools again.
const MoveMax = 2 * time.Minute

// MigrationManifest is an XoVolumeMigration; target and more are YAML in one line, such as {srsWithTag: k8s-shared}.
func MigrationManifest(name, target, more string, claims ...string) string {
	var volumes []string
	for _, claim := range claims {
		volumes = append(volumes, "{claimName: "+claim+"}")
	}
	text := "apiVersion: migration.xo-operator.dev/v1alpha1\nkind: XoVolumeMigration\nmetadata: {name: " + name + "}\nspec:\n" +
		"  volumes: [" + strings.Join(volumes, ", ") + "]\n"
	if target != "" {
		text += "  target: " + target + "\n"
	}
	if more != "" {
		text += "  " + more + "\n"
	}
	return text
}

// Phase waits until a migration of the test's namespace has one of the phases, and returns it.
func (t *Test) Phase(name string, phases ...string) *lab.Migration {
	t.Helper()
	return t.MigrationThat(name, "phase "+strings.Join(phases, " or "), func(m *lab.Migration) bool {
		for _, phase := range phases {
			if m.Status.Phase == phase {
				return true
			}
		}
		return false
	})
}

// Because waits until a condition of a migration is True, or False after "not ", for a reason.
func (t *Test) Because(name, condition, reason string) *lab.Migration {
	t.Helper()
	status := "True"
	if rest, not := strings.CutPrefix(condition, "not "); not {
		status, condition = "False", rest
	}
	return t.MigrationThat(name, condition+"="+status+" because "+reason, func(m *lab.Migration) bool {
		found := m.Condition(condition)
		return found != nil && found.Status == status && found.Reason == reason
	})
}

// MigrationThat waits until a migration of the test's namespace is as wanted, and returns it.
func (t *Test) MigrationThat(name, wanted string, fits func(*lab.Migration) bool) *lab.Migration {
	t.Helper()
	var migration *lab.Migration
	t.Eventually(MoveMax, func() (err error) {
		migration, err = t.Migration(t.Ctx, t.Namespace, name)
		if err != nil {
			return err
		}
		if !fits(migration) {
			return fmt.Errorf("%s should have %s, it has %+v", name, wanted, migration.Status)
		}
		return nil
	})
	return migration
}

// AttachMove waits until the operator has made a migration for an attach in the test's namespace, and returns it.
func (t *Test) AttachMove() *lab.Migration {
	t.Helper()
	var found *lab.Migration
	t.Eventually(MoveMax, func() error {
		list, err := t.Migrations(t.Ctx, t.Namespace)
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].Metadata.Labels["migration.xo-operator.dev/trigger"] == "attach" {
				found = &list[i]
				return nil
			}
		}
		return errors.New("the operator has not made a migration for the attach")
	})
	return found
}

// Gone waits until an object of the test's namespace is no more.
func (t *Test) Gone(kind, name string) {
	t.Helper()
	t.In("wait", "--for=delete", "--timeout="+MoveMax.String(), kind+"/"+name)
}

// Watch is what a `kubectl get -w` has printed so far.
type Watch struct {
	lock  sync.Mutex
	lines []string
}

// Watch runs kubectl with the arguments, and -w, in the test's namespace until the test ends.
func (t *Test) Watch(arguments ...string) *Watch {
	t.Helper()
	command := t.KubectlCommand(t.Ctx, append([]string{"-n", t.Namespace, "get", "-w"}, arguments...)...)
	pipe, err := command.StdoutPipe()
	t.Must(err)
	t.Must(command.Start())
	watch := &Watch{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			watch.lock.Lock()
			watch.lines = append(watch.lines, scanner.Text())
			watch.lock.Unlock()
		}
	}()
	t.Cleanup(func() {
		command.Process.Kill() // it may have ended
		<-done
		command.Wait() // it was killed
	})
	return watch
}

// Lines are those printed so far.
func (w *Watch) Lines() []string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return append([]string(nil), w.lines...)
}

// Attachment is what tests look at in a VolumeAttachment.
type Attachment struct {
	Metadata struct {
		Name, DeletionTimestamp string
		Finalizers              []string
	}
	Spec struct {
		NodeName string
		Source   struct{ PersistentVolumeName string }
	}
	Status struct {
		Attached           bool
		AttachmentMetadata map[string]string
		AttachError        *struct{ Message string }
		DetachError        *struct{ Message string }
	}
}

// Attach asks for an attach the way Kubernetes does, without a Pod, and returns the name of the VolumeAttachment. It goes when
// the test ends.
func (t *Test) Attach(volume *lab.Volume, node string) string {
	t.Helper()
	name := fmt.Sprintf("%s-%s", volume.Name, node)
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"attacher": lab.Driver, "nodeName": node, "source": map[string]any{"persistentVolumeName": volume.Name}},
	})
	t.Must(err)
	_, err = t.KubectlInput(t.Ctx, string(manifest), "create", "-f", "-")
	t.Must(err)
	t.Cleanup(func() {
		t.Kubectl(context.Background(), "delete", "volumeattachment", name, "--wait=false") // may be gone
	})
	return name
}

// Attachment waits until a VolumeAttachment is as wanted, and returns it.
func (t *Test) Attachment(name, wanted string, fits func(*Attachment) bool) *Attachment {
	t.Helper()
	var attachment *Attachment
	t.Eventually(MoveMax, func() error {
		attachment = &Attachment{}
		if err := t.Get(t.Ctx, "/apis/storage.k8s.io/v1/volumeattachments/"+name, attachment); err != nil {
			return err
		}
		if !fits(attachment) {
			said := ""
			if attachment.Status.AttachError != nil {
				said = attachment.Status.AttachError.Message
			}
			return fmt.Errorf("%s should be %s; it is %+v, attachError %q", name, wanted, attachment.Status, said)
		}
		return nil
	})
	return attachment
}

// Attached waits until a VolumeAttachment is attached, and checks that the VM really has the volume's disk there.
func (t *Test) Attached(name string, volume *lab.Volume) *Attachment {
	t.Helper()
	attachment := t.Attachment(name, "attached", func(a *Attachment) bool { return a.Status.Attached })
	metadata := attachment.Status.AttachmentMetadata
	if metadata["device"] == "" || metadata["vbd"] == "" {
		t.Fatalf("attachmentMetadata is %v; the node plugin needs device, and vbd names the attachment", metadata)
	}
	device, err := t.Xosim.Device(t.Ctx, t.World.VM(attachment.Spec.NodeName).UUID, metadata["device"])
	t.Must(err)
	if device == nil || device.SHA256 != volume.SHA256 {
		t.Fatalf("%s says device %s; the VM sees %+v there, the disk holds %s", name, metadata["device"], device, volume.SHA256)
	}
	return attachment
}

// NotAttached waits until a VolumeAttachment has an attachError that mentions all of these, and is not attached.
func (t *Test) NotAttached(name string, mentions ...string) *Attachment {
	t.Helper()
	return t.Attachment(name, fmt.Sprintf("refused with a message that mentions %q", mentions), func(a *Attachment) bool {
		if a.Status.Attached || a.Status.AttachError == nil {
			return false
		}
		for _, word := range mentions {
			if !strings.Contains(a.Status.AttachError.Message, word) {
				return false
			}
		}
		return true
	})
}

// Detach asks for a detach the way Kubernetes does, and waits until it is done.
func (t *Test) Detach(name string) {
	t.Helper()
	t.Do("delete", "volumeattachment", name, "--timeout="+MoveMax.String())
}

// Mentions checks that a text says what it must.
func (t *Test) Mentions(text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("this does not mention %q:\n%s", word, text)
		}
	}
}
