//go:build !golens_cell

package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// compute checks an edit by a formula; base and source tell whether there are
// such runs.
func (k *checker) compute(e hook.Edit, base, source bool) error {
	shapes := arch.FormulaShapes(k.Config, e.Point)
	shapes.Base, shapes.Source = base, source
	dims, err := e.Formula.Check(shapes)
	if err != nil {
		return fmt.Errorf("edit %s: %w", e.Point, err)
	}
	here := shapes.Here
	fits := len(dims) <= len(here)
	for i := range dims {
		fits = fits && (dims[len(dims)-1-i] == 1 || dims[len(dims)-1-i] == here[len(here)-1-i])
	}
	if !fits {
		return fmt.Errorf("edit %s: the formula's value has shape %v; the activation has %v\n\t%s",
			e.Point, formula.Dims(dims), formula.Dims(here), e.Formula)
	}
	for _, s := range e.Formula.Steps {
		if s.Rows == nil {
			continue
		}
		if err := k.elsewhere(e.Point, s); err != nil {
			return fmt.Errorf("edit %s: %w", e.Point, err)
		}
	}
	return nil
}

// elsewhere checks positions of another run that a formula reads: as many as the
// point selects.
func (k *checker) elsewhere(p hook.Point, s formula.Step) error {
	if p.Pos.All() {
		return fmt.Errorf("the formula reads the %s run at positions %v; select as many positions of the point, by At", s.Op, s.Rows)
	}
	if len(s.Rows) != 1 && len(s.Rows) != len(k.lens) {
		return fmt.Errorf("the formula reads the %s run at positions of %d rows for a batch of %d; give one list, or one per row", s.Op, len(s.Rows), len(k.lens))
	}
	for r := range k.lens {
		if p.Batch != nil && !slices.Contains(p.Batch, r) {
			continue
		}
		at := hook.Positions{Rows: s.Rows}.In(r)
		if len(at) != len(p.Pos.In(r)) {
			return fmt.Errorf("row %d: the formula reads the %s run at %d positions, the point selects %d", r, s.Op, len(at), len(p.Pos.In(r)))
		}
	}
	return nil
}
