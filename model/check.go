package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// checker holds a request against a model. Everything that can be wrong with a
// request is found here, before anything runs.
type checker struct {
	config.Config
	lens   []int                              // tokens of each row
	encode func(text string) ([]int32, error) // nil where no tokenizer is at hand
}

// strip takes the padding off the rows. left is how much stood before each.
func strip(req Request) (rows [][]int32, left []int, err error) {
	left = make([]int, len(req.Rows))
	if req.Mask == nil {
		return req.Rows, left, nil
	}
	if len(req.Mask) != len(req.Rows) {
		return nil, nil, fmt.Errorf("request: %d rows but a mask of %d", len(req.Rows), len(req.Mask))
	}
	rows = make([][]int32, len(req.Rows))
	for r, row := range req.Rows {
		mask := req.Mask[r]
		if len(mask) != len(row) {
			return nil, nil, fmt.Errorf("request: row %d has %d tokens but a mask of %d", r, len(row), len(mask))
		}
		first := max(0, slices.Index(mask, true))
		end := len(mask)
		for end > first && !mask[end-1] {
			end--
		}
		if slices.Contains(mask[first:end], false) {
			return nil, nil, fmt.Errorf("request: row %d has padding between its tokens; it must stand at one end", r)
		}
		rows[r], left[r] = row[first:end], first
	}
	return rows, left, nil
}

func newChecker(c config.Config, rows [][]int32) (*checker, error) {
	if len(rows) == 0 {
		return nil, errNoRows
	}
	k := &checker{Config: c}
	for r, row := range rows {
		switch {
		case len(row) == 0:
			return nil, fmt.Errorf("request: row %d is empty; a prompt needs at least one token", r)
		case len(row) > c.Context:
			return nil, fmt.Errorf("request: row %d has %d tokens; the model's context holds %d", r, len(row), c.Context)
		}
		for i, id := range row {
			if id < 0 || int(id) >= c.Vocab {
				return nil, fmt.Errorf("request: row %d position %d: token %d is outside of the vocabulary of %d", r, i, id, c.Vocab)
			}
		}
		k.lens = append(k.lens, len(row))
	}
	return k, nil
}

// point checks that all a point selects exists.
func (k *checker) point(p hook.Point) error { return k.pointIn(p, nil) }

// pointIn is point for those rows of the batch, or all.
func (k *checker) pointIn(p hook.Point, rows []int) error {
	if !k.Has(p.ID) {
		return k.noSuch(p)
	}
	axes := p.Kind.Axes()
	dims := k.Config.Dims(p.Kind, slices.Max(k.lens))
	if axis := p.Kind.HeadAxis(); p.Heads != nil {
		if axis < 0 {
			return fmt.Errorf("hook %s has no heads; its axes are %v", p.ID, axes)
		}
		if err := inside(p, "head", p.Heads, dims[axis-1]); err != nil {
			return err
		}
	}
	if p.Batch != nil {
		if err := inside(p, "row", p.Batch, len(k.lens)); err != nil {
			return err
		}
	}
	if p.Coords != nil {
		if err := inside(p, axes[len(axes)-1], p.Coords, dims[len(dims)-1]); err != nil {
			return err
		}
	}
	if rows == nil {
		rows = p.Batch
	} else if p.Batch != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r int) bool { return !slices.Contains(p.Batch, r) })
	}
	return k.positions(p.ID.String(), p.Pos, rows)
}

// positions checks that every row that is meant has the positions.
func (k *checker) positions(what string, p hook.Positions, batch []int) error {
	if p.All() {
		return nil
	}
	if len(p.Rows) != 1 && len(p.Rows) != len(k.lens) {
		return fmt.Errorf("%s: positions of %d rows for a batch of %d; give one list, or one per row", what, len(p.Rows), len(k.lens))
	}
	for r, n := range k.lens {
		if batch != nil && !slices.Contains(batch, r) {
			continue
		}
		at := p.In(r)
		if len(at) == 0 || len(at) != len(p.Rows[0]) {
			return fmt.Errorf("%s: row %d has %d positions, row 0 has %d; each row needs equally many, at least one", what, r, len(at), len(p.Rows[0]))
		}
		for _, pos := range at {
			if pos < -n || pos >= n {
				return fmt.Errorf("%s: position %d does not exist in row %d of %d tokens", what, pos, r, n)
			}
		}
	}
	return nil
}

func (k *checker) noSuch(p hook.Point) error {
	if !p.Kind.Valid() {
		_, err := hook.Parse(p.String())
		return err
	}
	if !p.Kind.Global() && (p.Layer < 0 || p.Layer >= k.Layers) {
		return fmt.Errorf("hook %s: the model has layers 0 to %d", p.ID, k.Layers-1)
	}
	if p.Kind == hook.KindLogits && k.Headless {
		return fmt.Errorf("hook %s: %w", p.ID, errHeadless)
	}
	if p.Kind == hook.KindAttnIn {
		return fmt.Errorf("hook %s: %d query heads share %d key-value heads here; use hook_q_input, hook_k_input and hook_v_input", p.ID, k.Heads, k.KVHeads)
	}
	return fmt.Errorf("hook %s: this model has no such activation (%s)", p.ID, k.Config)
}

func inside(p hook.Point, axis string, indices []int, n int) error {
	if len(indices) == 0 {
		return fmt.Errorf("hook %s: a selection of nothing, no %s; leave it out to mean all", p.ID, axis)
	}
	for i, v := range indices {
		if v < 0 || v >= n {
			return fmt.Errorf("hook %s: %s %d does not exist; there are %d (0 to %d)", p.ID, axis, v, n, n-1)
		}
		if slices.Contains(indices[:i], v) {
			return fmt.Errorf("hook %s: %s %d is listed twice", p.ID, axis, v)
		}
	}
	return nil
}

// edit checks an edit of a run that is not part of a sweep.
func (k *checker) edit(e hook.Edit) error {
	if e.Op == hook.OpFreeze || e.Op == hook.OpSource {
		return fmt.Errorf("edit %s: only the variants of a sweep have a base and a source to take values from", e)
	}
	return k.editIn(e, nil)
}

// editIn checks an edit's point, operation and shape of values, for those rows
// of the batch, or all.
func (k *checker) editIn(e hook.Edit, rows []int) error {
	if err := k.pointIn(e.Point, rows); err != nil {
		return err
	}
	switch e.Op {
	case hook.OpFreeze, hook.OpSource:
		return nil
	case hook.OpScale:
		return nil
	case hook.OpClamp:
		if !(e.Lo <= e.Hi) {
			return fmt.Errorf("edit %s: the lower bound is above the upper", e)
		}
		return nil
	case hook.OpReplace, hook.OpAdd:
		return k.fits(e)
	case hook.OpProject:
		dims := k.Config.Dims(e.Kind, slices.Max(k.lens))
		last := dims[len(dims)-1]
		if e.Coords != nil || len(e.Values) != last || len(e.Shape) != 1 {
			return fmt.Errorf("edit %s: a direction is one vector of length %d over the whole last axis", e, last)
		}
		if !slices.ContainsFunc(e.Values, func(v float32) bool { return v != 0 }) {
			return fmt.Errorf("edit %s: the direction is zero", e)
		}
		return nil
	}
	return fmt.Errorf("edit %s: operation %q is not known", e.Point, e.Op)
}

// fits checks that an edit's values broadcast to the selected part.
func (k *checker) fits(e hook.Edit) error {
	n := 1
	for _, d := range e.Shape {
		n *= d
	}
	if n != len(e.Values) || len(e.Values) == 0 {
		return fmt.Errorf("edit %s: %d values do not have shape %v", e, len(e.Values), e.Shape)
	}
	want := k.Selected(e.Point, len(k.lens), slices.Max(k.lens))
	if len(e.Shape) > len(want) {
		return fmt.Errorf("edit %s: values of shape %v do not broadcast to the selection %v", e, e.Shape, want)
	}
	for i := range e.Shape {
		have, need := e.Shape[len(e.Shape)-1-i], want[len(want)-1-i]
		if have != 1 && have != need {
			return fmt.Errorf("edit %s: values of shape %v do not broadcast to the selection %v", e, e.Shape, want)
		}
	}
	return nil
}

// span checks where the run starts and stops, and finds the layer before which
// it may stop: nothing beyond is asked for.
func (k *checker) span(r Request) (until int, err error) {
	if r.From < 0 || r.From > k.Layers {
		return 0, fmt.Errorf("request: cannot start at layer %d; the model has 0 to %d, and %d is the unembedding", r.From, k.Layers-1, k.Layers)
	}
	if r.From > 0 {
		want := []int{len(k.lens), slices.Max(k.lens), k.DModel}
		if err := r.Resid.Err(); err != nil {
			return 0, fmt.Errorf("request: to start at layer %d the residual stream into it is needed: %w", r.From, err)
		}
		if got := r.Resid.Shape(); !slices.Equal(got, want) {
			return 0, fmt.Errorf("request: the residual stream into layer %d has shape %v; [batch, pos, d_model] is %v here", r.From, got, want)
		}
	}
	if r.Until < 0 || r.Until > k.Layers || r.Until != 0 && r.Until <= r.From {
		return 0, fmt.Errorf("request: cannot run layers %d up to %d; the model has 0 to %d", r.From, r.Until, k.Layers-1)
	}
	need := r.From
	points := slices.Concat(r.Captures, r.Grads)
	for _, m := range r.Metrics {
		if m.Kind != KindLinear {
			need = k.Layers
			continue
		}
		points = append(points, m.Functional.Point)
	}
	for _, p := range points {
		switch {
		case p.Kind == hook.KindEmbed || p.Kind == hook.KindPosEmbed:
			if r.From > 0 {
				return 0, fmt.Errorf("hook %s: the run starts at layer %d, after the embedding", p.ID, r.From)
			}
		case p.Kind.Global():
			need = k.Layers
		case p.Layer < r.From:
			return 0, fmt.Errorf("hook %s: the run starts at layer %d", p.ID, r.From)
		default:
			need = max(need, p.Layer+1)
		}
	}
	if r.Until != 0 && need > r.Until {
		return 0, fmt.Errorf("request: something is read at layer %d or after it, but the run stops before layer %d", need-1, r.Until)
	}
	return need, nil
}

// within checks that captures of these shapes keep to a budget of bytes, 0 for
// the usual one; field is its name.
func within(budget int64, shapes [][]int, field string) error {
	if budget == 0 {
		budget = defaultBudget
	}
	size := int64(0)
	for _, shape := range shapes {
		n := int64(4) // bytes of a float32
		for _, d := range shape {
			n *= int64(d)
		}
		size += n
	}
	if size > budget {
		return fmt.Errorf("captures of %.2f GB are over the budget of %.2f GB; select heads or positions, or raise %s",
			float64(size)/1e9, float64(budget)/1e9, field)
	}
	return nil
}

// gradients checks that there is something to differentiate.
func (k *checker) gradients(r Request) error {
	of := r.gradOf()
	if len(of) == 0 && len(r.Grads) == 0 {
		return nil
	}
	if len(r.Metrics) == 0 || len(of) == 0 {
		return fmt.Errorf("request: gradients need a metric to differentiate")
	}
	if len(r.Grads) == 0 {
		return fmt.Errorf("request: gradients of metrics %v are wanted, but nowhere; name hook points in Grads", of)
	}
	for i, k := range of {
		if k < 0 || k >= len(r.Metrics) {
			return fmt.Errorf("request: the gradient of metric %d is wanted; there are %d metrics, from 0", k, len(r.Metrics))
		}
		if slices.Contains(of[:i], k) {
			return fmt.Errorf("request: the gradient of metric %d is wanted twice", k)
		}
		if m := r.Metrics[k]; !m.differentiable() {
			return fmt.Errorf("request: the metric %q has no gradient; use the log probability or the logit difference", m.Kind)
		}
	}
	return nil
}

// shift puts whole arrays back to the columns that padded rows came in.
func shift(a *array.Array, p hook.Point, left []int, r Request) *array.Array {
	if r.Mask == nil {
		return a
	}
	width := 0
	for _, row := range r.Rows {
		width = max(width, len(row))
	}
	for _, axis := range []string{hook.Pos, hook.Query, hook.Key} {
		chosen := axis == hook.Key && p.Coords != nil || axis != hook.Key && !p.Pos.All()
		if a.Dim(axis) > 0 && !chosen {
			a = a.Shift(axis, width, func(row int) int {
				if p.Batch != nil {
					row = p.Batch[row]
				}
				return left[row]
			})
		}
	}
	return a
}
