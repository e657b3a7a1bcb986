package proxy

import (
	"sync"

	"github.com/golens/golens/kernel/wire"
)

// queue holds the shell requests that wait for their turn.
type queue struct {
	mu    *sync.Mutex
	more  *sync.Cond
	items []queued
	done  bool
}

type queued struct {
	msg     *wire.Message
	aborted bool
}

func newQueue() queue {
	mu := new(sync.Mutex)
	return queue{mu: mu, more: sync.NewCond(mu)}
}

func (q *queue) push(m *wire.Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, queued{msg: m})
	q.more.Signal()
}

// pop waits for the next request. ok is false once the queue is closed.
func (q *queue) pop() (item queued, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.done {
		q.more.Wait()
	}
	if q.done {
		return queued{}, false
	}
	item, q.items = q.items[0], q.items[1:]
	return item, true
}

// abort marks the cells that wait now: they are answered "aborted", in turn.
func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.items {
		if q.items[i].msg.Header.MsgType == "execute_request" {
			q.items[i].aborted = true
		}
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = true
	q.more.Broadcast()
}
