//go:build !golens_cell

package serve

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// answers remembers what was answered, up to a number of bytes.
type answers struct {
	limit int

	mu      sync.Mutex
	size    int
	entries map[string]*list.Element
	recent  *list.List // of *entry, most recently used first
}

// entry is an answer, or one that is being computed.
type entry struct {
	key   string
	ready chan struct{}
	body  []byte
	err   error
}

func newAnswers(limit int) *answers {
	return &answers{limit: limit, entries: map[string]*list.Element{}, recent: list.New()}
}

// get gives the answer to key, computing it if nobody did. Errors are not
// remembered. Who waits for another's computation that is cancelled computes
// it himself.
func (a *answers) get(ctx context.Context, key string, compute func() ([]byte, error)) ([]byte, error) {
	for {
		e, mine := a.find(key)
		if mine {
			e.body, e.err = compute()
			a.keep(e)
			close(e.ready)
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

// find is the entry of a key; mine tells that it is new, and to be computed.
func (a *answers) find(key string) (e *entry, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if el := a.entries[key]; el != nil {
		a.recent.MoveToFront(el)
		return el.Value.(*entry), false
	}
	e = &entry{key: key, ready: make(chan struct{})}
	a.entries[key] = a.recent.PushFront(e)
	return e, true
}

// keep counts a computed answer and drops the least recently used over the
// limit; failed ones are dropped at once.
func (a *answers) keep(e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.size += len(e.body)
	if e.err != nil {
		a.drop(a.entries[e.key])
	}
	for el := a.recent.Back(); el != nil && a.size > a.limit; {
		previous := el.Prev()
		if old := el.Value.(*entry); old.body != nil {
			a.drop(el)
		}
		el = previous
	}
}

func (a *answers) drop(el *list.Element) {
	e := el.Value.(*entry)
	a.size -= len(e.body)
	delete(a.entries, e.key)
	a.recent.Remove(el)
}
