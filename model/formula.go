package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// compute checks an edit by a formula.
func (k *checker) compute(e hook.Edit) error {
	shapes := k.FormulaShapes(e.Point)
	shapes.Base, shapes.Source, shapes.Free = k.base, k.source, k.free
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
	for r, n := range k.lens {
		if p.Batch != nil && !slices.Contains(p.Batch, r) {
			continue
		}
		at := hook.Positions{Rows: s.Rows}.In(r)
		if len(at) != len(p.Pos.In(r)) {
			return fmt.Errorf("row %d: the formula reads the %s run at %d positions, the point selects %d", r, s.Op, len(at), len(p.Pos.In(r)))
		}
		if s.Op == formula.OpSource && k.donors != nil {
			n = k.donors[r]
		}
		for _, pos := range at {
			if pos < -n || pos >= n {
				return fmt.Errorf("position %d does not exist in row %d of the %s run, of %d tokens", pos, r, s.Op, n)
			}
		}
	}
	return nil
}

// tensors checks names of tensors of the edits' formulas.
func (k *checker) tensors(names []string) error {
	var known []string
	for _, e := range k.edits {
		for _, t := range e.Formula.Tensors() {
			known = append(known, t.Name)
		}
	}
	for i, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("request: the gradient of tensor %q is wanted; the formulas of the edits have %q", name, known)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("request: the gradient of tensor %q is wanted twice", name)
		}
	}
	return nil
}

// oneEach checks that tensors of one name are the same in all formulas.
func oneEach(edits []hook.Edit) error {
	shapes := map[string]formula.Step{}
	for _, e := range edits {
		for _, t := range e.Formula.Tensors() {
			if s, ok := shapes[t.Name]; ok && !slices.Equal(s.Shape, t.Shape) {
				return fmt.Errorf("edit %s: tensor %s has shape %v here and %v in another formula; give each its own name",
					e.Point, t.Name, formula.Dims(t.Shape), formula.Dims(s.Shape))
			}
			shapes[t.Name] = t
		}
	}
	return nil
}
