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
// gone once the symbol went into its left neighbour.
type linked struct{ id, prev, next int32 }

const gone = -2

// merger holds the working memory of one merge, reused between words.
type merger struct {
	symbols []linked
	queue   []candidate
}

var mergers = sync.Pool{New: func() any { return new(merger) }}

// maxKept bounds the working memory that is kept between words.
const maxKept = 1 << 16

// merge merges the symbols of word, lowest rank first and leftmost among
// equals, until no pair is in merges, and appends the outcome to out, which may
// be the memory of word. A heap makes it n log n.
func (b *bpe) merge(out, word []piece) []piece {
	m := mergers.Get().(*merger)
	defer func() {
		if cap(m.queue) <= maxKept && cap(m.symbols) <= maxKept {
			mergers.Put(m)
		}
	}()
	m.symbols, m.queue = slices.Grow(m.symbols[:0], len(word)), m.queue[:0]
	for i, p := range word {
		m.symbols = append(m.symbols, linked{p.id, int32(i) - 1, int32(i) + 1})
	}
	m.symbols[len(word)-1].next = -1
	for i := range m.symbols[:len(word)-1] {
		m.offer(b, int32(i))
	}
	for len(m.queue) > 0 {
		c := m.pop()
		s := &m.symbols[c.pos]
		if s.id != c.pair.left || s.next < 0 || m.symbols[s.next].id != c.pair.right {
			continue // one of the two was merged otherwise meanwhile
		}
		right := &m.symbols[s.next]
		s.id, s.next, right.id = c.id, right.next, gone
		if s.next >= 0 {
			m.symbols[s.next].prev = c.pos
			m.offer(b, c.pos)
		}
		if s.prev >= 0 {
			m.offer(b, s.prev)
		}
	}
	end := word[len(word)-1].end
	for i := int32(0); i >= 0; {
		s := m.symbols[i]
		p := piece{s.id, word[i].start, end}
		if s.next >= 0 {
			p.end = word[s.next].start
		}
		out = append(out, p) // not beyond word[i], which was read
		i = s.next
	}
	return out
}

// offer queues the merge of the symbol at pos with its right neighbour, if
// there is one.
func (m *merger) offer(b *bpe, pos int32) {
	s := m.symbols[pos]
	p := pair{s.id, m.symbols[s.next].id}
	if to, ok := b.merges[p]; ok {
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
