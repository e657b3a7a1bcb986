package patch

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A donor gives the values that take the place of what is ablated.
type donor struct {
	value Value
	lens  []int // of the prompts
	from  map[hook.ID]*array.Array
	row   []int // of from, for each prompt
}

// donor takes the values at the points from the reference, one pass.
func (a Ablation) donor(m *model.Model, prompts model.Prompts, points []hook.Point) (*donor, error) {
	fail := func(format string, args ...any) (*donor, error) {
		return nil, fmt.Errorf("ablation: "+format, args...)
	}
	if err := prompts.Err(); err != nil {
		return fail("%w", err)
	}
	if a.Value < Zero || a.Value > Resample {
		return fail("%s is not known", a.Value)
	}
	d := &donor{value: a.Value, from: map[hook.ID]*array.Array{}, row: make([]int, len(prompts.IDs))}
	for _, row := range prompts.IDs {
		d.lens = append(d.lens, len(row))
	}
	if a.Value == Zero {
		return d, nil
	}
	from := prompts
	if len(a.Reference.IDs) > 0 || a.Reference.Err() != nil {
		from = a.Reference
	}
	request := from.Request()
	for _, p := range points {
		if a.Value == Mean && slices.Contains(p.Kind.Axes(), hook.Key) {
			return fail("the mean of %s over tokens mixes rows of attention of different lengths; use PositionMean", p.Kind)
		}
		if !slices.ContainsFunc(request.Captures, func(q hook.Point) bool { return q.ID == p.ID }) {
			request = request.Capture(p.Whole())
		}
	}
	run, err := m.Run(request)
	if err != nil {
		return fail("reference: %w", err)
	}
	groups, err := a.groups(prompts, from, d)
	if err != nil {
		return fail("%w", err)
	}
	for _, c := range run.Captures {
		if d.from[c.Point.ID], err = reduce(a.Value, c.Array, groups); err != nil {
			return fail("%w", err)
		}
	}
	return d, nil
}

// reduce averages a captured activation over groups of rows [group, ...], or
// over all tokens, each counted once [1, 1, ...].
func reduce(v Value, a *array.Array, groups [][]int) (*array.Array, error) {
	if v == Mean {
		names := slices.Clone(a.Axes())
		names[0], names[1] = array.Dim(hook.Batch, 1), array.Dim(hook.Pos, 1)
		shape := a.Shape()
		flat := array.Of(a.Values(), append([]array.Axis{array.Dim("token", shape[0]*shape[1])}, a.Axes()[2:]...)...)
		mean := flat.Mean("token") // tokens past the end of their row are NaN and do not count
		return array.Of(mean.Values(), names...), mean.Err()
	}
	axes := slices.Clone(a.Axes())
	axes[0] = array.Dim(hook.Batch, len(groups))
	var values []float32
	for _, g := range groups {
		mean := a.Select(hook.Batch, g...).Mean(hook.Batch)
		if err := mean.Err(); err != nil {
			return nil, err
		}
		values = append(values, mean.Values()...)
	}
	out := array.Of(values, axes...)
	return out, out.Err()
}

// edit puts the donor's values at a point, in all its rows.
func (d *donor) edit(p hook.Point) (hook.Edit, error) {
	if d.value == Zero {
		return p.Zero(), nil
	}
	from := d.from[p.ID]
	rows := p.Batch
	if rows == nil {
		rows = upTo(len(d.lens))
	}
	if d.value == Mean || d.value == PositionMean && len(p.Pos.Rows) <= 1 {
		rows = rows[:1] // all rows get the same
	}
	var values []float32
	var shape []int
	for _, r := range rows {
		part, s, err := d.gather(from, p, r)
		if err != nil {
			return hook.Edit{}, fmt.Errorf("ablation: %s: %w", p, err)
		}
		values, shape = append(values, part...), s
	}
	axes := []array.Axis{array.Dim(hook.Batch, len(rows))}
	for i, n := range shape {
		axes = append(axes, array.Dim(p.Kind.Axes()[i+1], n))
	}
	a := array.Of(values, axes...)
	if len(rows) == 1 {
		a = a.Squeeze(hook.Batch)
	}
	return p.Replace(a), a.Err()
}

// gather is the selected part of the donor's values for one row, without a batch
// axis. What does not exist, past the end of the row, is zero: it is not used.
func (d *donor) gather(from *array.Array, p hook.Point, row int) (values []float32, shape []int, err error) {
	dims := from.Shape()
	pick := make([][]int, len(dims)-1)
	for i := range pick {
		pick[i] = upTo(dims[i+1])
		switch {
		case i+1 == p.Kind.PositionAxis() && dims[i+1] > 1 && p.Pos.In(row) != nil:
			pick[i] = slices.Clone(p.Pos.In(row))
			for k, pos := range pick[i] {
				if pos < 0 {
					pick[i][k] = pos + d.lens[row]
				}
			}
		case i+1 == p.Kind.HeadAxis() && p.Heads != nil:
			pick[i] = p.Heads
		case i == len(pick)-1 && p.Coords != nil:
			pick[i] = p.Coords
		}
		shape = append(shape, len(pick[i]))
	}
	one := from.Select(from.Axes()[0].Name, d.row[row])
	for i, list := range pick {
		if i+1 == p.Kind.PositionAxis() {
			list = slices.Clone(list)
			for k, pos := range list {
				list[k] = min(max(pos, 0), dims[i+1]-1) // rows too short for the position do not run
			}
		}
		one = one.Select(from.Axes()[i+1].Name, list...)
	}
	if err := one.Err(); err != nil {
		return nil, nil, err
	}
	return finite(one.Values()), shape, nil
}

// finite puts 0 for NaN, which would spread from padding into attention.
func finite(values []float32) []float32 {
	out := slices.Clone(values)
	for i, v := range out {
		if v != v {
			out[i] = 0
		}
	}
	return out
}
