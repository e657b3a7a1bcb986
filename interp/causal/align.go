package causal

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// An Alignment says where each variable of a causal model is held.
type Alignment map[string][]Site

// A Site is a part of an activation: heads and coordinates that Point selects, at the
// positions At, which may differ by row; or, of these, a subspace.
type Site struct {
	Point hook.Point
	At    hook.Positions // of each input; the source's are those of its own input

	// Subspace is what is exchanged of the activation; nil: all of it.
	Subspace *steer.Subspace
	// By makes the activation from what it is here and in the source run, for what no
	// subspace says: a dictionary's features, a mask. Nil: the source's, or Subspace.
	By func(source formula.Expr) formula.Expr
}

// edit is the interchange of a site. donors are the inputs that rows take from.
func (s Site) edit(donors []int) hook.Edit {
	source := formula.Source()
	if len(s.At.Rows) > 1 {
		source = formula.Source(ofRows(s.At, donors).Rows...)
	}
	p := s.Point.In(s.At)
	switch {
	case s.By != nil:
		return p.Compute(s.By(source))
	case s.Subspace != nil:
		return p.Compute(s.Subspace.Exchange(source))
	}
	return p.Compute(source)
}

func (s Site) check() error {
	if !s.Point.Pos.All() {
		return fmt.Errorf("site %s: give its positions by At, which may differ by row", s.Point)
	}
	if s.At.All() {
		return fmt.Errorf("site %s: it has no positions", s.Point)
	}
	return nil
}

// String is the point.
func (s Site) String() string {
	if s.Subspace != nil {
		return s.Subspace.String()
	}
	return s.Point.String()
}

// elsewhere is a site of the same size that is drawn: other coordinates, other heads,
// another subspace of as many dimensions, or, where all of an activation is taken,
// another position. ok is false where there is no other.
func (s Site) elsewhere(m *model.Model, d *Data, rng *rand.Rand) (other Site, ok bool, err error) {
	other = s
	c := m.Config()
	dims := c.Dims(s.Point.Kind, 1)
	width := dims[len(dims)-1]
	switch {
	case s.By != nil:
		return other, false, nil
	case s.Subspace != nil:
		other.Subspace, err = steer.Random(s.Subspace.Point, len(s.Subspace.Basis.Values())/s.Subspace.Dim(), s.Subspace.Dim(), rng.Uint64())
		return other, true, err
	case s.Point.Coords != nil:
		other.Point.Coords, ok = draw(rng, width, s.Point.Coords)
	case s.Point.Heads != nil:
		other.Point.Heads, ok = draw(rng, dims[len(dims)-2], s.Point.Heads)
	default:
		other.At, ok = hook.Positions{}, true
		for i, row := range d.Prompts.IDs {
			at := s.At.Of(i, len(row))
			if len(row) <= len(at) {
				return other, false, nil
			}
			drawn, is := draw(rng, len(row), at)
			if !is {
				return other, false, nil
			}
			other.At.Rows = append(other.At.Rows, drawn)
		}
	}
	return other, ok, err
}

// draw draws as many of n as some, but not the same ones: others as far as there are
// enough.
func draw(rng *rand.Rand, n int, some []int) ([]int, bool) {
	if n <= len(some) {
		return nil, false
	}
	var others, own []int
	for _, i := range rng.Perm(n) {
		if slices.Contains(some, i) {
			own = append(own, i)
		} else {
			others = append(others, i)
		}
	}
	all := append(others, own...)[:len(some)]
	slices.Sort(all)
	return all, true
}

// activations are what inputs have at a site [input, coordinate], heads and positions
// one after another.
func (d *Data) activations(m *model.Model, s Site) (*array.Array, model.Provenance, error) {
	p := s.Point.In(s.At)
	run, err := m.Run(d.Prompts.Capture(p))
	if err != nil {
		return nil, model.Provenance{}, err
	}
	a := run.At(p)
	if err := a.Err(); err != nil {
		return nil, model.Provenance{}, err
	}
	n := len(d.Inputs)
	return array.Of(a.Values(), array.Dim("input", n), array.Dim("coordinate", len(a.Values())/n)), run.Provenance, nil
}
