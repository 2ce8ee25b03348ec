package suite

import (
	"os"
	"os/exec"
	"strings"
	"time"
)

// replayMax is ten times what a recording needs in virtual time under a sanitizer.
const replayMax = 2 * time.Minute

// Replay plays a recording against the simulator in its own process, with the very times of the recording: XOSIM_TEST names the program
// that does, of which `name` is one test.
func (t *T) Replay(name string) {
	t.declared(Replays)
	command := exec.CommandContext(t.Ctx, os.Getenv("XOSIM_TEST"), "--filter", "replay/"+name)
	command.WaitDelay = replayMax
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "Tested: 1 | Passing: 1") {
		t.Fatalf("%v\n%s", err, output)
	}
}
