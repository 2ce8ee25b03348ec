package scenarios

import (
	"regexp"
	"strings"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

func TestADryRunMovesNothingAndSaysWhatWould(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "dryRun: true", "data"))
	t.In("wait", "--for=jsonpath={.status.phase}=DryRun", "--timeout="+testlab.MoveMax.String(), "xvm/move")
	migration := t.Because("move", "Stalled", "DryRun")
	t.Mentions(migration.Status.Message, "dry run", "host-a1 local", "pool-a shared", "256 MiB")
	t.Mentions(t.In("get", "xvm", "move", "-o", "yaml"), "mode: Offline", "srName: pool-a shared")
	t.Because("move", "not Ready", "DryRun")
	if disk := t.GoodDisk(volume, t.SR("host-a1 local")); disk.UUID != volume.VDI {
		t.Errorf("the disk was moved by a dry run")
	}
	t.In("patch", "xvm", "move", "--type=merge", "-p", `{"spec":{"dryRun":false}}`)
	t.Phase("move", "Succeeded")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

// The command of the message is typed as it stands there, with one of the UUIDs that the message lists.
func TestAPersonAnswersWithTheCommandOfTheMessage(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	twin, err := t.Xosim.MakeDisk(t.Ctx, lab.NewDisk{Name: volume.Disk, SR: t.SR("host-a2 local").UUID, Size: volume.Size, Seed: 6})
	t.Must(err)
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "", "data"))
	migration := t.Because("move", "ManualRecoveryRequired", "DuplicateName")
	message := migration.Condition("ManualRecoveryRequired").Message
	t.Mentions(message, volume.VDI, twin.UUID, "host-a1 local", "host-a2 local", "attached nowhere")
	command := regexp.MustCompile(`kubectl (patch .*\}\}')`).FindStringSubmatch(message)
	if command == nil {
		t.Fatalf("there is no command in %q", message)
	}
	typed := strings.ReplaceAll(strings.ReplaceAll(command[1], "<UUID>", volume.VDI), "'", "")
	t.Do(strings.Fields(typed)...)
	migration = t.Phase("move", "Succeeded")
	truth, err := t.Xosim.Truth(t.Ctx)
	t.Must(err)
	if disks := truth.Named(volume.Disk); len(disks) != 2 || len(migration.Status.Leftovers) != 0 {
		t.Errorf("the other disk is nobody's to rename: %+v, %+v", disks, migration.Status.Leftovers)
	}
	t.Mentions(t.In("describe", "xvm", "move"), "Recovered", "StrangersIgnored", volume.VDI)
}

func TestAnObjectWithATimeToLiveGoesByItself(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "ttlSecondsAfterFinished: 3", "data"))
	t.Phase("move", "Succeeded")
	t.Gone("xvm", "move")
	t.GoodDisk(volume, t.SR("pool-a shared"))
}

func TestTheHistoryTellsOfEachAttempt(tt *testing.T) {
	tt.Parallel()
	t := testlab.New(tt)
	volume := t.Volume(lab.VolumeOptions{Claim: "data", SR: t.SR("host-a1 local").UUID})
	t.Fault(map[string]any{"name": "copy-fails", "at": 0.5, "times": 1, "match": volume.Disk})
	t.Apply(testlab.MigrationManifest("move", "{srsWithTag: k8s-shared}", "retry: {initialDelay: 1s}", "data"))
	t.Phase("move", "Succeeded")
	history := t.In("get", "xvm", "move", "-o", `jsonpath={range .status.history[*]}{.attempt} {.outcome} {.reason}{"\n"}{end}`)
	if strings.TrimSpace(history) != "1 Failed AttemptFailed\n2 Succeeded Migrated" {
		t.Errorf("the history is %q", history)
	}
}
