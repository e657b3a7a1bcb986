package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Attention draws attention patterns: x of shape [query key] is one head,
// [head query key] or [layer head query key] are small multiples titled
// "head 1.3", with queries downwards and keys to the right. A batch of one in
// front is dropped. Token labels come from the query and key axes, or from
// the Tokens option.
//
// The cells above the diagonal stay white when the pattern is causal: square,
// and nothing but zeros or NaN there. Hovering over a cell shows
// "the → cat: 0.43", from query to key. Patterns of more than 2,500 cells over
// all heads are drawn as rasters, where the hover title of a head names its
// strongest pair; where there are more cells than pixels the strongest is
// kept.
func Attention(x Labeled, opts ...Option) *Figure {
	return build("Attention", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[query key]", "[head query key]", "[layer head query key]")
		if err != nil {
			return parts{}, err
		}
		return g.attention(o)
	})
}

func (g grid) attention(o options) (parts, error) {
	// The batch of one that a model's activations carry.
	if len(g.axes) > 2 && g.axes[0].n == 1 && g.axes[0].name != "layer" && g.axes[0].name != "head" {
		g.axes = g.axes[1:]
	}
	rank := len(g.axes)
	query, key := &g.axes[rank-2], &g.axes[rank-1]
	if o.tokens != nil {
		for _, a := range []*axis{query, key} {
			if len(o.tokens) != a.n {
				return parts{}, fmt.Errorf("Tokens has %d labels, axis %q has %d positions", len(o.tokens), a.name, a.n)
			}
			a.labels = o.tokens
		}
	}
	heads := g.axes[:rank-2]
	size := query.n * key.n
	if n := len(g.vals) / size; n > maxPanels {
		return parts{}, fmt.Errorf("%d heads, at most %d are readable: slice the layers first", n, maxPanels)
	}
	if o.title == "" {
		o.title = g.title
	}
	lo, hi := bounds(g.vals)
	h := heat{rows: *query, cols: *key, square: true, maxCell: 24, scale: newScale(lo, hi, cmp.Or(g.unit, g.kind(lo, hi)), o), unit: g.unit}
	h.tip = func(p panel, r, c int) string {
		return fmt.Sprintf("%s → %s: %s", h.rows.label(r), h.cols.label(c), withUnit(h.val(p, r, c), g.unit))
	}
	for i := 0; i < len(g.vals); i += size {
		h.panels = append(h.panels, panel{headTitle(heads, i/size), g.vals[i : i+size], g.mask(i, size)})
	}
	if len(heads) == 2 && heads[0].n > 1 {
		h.align = heads[1].n // a row of panels for each layer
	}
	if h.causal() {
		h.hidden = func(r, c int) bool { return c > r }
	}
	s := h.draw(o)
	p := parts{title: o.title, desc: h.describe(o.title), text: h.text(g, o.title), scene: s, data: g.records(o.title), coloured: &h.scale}
	if l, ok := h.live("attention").(*liveHeat); ok {
		if len(heads) == 2 && heads[0].n > 1 {
			l.Layers, l.Heads = heads[0].all(), heads[1].all()
		}
		p.live = l
	}
	return p, nil
}

// kind is what a pattern holds: "attention" if no value is outside 0 to 1, and no
// query looks at more than everything.
func (g grid) kind(lo, hi float64) string {
	if lo < 0 || hi > 1 {
		return ""
	}
	keys := g.axes[len(g.axes)-1].n
	for i := 0; i < len(g.vals); i += keys {
		sum := 0.0
		for _, v := range g.vals[i : i+keys] {
			if !math.IsNaN(v) {
				sum += v
			}
		}
		if sum > 1.01 { // rounding of float16 weights
			return ""
		}
	}
	return "attention"
}

// headTitle is "head 1.3" for head 3 of layer 1, "head 3" where the layer is
// not known, and what the labels say where there are any.
func headTitle(axes []axis, i int) string {
	switch len(axes) {
	case 0:
		return ""
	case 1:
		return axis{cmp.Or(axes[0].name, "head"), axes[0].n, axes[0].labels}.named(i)
	}
	head := axes[1].label(i % axes[1].n)
	if strings.Contains(head, ".") { // "1.3" already
		return "head " + head
	}
	return "head " + axes[0].label(i/axes[1].n) + "." + head
}

// causal says whether nothing attends to what comes later.
func (h *heat) causal() bool {
	if h.rows.n != h.cols.n {
		return false
	}
	for _, p := range h.panels {
		for r := range h.rows.n {
			for c := r + 1; c < h.cols.n; c++ {
				if v := h.val(p, r, c); v != 0 && !math.IsNaN(v) {
					return false
				}
			}
		}
	}
	return true
}

// pair is a query and a key with the attention between them.
type pair struct {
	r, c int
	v    float64
}

// strongest are the n largest pairs of a head, from the first query on.
func (h *heat) strongest(p panel, first, n int) []pair {
	var top []pair
	for r := first; r < h.rows.n; r++ {
		for c := range h.cols.n {
			v := h.val(p, r, c)
			if !h.shown(p, r, c) || math.IsNaN(v) || len(top) == n && v <= top[n-1].v {
				continue
			}
			i, _ := slices.BinarySearchFunc(top, v, func(q pair, v float64) int {
				if q.v >= v { // earlier pairs stay in front of equal ones
					return -1
				}
				return 1
			})
			top = slices.Insert(top[:min(len(top), n-1)], min(i, n-1), pair{r, c, v})
		}
	}
	return top
}

// first is the first query that has a choice: of a causal pattern the first token
// can only attend to itself.
func (h *heat) first() int {
	if h.hidden != nil && h.rows.n > 1 {
		return 1
	}
	return 0
}

// describe is the alternative text of a pattern.
func (h *heat) describe(title string) string {
	s := "Attention pattern"
	if title != "" {
		s += " “" + title + "”"
	}
	s += fmt.Sprintf(": %d queries × %d keys", h.rows.n, h.cols.n)
	if n := len(h.panels); n > 1 {
		s += fmt.Sprintf(", %d heads", n)
	}
	var best panel
	top := pair{v: math.Inf(-1)}
	for _, p := range h.panels {
		if q := h.strongest(p, h.first(), 1); len(q) > 0 && q[0].v > top.v {
			best, top = p, q[0]
		}
	}
	if math.IsInf(top.v, -1) {
		return s + "."
	}
	s += fmt.Sprintf(". Strongest: %s", h.tip(best, top.r, top.c))
	if best.title != "" {
		s += " in " + best.title
	}
	return s + "."
}

// text is one line for each head: its strongest pairs.
func (h *heat) text(g grid, title string) string {
	const pairs = 3 // what a line of a terminal holds
	var rows [][]string
	for _, p := range h.panels {
		row := []string{p.title}
		for _, q := range h.strongest(p, h.first(), pairs) {
			row = append(row, h.tip(p, q.r, q.c))
		}
		rows = append(rows, row)
	}
	return g.caption(title) + "strongest query → key\n" + align(rows)
}
