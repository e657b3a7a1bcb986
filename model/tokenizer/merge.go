package tokenizer

import (
	"slices"
	"sync"
)

// pair is two tokens side by side.
type pair struct{ left, right int32 }

// merged is what a pair becomes, and how early it does.
type merged struct{ rank, id int32 }

// candidate is a merge that was possible when it was queued: of the symbol at
// pos, then of token left, with its right neighbour, then of token right.
type candidate struct {
	rank, pos int32
	pair      pair
	id        int32
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.pos < d.pos
}

// linked is a symbol of the word under merging in a doubly linked list; id is
// -1 once the symbol went into its left neighbour.
type linked struct{ id, prev, next int32 }

// merger holds the working memory of one merge, reused between words.
type merger struct {
	symbols []linked
	queue   []candidate
}

var mergers = sync.Pool{New: func() any { return new(merger) }}

// maxKept bounds the working memory that is kept between words.
const maxKept = 1 << 16

// merge merges ids, lowest rank first and leftmost among equals, until no pair
// is in merges, and appends the outcome to out. A heap makes it n log n.
func (v *vocab) merge(out, ids []int32) []int32 {
	m := mergers.Get().(*merger)
	defer func() {
		if cap(m.queue) <= maxKept && cap(m.symbols) <= maxKept {
			mergers.Put(m)
		}
	}()
	m.symbols, m.queue = slices.Grow(m.symbols[:0], len(ids)), m.queue[:0]
	for i, id := range ids {
		m.symbols = append(m.symbols, linked{id, int32(i) - 1, int32(i) + 1})
	}
	m.symbols[len(ids)-1].next = -1
	for i := range m.symbols[:len(ids)-1] {
		m.offer(v, int32(i))
	}
	for len(m.queue) > 0 {
		c := m.pop()
		s := &m.symbols[c.pos]
		if s.id != c.pair.left || s.next < 0 || m.symbols[s.next].id != c.pair.right {
			continue // one of the two was merged otherwise meanwhile
		}
		gone := &m.symbols[s.next]
		s.id, s.next, gone.id = c.id, gone.next, -1
		if s.next >= 0 {
			m.symbols[s.next].prev = c.pos
			m.offer(v, c.pos)
		}
		if s.prev >= 0 {
			m.offer(v, s.prev)
		}
	}
	for i := int32(0); i >= 0; i = m.symbols[i].next {
		out = append(out, m.symbols[i].id)
	}
	return out
}

// offer queues the merge of the symbol at pos with its right neighbour, if
// there is one.
func (m *merger) offer(v *vocab, pos int32) {
	s := m.symbols[pos]
	p := pair{s.id, m.symbols[s.next].id}
	if to, ok := v.merges[p]; ok {
		m.push(candidate{rank: to.rank, pos: pos, pair: p, id: to.id})
	}
}

func (m *merger) push(c candidate) {
	q := append(m.queue, c)
	i := len(q) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q[i].before(q[parent]) {
			break
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
	m.queue = q
}

func (m *merger) pop() candidate {
	q := m.queue
	top, last := q[0], len(q)-1
	q[0] = q[last]
	q = q[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(q[i]) {
			break
		}
		q[i], q[child] = q[child], q[i]
		i = child
	}
	m.queue = q
	return top
}
