package tokenizer

import (
	"cmp"
	"slices"
	"strings"
)

// trie finds the words that a text begins with. Nodes are numbered level by
// level, so that a node's children, sorted by their bytes, stand together:
// those of node n are first[n] up to first[n+1]. Node 0 is the root.
type trie struct {
	first  []int32
	labels []byte  // the byte that leads to a node
	values []int32 // of the word that ends at a node, or -1
	root   [256]int32
}

// newTrie makes a trie of words, each with its value; of equal words the first
// counts. The empty word is not found.
func newTrie(words []string, values []int32) *trie {
	type entry struct {
		word  string
		value int32
	}
	sorted := make([]entry, len(words))
	for i, w := range words {
		sorted[i] = entry{w, values[i]}
	}
	slices.SortStableFunc(sorted, func(a, b entry) int { return cmp.Compare(a.word, b.word) })
	type node struct{ from, to, depth int } // the words that pass through it
	nodes := []node{{0, len(sorted), 0}}
	t := &trie{labels: []byte{0}}
	for n := 0; n < len(nodes); n++ {
		at := nodes[n]
		t.first = append(t.first, int32(len(nodes)))
		value := int32(-1)
		i := at.from
		for ; i < at.to && len(sorted[i].word) == at.depth; i++ {
			if value < 0 {
				value = sorted[i].value
			}
		}
		t.values = append(t.values, value)
		for i < at.to {
			label := sorted[i].word[at.depth]
			j := i + 1
			for j < at.to && sorted[j].word[at.depth] == label {
				j++
			}
			if n == 0 {
				t.root[label] = int32(len(nodes))
			}
			nodes = append(nodes, node{i, j, at.depth + 1})
			t.labels = append(t.labels, label)
			i = j
		}
	}
	t.first = append(t.first, int32(len(nodes)))
	return t
}

// child is where byte b leads from node n, or 0.
func (t *trie) child(n int32, b byte) int32 {
	if n == 0 {
		return t.root[b]
	}
	from, to := t.first[n], t.first[n+1]
	for from < to {
		mid := (from + to) / 2
		switch c := t.labels[mid]; {
		case c == b:
			return mid
		case c < b:
			from = mid + 1
		default:
			to = mid
		}
	}
	return 0
}

// longest is the length of the longest word that s begins with, and its value;
// without one, the length is 0.
func (t *trie) longest(s string) (length int, value int32) {
	n := int32(0)
	for i := 0; i < len(s); i++ {
		if n = t.child(n, s[i]); n == 0 {
			break
		}
		if v := t.values[n]; v >= 0 {
			length, value = i+1, v
		}
	}
	return length, value
}

// stripped is the words that begin with prefix, without it, and their values.
func stripped(words []string, values []int32, prefix string) ([]string, []int32) {
	var rest []string
	var of []int32
	for i, w := range words {
		if tail, ok := strings.CutPrefix(w, prefix); ok {
			rest, of = append(rest, tail), append(of, values[i])
		}
	}
	return rest, of
}
