package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// job checks a sweep and resolves it. left is how much padding stood before each
// row, encode as in Request.job.
func (s Sweep) job(c config.Config, encode func(text string) ([]int32, error)) (job plan.Sweep, left []int, err error) {
	fail := func(err error) (plan.Sweep, []int, error) { return plan.Sweep{}, nil, err }
	for _, r := range []Request{s.Base, s.Source} {
		if r.From != 0 || r.Until != 0 || r.Resid != nil {
			return fail(errors.New("sweep: the base and the source run from the embedding to the end; leave From, Resid and Until out"))
		}
	}
	if len(s.Variants) == 0 {
		return fail(errors.New("sweep: no variants; give at least one list of edits"))
	}
	if job.Base, left, err = s.Base.job(c, encode); err != nil {
		return fail(err)
	}
	if len(s.Base.Metrics) == 0 && len(s.Captures) == 0 {
		return fail(errors.New("sweep: nothing is read; give the base a metric, or the sweep a capture"))
	}
	if s.Source.err != nil {
		return fail(fmt.Errorf("sweep: source: %w", s.Source.err))
	}
	if s.Source.Rows != nil {
		source, _, err := s.Source.job(c, encode)
		if err != nil {
			return fail(fmt.Errorf("sweep: source: %w", err))
		}
		job.Source = &source
		if slices.ContainsFunc(s.Variants, func(v Variant) bool { return v.Donors == nil }) {
			if err := sameLengths(job.Base.Tokens, source.Tokens); err != nil {
				return fail(err)
			}
		}
	}
	k, err := newChecker(c, job.Base.Tokens)
	if err != nil {
		return fail(err)
	}
	k.allowed = allowed{base: true, source: s.Source.Rows != nil}
	all := slices.Clone(s.Base.Edits)
	for _, v := range s.Variants {
		all = append(all, v.Edits...)
	}
	for _, p := range s.Captures {
		if _, err := k.value(p, all); err != nil {
			return fail(err)
		}
	}
	for _, m := range s.Base.Metrics {
		if m.Functional.Value != "" {
			return fail(fmt.Errorf("sweep: metric %s: capture the labelled value of every variant instead", m))
		}
	}
	for i, v := range s.Variants {
		if err := k.variant(v, s.Source.Rows != nil); err != nil {
			return fail(fmt.Errorf("sweep: %s: %w", v.name(i), err))
		}
		if v.Donors != nil {
			if err := donors(v.Donors, job); err != nil {
				return fail(fmt.Errorf("sweep: %s: %w", v.name(i), err))
			}
		}
		job.Variants = append(job.Variants, plan.Variant{Edits: v.Edits, Rows: v.Rows, Donors: v.Donors})
	}
	job.Captures, job.Budget = s.Captures, s.Budget
	return job, left, nil
}

func sameLengths(base, source [][]int32) error {
	if len(base) != len(source) {
		return fmt.Errorf("sweep: the source has %d rows, the base %d; they are paired row by row, or by Donors of every variant", len(source), len(base))
	}
	for r := range base {
		if len(base[r]) != len(source[r]) {
			return fmt.Errorf("sweep: row %d of the source has %d tokens, that of the base %d; values are taken at the same position", r, len(source[r]), len(base[r]))
		}
	}
	return nil
}

// donors checks which rows of the source a variant's rows take from.
func donors(donors []int, job plan.Sweep) error {
	if job.Source == nil {
		return errors.New("donors, but the sweep has no source run")
	}
	return donorsOf(donors, job.Base.Tokens, job.Source.Tokens)
}

// donorsOf checks that each row of a base has a donor of its length in a source.
func donorsOf(donors []int, base, source [][]int32) error {
	if len(donors) != len(base) {
		return fmt.Errorf("%d donors for a batch of %d rows; each row needs one", len(donors), len(base))
	}
	for r, d := range donors {
		if d < 0 || d >= len(source) {
			return fmt.Errorf("donor %d of row %d does not exist; the source has %d rows", d, r, len(source))
		}
		if len(source[d]) != len(base[r]) {
			return fmt.Errorf("donor %d of row %d has %d tokens, the row %d; values are taken at the same position", d, r, len(source[d]), len(base[r]))
		}
	}
	return nil
}

// variant checks a variant's rows and edits.
func (k *checker) variant(v Variant, source bool) error {
	if v.Rows != nil && len(v.Rows) == 0 {
		return errors.New("it has no rows; leave them out to mean all")
	}
	for i, r := range v.Rows {
		if r < 0 || r >= len(k.lens) {
			return fmt.Errorf("row %d does not exist; the batch has %d", r, len(k.lens))
		}
		if slices.Contains(v.Rows[:i], r) {
			return fmt.Errorf("row %d is listed twice", r)
		}
	}
	for i, e := range v.Edits {
		if e.Op == hook.OpSource && !source {
			return fmt.Errorf("edit %s: the sweep has no source run", e)
		}
		if err := k.editIn(e, v.Rows); err != nil {
			return err
		}
		for _, earlier := range v.Edits[:i] {
			if e.Sets() && earlier.Op != hook.OpFreeze && k.overlap(earlier.Point, e.Point, v) {
				return fmt.Errorf("edit %s undoes edit %s, where both select the same values; select other heads or positions", e, earlier)
			}
		}
	}
	return nil
}

// overlap tells whether two points have a value in common in the rows that a
// variant runs.
func (k *checker) overlap(a, b hook.Point, v Variant) bool {
	meet := func(x, y []int) bool {
		return x == nil || y == nil || slices.ContainsFunc(x, func(i int) bool { return slices.Contains(y, i) })
	}
	if a.ID != b.ID || !meet(a.Heads, b.Heads) || !meet(a.Coords, b.Coords) {
		return false
	}
	for row, n := range k.lens {
		_, inA := a.Selects(row)
		_, inB := b.Selects(row)
		if v.runs(row) && inA && inB && meet(a.Pos.Of(row, n), b.Pos.Of(row, n)) {
			return true
		}
	}
	return false
}
