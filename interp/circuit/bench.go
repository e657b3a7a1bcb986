package circuit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A gone says that a part is knocked out, and where.
type gone struct {
	part Part
	at   []string // names of positions; none means everywhere
	rest bool     // everywhere but there
}

// A bench runs a task on a model with parts knocked out.
type bench struct {
	m *model.Model
	t *task.Task
	a Ablation
	*stock
	places     map[string][][]int // positions of each row by the names and the side
	provenance model.Provenance
}

func newBench(m *model.Model, t *task.Task, a Ablation) (*bench, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if t == nil || t.Len() == 0 {
		return nil, fmt.Errorf("the task has no prompts")
	}
	if err := t.Clean.Err(); err != nil {
		return nil, err
	}
	s, err := a.stockOf(m, t)
	if err != nil {
		return nil, err
	}
	return &bench{m: m, t: t, a: a, stock: s, places: map[string][][]int{}}, nil
}

// settings are the ablation with the size of its reference.
func (b *bench) settings() string {
	s := b.a.String()
	if b.a.Value == Zero {
		return s
	}
	s += fmt.Sprintf(", %d reference prompts", b.reference)
	if b.a.Value == TemplateMean {
		s += fmt.Sprintf(" for %d templates", len(b.groups()))
	}
	return s
}

// outside is what is gone when a circuit is all that is left.
func (b *bench) outside(c *Circuit) []gone {
	var list []gone
	for _, p := range b.a.parts(b.m) {
		switch n := c.find(p); {
		case n == nil:
			list = append(list, gone{part: p})
		case len(n.At) > 0 && b.a.Positions == Listed:
			list = append(list, gone{p, n.At, true})
		}
	}
	return list
}

// inside is what is gone when parts of a circuit are taken out of the model.
func (b *bench) inside(c *Circuit, parts []Part) []gone {
	var list []gone
	for _, p := range parts {
		g := gone{part: p}
		if n := c.find(p); n != nil && b.a.Positions == Listed {
			g.at = n.At
		}
		list = append(list, g)
	}
	return list
}

// everywhere is what is gone when parts are taken out of a circuit.
func everywhere(parts []Part) []gone {
	var list []gone
	for _, p := range parts {
		list = append(list, gone{part: p})
	}
	return list
}

// check holds a circuit against the model, the task and the ablation.
func (b *bench) check(c *Circuit) error {
	if err := c.Check(b.m); err != nil {
		return err
	}
	if len(c.Nodes) == 0 {
		return fmt.Errorf("circuit %q has no nodes", c.Name)
	}
	for _, n := range c.Nodes {
		if n.Part.Kind == KindMLP && b.a.Components == Heads {
			return fmt.Errorf("circuit %q has the node %s, but the ablation takes only heads away: no test would see it; ask for HeadsAndMLPs", c.Name, n.Part)
		}
		if _, err := b.positions(n.At, false); err != nil {
			return fmt.Errorf("circuit %q: node %s: %w", c.Name, n.Part, err)
		}
	}
	return nil
}

// positions are those of the names in each row, or the rest, rising.
func (b *bench) positions(names []string, rest bool) ([][]int, error) {
	key := fmt.Sprint(rest, strings.Join(names, "\x00"))
	if at, known := b.places[key]; known {
		return at, nil
	}
	at := make([][]int, b.t.Len())
	for _, name := range names {
		place, err := b.t.At(name)
		if err != nil {
			return nil, err
		}
		for row, ids := range b.t.Clean.IDs {
			for _, pos := range place.In(row) {
				if pos < -len(ids) || pos >= len(ids) {
					return nil, fmt.Errorf("task %s: %s stands at position %d of row %d, which has %d tokens", b.t.Name, name, pos, row, len(ids))
				}
				at[row] = append(at[row], (pos+len(ids))%len(ids))
			}
		}
	}
	for row, ids := range b.t.Clean.IDs {
		slices.Sort(at[row])
		at[row] = slices.Compact(at[row])
		if !rest {
			continue
		}
		others := []int{}
		for pos := range ids {
			if !slices.Contains(at[row], pos) {
				others = append(others, pos)
			}
		}
		at[row] = others
	}
	b.places[key] = at
	return at, nil
}

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
		p := g.part.point()
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
				edits = append(edits, p.Replace(b.values4(c, 0, []int{0})))
			}
			continue
		}
		for _, same := range b.together(c) {
			at := same.at
			if len(at) > 0 {
				edits = append(edits, c.point.Row(same.rows...).At(at...).Replace(b.values4(c, b.group[same.rows[0]], at)))
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

// values4 are a group's values at positions: [1, pos, head, d_head], or
// [1, pos, d_model] of an MLP.
func (b *bench) values4(c cut, group int, at []int) *array.Array {
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

// source is the run in which everything is gone: what variants take values from.
func (b *bench) source() (model.Request, error) {
	switch b.a.Value {
	case Zero:
		return model.Request{}, nil
	case Resample:
		rows := make([][]int32, len(b.drawn))
		for i, r := range b.drawn {
			rows[i] = b.from.IDs[r]
		}
		return model.Request{Rows: rows}, nil
	}
	edits, err := b.replaced(everywhere(b.a.parts(b.m)))
	return b.t.Clean.Edit(edits...), err
}

// run measures the model without some parts, and without each of several lists
// of parts more: the task's metric for each row.
func (b *bench) run(base []gone, variants [][]gone) (alone []float64, each [][]float64, err error) {
	edits, err := b.replaced(base)
	if err != nil {
		return nil, nil, err
	}
	request := b.t.Clean.Edit(edits...).Metric(b.t.Metric)
	if len(variants) == 0 {
		run, err := b.m.Run(request)
		if err != nil {
			return nil, nil, err
		}
		b.provenance = run.Provenance
		return float64s(run.PerRow(0).Values()), nil, nil
	}
	sweep := model.Sweep{Base: request}
	if sweep.Source, err = b.source(); err != nil {
		return nil, nil, err
	}
	for _, list := range variants {
		edits, err := b.taken(list)
		if err != nil {
			return nil, nil, err
		}
		sweep.Variants = append(sweep.Variants, model.Variant{Edits: edits})
	}
	got, err := b.m.Sweep(sweep)
	if err != nil {
		return nil, nil, err
	}
	b.provenance = got.Provenance
	values := got.PerRow(0).Values()
	for i := range variants {
		each = append(each, float64s(values[i*b.t.Len():][:b.t.Len()]))
	}
	return float64s(got.Base.PerRow(0).Values()), each, nil
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
