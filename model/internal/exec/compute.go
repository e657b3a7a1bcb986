package exec

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/lower"
	"github.com/golens/golens/model/internal/plan"
)

// A calc is an edit by a formula as one graph has it: all but which rows and
// positions, and the values of tensors, which are inputs.
type calc struct {
	edit hook.Edit
	near []hook.Kind    // activations of its own block that it reads in the graph
	far  []hook.ID      // others that it reads, which are given
	runs []formula.Step // its reads of the base and the source run, in order
}

// newCalc is that of an edit. inGraph tells which activations of its own block the
// graph comes by.
func newCalc(e hook.Edit, inGraph func(hook.Kind) bool) *calc {
	c := &calc{edit: e}
	for _, id := range plan.Reads(e) {
		if id.Layer == e.Layer && !id.Kind.Global() && inGraph(id.Kind) {
			c.near = append(c.near, id.Kind)
		} else {
			c.far = append(c.far, id)
		}
	}
	for _, s := range e.Formula.Steps {
		if s.Op == formula.OpBase || s.Op == formula.OpSource {
			c.runs = append(c.runs, s)
		}
	}
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
		if y = t.match(k, kind, y); again {
			y = alongHeads([]*Node{y}, x)[0]
		}
		to.At[hook.ID{Kind: k, Layer: c.edit.Layer}.String()] = y
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
	if t.chosen != nil && t.ofKeys(from) && !t.ofKeys(to) {
		return t.chosen(y)
	}
	return y
}

// choose tells which positions a block's graph computes.
func (t *taps) choose(e *Engine, a arch.Around) {
	if a.Queries != nil {
		t.chosen = a.Chosen
		t.ofKeys = func(k hook.Kind) bool { return plan.OfKeys(e.Config, k) }
	}
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

// farRead are what formulas of the slots are given of other blocks, each once.
func (t *taps) farRead() (all []hook.ID) {
	for _, c := range t.calcs {
		if c == nil {
			continue
		}
		for _, id := range c.far {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// addGraph adds two tensors.
func addGraph(in []*Node) []*Node { return []*Node{Add(in[0], in[1])} }
