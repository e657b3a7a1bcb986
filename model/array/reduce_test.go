package array_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/golens/golens/model/array"
)

func TestReductions(t *testing.T) {
	nan := float32(math.NaN())
	x := array.Of([]float32{3, 4, nan, 6, 8, nan}, array.Dim("a", 2), array.Dim("b", 3))
	y := array.Of([]float32{4, 3, 1, -6, -8, 1}, array.Dim("a", 2), array.Dim("b", 3))
	for _, c := range []struct {
		name string
		got  *array.Array
		want []float32
	}{
		{"sum", x.Sum("b"), []float32{7, 14}},
		{"sum of all", x.Sum("a", "b"), []float32{21}},
		{"sum of nothing", x.Select("b", 2).Sum("b"), []float32{nan, nan}},
		{"norm", x.Norm("b"), []float32{5, 10}},
		{"difference", x.Minus(y), []float32{-1, 1, nan, 12, 16, nan}},
		{"cosine", x.Select("b", 0, 1).Cosine(y.Select("b", 0, 1), "b"), []float32{0.96, -1}},
		{"cosine with nothing", array.New(array.Dim("b", 2)).Cosine(y.Pick("a", 0).Select("b", 0, 1), "b"), []float32{nan}},
	} {
		if err := c.got.Err(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !slices.EqualFunc(c.got.Values(), c.want, func(a, b float32) bool { return a == b || a != a && b != b }) {
			t.Errorf("%s: %v, want %v", c.name, c.got.Values(), c.want)
		}
	}
	for name, a := range map[string]*array.Array{
		"no axis": x.Norm("z"), "other axes": x.Minus(x.Rename("a", "c")), "other lengths": x.Cosine(x.Select("b", 0), "b"), "a failed one": x.Minus(x.Pick("a", 9)),
	} {
		if a.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func ExampleArray_Top() {
	scores := array.Of([]float32{0.1, 0.9, float32(math.NaN()), 0.3}, array.Dim("layer", 2), array.Labels("head", []string{"first", "second"}))
	for _, e := range scores.Top(2) {
		fmt.Println(e, e.Index)
	}
	// Output:
	// layer 0, second: 0.9 [0 1]
	// layer 1, second: 0.3 [1 1]
}
