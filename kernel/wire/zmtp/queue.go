package zmtp

import (
	"io"
	"sync"
)

// queue holds what is to be sent to one peer.
type queue struct {
	mu     sync.Mutex
	more   *sync.Cond
	list   [][]byte
	size   int // bytes in list and of what is being written
	closed bool
}

// queueLimit bounds what waits for a peer that does not read. It is some cells'
// output; a message of any size goes into an empty queue.
const queueLimit = 64 << 20

func newQueue() *queue {
	q := &queue{}
	q.more = sync.NewCond(&q.mu)
	return q
}

// put adds a message, which a closed queue drops, and reports false if there is no room.
func (q *queue) put(b []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true
	}
	if q.size > 0 && q.size+len(b)+perFrame > queueLimit {
		return false
	}
	q.list = append(q.list, b)
	q.size += len(b) + perFrame
	q.more.Signal()
	return true
}

// send writes messages to w in their order until w fails or the queue is closed.
func (q *queue) send(w io.Writer) {
	for {
		q.mu.Lock()
		for len(q.list) == 0 && !q.closed {
			q.more.Wait()
		}
		if q.closed {
			q.mu.Unlock()
			return
		}
		b := q.list[0]
		q.list[0] = nil // for the collector
		q.list = q.list[1:]
		q.mu.Unlock()
		if _, err := w.Write(b); err != nil {
			return
		}
		q.mu.Lock()
		q.size -= len(b) + perFrame
		q.mu.Unlock()
	}
}

// empty tells whether all is written.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size == 0 || q.closed
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Signal()
}
