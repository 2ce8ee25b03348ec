package lab

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pollInterval is how often a condition is looked at: often enough that no wait adds to a test's time noticeably.
const pollInterval = 100 * time.Millisecond

// permanent is an error that waiting does not cure.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error of a condition as one that waiting does not cure.
func Permanent(err error) error { return permanent{err} }

// Wait looks at a condition until it holds (nil), can't hold any more (Permanent) or time is over; then the error says what
// the condition said last.
func Wait(ctx context.Context, limit time.Duration, condition func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var last error
	for {
		err := condition(limited)
		if err == nil {
			return nil
		}
		var forever permanent
		if errors.As(err, &forever) {
			return forever.error
		}
		if limited.Err() == nil || last == nil { // an error that the time limit itself caused tells nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limited.Done():
			return fmt.Errorf("not within %s: %w", limit, last)
		case <-ticker.C:
		}
	}
}
