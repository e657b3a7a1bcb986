package circuit

import (
	"fmt"
	"strings"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A removal says that a part is knocked out, and where.
type removal struct {
	part graph.Part
	at   []string // names of positions; none means everywhere
	rest bool     // everywhere but there
	from []int    // the edges that are cut: which receivers read it no longer; nil means all
}

// outside is what is removed when a circuit is all that is left.
func (k *knockOut) outside(c *Circuit) []removal {
	if k.cutsEdges() {
		return k.outsideEdges(c)
	}
	nodes := c.byPart()
	var list []removal
	for _, p := range k.parts(k.Model.Config()) {
		switch n := nodes[p]; {
		case n == nil:
			list = append(list, removal{part: p})
		case len(n.At) > 0 && k.Where == Listed:
			list = append(list, removal{part: p, at: n.At, rest: true})
		}
	}
	return list
}

// byPart are the nodes by their parts.
func (c *Circuit) byPart() map[graph.Part]*Node {
	nodes := make(map[graph.Part]*Node, len(c.Nodes))
	for i := range c.Nodes {
		nodes[c.Nodes[i].Part] = &c.Nodes[i]
	}
	return nodes
}

// inside is what is removed when parts of a circuit are taken out of the model.
func (k *knockOut) inside(c *Circuit, parts []graph.Part) []removal {
	nodes := c.byPart()
	var list []removal
	for _, p := range parts {
		r := removal{part: p}
		if n := nodes[p]; n != nil && k.Where == Listed {
			r.at = n.At
		}
		list = append(list, r)
	}
	return list
}

// itself is what is removed when a circuit is taken out of the model: its nodes,
// or its edges if these are cut.
func (k *knockOut) itself(c *Circuit) []removal {
	if k.cutsEdges() {
		return k.insideEdges(c)
	}
	return k.inside(c, c.Parts())
}

// everywhere is what is removed when parts are taken out of a circuit.
func everywhere(parts []graph.Part) []removal {
	var list []removal
	for _, p := range parts {
		list = append(list, removal{part: p})
	}
	return list
}

// selected are where parts are removed: those of one activation at the same positions
// together, in rows with equally many positions.
func (k *knockOut) selected(list []removal) ([]hook.Point, error) {
	var all []hook.Point
	var at [][][]int
	index := map[string]int{}
	for _, r := range list {
		p := k.point(r.part)
		key := fmt.Sprint(p.ID, r.rest, strings.Join(r.at, "\x00"))
		i, known := index[key]
		if !known {
			var places [][]int
			if len(r.at) > 0 {
				var err error
				if places, err = k.positions(r.at, r.rest); err != nil {
					return nil, err
				}
			}
			i = len(all)
			index[key] = i
			all, at = append(all, p), append(at, places)
		}
		if r.part.IsHead() {
			all[i].Heads = append(all[i].Heads, r.part.Index)
		}
	}
	var points []hook.Point
	for i, p := range all {
		points = append(points, evenly(p, at[i])...)
	}
	return points, nil
}

// evenly are points that select positions of each row, in rows with equally many
// of them; nil are all positions.
func evenly(p hook.Point, at [][]int) []hook.Point {
	if at == nil {
		return []hook.Point{p}
	}
	byCount := map[int][]int{}
	var counts []int
	for row, places := range at {
		if byCount[len(places)] == nil {
			counts = append(counts, len(places))
		}
		byCount[len(places)] = append(byCount[len(places)], row)
	}
	var points []hook.Point
	for _, n := range counts {
		if n == 0 {
			continue
		}
		q := p
		if len(counts) > 1 {
			q = p.Row(byCount[n]...)
		}
		q.Pos.Rows = make([][]int, len(at))
		for row, places := range at {
			if len(places) != n {
				places = make([]int, n) // of a row that is not selected
			}
			q.Pos.Rows[row] = places
		}
		points = append(points, q)
	}
	return points
}

// run measures the model without some parts, and without each of several lists of
// parts more: the task's metric for each row.
func (k *knockOut) run(base []removal, variants [][]removal) (alone []float64, each [][]float64, err error) {
	if k.cutsEdges() {
		return k.runEdges(base, variants)
	}
	points, err := k.selected(base)
	if err != nil {
		return nil, nil, err
	}
	edits, err := k.values.Edits(points...)
	if err != nil {
		return nil, nil, err
	}
	request := k.Task.Clean.Edit(edits...).Metric(k.Task.Metric)
	if len(variants) == 0 {
		run, err := k.Model.Run(request)
		if err != nil {
			return nil, nil, err
		}
		k.provenance = run.Provenance
		return float64s(run.PerRow(0).Values()), nil, nil
	}
	sweep := model.Sweep{Base: request}
	if sweep.Source, err = k.values.Source(); err != nil {
		return nil, nil, err
	}
	for _, list := range variants {
		points, err := k.selected(list)
		if err != nil {
			return nil, nil, err
		}
		var v model.Variant
		for _, p := range points {
			v.Edits = append(v.Edits, k.values.Take(p))
		}
		sweep.Variants = append(sweep.Variants, v)
	}
	got, err := k.Model.Sweep(sweep)
	if err != nil {
		return nil, nil, err
	}
	k.provenance = got.Provenance
	values, n := got.PerRow(0).Values(), k.Task.Len()
	for i := range variants {
		each = append(each, float64s(values[i*n:][:n]))
	}
	return float64s(got.Base.PerRow(0).Values()), each, nil
}

// ends are F(M) and F(∅) of each row: the model, and everything removed.
func (k *knockOut) ends() (whole, empty []float64, err error) {
	whole, runs, err := k.run(nil, [][]removal{k.outside(&Circuit{})})
	if err != nil {
		return nil, nil, err
	}
	return whole, runs[0], nil
}

func float64s(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
