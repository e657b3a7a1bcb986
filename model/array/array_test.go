package array_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/array"
)

// count is the array of 0, 1, 2, ... with axes a, b, c.
func count(shape ...int) *array.Array {
	var axes []array.Axis
	n := 1
	for i, d := range shape {
		axes = append(axes, array.Dim(string(rune('a'+i)), d))
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	return array.Of(values, axes...)
}

func TestSlicing(t *testing.T) {
	x := count(2, 3, 4)
	for _, c := range []struct {
		name  string
		got   *array.Array
		shape []int
		want  []float32
	}{
		{"pick", x.Pick("b", 1), []int{2, 4}, []float32{4, 5, 6, 7, 16, 17, 18, 19}},
		{"pick from the end", x.Pick("b", -1).Pick("c", -4), []int{2}, []float32{8, 20}},
		{"select in order", x.Pick("a", 0).Select("c", 3, 0).Select("b", 2), []int{1, 2}, []float32{11, 8}},
		{"squeeze", x.Select("a", 1).Select("b", 0).Squeeze("b"), []int{1, 4}, []float32{12, 13, 14, 15}},
		{"mean of the last", x.Mean("c"), []int{2, 3}, []float32{1.5, 5.5, 9.5, 13.5, 17.5, 21.5}},
		{"mean of two", x.Mean("a", "c"), []int{3}, []float32{7.5, 11.5, 15.5}},
		{"transpose", count(2, 3).Transpose("b", "a"), []int{3, 2}, []float32{0, 3, 1, 4, 2, 5}},
		{"shift", count(2, 3).Shift("b", 4, func(row int) int { return row }).Select("b", 1), []int{2, 1}, []float32{1, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.got.Err(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(c.got.Shape(), c.shape) || !slices.Equal(c.got.Values(), c.want) {
				t.Errorf("got %v %v, want %v %v", c.got.Shape(), c.got.Values(), c.shape, c.want)
			}
		})
	}
	if !slices.Equal(x.Values(), count(2, 3, 4).Values()) {
		t.Error("slicing has changed the array")
	}
}

func TestMeanLeavesOutWhatIsNot(t *testing.T) {
	nan := float32(math.NaN())
	m := array.Of([]float32{1, nan, 3, nan, nan, nan}, array.Dim("a", 2), array.Dim("b", 3)).Mean("b")
	if got := m.Values(); got[0] != 2 || got[1] == got[1] {
		t.Errorf("means %v, want 2 and NaN", got)
	}
}

func TestShiftLeavesHoles(t *testing.T) {
	x := count(2, 2).Shift("b", 3, func(row int) int { return 1 - row })
	want := []float32{float32(math.NaN()), 0, 1, 2, 3, float32(math.NaN())}
	for i, v := range x.Values() {
		if v != want[i] && (v == v || want[i] == want[i]) {
			t.Errorf("value %d is %g, want %g", i, v, want[i])
		}
	}
}

func TestMax(t *testing.T) {
	x := count(2, 3)
	x.Set(math.NaN(), 1, 2)
	if v, at := x.Max(); v != 4 || !slices.Equal(at, []int{1, 1}) {
		t.Errorf("max %g at %v", v, at)
	}
	if v, at := array.New(array.Dim("a", 0)).Max(); !math.IsNaN(v) || at != nil {
		t.Errorf("max of nothing %g at %v", v, at)
	}
}

// The first error stays, names what was asked, and keeps all that follows from
// going wrong in other ways.
func TestErrorsStick(t *testing.T) {
	x := count(2, 3)
	for name, c := range map[string]struct {
		a    *array.Array
		want string
	}{
		"no such axis":      {x.Pick("z", 0), `no axis "z"`},
		"no such index":     {x.Pick("b", 3), "index 3 is outside of axis b of length 3"},
		"not of length one": {x.Squeeze("b"), "of length 1"},
		"labels":            {x.Label("b", []string{"one"}), "length 3, got 1 labels"},
		"values":            {array.Of([]float32{1}, array.Dim("a", 2)), "hold 2 values, got 1"},
		"transpose":         {x.Transpose("a", "a"), "every axis once"},
		"rename":            {x.Rename("p"), "names 1 axes"},
		"mean":              {x.Mean("q"), `no axis "q"`},
		"nil":               {nil, "nil array"},
	} {
		after := c.a
		if after != nil {
			after = c.a.Pick("a", 0).Mean("b").Transpose().Named("t", "u")
		}
		if err := after.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; it should say %q", name, err, c.want)
		}
	}
	y := count(2)
	y.Set(1, 5)
	if y.Err() == nil || !math.IsNaN(y.At(0)) {
		t.Error("a value set outside of the array went unnoticed")
	}
}

func TestEncodings(t *testing.T) {
	x := array.Of([]float32{1, float32(math.NaN()), float32(math.Inf(-1)), 0}, array.Labels("token", []string{"a", "b"}), array.Dim("pos", 2)).Named("title", "nats")
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(x); err != nil {
		t.Fatal(err)
	}
	var y array.Array
	if err := gob.NewDecoder(&b).Decode(&y); err != nil {
		t.Fatal(err)
	}
	if y.String() != x.String() || y.Unit() != "nats" || fmt.Sprint(y.Axes()) != fmt.Sprint(x.Axes()) {
		t.Errorf("after gob: %s, before: %s", &y, x)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Errorf("JSON: %v", err)
	}
	if err := new(array.Array).GobDecode([]byte{1, 2, 3}); err == nil {
		t.Error("garbage decodes")
	}
}

func ExampleArray_String() {
	scores := array.Of([]float32{0.1, 0.2, 0.9, 0.3}, array.Dim("layer", 2), array.Labels("head", []string{"0", "1"})).Named("prefix-matching score", "attention")
	fmt.Println(scores)
	// Output:
	// prefix-matching score [layer 2, head 2] (attention)
	//   layer\head    0    1
	//            0  0.1  0.2
	//            1  0.9  0.3
}

// Printing an array of many axes shows its numbers.
func ExampleArray_String_cube() {
	fmt.Print(array.Of([]float32{1, 0, 0.25, 0.75, 1, 0, 0.5, 0.5}, array.Labels("head", []string{"1.0", "1.1"}), array.Dim("query", 2), array.Dim("key", 2)).Named("pattern", ""))
	// Output:
	// pattern [head 2, query 2, key 2]
	// head 1.0
	//   query\key     0     1
	//           0     1     0
	//           1  0.25  0.75
	// head 1.1
	//   query\key    0    1
	//           0    1    0
	//           1  0.5  0.5
}
