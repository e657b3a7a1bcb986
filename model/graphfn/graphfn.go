package graphfn

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/native"
)

// A Func is the formula that a graph function makes of others, in their order.
type Func func(args ...formula.Expr) formula.Expr

// New makes an operation of formulas of a function. in are the nodes of what it is
// given, float32; see the package for their shapes. It is called whenever a graph is
// built, and to know the shape of its value.
func New(name string, build func(in []*graph.Node) *graph.Node) Func {
	f := &function{build: build, known: map[string]traced{}}
	name = native.Add(name, native.Function{Dims: f.dims, FLOPs: f.flops, Build: build})
	return func(args ...formula.Expr) formula.Expr { return formula.Call(name, args...) }
}

type function struct {
	build func(in []*graph.Node) *graph.Node

	mu    sync.Mutex
	known map[string]traced // by the arguments' shapes
}

// traced is what was seen of a function.
type traced struct {
	dims  []int
	flops int64 // at one place
	err   error
}

func (f *function) dims(args []native.Arg) ([]int, error) {
	t := f.trace(args)
	return t.dims, t.err
}

func (f *function) flops(args []native.Arg) int64 { return f.trace(args).flops }

func (f *function) trace(args []native.Arg) traced {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(args)
	t, ok := f.known[key]
	if !ok {
		t = f.see(args)
		f.known[key] = t
	}
	return t
}

// see builds the function's graph twice, with other numbers of places and of keys, to
// know the axes that follow them.
func (f *function) see(args []native.Arg) traced {
	if f.build == nil {
		return traced{err: errors.New("the graph function is nil")}
	}
	places := [2]int{11, 17} // primes, which no other axis is likely to have
	keys := [2]int{13, 19}
	var out [2][]int
	var flops int64
	for i := range out {
		var err error
		if out[i], flops, err = f.build1(args, places[i], keys[i]); err != nil {
			return traced{err: fmt.Errorf("the graph function does not take values of shape %s: %w", shapesOf(args), err)}
		}
	}
	at := slices.ContainsFunc(args, func(a native.Arg) bool { return !a.Tensor })
	if len(out[0]) != len(out[1]) {
		return traced{err: errors.New("the graph function's value has more axes in some calls than in others")}
	}
	var dims []int
	for axis, n := range out[0] {
		switch m := out[1][axis]; {
		case at && axis == 0 && n == places[0] && m == places[1]:
		case at && axis == 0:
			return traced{err: fmt.Errorf("the graph function's value has shape %v for %d places; its first axis must be the places, one position of one row each", out[0], places[0])}
		case n == m:
			dims = append(dims, n)
		case n == keys[0] && m == keys[1]:
			dims = append(dims, formula.Any)
		default:
			return traced{err: fmt.Errorf("the graph function's value has shape %v for %d places, %v for %d; only its first axis may follow the places", out[0], places[0], out[1], places[1])}
		}
	}
	if at && len(out[0]) == 0 {
		return traced{err: errors.New("the graph function's value is one number for all places; keep their axis")}
	}
	return traced{dims: dims, flops: flops / int64(places[1])}
}

// build1 builds the graph, which is never run, and gives the shape of its value.
func (f *function) build1(args []native.Arg, places, keys int) (dims []int, flops int64, err error) {
	engine, err := backend.Open("go") // whatever runs it later: it is there everywhere
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s", firstLine(r))
		}
	}()
	g := graph.NewGraph(engine.Backend, "graph function")
	defer g.Finalize()
	in := make([]*graph.Node, len(args))
	for i, a := range args {
		var dims []int
		if !a.Tensor {
			dims = append(dims, places)
		}
		for _, d := range a.Dims {
			if d == formula.Any {
				d = keys
			}
			dims = append(dims, d)
		}
		in[i] = graph.Parameter(g, fmt.Sprint("argument ", i), shapes.Make(dtypes.Float32, dims...))
	}
	y := f.build(in)
	if y == nil {
		return nil, 0, errors.New("it gives no node")
	}
	if y.DType() != dtypes.Float32 {
		return nil, 0, fmt.Errorf("its value is of type %s, not float32; convert it", y.DType())
	}
	for _, n := range g.Nodes() {
		if n.Type() == graph.NodeTypeDotGeneral {
			flops += product(n)
		}
	}
	return slices.Clone(y.Shape().Dimensions), flops, nil
}

// contracted are the axes of the left side that a product sums over, as the node says.
var contracted = regexp.MustCompile(`lhsContractingAxes=\[([0-9 ]*)\]`)

// product is the multiplications and additions of a matrix product.
func product(n *graph.Node) int64 {
	ops := 2 * int64(n.Shape().Size())
	if m := contracted.FindStringSubmatch(n.String()); m != nil {
		for _, axis := range strings.Fields(m[1]) {
			a, _ := strconv.Atoi(axis)
			ops *= int64(n.Inputs()[0].Shape().Dimensions[a])
		}
	}
	return ops
}

func firstLine(r any) string {
	line, _, _ := strings.Cut(fmt.Sprint(r), "\n")
	return line
}

func shapesOf(args []native.Arg) string {
	all := make([]string, len(args))
	for i, a := range args {
		if all[i] = formula.Dims(a.Dims).String(); a.Tensor {
			all[i] = "tensor " + all[i]
		}
	}
	return strings.Join(all, ", ")
}
