package circuit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// A gone says that a part is knocked out, and where.
type gone struct {
	part Part
	at   []string   // names of positions; none means everywhere
	rest bool       // everywhere but there
	from []receiver // the edges that are cut: who reads it no longer; nil means everybody
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
	if b.a.cutsEdges() {
		return b.outsideEdges(c)
	}
	var list []gone
	for _, p := range b.a.parts(b.m) {
		switch n := c.find(p); {
		case n == nil:
			list = append(list, gone{part: p})
		case len(n.At) > 0 && b.a.Positions == Listed:
			list = append(list, gone{part: p, at: n.At, rest: true})
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
	if b.a.cutsEdges() {
		if err := b.checkEdges(c); err != nil {
			return fmt.Errorf("circuit %q: %w", c.Name, err)
		}
	}
	for _, n := range c.Nodes {
		if n.Part.Kind == KindMLP && !b.a.takesMLPs() {
			return fmt.Errorf("circuit %q has the node %s, but the ablation takes only heads away: no test would see it; ask for HeadsAndMLPs, or Edges", c.Name, n.Part)
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
	if b.a.cutsEdges() {
		return b.runEdges(base, variants)
	}
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
