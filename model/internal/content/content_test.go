package content_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/internal/content"
)

type part struct {
	Name   string
	Values []float32
	At     []int
	Lists  [][]int32
	Factor float32
	Deep   *part
	Array  *array.Array
	hidden error
}

func nan(bits uint32) float32 { return math.Float32frombits(bits) }

// Values of one content have one hash, whatever memory they lie in; any other
// content has another.
func TestHashIsOfTheContent(t *testing.T) {
	buffer := make([]float32, 3*5000)
	for i := range buffer {
		buffer[i] = float32(i % 5000)
	}
	copied := append([]float32(nil), buffer[:5000]...)
	array4 := func(values []float32, title string) *array.Array {
		return array.Of(values, array.Dim("a", len(values))).Named(title, "")
	}
	groups := [][]part{ // within a group all are equal, between groups none
		{{}, {hidden: new(content.MissingError)}},
		{{Values: []float32{}}},
		{{Values: []float32{0}}},
		{{Values: []float32{float32(math.Copysign(0, -1))}}},
		{{Values: []float32{nan(0x7fc00000)}}, {Values: []float32{1, nan(0x7fc00000)}[1:]}},
		{{Values: []float32{nan(0x7fc00001)}}},
		{{Values: []float32{nan(0x7f800001)}}}, // signalling
		{{Values: []float32{float32(math.Inf(1))}}},
		{{Values: []float32{float32(math.Inf(-1))}}},
		{{Factor: nan(0x7fc00000)}},
		{{Factor: nan(0x7f800001)}},
		{{Factor: float32(math.Copysign(0, -1))}},
		{{Values: buffer[:5000]}, {Values: buffer[5000:10000]}, {Values: copied}},
		{{Values: buffer[1:5001]}},
		{{Values: buffer[:4999]}},
		{{At: []int{1, 2}}},
		{{At: []int{12}}},
		{{At: []int{}}},
		{{Lists: [][]int32{{1}, {2}}}},
		{{Lists: [][]int32{{1, 2}}}},
		{{Lists: [][]int32{{1, 2}, nil}}},
		{{Lists: [][]int32{{1, 2}, {}}}},
		{{Name: "Values"}},
		{{Deep: &part{}}},
		{{Deep: &part{Name: "Values"}}},
		{{Deep: &part{Array: array4(copied, "")}}, {Deep: &part{Array: array4(buffer[10000:], "")}}},
		{{Array: array4(copied, "")}},
		{{Array: array4(copied, "title")}},
		{{Array: array4([]float32{nan(0x7fc00000)}, "")}, {Array: array4([]float32{nan(0x7fc00000)}, "")}},
		{{Array: array4([]float32{1}, "")}},
		{{Array: array.Failed(new(content.MissingError))}},
	}
	seen := map[string]int{}
	for g, group := range groups {
		for i, p := range group {
			hash, err := content.Hash(p)
			if err != nil {
				t.Fatal(err)
			}
			if was, known := seen[hash]; known && was != g || i > 0 && !known {
				t.Errorf("group %d, %d: hashed as group %d (%t)", g, i, was, known)
			}
			seen[hash] = g
		}
	}
}

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	long := make([]float32, 5000)
	long[7] = 3
	want := part{Name: "n", Values: long, At: []int{-1, 1 << 40}, Lists: [][]int32{{}, nil, {3}}, Factor: 2,
		Deep: &part{At: []int{}, Array: array.Of(long[:2], array.Labels("a", []string{"x", "y"})).Named("t", "u")}}
	data, tensors, err := content.Encode(want)
	if err != nil || len(tensors) != 1 {
		t.Fatalf("%d tensors, %v", len(tensors), err)
	}
	var got part
	missing, ok := content.Decode(data, &got, nil).(*content.MissingError)
	if !ok || len(missing.Names) != 1 || missing.Names[0] != content.NameOf(long) {
		t.Fatalf("missing %v", missing)
	}
	got = part{}
	if err := content.Decode(data, &got, func(n content.Name) []float32 { return tensors[n] }); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
	whole, err := content.EncodeWhole(want)
	got = part{}
	if err != nil || content.Decode(whole, &got, nil) != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("written whole: got %+v (%v), want %+v", got, err, want)
	}
	for n := range data {
		if err := content.Decode(data[:n], new(part), func(n content.Name) []float32 { return tensors[n] }); err == nil {
			t.Errorf("%d of %d bytes decode", n, len(data))
		}
	}
	if _, err := content.Hash(func() {}); err == nil {
		t.Error("a function has a hash")
	}
}

func FuzzDecode(f *testing.F) {
	long := make([]float32, 5000)
	for _, p := range []part{{}, {Name: "n", Values: long, Lists: [][]int32{{1}}}, {Deep: &part{At: []int{3}}, Array: array.Of(long[:3], array.Dim("a", 3))}} {
		data, _, err := content.Encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p part
		if content.Decode(data, &p, func(content.Name) []float32 { return long }) != nil {
			return
		}
		again, tensors, err := content.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := content.Decode(again, new(part), func(n content.Name) []float32 { return tensors[n] }); err != nil {
			t.Fatal(err)
		}
	})
}
