// Package scenarios tests what a user of the operator does and gets: a Pod that moves, a migration that is applied, and every
// mistake that can be made on the way. The tests run in parallel in one lab.
package scenarios

import (
	"os"
	"testing"

	"xo-operator.dev/e2e/testlab"
)

func TestMain(m *testing.M) { os.Exit(testlab.Run(m, "e2e-scenarios", "scenarios.yaml")) }
