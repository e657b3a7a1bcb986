package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// manyLinks is the most links that are drawn one by one: with more of them lines
// cover lines, and the figure is a map of the layers instead.
const manyLinks = 400

// layers is a map of which layer reads from which: the sizes of the effects of all
// links between them, added up.
func (n *network) layers(o options) *scene {
	names := axis{n: len(n.rows)}
	for _, l := range n.rows {
		names.labels = append(names.labels, n.rowName(l))
	}
	rows, cols := names, names
	rows.name, cols.name = "reads", "is read"
	count := names.n * names.n
	sum, links, best := make([]float64, count), make([]int, count), make([]link, count)
	for _, l := range n.links {
		i := n.nodes[l.to].row*names.n + n.nodes[l.from].row
		sum[i] += math.Abs(l.effect)
		links[i]++
		if links[i] == 1 || math.Abs(l.effect) > math.Abs(best[i].effect) {
			best[i] = l
		}
	}
	for i := range sum {
		if links[i] == 0 {
			sum[i] = math.NaN()
		}
	}
	lo, hi := bounds(sum)
	h := heat{rows: rows, cols: cols, square: true, maxCell: 44, scale: newScale(lo, hi, "", o), unit: n.unit, panels: []panel{{vals: sum}}}
	h.panels[0].masked = make([]bool, count)
	for i, k := range links {
		h.panels[0].masked[i] = k == 0
	}
	h.tip = func(_ panel, r, c int) string {
		i := r*names.n + c
		return fmt.Sprintf("%s reads %s: %s, %s in all; strongest %s: %s", rows.label(r), cols.label(c), counted(links[i], "edge"),
			withUnit(sum[i], n.unit), n.name(best[i]), withUnit(best[i].effect, n.unit))
	}
	o.caption = fmt.Sprintf("%d edges between %d nodes, by layer: the sizes of their effects, added up. %s", len(n.links), len(n.nodes), o.caption)
	return h.draw(o)
}

// rowName names a layer: by its number, or by the node that is alone in it.
func (n *network) rowName(layer int) string {
	if name := n.layerName(layer); name != "" {
		return name
	}
	i := slices.IndexFunc(n.nodes, func(v vertex) bool { return v.layer == layer })
	return cmp.Or(n.nodes[i].label, fmt.Sprint(layer))
}
