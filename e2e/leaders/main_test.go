// Package leaders runs two operators side by side: one works, the other is ready to. It ends the one that works politely, by
// force, and by cutting it off from the API server, while a disk is on its way. Nothing may be started twice, and nothing by
// one that does not know whether it still leads.
package leaders

import (
	"os"
	"path/filepath"
	"testing"

	"xo-operator.dev/e2e/lab"
	"xo-operator.dev/e2e/testlab"
)

// journals is the folder with what either operator changed outside: a folder each.
var journals string

func journalOf(part string) string { return filepath.Join(journals, part) }

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "xo-operator-leaders-")
	if err != nil {
		panic(err)
	}
	journals = folder
	for _, part := range []string{lab.Operator, lab.OtherOperator} {
		if err := os.Mkdir(journalOf(part), 0o700); err != nil {
			panic(err)
		}
	}
	code := testlab.RunWith(m, lab.Options{Name: "e2e-leaders", World: "scenarios.yaml",
		OperatorFlags: []string{"--effects", journalOf(lab.Operator)}})
	os.RemoveAll(folder)
	os.Exit(code)
}
