package circuit

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A cut is the parts of one activation that are gone at the same positions.
type cut struct {
	point hook.Point
	at    [][]int // of each row; nil means all
}

// cuts puts what is gone together by activation and positions.
func (b *bench) cuts(list []gone) ([]cut, error) {
	var all []cut
	index := map[string]int{}
	for _, g := range list {
		var at [][]int
		if len(g.at) > 0 {
			var err error
			if at, err = b.positions(g.at, g.rest); err != nil {
				return nil, err
			}
		}
		p := b.a.point(g.part)
		key := fmt.Sprint(p.ID, g.rest, strings.Join(g.at, "\x00"))
		i, known := index[key]
		if !known {
			i = len(all)
			index[key] = i
			all = append(all, cut{p, at})
		}
		if g.part.Kind == KindHead {
			all[i].point.Heads = append(all[i].point.Heads, g.part.Index)
		}
	}
	return all, nil
}

// taken are the edits of a sweep's variant that take parts away: their values
// come from the source run.
func (b *bench) taken(list []gone) ([]hook.Edit, error) {
	cuts, err := b.cuts(list)
	if err != nil {
		return nil, err
	}
	var edits []hook.Edit
	for _, c := range cuts {
		for _, p := range c.evenly() {
			if b.a.Value == Zero {
				edits = append(edits, p.Zero())
			} else {
				edits = append(edits, p.FromSource())
			}
		}
	}
	return edits, nil
}

// evenly are points that select the cut's positions, in rows with equally many
// of them.
func (c cut) evenly() []hook.Point {
	if c.at == nil {
		return []hook.Point{c.point}
	}
	byCount := map[int][]int{}
	var counts []int
	for row, at := range c.at {
		if byCount[len(at)] == nil {
			counts = append(counts, len(at))
		}
		byCount[len(at)] = append(byCount[len(at)], row)
	}
	var points []hook.Point
	for _, n := range counts {
		if n == 0 {
			continue
		}
		p := c.point
		if len(counts) > 1 {
			p = p.Row(byCount[n]...)
		}
		p.Pos.Rows = make([][]int, len(c.at))
		for row, at := range c.at {
			if len(at) != n {
				at = make([]int, n) // of a row that is not selected
			}
			p.Pos.Rows[row] = at
		}
		points = append(points, p)
	}
	return points
}

// replaced are the edits of any run that take parts away: with their values.
func (b *bench) replaced(list []gone) ([]hook.Edit, error) {
	if b.a.Value == Zero {
		return b.taken(list)
	}
	cuts, err := b.cuts(list)
	if err != nil {
		return nil, err
	}
	var edits []hook.Edit
	for _, c := range cuts {
		if b.uniform {
			for _, p := range c.evenly() {
				edits = append(edits, p.Replace(b.valuesAt(c, 0, []int{0})))
			}
			continue
		}
		for _, same := range b.together(c) {
			at := same.at
			if len(at) > 0 {
				edits = append(edits, c.point.Row(same.rows...).At(at...).Replace(b.valuesAt(c, b.group[same.rows[0]], at)))
			}
		}
	}
	return edits, nil
}

// A bunch is rows of one group that are cut at the same positions.
type bunch struct {
	rows, at []int
}

func (b *bench) together(c cut) []bunch {
	var all []bunch
	index := map[string]int{}
	for row, ids := range b.t.Clean.IDs {
		at := make([]int, 0, len(ids))
		if c.at != nil {
			at = c.at[row]
		} else {
			for pos := range ids {
				at = append(at, pos)
			}
		}
		key := fmt.Sprint(b.group[row], at)
		i, known := index[key]
		if !known {
			i = len(all)
			index[key] = i
			all = append(all, bunch{at: at})
		}
		all[i].rows = append(all[i].rows, row)
	}
	return all
}

// valuesAt are a group's values at positions: [1, pos, head, d_head], or
// [1, pos, d_model] of an MLP.
func (b *bench) valuesAt(c cut, group int, at []int) *array.Array {
	conf, all := b.m.Config(), b.values[c.point.ID][group]
	if c.point.Kind == hook.KindMLPOut {
		out := make([]float32, 0, len(at)*conf.DModel)
		for _, pos := range at {
			out = append(out, all[pos*conf.DModel:][:conf.DModel]...)
		}
		return array.Of(out, array.Dim("batch", 1), array.Dim("pos", len(at)), array.Dim("d_model", conf.DModel))
	}
	out := make([]float32, 0, len(at)*len(c.point.Heads)*conf.DHead)
	for _, pos := range at {
		for _, h := range c.point.Heads {
			out = append(out, all[(pos*conf.Heads+h)*conf.DHead:][:conf.DHead]...)
		}
	}
	return array.Of(out, array.Dim("batch", 1), array.Dim("pos", len(at)), array.Dim("head", len(c.point.Heads)), array.Dim("d_head", conf.DHead))
}
