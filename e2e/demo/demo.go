// Package demo plays both ways to move a disk, to be followed by eye.
package demo

import (
	"context"

	"xo-operator.dev/e2e/lab"
)

// Play starts a lab, plays, and cleans up; keep leaves the lab running.
func Play(ctx context.Context, options lab.Options, keep bool) error {
	return nil
}
