package plan

import (
	"fmt"
	"testing"
)

// Variants are shared out so that workers end together, whole lists where nothing is
// gained.
func TestVariantsAreSharedOut(t *testing.T) {
	for _, x := range []struct{ variants, most, workers, size, lists int }{
		{4, 4, 2, 2, 2},
		{9, 2, 2, 1, 9}, // five rounds of one, not three of two
		{8, 4, 2, 4, 2},
		{1000, 16, 2, 16, 63},
		{4, 4, 1, 4, 1},
		{1, 1, 2, 1, 1},
	} {
		list := make([]int, x.variants)
		for i := range list {
			list[i] = i
		}
		lists, size := evenly([][]int{nil, list, nil}, x.most, x.workers)
		var all []int
		for _, l := range lists {
			all = append(all, l...)
		}
		if size != x.size || len(lists) != x.lists || fmt.Sprint(all) != fmt.Sprint(list) {
			t.Errorf("%d variants, %d at most, by %d: %d lists of %d, want %d of %d", x.variants, x.most, x.workers, len(lists), size, x.lists, x.size)
		}
	}
}
