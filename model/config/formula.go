package config

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// FormulaShapes are what a formula may read in an edit of a point, and its shapes.
func (c Config) FormulaShapes(p hook.Point) formula.Shapes {
	return formula.Shapes{Here: c.ValueDims(p), At: func(name string) ([]int, error) { return c.earlier(p, name) }}
}

// ValueDims is the shape that a point selects at one position.
func (c Config) ValueDims(p hook.Point) []int {
	dims := c.Dims(p.Kind, formula.Any)
	if axis := p.Kind.HeadAxis(); axis > 0 && p.Heads != nil {
		dims[axis-1] = len(p.Heads)
	}
	if p.Coords != nil {
		dims[len(dims)-1] = len(p.Coords)
	}
	if axis := p.Kind.PositionAxis(); axis > 0 {
		dims = slices.Delete(dims, axis-1, axis)
	}
	return dims
}

// earlier is the shape of an activation that a formula reads beside its point's
// own, or why it can't be read there.
func (c Config) earlier(p hook.Point, name string) ([]int, error) {
	from, err := hook.Parse(name)
	if err != nil {
		return nil, err
	}
	if !c.Has(from.ID) {
		return nil, fmt.Errorf("hook %s: this model has no such activation (%s)", name, c)
	}
	if p.Kind.Global() {
		return nil, fmt.Errorf("only formulas inside a block read other activations, and %s is in none", p.ID)
	}
	switch from.Kind {
	case hook.KindAttnIn, hook.KindQInput, hook.KindKInput, hook.KindVInput:
		return nil, fmt.Errorf("hook %s is a copy of the residual stream that is made only where it is edited; read %s", name, hook.ResidPre(from.Layer))
	case hook.KindScores, hook.KindPattern:
		return nil, fmt.Errorf("hook %s has a place for every key; only activations of one position can be read elsewhere", name)
	}
	order := c.Order()
	late := from.Kind.Global() && from.Kind != hook.KindEmbed && from.Kind != hook.KindPosEmbed ||
		!from.Kind.Global() && (from.Layer > p.Layer || from.Layer == p.Layer && slices.Index(order, from.Kind) >= slices.Index(order, p.Kind))
	if late {
		return nil, fmt.Errorf("hook %s is not computed before %s", name, p.ID)
	}
	return c.ValueDims(hook.Point{ID: from.ID}), nil
}

// LabelDims is the shape at one position of a value that edits label. Edits that
// label one value so, of several variants, give it one shape.
func (c Config) LabelDims(p hook.Point, edits []hook.Edit) (dims []int, err error) {
	var known []string
	for _, e := range edits {
		if e.Op != hook.OpCompute || e.ID != p.ID {
			continue
		}
		shapes := c.FormulaShapes(e.Point)
		shapes.Base, shapes.Source, shapes.Free = true, true, true
		labels, err := e.Formula.Labels(shapes)
		if err != nil {
			return nil, fmt.Errorf("edit %s: %w", e.Point, err)
		}
		for name := range labels {
			known = append(known, name)
		}
		shape, ok := labels[p.Value]
		switch n := len(shape.Dims); {
		case !ok:
			continue
		case shape.Tensor || n == 0 || n > 2 || slices.Contains(shape.Dims, formula.Any) || finals[p.Kind]:
			return nil, fmt.Errorf("hook %s: a labelled value inside a block, of shape [n] or [head, n], can be read; this one has %v", p, formula.Dims(shape.Dims))
		case dims != nil && !slices.Equal(dims, shape.Dims):
			return nil, fmt.Errorf("hook %s: edits label values of shapes %v and %v so", p, formula.Dims(dims), formula.Dims(shape.Dims))
		}
		dims = shape.Dims
	}
	if dims == nil {
		slices.Sort(known)
		return nil, fmt.Errorf("hook %s: no edit of %s labels a value so; labelled there: %q", p, p.ID, slices.Compact(known))
	}
	return dims, nil
}

// finals are the activations after the last block, which are computed at the
// positions that are read alone.
var finals = map[hook.Kind]bool{hook.KindLNFinal: true, hook.KindLNFinalNorm: true, hook.KindLogits: true}

// SelectedOf is [Config.Selected] of a labelled value of these dimensions at each
// position.
func SelectedOf(p hook.Point, dims []int, rows, longest int) []int {
	return selected(Like(p, dims), append([]int{longest}, dims...), rows)
}

// Like is the point on an activation whose axes are those of a labelled value of
// these dimensions at each position.
func Like(p hook.Point, dims []int) hook.Point {
	p.Kind = hook.KindResidPost
	if len(dims) == 2 {
		p.Kind = hook.KindZ
	}
	return p
}
