package lower_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/lower"
	"github.com/golens/golens/model/modeltest"
)

// engines are the Go backend and, where its plugin is found, XLA.
func engines(t *testing.T) map[string]compute.Backend {
	all := map[string]compute.Backend{}
	for _, name := range []string{"go", "xla:cpu"} {
		b, err := backend.Open(name)
		if err != nil {
			t.Logf("%s is not run: %v", name, err)
			continue
		}
		all[name] = b.Backend
	}
	return all
}

// seeds are fewer on XLA, which takes a third of a second to compile each.
func seeds(engine string, n uint64) uint64 {
	if engine == "go" {
		return n
	}
	return n / 10
}

const rows, pos = 2, 3

// A reading is what a formula reads, at every row and position.
type reading struct {
	key  string
	step formula.Step
	dims []int
	x    []float32
}

// A problem is a formula with all that it reads.
type problem struct {
	f      formula.Expr
	shapes []formula.Shape
	reads  []reading
}

func draw(rng *rand.Rand, smooth bool, here []int) *problem {
	shapes := formula.Shapes{Here: here, Base: true, Source: true, At: func(string) ([]int, error) { return []int{2, 4}, nil }}
	m := modeltest.FormulaMaker{Rand: rng, Shapes: shapes, At: []string{"z"}, Smooth: smooth}
	return newProblem(rng, m.Formula(4+rng.IntN(8)), shapes)
}

func newProblem(rng *rand.Rand, f formula.Expr, in formula.Shapes) *problem {
	shapes, err := f.Shapes(in)
	if err != nil {
		panic(err)
	}
	p := &problem{f: f, shapes: shapes}
	seen := map[string]bool{}
	for i, s := range f.Steps {
		switch s.Op {
		case formula.OpHere, formula.OpBase, formula.OpSource, formula.OpAt:
		default:
			continue
		}
		key := string(s.Op) + s.Name
		if seen[key] {
			continue
		}
		seen[key] = true
		r := reading{key: key, step: s, dims: shapes[i].Dims, x: make([]float32, rows*pos*product(shapes[i].Dims))}
		for k := range r.x {
			r.x[k] = float32(rng.NormFloat64())
		}
		p.reads = append(p.reads, r)
	}
	return p
}

// inputs are the graph's: what is read, then the tensors.
func (p *problem) inputs() (all []any, names []string) {
	for _, r := range p.reads {
		all = append(all, tensors.FromFlatDataAndDimensions(r.x, append([]int{rows, pos}, r.dims...)...))
		names = append(names, r.key)
	}
	for _, s := range p.f.Tensors() {
		all = append(all, tensors.FromFlatDataAndDimensions(s.Values, s.Shape...))
		names = append(names, s.Name)
	}
	return all, names
}

func (p *problem) build(in []*Node, names []string) (*Node, map[string]*Node) {
	to := lower.Inputs{Lanes: 2, At: map[string]*Node{}, Tensors: map[string]*Node{}}
	for i, r := range p.reads {
		switch r.step.Op {
		case formula.OpHere:
			to.Here = in[i]
		case formula.OpBase:
			to.Base = append(to.Base, in[i])
		case formula.OpSource:
			to.Source = append(to.Source, in[i])
		case formula.OpAt:
			to.At[r.step.Name] = in[i]
		}
	}
	for i := len(p.reads); i < len(in); i++ {
		to.Tensors[names[i]] = in[i]
	}
	return lower.Build(p.f, p.shapes, to)
}

// twin is the value at every position, one after another.
func (p *problem) twin() (values []float64, labels map[string][]float64) {
	labels = map[string][]float64{}
	for at := range rows * pos {
		v, found := modeltest.Evaluate(p.f, func(s formula.Step) modeltest.Value {
			for _, r := range p.reads {
				if r.key == string(s.Op)+s.Name {
					n := product(r.dims)
					v := modeltest.Value{Dims: r.dims}
					for _, x := range r.x[at*n:][:n] {
						v.X = append(v.X, float64(x))
					}
					return v
				}
			}
			panic("nothing to read for " + s.Op)
		})
		values = append(values, v.X...)
		for name, l := range found {
			labels[name] = append(labels[name], l.X...)
		}
	}
	return values, labels
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// A graph computes what its twin does, labels included, on random formulas.
func TestValues(t *testing.T) {
	for name, b := range engines(t) {
		for seed := range seeds(name, 150) {
			rng := rand.New(rand.NewPCG(seed, 1))
			p := draw(rng, false, [][]int{{8}, {2, 4}}[seed%2])
			inputs, names := p.inputs()
			var labels []string
			outs, err := NewExec(b, func(in []*Node) []*Node {
				y, found := p.build(in, names)
				all := []*Node{y}
				labels = nil
				for name, l := range found {
					labels, all = append(labels, name), append(all, l)
				}
				return all
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := outs.Call(inputs...)
			if err != nil {
				t.Fatalf("%s seed %d: %v\n%s", name, seed, err, p.f)
			}
			want, wantLabels := p.twin()
			compare(t, fmt.Sprintf("%s seed %d\n%s", name, seed, p.f), got[0], want)
			for i, label := range labels {
				compare(t, fmt.Sprintf("%s seed %d, %s of\n%s", name, seed, label, p.f), got[1+i], wantLabels[label])
			}
			if len(labels) != len(wantLabels) {
				t.Fatalf("labels %v, want %v", labels, wantLabels)
			}
		}
	}
}

// The logarithm of a sigmoid has its value where the sigmoid is 0 or 1.
func TestLogSigmoidFarOut(t *testing.T) {
	for name, b := range engines(t) {
		p := newProblem(rand.New(rand.NewPCG(1, 1)), formula.Here().LogSigmoid().Sub(formula.Here().Neg().LogSigmoid().Scale(2)), formula.Shapes{Here: []int{4}})
		for i := range p.reads[0].x {
			p.reads[0].x[i] = []float32{-100, 100, -30, 0}[i%4]
		}
		inputs, names := p.inputs()
		e, err := NewExec(b, func(in []*Node) *Node {
			y, _ := p.build(in, names)
			return y
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Call(inputs...)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := p.twin()
		compare(t, name, got[0], want)
		if want[0] != -100 || want[1] != 200 {
			t.Errorf("the twin has %v", want[:4])
		}
	}
}

// A float32 graph of a dozen operations on values of order one.
const tolerance = 2e-5

func compare(t *testing.T, what string, got *tensors.Tensor, want []float64) {
	t.Helper()
	values, err := tensors.CopyFlatData[float32](got)
	if err != nil {
		t.Fatal(err)
	}
	if len(values) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(values), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(values[i]) - want[i]); !(d <= tolerance*max(1, math.Abs(want[i]))) {
			t.Fatalf("%s: value %d is %g, its twin %g", what, i, values[i], want[i])
		}
	}
}

// Gradients are the slopes of the twin, with respect to all that is read and to
// the tensors.
func TestGradients(t *testing.T) {
	for name, b := range engines(t) {
		for seed := range seeds(name, 60) {
			rng := rand.New(rand.NewPCG(seed, 2))
			p := draw(rng, true, [][]int{{8}, {2, 4}}[seed%2])
			inputs, names := p.inputs()
			grads, err := NewExec(b, func(in []*Node) []*Node {
				y, _ := p.build(in, names)
				return Gradient(ReduceAllSum(y), in...)
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := grads.Call(inputs...)
			if err != nil {
				t.Fatalf("%s seed %d: %v\n%s", name, seed, err, p.f)
			}
			for i := range inputs {
				var x []float32
				if i < len(p.reads) {
					x = p.reads[i].x
				} else {
					x = p.f.Tensors()[i-len(p.reads)].Values
				}
				at := rng.IntN(len(x)) // one of each suffices: the formulas are many
				g, err := tensors.CopyFlatData[float32](got[i])
				if err != nil {
					t.Fatal(err)
				}
				slope := p.slope(&x[at])
				if d := math.Abs(float64(g[at]) - slope); !(d <= 1e-3*max(1, math.Abs(slope))) { // of float32 and of finite differences
					t.Fatalf("%s seed %d: gradient of %s at %d is %g, the slope %g\n%s", name, seed, names[i], at, g[at], slope, p.f)
				}
			}
		}
	}
}

// slope is the derivative of the sum of the twin's values by one number.
func (p *problem) slope(x *float32) float64 {
	const h = 1.0 / 1024 // exact in float32 beside numbers of order one
	sum := func() float64 {
		values, _ := p.twin()
		s := 0.0
		for _, v := range values {
			s += v
		}
		return s
	}
	old := *x
	*x = old + h
	up, above := sum(), float64(*x)
	*x = old - h
	down, below := sum(), float64(*x)
	*x = old
	return (up - down) / (above - below)
}

// Where a formula has kinks or stops its gradient, the gradient is as documented.
func TestChosenGradients(t *testing.T) {
	x := formula.Here()
	u := func(v ...float32) formula.Expr { return formula.Tensor("t", vector(v)) }
	for _, c := range []struct {
		name    string
		formula formula.Expr
		x       []float32
		want    []float32 // by x
		tensor  []float32 // by t
	}{
		{"stop", x.Mul(x.Stop()), []float32{2, 3}, []float32{2, 3}, nil},
		{"norm of zero", x.Norm(), []float32{0, 0}, []float32{0, 0}, nil},
		{"norm", x.Norm(), []float32{3, 4}, []float32{.6, .8}, nil},
		{"top", x.TopK(1), []float32{1, 2}, []float32{0, 1}, nil},
		{"greater", x.Greater(u(0, 0)), []float32{1, -1}, []float32{0, 0}, []float32{0, 0}},
		{"jump", x.Jump(u(1, 1)), []float32{.9, 1.1}, []float32{0, 1}, []float32{0, 0}},
		{"jump, soft", x.JumpSoft(u(1, 2, 1), .5), []float32{.9, 2.2, 1.3}, []float32{0, 1, 1}, []float32{-2, -4, 0}},
		{"greater, soft", x.GreaterSoft(u(1, 2, 1), .5), []float32{.9, 2.2, 1.3}, []float32{0, 0, 0}, []float32{-2, -2, 0}},
		{"where", x.Greater(formula.Number(0)).Where(x.Scale(3), formula.Number(7)), []float32{2, -2}, []float32{3, 0}, nil},
		{"softplus", x.Softplus(), []float32{-100, 0, 100}, []float32{0, .5, 1}, nil},
		{"log sigmoid", x.LogSigmoid(), []float32{-100, 0, 100}, []float32{1, .5, 0}, nil},
		{"log of 1 - sigmoid", x.Neg().LogSigmoid(), []float32{-100, 0, 100}, []float32{0, -.5, -1}, nil},
		{"put", x.Put(u(5), 1), []float32{1, 2, 3}, []float32{1, 0, 1}, []float32{1}},
	} {
		for name, b := range engines(t) {
			t.Run(c.name+" "+name, func(t *testing.T) {
				shapes, err := c.formula.Shapes(formula.Shapes{Here: []int{len(c.x)}})
				if err != nil {
					t.Fatal(err)
				}
				given := c.formula.Tensors()
				e, err := NewExec(b, func(in []*Node) []*Node {
					to := lower.Inputs{Lanes: 1, Here: in[0]}
					if len(given) > 0 {
						to.Tensors = map[string]*Node{"t": in[1]}
					}
					y, _ := lower.Build(c.formula, shapes, to)
					return Gradient(ReduceAllSum(y), in...)
				})
				if err != nil {
					t.Fatal(err)
				}
				args := []any{tensors.FromFlatDataAndDimensions(c.x, 1, len(c.x))}
				for _, s := range given {
					args = append(args, tensors.FromFlatDataAndDimensions(s.Values, s.Shape...))
				}
				got, err := e.Call(args...)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range [][]float32{c.want, c.tensor}[:len(args)] {
					values, _ := tensors.CopyFlatData[float32](got[i])
					for k := range want {
						if !(math.Abs(float64(values[k]-want[k])) <= 1e-6) {
							t.Errorf("gradient %v, want %v", values, want)
							break
						}
					}
				}
			})
		}
	}
}

type vector []float32

func (v vector) Shape() []int      { return []int{len(v)} }
func (v vector) Values() []float32 { return v }

// Coordinates that are scattered far and wide are gathered, those that are
// neighbours sliced; either way they are the same coordinates.
func TestManyCoordinates(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200
	coords := rng.Perm(n)[:150]
	in := formula.Shapes{Here: []int{n}}
	for name, b := range engines(t) {
		for _, f := range []formula.Expr{
			formula.Here().Select(coords...),
			formula.Here().Put(formula.Here().Select(coords...).Scale(2), coords...),
		} {
			p := newProblem(rng, f, in)
			inputs, names := p.inputs()
			e, err := NewExec(b, func(in []*Node) []*Node {
				y, _ := p.build(in, names)
				return append(Gradient(ReduceAllSum(Mul(y, y)), in...), y)
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Call(inputs...)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := p.twin()
			compare(t, name+" "+f.String(), got[1], want)
		}
	}
}
