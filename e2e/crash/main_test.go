// Package crash ends the operator right before and right after every single thing that it changes outside, in every scenario,
// and starts it again: each move must end as if nothing had happened.
//
// The operator's own switch does it (xo-operator --effects, which also writes the list of effects). A group of scenarios is
// run once undisturbed, which gives the list; then once more with one move for each effect and each side of it, all at the
// same time. So every move also lives through the ends that the others cause.
package crash

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// effects is the folder of the operator's switch.
var effects string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "xo-operator-effects-")
	if err != nil {
		panic(err)
	}
	effects = folder
	code := testlab.RunWith(m, lab.Options{
		Name: "e2e-crash", World: "crash.yaml", Speed: 10,
		// One process at a time is seen to by the lab, and a lease would be waited for after each end.
		OperatorFlags: []string{"--effects", folder, "--no-leader-election", "--workers", "16", "--clock-speed", "10"},
		OperatorDelay: 10 * time.Millisecond,
	})
	os.RemoveAll(folder)
	os.Exit(code)
}

func journalFile() string { return filepath.Join(effects, "journal") }
func exitFile() string    { return filepath.Join(effects, "exit") }
