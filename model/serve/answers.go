//go:build !golens_cell

package serve

import (
	"context"
	"errors"
	"fmt"
)

// answers remembers what was answered, up to a number of bytes.
type answers struct {
	*recent[string, *entry]
}

// entry is an answer, or one that is being computed.
type entry struct {
	ready chan struct{}
	body  []byte
	err   error
}

func newAnswers(limit int) *answers { return &answers{newRecent[string, *entry](limit)} }

// answer gives the answer to key, computing it if nothing did. Errors are not
// remembered. A call that waits for another's computation, which is cancelled,
// computes it itself.
func (a *answers) answer(ctx context.Context, key string, compute func() ([]byte, error)) ([]byte, error) {
	for {
		e, mine := a.get(key, func() *entry { return &entry{ready: make(chan struct{})} })
		if mine {
			a.fill(key, e, compute)
			return e.body, e.err
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(e.err, context.Canceled) {
			return e.body, e.err
		}
	}
}

// fill computes an answer. A panic is its error, so that nothing waits for it
// forever.
func (a *answers) fill(key string, e *entry, compute func() ([]byte, error)) {
	defer close(e.ready)
	defer func() {
		if p := recover(); p != nil {
			e.err = fmt.Errorf("internal error: %v", p)
		}
		if e.err != nil {
			a.drop(key)
			return
		}
		a.weigh(key, len(e.body))
	}()
	e.body, e.err = compute()
}
