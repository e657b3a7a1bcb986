package plotting

import (
	"fmt"
	"slices"
	"strings"
)

// HeadMap draws one value for every attention head, x of shape [layer head],
// as a heat map with square cells. Layer 0 is on top and head 0 on the left,
// as the field draws it. Colours diverge about zero when any value is
// negative and run from light (zero) to dark otherwise. Hovering over a cell
// shows "layer 1, head 3: 0.98".
func HeadMap(x Labeled, opts ...Option) *Figure {
	return build("HeadMap", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[layer head]")
		if err != nil {
			return parts{}, err
		}
		return g.heatmap(o, true), nil
	})
}

// heatmap draws a grid of rank 2 or 3 as heat maps.
func (g grid) heatmap(o options, square bool) parts {
	if o.title == "" {
		o.title = g.title
	}
	rank := len(g.axes)
	rows, cols := g.axes[rank-2], g.axes[rank-1]
	lo, hi := bounds(g.vals)
	h := heat{rows: rows, cols: cols, square: square, maxCell: 26, scale: newScale(lo, hi, g.scored(), o), unit: g.unit, words: slices.Concat(g.words...)}
	if square { // a map of few heads need not be a stamp
		h.maxCell = min(44, max(h.maxCell, 310/float64(max(rows.n, cols.n))))
	}
	h.tip = func(p panel, r, c int) string {
		value := withUnit(h.val(p, r, c), g.unit)
		if h.words != nil {
			value = h.words[r*cols.n+c] + ", " + value
		}
		return fmt.Sprintf("%s, %s: %s", rows.named(r), cols.named(c), value)
	}
	size := rows.n * cols.n
	for i := 0; i < len(g.vals); i += size {
		p := panel{vals: g.vals[i : i+size], masked: g.mask(i, size)}
		if rank == 3 {
			p.title = g.axes[0].named(i / size)
		}
		h.panels = append(h.panels, p)
	}
	s := h.draw(o)
	return parts{title: o.title, desc: g.describe("Heat map", o.title), text: g.table(o.title), scene: s, live: h.live("heat"), data: g.records(o.title), coloured: &h.scale}
}

// scored is the unit, and "score" for values without unit that are scores by
// their title.
func (g grid) scored() string {
	if g.unit == "" && strings.HasSuffix(g.title, "score") {
		return "score"
	}
	return g.unit
}
