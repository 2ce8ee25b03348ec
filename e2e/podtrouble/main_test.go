// Package podtrouble is about a Pod that waits for its disk to follow it, while parts of the lab are killed and things break in
// Xen Orchestra. It must end with the Pod running, one good disk and nothing lost. The tests run one after the other, beside
// those of package trouble in a lab of their own, for they take long: some things that break take a minute to be whole again.
package podtrouble

import (
	"os"
	"testing"

	"xo-operator.dev/e2e/testlab"
)

func TestMain(m *testing.M) { os.Exit(testlab.Run(m, "e2e-podtrouble", "scenarios.yaml")) }
