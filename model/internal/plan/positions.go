package plan

import (
	"slices"

	"github.com/golens/golens/model/hook"
)

// Range is the positions from one on, before another. Do not change them.
func Range(from, end int) []int {
	if end = max(end, from); from <= shared {
		return hook.UpTo(end)[from:]
	}
	all := make([]int, end-from) // a row may be far longer than what it computes
	for i := range all {
		all[i] = from + i
	}
	return all
}

// shared is how far lists begin that are cut out of the one that all share.
const shared = 1 << 10

// Lists of positions below are sorted, and hold each once.

func sorted(a []int) []int {
	a = slices.Clone(a)
	slices.Sort(a)
	return slices.Compact(a)
}

func first(a []int, otherwise int) int {
	if len(a) == 0 {
		return otherwise
	}
	return a[0]
}

// from and before cut a list.
func from(a []int, p int) []int {
	i, _ := slices.BinarySearch(a, p)
	return a[i:]
}

func before(a []int, p int) []int {
	i, _ := slices.BinarySearch(a, p)
	return a[:i]
}

func union(a, b []int) []int {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]int, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

func meet(a, b []int) []int { return keep(a, b, true) }

func minus(a, b []int) []int {
	if len(b) == 0 {
		return a
	}
	return keep(a, b, false)
}

func keep(a, b []int, in bool) (out []int) {
	for _, x := range a {
		for len(b) > 0 && b[0] < x {
			b = b[1:]
		}
		if (len(b) > 0 && b[0] == x) == in {
			out = append(out, x)
		}
	}
	return out
}

func contains(have, want []int) bool { return len(minus(want, have)) == 0 }
