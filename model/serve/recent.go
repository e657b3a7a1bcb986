//go:build !golens_cell

package serve

import (
	"container/list"
	"sync"
)

// recent holds values by key, up to a number of bytes; the least recently used
// go first.
type recent[K comparable, V any] struct {
	limit int

	mu      sync.Mutex
	size    int
	entries map[K]*list.Element
	order   *list.List // of *held[K, V], most recently used first
}

type held[K comparable, V any] struct {
	key   K
	value V
	size  int
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, entries: map[K]*list.Element{}, order: list.New()}
}

// get is the value of a key; if there is none it is made, and known to be new.
// A new value has no size, and stays until it gets one.
func (r *recent[K, V]) get(key K, fresh func() V) (v V, isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el := r.entries[key]; el != nil {
		r.order.MoveToFront(el)
		return el.Value.(*held[K, V]).value, false
	}
	if fresh == nil {
		return v, false
	}
	v = fresh()
	r.entries[key] = r.order.PushFront(&held[K, V]{key: key, value: v, size: -1})
	return v, true
}

// weigh gives a new value its size, and drops what is too much.
func (r *recent[K, V]) weigh(key K, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	el := r.entries[key]
	if el == nil {
		return
	}
	el.Value.(*held[K, V]).size = size
	r.size += size
	for el := r.order.Back(); el != nil && r.size > r.limit; {
		previous := el.Prev()
		if h := el.Value.(*held[K, V]); h.size >= 0 {
			r.remove(el, h)
		}
		el = previous
	}
}

// drop forgets a value that has no size.
func (r *recent[K, V]) drop(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if el := r.entries[key]; el != nil {
		r.remove(el, el.Value.(*held[K, V]))
	}
}

func (r *recent[K, V]) remove(el *list.Element, h *held[K, V]) {
	r.size -= max(h.size, 0)
	delete(r.entries, h.key)
	r.order.Remove(el)
}
