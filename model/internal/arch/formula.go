package arch

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// FormulaShapes are what a formula may read in an edit of a point, and its shapes.
func FormulaShapes(c config.Config, p hook.Point) formula.Shapes {
	return formula.Shapes{Here: valueDims(c, p), At: func(name string) ([]int, error) { return earlier(c, p, name) }}
}

// valueDims is the shape that a point selects at one position.
func valueDims(c config.Config, p hook.Point) []int {
	dims := Dims(c, p.Kind, formula.Any)
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
func earlier(c config.Config, p hook.Point, name string) ([]int, error) {
	from, err := hook.Parse(name)
	if err != nil {
		return nil, err
	}
	if !Exists(c, from.ID) {
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
	order := Order(c)
	late := from.Kind.Global() && from.Kind != hook.KindEmbed && from.Kind != hook.KindPosEmbed ||
		!from.Kind.Global() && (from.Layer > p.Layer || from.Layer == p.Layer && slices.Index(order, from.Kind) >= slices.Index(order, p.Kind))
	if late {
		return nil, fmt.Errorf("hook %s is not computed before %s", name, p.ID)
	}
	return valueDims(c, hook.Point{ID: from.ID}), nil
}
