package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// tries is how often in a row something may fail: with pauses that double
	// from one second this bridges half a minute.
	tries = 6
	// firstTries is that for a Hub that was never reached: a machine without
	// network should say so soon.
	firstTries = 2
	// maxPause ends the doubling.
	maxPause = 8 * time.Second
	// maxAsked is the longest pause that a server may ask for; longer ones are
	// an error that says when to come back.
	maxAsked = 2 * time.Minute
)

// temporary is a failure that may pass.
type temporary struct {
	error
	after time.Duration // the pause that the server asks for
}

func (t temporary) Unwrap() error { return t.error }

// persist tries again while failures are temporary. A try that has moved
// something starts the count anew.
func (s *session) persist(ctx context.Context, try func() (moved bool, err error)) error {
	pause := s.pause
	for failed := 1; ; failed++ {
		moved, err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var t temporary
		if !errors.As(err, &t) {
			return err
		}
		if moved {
			failed, pause = 1, s.pause
		}
		most := tries
		if !s.reached.Load() {
			most = firstTries
		}
		switch {
		case t.after > maxAsked:
			return fmt.Errorf("%w; it asks to come back in %s", err, t.after.Round(time.Second))
		case failed >= most:
			return fmt.Errorf("%w (tried %d times)", err, failed)
		}
		// A tenth at random, so that many who were refused together do not come
		// back together.
		wait := max(t.after, pause) + rand.N(pause/10+1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, maxPause)
	}
}
