package tokenizer

import (
	"container/heap"
	"iter"
	"maps"
	"slices"
)

// trainer counts pairs incrementally: a merge visits only the words in which
// its pair occurs, and a heap gives the most frequent pair.
type trainer struct {
	scan    scanner  // cuts documents into words
	tokens  []string // by id
	ids     map[string]int32
	letters [256]int32
	merges  []pair
	learned map[pair]bool // of merges
	words   []trainWord
	pairs   map[pair]*pairCount
	queue   pairQueue
}

// trainWord is a word that occurs in the documents, and how often.
type trainWord struct {
	ids   []int32
	count int
}

// pairCount is how often a pair occurs in all the documents, and in which
// words it was ever seen: it may be gone from some of them, and a word may be
// listed twice.
type pairCount struct {
	pair  pair
	count int
	words []int32
}

// count fills words from the documents, most of which repeat few words.
func (t *trainer) count(docs iter.Seq[string], marks *finder) {
	counts := map[string]*int{}
	for doc := range docs {
		marks.split(doc, func(from, to int, token *added) bool {
			if token != nil {
				return true
			}
			for s := doc[from:to]; s != ""; {
				n := t.scan(s)
				if c := counts[s[:n]]; c != nil {
					*c++
				} else {
					one := 1
					counts[string([]byte(s[:n]))] = &one // not a part of doc
				}
				s = s[n:]
			}
			return true
		})
	}
	// In one order, so that what follows does not depend on the map's.
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		ids := make([]int32, len(word))
		for i := range ids {
			ids[i] = t.letters[word[i]]
		}
		t.words = append(t.words, trainWord{ids, *counts[word]})
	}
}

// add gives the id of a token, a new one if it is new: "abc" can come about as
// ab with c and as a with bc.
func (t *trainer) add(token string) int32 {
	if id, ok := t.ids[token]; ok {
		return id
	}
	id := int32(len(t.tokens))
	t.ids[token] = id
	t.tokens = append(t.tokens, token)
	return id
}

// train merges until there are size tokens or no pair occurs twice.
func (t *trainer) train(size int) {
	t.pairs, t.learned = map[pair]*pairCount{}, map[pair]bool{}
	for w := range t.words {
		word := &t.words[w]
		for i := range len(word.ids) - 1 {
			t.change(pair{word.ids[i], word.ids[i+1]}, int32(w), word.count)
		}
	}
	for _, p := range t.pairs {
		t.queue = append(t.queue, queued{p.pair, p.count})
	}
	heap.Init(&t.queue)
	for len(t.tokens) < size && len(t.queue) > 0 {
		top := heap.Pop(&t.queue).(queued)
		p := t.pairs[top.pair]
		if p == nil {
			continue
		}
		if p.count != top.count { // it fell since it was queued
			if p.count > 1 {
				heap.Push(&t.queue, queued{p.pair, p.count})
			}
			continue
		}
		if p.count < 2 {
			return
		}
		t.merge(p)
	}
}

// merge makes one token of a pair and replaces it in every word.
func (t *trainer) merge(p *pairCount) {
	to := t.add(t.tokens[p.pair.left] + t.tokens[p.pair.right])
	// A pair comes back after its merge if another merge makes its left or right
	// token again, in another way; it is learned once.
	if !t.learned[p.pair] {
		t.learned[p.pair] = true
		t.merges = append(t.merges, p.pair)
	}
	delete(t.pairs, p.pair)
	grown := map[pair]bool{}
	for _, w := range p.words {
		t.replace(w, p.pair, to, grown)
	}
	delete(t.pairs, p.pair) // replacing counted it down in vain
	for q := range grown {
		if c := t.pairs[q]; c != nil && c.count > 1 {
			heap.Push(&t.queue, queued{q, c.count})
		}
	}
}

// replace replaces p by token to in one word, from the left, and corrects the
// counts of the pairs around it; grown collects those that now occur more often.
func (t *trainer) replace(w int32, p pair, to int32, grown map[pair]bool) {
	word := &t.words[w]
	ids := word.ids
	if !holds(ids, p) {
		return
	}
	for i := range len(ids) - 1 {
		t.change(pair{ids[i], ids[i+1]}, -1, -word.count)
	}
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == p.left && ids[i+1] == p.right {
			out = append(out, to)
			i++
			continue
		}
		out = append(out, ids[i])
	}
	word.ids = out
	for i := range len(out) - 1 {
		q := pair{out[i], out[i+1]}
		fresh := q.left == to || q.right == to
		if fresh {
			t.change(q, w, word.count)
			grown[q] = true
		} else {
			t.change(q, -1, word.count)
		}
	}
}

// change adds to a pair's count and, if w is a word, notes that it is there.
func (t *trainer) change(p pair, w int32, by int) {
	c := t.pairs[p]
	if c == nil {
		c = &pairCount{pair: p}
		t.pairs[p] = c
	}
	c.count += by
	if w >= 0 && (len(c.words) == 0 || c.words[len(c.words)-1] != w) {
		c.words = append(c.words, w)
	}
}

func holds(ids []int32, p pair) bool {
	for i := range len(ids) - 1 {
		if ids[i] == p.left && ids[i+1] == p.right {
			return true
		}
	}
	return false
}
