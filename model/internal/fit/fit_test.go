package fit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Whatever the free matrix is, Q has orthonormal columns, and its gradient is the
// slope.
func TestOrthogonal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range [][2]int{{1, 1}, {4, 4}, {7, 7}, {5, 1}, {6, 3}, {9, 8}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			n, k := c[0], c[1]
			o, err := NewOrthogonal(n, k, nil, rng)
			if err != nil {
				t.Fatal(err)
			}
			start := o.Value()
			again, err := NewOrthogonal(n, k, start, rng)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range again.Value() {
				if math.Abs(float64(v-start[i])) > 1e-5 {
					t.Fatalf("a start of %v became %v", start, again.Value())
				}
			}
			x := o.Free()
			for i := range x {
				x[i] += float32(rng.NormFloat64())
			}
			if err := o.Set(x); err != nil {
				t.Fatal(err)
			}
			q := mat.NewDense(n, k, nil)
			for i, v := range o.Value() {
				q.RawMatrix().Data[i] = float64(v)
			}
			var gram mat.Dense
			gram.Mul(q.T(), q)
			for i := range k {
				for j := range k {
					if want := map[bool]float64{true: 1}[i == j]; math.Abs(gram.At(i, j)-want) > 1e-5 {
						t.Errorf("columns %d and %d have the product %g", i, j, gram.At(i, j))
					}
				}
			}
			weight := make([]float64, n*k)
			for i := range weight {
				weight[i] = rng.NormFloat64()
			}
			at, value, grad := o.Free(), o.Value(), o.Gradient(slices.Clone(weight))
			const h = 1. / 256 // large enough for float32 to see the slope
			for i := range grad {
				slope := 0.0
				for _, sign := range []float32{1, -1} {
					p, err := NewOrthogonal(n, k, value, rng)
					if err != nil {
						t.Fatal(err)
					}
					p.Restore(at)
					moved := slices.Clone(at)
					moved[i] += sign * h
					if err := p.Set(moved); err != nil {
						t.Fatal(err)
					}
					for j, v := range p.Value() {
						slope += float64(sign) * float64(v) * weight[j] / (2 * h)
					}
				}
				if math.Abs(slope-grad[i]) > 2e-3*(1+math.Abs(slope)) {
					t.Errorf("gradient %d is %g, the slope %g", i, grad[i], slope)
				}
			}
		})
	}
	if _, err := NewOrthogonal(2, 3, nil, rng); err == nil {
		t.Error("three orthonormal columns of length two")
	}
	if _, err := NewOrthogonal(2, 2, []float32{1, 1, 0, 1}, rng); err == nil {
		t.Error("a start that is not orthonormal")
	}
	if o, err := NewOrthogonal(3, 2, []float32{1, 0, 0, 1, 0, 0}, rng); err != nil || !slices.Equal(o.Value(), []float32{1, 0, 0, 1, 0, 0}) {
		t.Errorf("the identity as a start became %v, %v", o.Value(), err)
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		s    Schedule
		want [4]float64 // at steps 0, 2, 4, 8 of 8
	}{
		{Schedule{}, [4]float64{1, 1, 1, 1}},
		{Schedule{Kind: "linear"}, [4]float64{1, .75, .5, 0}},
		{Schedule{Kind: "linear", WarmUp: 4, End: .5}, [4]float64{.25, .75, 1, .5}},
		{Schedule{Kind: "cosine"}, [4]float64{1, .5 + math.Sqrt2/4, .5, 0}},
	} {
		for i, step := range []int{0, 2, 4, 8} {
			if got := c.s.Factor(step, 8); math.Abs(got-c.want[i]) > 1e-12 {
				t.Errorf("%+v at step %d: %g, want %g", c.s, step, got, c.want[i])
			}
		}
	}
}

// Every time through takes each row at most once, and the same seed the same rows.
func TestBatch(t *testing.T) {
	seen := map[int]int{}
	for step := range 3 {
		b := Batch(step, 10, 3, 1, 5)
		for _, r := range b {
			seen[r]++
		}
		if !slices.Equal(b, Batch(step, 10, 3, 1, 5)) {
			t.Error("the same step has other rows")
		}
	}
	if len(seen) != 9 {
		t.Errorf("rows %v in one time through", seen)
	}
	if slices.Equal(Batch(0, 10, 3, 1, 5), Batch(3, 10, 3, 1, 5)) && slices.Equal(Batch(1, 10, 3, 1, 5), Batch(4, 10, 3, 1, 5)) {
		t.Error("the second time through has the order of the first")
	}
	for step := range 4 {
		if b := Batch(step, 12, 6, 3, 5); b[1] != b[0]+1 || b[2] != b[0]+2 || b[0]%3 != 0 || b[3]%3 != 0 || b[3] == b[0] {
			t.Errorf("three rows together: %v", b)
		}
	}
	if got := Batch(7, 3, 0, 1, 1); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("all rows: %v", got)
	}
}
