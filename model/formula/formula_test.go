package formula_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
)

func zeros(shape ...int) *array.Array {
	axes := make([]array.Axis, len(shape))
	for i, n := range shape {
		axes[i] = array.Dim(fmt.Sprint("axis", i), n)
	}
	return array.New(axes...)
}

// das is the rotation swap of distributed alignment search.
func das() formula.Expr {
	x, s := formula.Here(), formula.Source()
	R := formula.Tensor("R", zeros(8, 2))
	return x.Add(s.Sub(x).Dot(R).Dot(R.Transpose()))
}

// steer sets feature 3 of a dictionary with 16 features and keeps its error.
func steer() formula.Expr {
	x := formula.Here()
	f := x.Sub(formula.Tensor("b_dec", zeros(8))).Dot(formula.Tensor("W_enc", zeros(8, 16))).ReLU().As("features")
	W := formula.Tensor("W_dec", zeros(16, 8))
	g := f.Put(formula.Number(10), 3)
	return x.Add(g.Sub(f).Dot(W))
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		formula formula.Expr
		want    string
	}{
		{das(), "here + (source - here) · R[8, 2] · R[8, 2]ᵀ"},
		{steer(), "features = relu((here - b_dec[8]) · W_enc[8, 16])\nhere + (put(features, 10, [3]) - features) · W_dec[16, 8]"},
		{formula.Here().Sub(formula.Base().Sub(formula.Number(2))).Neg(), "-(here - (base - 2))"},
		{formula.Here().Div(formula.Here().Norm()).Scale(3), "here ÷ norm(here) × 3"},
		{formula.At("blocks.1.hook_mlp_in").Select(0, 2).Greater(formula.Number(.5)), "1[blocks.1.hook_mlp_in[0 2] > 0.5]"},
		{formula.Source([]int{-1}).Add(formula.Here()), "source@[[-1]] + here"},
		{formula.Expr{}, "(no formula)"},
	} {
		if got := c.formula.String(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// Equal parts are one step, wherever they come from.
func TestPartsAreShared(t *testing.T) {
	x := formula.Here()
	f := x.Exp().Add(formula.Number(1))
	for range 40 { // a tree would have 2^40 leaves
		f = f.Mul(f)
	}
	if n := len(f.Steps); n != 44 {
		t.Errorf("%d steps", n)
	}
	if a, b := x.Exp().Sub(x.Exp()), 3; len(a.Steps) != b {
		t.Errorf("%d steps of %s", len(a.Steps), a)
	}
	sum := x.Add(x.Exp())
	if again := sum.Mul(sum).With(sum).With(x.Add(x.Exp())); again.Steps[len(again.Steps)-1].Op != formula.OpWith {
		t.Errorf("the last step is not the value: %s", again)
	}
}

func TestCheck(t *testing.T) {
	shapes := formula.Shapes{Here: []int{8}, Base: true, Source: true, At: func(name string) ([]int, error) {
		if name == "later" {
			return nil, errors.New("later is computed after the point")
		}
		return []int{4, 8}, nil
	}}
	for _, c := range []struct {
		name    string
		formula formula.Expr
		want    []int
	}{
		{"das", das(), []int{8}},
		{"steer", steer(), []int{8}},
		{"reduce", formula.Here().Norm(), []int{1}},
		{"vector", formula.Here().Dot(formula.Tensor("u", zeros(8))), []int{1}},
		{"each head", formula.At("z").Dot(formula.Tensor("W", zeros(4, 8, 3))), []int{4, 3}},
		{"each head of one", formula.Here().Dot(formula.Tensor("W", zeros(4, 8, 3))), []int{4, 3}},
		{"flatten", formula.At("z").Flatten(), []int{32}},
		{"split", formula.Here().Split(4), []int{4, 2}},
		{"broadcast", formula.At("z").Add(formula.Here()), []int{4, 8}},
		{"tensor of tensors", formula.Tensor("A", zeros(3, 8)).Transpose().Dot(formula.Tensor("B", zeros(3, 5))), []int{8, 5}},
		{"select", formula.Here().Select(7, 0), []int{2}},
		{"top", formula.Here().TopK(3), []int{8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.formula.Check(shapes)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	x := formula.Here()
	shapes := formula.Shapes{Here: []int{8}, At: func(string) ([]int, error) { return nil, errors.New("it is computed later") }}
	keys := formula.Shapes{Here: []int{4, formula.Any}}
	for _, c := range []struct {
		name    string
		formula formula.Expr
		in      formula.Shapes
		want    string
	}{
		{"empty", formula.Expr{}, shapes, "it is empty"},
		{"empty part", x.Add(formula.Expr{}), shapes, "no formula"},
		{"wrong inner axis", x.Dot(formula.Tensor("W", zeros(9, 2))), shapes,
			"the last axis of [8] is not the first of W [9, 2]\n\there[8] · W[9, 2]    <- here"},
		{"the place, not the whole", x.Dot(formula.Tensor("W", zeros(8, 2))).ReLU().Add(x).Tanh(), shapes,
			"[2] and [8] do not broadcast: axis 1 from the last is 2 and 8\n\trelu(here[8] · W[8, 2]) + here[8]    <- here"},
		{"value on the right", x.Dot(x), shapes, "a.Mul(b).Sum()"},
		{"no source", das(), shapes, "no source run"},
		{"no base", x.Sub(formula.Base()), shapes, "no base run"},
		{"later", x.Add(formula.At("blocks.9.hook_z")), shapes, "it is computed later"},
		{"coordinate", x.Select(8), shapes, "coordinate 8 does not exist; the last axis has 8"},
		{"coordinate twice", x.Put(formula.Number(1), 2, 2), shapes, "listed twice"},
		{"put too many", x.Put(x, 2, 3), shapes, "do not fit 2 coordinates"},
		{"transposed value", x.Transpose(), shapes, "only a tensor"},
		{"split", x.Split(3), shapes, "can't be cut into 3"},
		{"top", x.TopK(9), shapes, "the 9 largest"},
		{"failed", x.Add(formula.Failed(errors.New("no feature 9")).ReLU()), shapes, "no feature 9"},
		{"free", x.Add(formula.Free("u", 8)), shapes, "tensor u is free"},
		{"one name, two tensors", x.Add(formula.Tensor("u", zeros(8))).Add(formula.Tensor("u", zeros(1))), shapes, "two tensors named u"},
		{"one label, two values", x.Exp().As("f").Add(x.As("f")), shapes, `labelled "f"`},
		{"number", formula.Number(1).Sum(), shapes, "a number has none"},
		{"unequal keys", x.Mean(), keys, "unequal lengths"},
		{"coordinates of keys", x.Select(0), keys, "unequal lengths"},
		{"unknown operation", formula.Expr{Steps: []formula.Step{{Op: "fft"}}}, shapes, "not known"},
		{"wrong count", formula.Expr{Steps: []formula.Step{{Op: formula.OpAdd}}}, shapes, "takes 2 values"},
		{"a step that comes later", formula.Expr{Steps: []formula.Step{{Op: formula.OpExp, Args: []int{0}}}}, shapes, "no formula"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.formula.Check(c.in)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestBind(t *testing.T) {
	f := formula.Here().Dot(formula.Free("R", 8, 2)).Dot(formula.Free("R", 8, 2).Transpose())
	if f.Tensors()[0].Values != nil || len(f.Tensors()) != 1 {
		t.Fatalf("tensors %v", f.Tensors())
	}
	g := f.Bind("R", zeros(8, 2)).Bind("Q", zeros(1))
	if _, err := g.Check(formula.Shapes{Here: []int{8}}); err != nil {
		t.Error(err)
	}
	if f.Tensors()[0].Values != nil {
		t.Error("Bind changed the formula that it was called on")
	}
}

// A formula crosses to a model host and means the same there.
func TestTravels(t *testing.T) {
	f := steer()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(f); err != nil {
		t.Fatal(err)
	}
	var g formula.Expr
	if err := gob.NewDecoder(&b).Decode(&g); err != nil {
		t.Fatal(err)
	}
	if f.String() != g.String() {
		t.Errorf("%s became %s", f, g)
	}
}

func TestReads(t *testing.T) {
	x := formula.Here()
	probe := x.Dot(formula.Tensor("w", zeros(8))).As("probe")
	if !x.With(probe).Same() || !x.As("it").Same() || x.Add(probe).Same() {
		t.Error("which formulas leave the activation as it was")
	}
	f := formula.At("b").Add(formula.At("a")).Sub(formula.At("b"))
	if got := f.Activations(); !slices.Equal(got, []string{"b", "a"}) {
		t.Error(got)
	}
	if das().Has(formula.OpBase) || !das().Has(formula.OpSource) {
		t.Error("which runs a formula reads")
	}
}

func ExampleExpr() {
	x, s := formula.Here(), formula.Source()
	R := formula.Free("R", 768, 4) // orthonormal columns, found by a fit
	swap := x.Add(s.Sub(x).Dot(R).Dot(R.Transpose()))
	fmt.Println(swap)
	// Output: here + (source - here) · R[768, 4] · R[768, 4]ᵀ
}

// A dictionary with its error kept: the features are read, one is set, and what
// the dictionary does not see stays as it was.
func ExampleExpr_As() {
	x := formula.Here()
	encode := x.Sub(formula.Free("b_dec", 768)).Dot(formula.Free("W_enc", 768, 24576))
	f := encode.Add(formula.Free("b_enc", 24576)).Jump(formula.Free("threshold", 24576)).As("features")
	steered := x.Add(f.Put(formula.Number(40), 1200).Sub(f).Dot(formula.Free("W_dec", 24576, 768)))
	fmt.Println(steered)
	// Output:
	// features = jump((here - b_dec[768]) · W_enc[768, 24576] + b_enc[24576], threshold[24576])
	// here + (put(features, 40, [1200]) - features) · W_dec[24576, 768]
}
