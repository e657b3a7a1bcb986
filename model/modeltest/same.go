package modeltest

import (
	"fmt"
	"math"
	"reflect"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// SameBits tells whether arrays hold the same bits under the same axes.
func SameBits(a, b *array.Array) error {
	if !reflect.DeepEqual(a.Axes(), b.Axes()) || a.Title() != b.Title() || a.Unit() != b.Unit() {
		return fmt.Errorf("%q %v is not %q %v", a.Title(), a.Axes(), b.Title(), b.Axes())
	}
	for i, v := range a.Values() {
		if w := b.Values()[i]; math.Float32bits(v) != math.Float32bits(w) {
			return fmt.Errorf("%s: value %d is %g and %g", a.Title(), i, v, w)
		}
	}
	return nil
}

// SameSweep tells whether two sweeps gave the same, to the last bit.
func SameSweep(want, got *model.SweepResult) error {
	a, b := arraysOf(want), arraysOf(got)
	if len(a) != len(b) || want.Request != got.Request {
		return fmt.Errorf("%d arrays of request %.12s, and %d of %.12s", len(a), want.Request, len(b), got.Request)
	}
	for i := range a {
		if err := SameBits(a[i], b[i]); err != nil {
			return err
		}
	}
	return nil
}

func arraysOf(r *model.SweepResult) (all []*array.Array) {
	all = append(all, r.Metrics...)
	for _, c := range r.Captures {
		all = append(all, c.Array)
	}
	for _, run := range []*model.Result{r.Base, r.Source} {
		if run == nil {
			continue
		}
		all = append(all, run.Metrics...)
		for _, c := range append(run.Captures, run.Grads...) {
			all = append(all, c.Array)
		}
	}
	return all
}

// SameTally tells whether all that is read of two tallies is the same: sums round to
// the same, whichever way they were added up.
func SameTally(want, got *model.TallyResult) error {
	if want.Rows != got.Rows || want.Tokens != got.Tokens || want.Request != got.Request {
		return fmt.Errorf("%d rows of %d tokens, and %d of %d", want.Rows, want.Tokens, got.Rows, got.Tokens)
	}
	for k, r := range want.Reducers {
		a, b := *want.States[k], *got.States[k]
		for i := range a.Sum {
			if a.Sum[i].Value() != b.Sum[i].Value() || a.Squares[i].Value() != b.Squares[i].Value() {
				return fmt.Errorf("%s: sum %d is %v and %v", r, i, a.Sum[i], b.Sum[i])
			}
		}
		a.Sum, b.Sum, a.Squares, b.Squares = nil, nil, nil, nil
		if !reflect.DeepEqual(a, b) {
			return fmt.Errorf("%s: the states differ", r)
		}
	}
	return nil
}
