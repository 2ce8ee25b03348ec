package oncall

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"xo-operator.dev/e2e/conformance/wire"
	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// newTest gives a failure the namespace "shop", and a claim in it.
func newTest(tt *testing.T) (*testlab.Test, *lab.Volume) {
	t := testlab.New(tt)
	return t, t.Volume(lab.VolumeOptions{Claim: "data-db-0", SR: t.SR("host-a1 local").UUID})
}

// move asks for the move of that claim.
func move(t *testlab.Test, target, more string) {
	t.Helper()
	t.Apply(testlab.MigrationManifest("db-to-shared", target, more, "data-db-0"))
}

const quick = "retry: {initialDelay: 1s, maxDelay: 30s}"

// read takes down what kubectl says, checks that it mentions what it must, and that the page says the same.
func read(t *testlab.Test, section failure, mentions ...string) {
	t.Helper()
	object := "db-to-shared"
	get := t.In("get", "xvm", "-o", "wide")
	describe := described(t.In("describe", "xvm", object))
	t.Mentions(get+describe, mentions...)
	transcript := "$ kubectl -n shop get xvm -o wide\n" + strings.TrimSpace(get) + "\n$ kubectl -n shop describe xvm " + object + "\n" + describe
	record(t, section, transcript)
}

func record(t *testlab.Test, section failure, transcript string) {
	t.Helper()
	section.transcript = alike(t.Lab, strings.ReplaceAll(transcript, t.Namespace, "shop"))
	page.lock.Lock()
	page.sections = append(page.sections, section)
	page.lock.Unlock()
	if os.Getenv("UPDATE") == "1" {
		return
	}
	file, err := pageFile()
	t.Must(err)
	text, err := os.ReadFile(file)
	t.Must(err)
	_, found, there := strings.Cut(string(text), "\n## "+section.title+"\n")
	if !there {
		t.Fatalf("docs/troubleshooting.md has no section %q; UPDATE=1 writes it anew", section.title)
	}
	found, _, _ = strings.Cut(found, "\n## ")
	said := strings.Join(promise(found), "\n")
	for _, line := range promise(section.transcript) {
		if !strings.Contains(said, line) {
			t.Errorf("docs/troubleshooting.md, %q, does not say what users see (UPDATE=1 writes it anew): %s\nit says:\n%s", section.title, line, said)
		}
	}
}

// dial talks to Xen Orchestra as somebody else would: an administrator at its web page.
func dial(t *testlab.Test) *wire.Conn {
	t.Helper()
	connection, err := wire.Dial(t.Ctx, t.XOAURL(), wire.Options{})
	t.Must(err)
	t.Cleanup(connection.Close)
	_, err = connection.Call("session.signIn", map[string]any{"email": "admin@admin.net", "password": "admin"}, time.Minute)
	t.Must(err)
	return connection
}

func copying(t *testlab.Test, volume *lab.Volume) {
	t.Helper()
	(&testlab.Move{Test: t, Volume: volume}).Copying()
}

func TestACopyThatFailsSaysWhyAndIsTriedAgain(tt *testing.T) {
	t, volume := newTest(tt)
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.4, "match": volume.Disk, "times": 1})
	move(t, "{srsWithTag: k8s-shared}", "retry: {initialDelay: 60s, maxDelay: 60s}")
	t.Because("db-to-shared", "Reconciling", "BackingOff")
	t.GoodDisk(volume, t.SR("host-a1 local"))
	read(t, failure{order: 1, title: "A copy fails",
		happened: "The target storage repository had an error in mid-copy. The disk is where it was; Xen Orchestra has removed the half copy.",
		next:     "Nothing, or make room: it is tried again at nextRetryTime, on another SR of the tag if there is one. `kubectl patch xvm db-to-shared --type merge -p '{\"spec\":{\"cancel\":true}}'` stops it."},
		"BackingOff", "host-a1 local", "SR_BACKEND_FAILURE_44", "insufficient space")
}

func TestWithoutRoomItWaitsAndSaysHowMuchIsMissing(tt *testing.T) {
	t, _ := newTest(tt)
	move(t, "{srsWithTag: full}", quick)
	t.Because("db-to-shared", "Reconciling", "NoSpace")
	read(t, failure{order: 2, title: "There is no room",
		happened: "No storage repository with the tag has room for the disk and what is already on its way there. Nothing has been started.",
		next:     "Make room or give the tag to another SR: it goes on by itself. Or name another target."},
		"NoSpace", "full", "host-a1 local")
}

func TestAfterAsManyAttemptsAsAllowedItStops(tt *testing.T) {
	t, volume := newTest(tt)
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.4, "match": volume.Disk, "times": 0})
	move(t, "{srsWithTag: k8s-shared}", "retry: {limit: 2, initialDelay: 1s, maxDelay: 1s}")
	t.Because("db-to-shared", "Stalled", "RetryLimitReached")
	t.GoodDisk(volume, t.SR("host-a1 local"))
	read(t, failure{order: 3, title: "All attempts failed",
		happened: "As many attempts failed as spec.retry.limit allows. The disk is where it was, whole.",
		next:     "Find out from the message why, then change the spec (any change is the next migration), or delete the object."},
		"Failed", "RetryLimitReached", "host-a1 local", "SR_BACKEND_FAILURE_44")
}

func TestAToolstackThatRestartsLeavesALeftover(tt *testing.T) {
	t, volume := newTest(tt)
	goOn := t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk})
	move(t, "{srsWithTag: k8s-shared}", quick)
	copying(t, volume)
	t.Phase("db-to-shared", "Migrating")
	t.Happen(map[string]any{"name": "toolstack-restart", "pool": "pool-a"})
	goOn()
	migration := t.Phase("db-to-shared", "Succeeded")
	if len(migration.Status.Leftovers) != 1 {
		t.Errorf("leftovers: %+v", migration.Status.Leftovers)
	}
	t.GoodDisk(volume, t.SR("pool-a shared"))
	read(t, failure{order: 4, title: "A copy was interrupted and left a second disk",
		happened: "The toolstack of the pool restarted in mid-copy. Two disks of one name were left, which look alike; the source is the truth, so the other was renamed, and the move was done again.",
		next:     "Nothing for the volume. When nobody needs the leftover any more, delete it in Xen Orchestra by the UUID that status.leftovers gives."},
		"Succeeded", "leftover-", "pool-a shared", "LeftoverRenamed")
}

func TestTwoDisksOfOneNameAreLeftToAPerson(tt *testing.T) {
	t, volume := newTest(tt)
	twin, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("host-a2 local").UUID, Size: volume.Size, Seed: 6})
	t.Must(err)
	move(t, "{srsWithTag: k8s-shared}", quick)
	t.Because("db-to-shared", "ManualRecoveryRequired", "DuplicateName")
	attachment := t.Attach(volume, "worker-a1")
	t.NotAttached(attachment, volume.Name, "person")
	read(t, failure{order: 5, title: "Two disks have the volume's name",
		happened: "Somebody made a second disk of that name, or another tool moved the disk and failed. Nothing tells which one is good, so neither is attached, moved or deleted; a Pod that uses the volume waits, and says so.",
		next:     "Look at both disks in Xen Orchestra: size, date, last writes; attach the likely one to a VM of your own if in doubt. Then type the command of the message with the UUID of the good one. The other stays as it is: it may be a backup's."},
		"ManualRecoveryRequired", "DuplicateName", volume.VDI, twin.UUID, "host-a1 local", "host-a2 local", "kubectl patch xvm db-to-shared", "recovery")
	t.In("patch", "xvm", "db-to-shared", "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"recovery":[{"claimName":"data-db-0","keep":"%s"}]}}`, volume.VDI))
	t.Do("delete", "volumeattachment", attachment, "--wait=false")
	t.Phase("db-to-shared", "Succeeded")
	t.GoodDiskBeside(volume, stranger(t, volume, twin.UUID), t.SR("pool-a shared"))
}

// stranger is a disk of the volume's name as it is in truth.
func stranger(t *testlab.Test, volume *lab.Volume, uuid string) *lab.Disk {
	t.Helper()
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	for _, disk := range truth.Named(volume.Disk) {
		if disk.UUID == uuid {
			return &disk
		}
	}
	t.Fatalf("disk %s is not named %s any more", uuid, volume.Disk)
	return nil
}

// interrupted is a move whose copy ended with the toolstack: half a disk beside the source.
func interrupted(t *testlab.Test, volume *lab.Volume) {
	t.Helper()
	goOn := t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk})
	move(t, "{srsWithTag: k8s-shared}", quick)
	copying(t, volume)
	t.Phase("db-to-shared", "Migrating")
	t.Happen(map[string]any{"name": "toolstack-restart", "pool": "pool-a"})
	goOn() // the next copy
}

// eachOf does something to each disk that has the volume's name, again until it succeeds: the pool is out of sight at first.
func eachOf(t *testlab.Test, volume *lab.Volume, do func(lab.Disk) error) {
	t.Helper()
	t.Eventually(testlab.MoveMax, func() error {
		truth, err := t.Xosim.Truth(t.Ctx)
		if err != nil {
			return err
		}
		for _, disk := range truth.Named(volume.Disk) {
			if err := do(disk); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestADiskThatDisappearsIsLeftToAPerson(tt *testing.T) {
	t, volume := newTest(tt)
	interrupted(t, volume)
	eachOf(t, volume, func(disk lab.Disk) error { return t.Xosim.RemoveDisk(t.Ctx, disk.UUID) })
	t.Because("db-to-shared", "ManualRecoveryRequired", "DiskDisappeared")
	read(t, failure{order: 6, title: "The disk disappeared in mid-move",
		happened: "A move was under way, and then no disk had the volume's name any more. Here an administrator had destroyed both.",
		next:     "Find the disk in Xen Orchestra by the UUID that the message gives, or by its size and date, and give it its name back: the move goes on by itself. If it was destroyed, restore it from a backup under that name."},
		"ManualRecoveryRequired", "DiskDisappeared", volume.Disk, volume.VDI)
}

func TestADiskThatIsRenamedInMidMoveGoesOnUnderItsName(tt *testing.T) {
	t, volume := newTest(tt)
	interrupted(t, volume)
	admin := dial(t)
	rename := func(uuid, name string) error {
		_, err := admin.Call("vdi.set", map[string]any{"id": uuid, "name_label": name}, time.Minute)
		return err
	}
	eachOf(t, volume, func(disk lab.Disk) error { return rename(disk.UUID, "renamed by somebody") })
	t.Because("db-to-shared", "Stalled", "DiskRenamed")
	read(t, failure{order: 12, title: "The disk was renamed in mid-move",
		happened: "Somebody gave the volume's disk another name while a move was under way. The operator knows it by its UUID, and does nothing with it under a name that is not its own.",
		next:     "Give it the name back that the message gives: it goes on by itself."},
		"Stalled", "DiskRenamed", volume.Disk, volume.VDI, "renamed by somebody")
	t.Must(rename(volume.VDI, volume.Disk))
	t.Phase("db-to-shared", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

func TestADiskInUseIsWaitedFor(tt *testing.T) {
	t, volume := newTest(tt)
	name := t.Attach(volume, "worker-a1")
	t.Attached(name, volume)
	move(t, "{srsWithTag: k8s-shared}", "mode: Offline")
	t.Because("db-to-shared", "Reconciling", "InUse")
	read(t, failure{order: 7, title: "The volume is in use",
		happened: "A VM has the disk, and the object says mode: Offline. Nothing has been started.",
		next:     "Stop the Pods that use the claim, or set mode: Live: the disk is then moved while the VM runs, if the target can be reached from its host."},
		"InUse", "worker-a1", "data-db-0")
}

func TestTwoObjectsForOneVolumeNameEachOther(tt *testing.T) {
	t, volume := newTest(tt)
	t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk})
	t.Apply(testlab.MigrationManifest("first", "{srsWithTag: k8s-shared}", quick, "data-db-0"))
	copying(t, volume)
	move(t, "{nodeName: worker-a2}", quick)
	t.Because("db-to-shared", "Reconciling", "VolumeBusy")
	read(t, failure{order: 8, title: "Another object moves the volume",
		happened: "A volume belongs to one migration at a time.",
		next:     "Wait until the other object has ended, or cancel it."},
		"VolumeBusy", "first")
}

func TestATargetThatThereIsNotStallsWithItsName(tt *testing.T) {
	t, _ := newTest(tt)
	const nowhere = "00000000-dead-4000-8000-000000000000"
	move(t, "{srUUID: "+nowhere+"}", quick)
	t.Because("db-to-shared", "Stalled", "SRNotFound")
	read(t, failure{order: 9, title: "The target does not exist",
		happened: "No storage repository has this UUID; Xen Orchestra is connected to the pool, so it is not merely out of sight.",
		next:     "Correct the UUID. It goes on by itself should such an SR appear."},
		"Stalled", "SRNotFound", "host-a1 local")
}

func TestWithoutXenOrchestraItWaitsAndSaysSo(tt *testing.T) {
	t, volume := newTest(tt)
	goOn := t.Fault(map[string]any{"name": "copy-stalls", "at": 0.5, "match": volume.Disk})
	move(t, "{srsWithTag: k8s-shared}", quick)
	copying(t, volume)
	t.Phase("db-to-shared", "Migrating")
	t.Happen(map[string]any{"name": "xo-restart", "seconds": 15})
	t.Because("db-to-shared", "Reconciling", "XenOrchestraAway")
	read(t, failure{order: 10, title: "Xen Orchestra is away",
		happened: "The connection to Xen Orchestra is lost, or it does not accept the credentials. The hypervisors go on copying without it; nothing is decided until it is back.",
		next:     "Bring Xen Orchestra back, or correct the Secret (the operator reads it again by itself). `/readyz` of the operator says why it can not connect."},
		"XenOrchestraAway")
	goOn()
	t.Eventually(2*testlab.MoveMax, func() error { // XO may still destroy the source for a minute after it is back
		migration, err := t.Migration(t.Ctx, t.Namespace, "db-to-shared")
		if err == nil && migration.Status.Phase != "Succeeded" {
			err = fmt.Errorf("it is %s: %s", migration.Status.Phase, migration.Status.Message)
		}
		return err
	})
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

func TestAPodThatWaitsForAPersonSaysSo(tt *testing.T) {
	t, volume := newTest(tt)
	_, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("host-a2 local").UUID, Size: volume.Size, Seed: 6})
	t.Must(err)
	t.Apply(lab.StatefulSet(t.Namespace, "db", "worker-a1", "pool-a"))
	var events string
	t.Eventually(testlab.MoveMax, func() error {
		text, err := t.Kubectl(t.Ctx, "-n", t.Namespace, "describe", "pod", "db-0")
		if err != nil {
			return err
		}
		_, events, _ = strings.Cut(text, "Events:")
		if !strings.Contains(events, volume.Disk) || !strings.Contains(events, "find out which one holds the data") {
			return fmt.Errorf("the Pod does not say what it waits for:\n%s", events)
		}
		return nil
	})
	var kept []string
	for line := range strings.Lines(events) {
		if strings.Contains(line, volume.Disk) {
			kept = append(kept, strings.Join(strings.Fields(line), " "))
			break
		}
	}
	record(t, failure{order: 11, title: "A Pod waits for its volume",
		happened: "Two disks have its volume's name, seen from the Pod: its own events name the disk and the reason, so nobody has to know where to look.",
		next:     "As the event says; when it names an XoVolumeMigration, describe that."},
		"$ kubectl -n shop describe pod db-0\nEvents:\n  "+strings.Join(kept, "\n  "))
}
