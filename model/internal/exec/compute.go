package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/lower"
	"github.com/golens/golens/model/internal/plan"
)

// A calc is what a graph needs to know of an edit by a formula: all but which
// rows and positions, and the values of tensors, which are inputs.
type calc struct {
	edit hook.Edit
	far  []hook.ID      // activations of earlier blocks that it reads
	near []hook.Kind    // activations of its own block that it reads
	runs []formula.Step // its reads of the base and the source run, in order
	key  string
}

func newCalc(e hook.Edit) *calc {
	c := &calc{edit: e}
	for _, name := range e.Formula.Activations() {
		p, _ := hook.Parse(name) // it was checked
		if p.Layer == e.Layer && !p.Kind.Global() {
			c.near = append(c.near, p.Kind)
		} else {
			c.far = append(c.far, p.ID)
		}
	}
	for _, s := range e.Formula.Steps {
		if s.Op == formula.OpBase || s.Op == formula.OpSource {
			c.runs = append(c.runs, s)
		}
	}
	c.key = fmt.Sprint("{", e.Formula, " heads ", e.Heads, " coords ", e.Coords, "}")
	return c
}

// inputs is how many inputs of the graph the formula has: the mask of what it
// changes, and what it reads.
func (c *calc) inputs() int {
	return 1 + len(c.runs) + len(c.far) + len(c.edit.Formula.Tensors())
}

// compute is x with the formula's value where the mask, the first input, is true.
func (t *taps) compute(c *calc, x *Node, in []*Node, again bool) *Node {
	mask, in := in[0], in[1:]
	runs, in := in[:len(c.runs)], in[len(c.runs):]
	far, given := in[:len(c.far)], in[len(c.far):]
	if again { // for each head by itself
		mask, runs, far = alongHeads([]*Node{mask}, x)[0], alongHeads(runs, x), alongHeads(far, x)
	}
	kind := c.edit.Kind
	lanes := x.Rank() - (len(kind.Axes()) - 2)
	to := lower.Inputs{Lanes: lanes, Here: c.part(lanesFirst(kind, x), lanes), At: map[string]*Node{}, Tensors: map[string]*Node{}}
	for i, s := range c.runs {
		part := c.part(lanesFirst(kind, runs[i]), lanes)
		if s.Op == formula.OpBase {
			to.Base = append(to.Base, part)
		} else {
			to.Source = append(to.Source, part)
		}
	}
	for i, id := range c.far {
		to.At[id.String()] = far[i]
		if !again {
			t.fars[id] = append(t.fars[id], far[i])
		}
	}
	for _, k := range c.near {
		y := t.found[label{kind: k}]
		if y == nil {
			panic(fmt.Sprintf("edit %s: %s is not computed before it where heads read inputs of their own", c.edit.Point, k))
		}
		to.At[hook.ID{Kind: k, Layer: c.edit.Layer}.String()] = t.match(k, kind, y)
	}
	for i, s := range c.edit.Formula.Tensors() {
		to.Tensors[s.Name] = given[i]
		if !again {
			t.tensors[s.Name] = append(t.tensors[s.Name], given[i])
		}
	}
	shapes, err := c.edit.Formula.Shapes(formula.Shapes{
		Here: to.Here.Shape().Dimensions[lanes:], Base: true, Source: true, Free: true,
		At: func(name string) ([]int, error) { return to.At[name].Shape().Dimensions[lanes:], nil },
	})
	if err != nil {
		panic(err)
	}
	y, labels := lower.Build(c.edit.Formula, shapes, to)
	if !again {
		for name, l := range labels {
			t.found[label{kind, name}] = l
		}
	}
	if c.edit.Formula.Same() {
		return x
	}
	return Where(mask, lanesFirst(kind, c.whole(lanesFirst(kind, x), y, lanes, shapes[len(shapes)-1])), x)
}

// match is y, an activation of one kind, at the positions that another has: where
// only some queries are computed, those of queries.
func (t *taps) match(from, to hook.Kind, y *Node) *Node {
	if t.chosen != nil && t.early(from) && !t.early(to) {
		return t.chosen(y)
	}
	return y
}

// lanesFirst puts the positions of queries before the heads, and, called again,
// back. Other activations have their position there already.
func lanesFirst(k hook.Kind, x *Node) *Node {
	if k.PositionAxis() == 2 {
		return TransposeAllAxes(x, 0, 2, 1, 3)
	}
	return x
}

// part is the heads and coordinates that the edit selects.
func (c *calc) part(x *Node, lanes int) *Node {
	if c.edit.Heads != nil && c.edit.Kind.HeadAxis() >= 0 {
		x = lower.Take(x, lanes, c.edit.Heads)
	}
	if c.edit.Coords != nil {
		x = lower.Take(x, x.Rank()-1, c.edit.Coords)
	}
	return x
}

// whole is x with the selected heads and coordinates set to y.
func (c *calc) whole(x, y *Node, lanes int, shape formula.Shape) *Node {
	heads := c.edit.Heads != nil && c.edit.Kind.HeadAxis() >= 0
	rows := x
	if heads {
		rows = lower.Take(x, lanes, c.edit.Heads)
	}
	lead := y.Shape().Dimensions
	own := lead
	if shape.Tensor {
		lead = nil
	} else {
		lead, own = lead[:lanes], lead[lanes:]
	}
	dims := slices.Clone(lead) // with axes of length 1 where the value has none
	for len(dims)+len(own) < x.Rank() {
		dims = append(dims, 1)
	}
	y = Reshape(y, append(dims, own...)...)
	if c.edit.Coords != nil {
		y = lower.Put(rows, y, rows.Rank()-1, c.edit.Coords)
	}
	y = BroadcastToDims(y, rows.Shape().Dimensions...)
	if heads {
		y = lower.Put(x, y, lanes, c.edit.Heads)
	}
	return y
}

// values are the host's inputs of a formula: the mask, and what it reads of the
// base and the source run.
func (c *calc) values(f *frame, edits []hook.Edit, dims []int, size int, of func(formula.Step) *plan.Left) []any {
	mask := make([]bool, size)
	f.spread(edits, dims, func(at int, _ float32, _ hook.Edit) { mask[at] = true })
	all := []any{mask}
	for _, s := range c.runs {
		x := make([]float32, size)
		f.copyRun(x, c.edit.Point, s, dims, of(s))
		all = append(all, x)
	}
	return all
}

// copyRun puts what another run left where the edit reads it.
func (f *frame) copyRun(x []float32, p hook.Point, s formula.Step, dims []int, run *plan.Left) {
	from, there := run.At[p.ID], p
	if s.Rows != nil {
		there.Pos = hook.Positions{Rows: s.Rows}
	}
	own := from.Shape()[1:]
	to := f.regions(p, dims, false)
	for i, r := range (&frame{first: f.first, rows: f.rows, lens: run.Lens}).regions(there, own, false) {
		r.start = r.row * product(own)
		src := r.offsets(own)
		for k, at := range to[i].offsets(dims) {
			x[at] = from.Values()[src[k]]
		}
	}
}

// offsets are where the values of a region lie, in order.
func (g region) offsets(dims []int) (all []int) {
	g.walk(dims, func(_ []int, offset int, last []int) {
		for _, k := range last {
			all = append(all, offset+k)
		}
	})
	return all
}

// farRead are the activations of earlier blocks that the slots read, each once.
func (t *taps) farRead() (all []hook.ID) {
	for _, s := range t.slots {
		if s.calc == nil {
			continue
		}
		for _, id := range s.calc.far {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// addGraph adds two tensors.
func addGraph(in []*Node) []*Node { return []*Node{Add(in[0], in[1])} }
