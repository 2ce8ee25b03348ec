// Package oncall plays failures that somebody is woken for, and reads back, by kubectl get and kubectl describe alone, what happened,
// where the data is and what to do next. What it read is docs/troubleshooting.md: run it with UPDATE=1 to write that page
// anew, without to see that the page still says what users see.
package oncall

import (
	"fmt"
	"os"
	"testing"

	"xo-operator.dev/e2e/testlab"
)

func TestMain(m *testing.M) {
	code := testlab.Run(m, "e2e-oncall", "scenarios.yaml")
	if os.Getenv("UPDATE") == "1" && code == 0 {
		if err := writePage(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
