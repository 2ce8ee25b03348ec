// Package trouble ends parts of the lab, and breaks what is between them, at several moments of a move, and starts them
// again. However that goes, it must end with one good disk in the right place and nothing lost. The tests run one after the
// other in one lab, for they share what they break.
package trouble

import (
	"os"
	"testing"

	"xo-operator.dev/e2e/testlab"
)

func TestMain(m *testing.M) { os.Exit(testlab.Run(m, "e2e-trouble", "scenarios.yaml")) }
