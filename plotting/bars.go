package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// maxBars is the most bars of a chart: 8 screens of them.
const maxBars = 400

// maxUpright is the most numbered bars that stand side by side, at a width
// of 6 pixels each.
const maxUpright = 90

// Bars draws x of shape [category] as bars, or [group category] as bars side
// by side for each category, with a legend of the groups. The value axis
// always contains zero. Bars run from left to right when asked to
// (Horizontal) or when the labels do not fit under upright bars. Sorted
// orders the categories by value, summed over the groups.
func Bars(x Labeled, opts ...Option) *Figure {
	return build("Bars", opts, func(o options) (parts, error) {
		g, err := read(x, "[category]", "[group category]")
		if err != nil {
			return parts{}, err
		}
		if n := len(g.vals); n > maxBars {
			return parts{}, fmt.Errorf("shape %v makes %d bars, at most %d are readable: keep the largest, or use Hist or Heatmap", g.shape(), n, maxBars)
		}
		return g.bars(o), nil
	})
}

// order lists the categories as they are drawn.
func (g grid) order(sorted bool) []int {
	n := g.axes[len(g.axes)-1].n
	order := make([]int, n)
	sum := make([]float64, n)
	for i := range order {
		order[i] = i
	}
	for i, v := range g.vals {
		if !math.IsNaN(v) {
			sum[i%n] += v
		}
	}
	if sorted {
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(sum[j], sum[i]) })
	}
	return order
}

func (g grid) bars(o options) parts {
	if o.title == "" {
		o.title = g.title
	}
	cats := g.axes[len(g.axes)-1]
	groups := len(g.vals) / cats.n
	lo, hi := bounds(g.vals, []float64{0})
	value := span{lo: lo, hi: hi}
	if pad := (hi - lo) / 20; pad > 0 {
		if lo < 0 {
			value.lo -= pad
		}
		if hi > 0 {
			value.hi += pad
		}
	} else {
		value.hi = 1
	}
	if o.ranged {
		value = span{lo: min(o.vmin, 0), hi: max(o.vmax, 0)}
	}
	vt := ticksOf(value.lo, value.hi, 6)
	names := cats.all()
	slot := axesWidth / float64(cats.n)
	across := o.horizontal || widest(names, tickSize) > slot-4 && (o.sorted || !numeric(cats) || cats.n > maxUpright)
	a := &axes{w: axesWidth, h: axesHeight}
	place := span{lo: -0.5, hi: float64(cats.n) - 0.5}
	order := g.order(o.sorted)
	var ct []tick
	step := 1
	if !across { // labels that count may be left out evenly
		step = every(cats, slot, widest(names, tickSize)+3)
	}
	for i, c := range order {
		at := float64(i)
		if across { // the first category on top
			at = float64(cats.n - 1 - i)
		}
		if i%step != 0 {
			continue
		}
		ct = append(ct, tick{at, names[c]})
	}
	if across {
		// A row of type for every bar, and no bar thicker than it needs.
		a.h = min(max(float64(cats.n)*max(18, 9*float64(groups)), 60), 4000)
		a.x, a.y, a.xticks, a.yticks, a.xlabel, a.ylabel, a.gridX = value, place, vt, ct, g.unit, cats.name, true
	} else {
		a.x, a.y, a.xticks, a.yticks, a.xlabel, a.ylabel = place, value, ct, vt, cats.name, g.unit
	}
	for i := range groups {
		if groups > 1 {
			a.legend = append(a.legend, entry{label: g.axes[0].label(i), fill: seriesColour(i)})
		}
	}
	s := a.begin(o)
	const fill = 0.78 // of the room between categories
	for i, c := range order {
		for k := range groups {
			v := g.vals[k*cats.n+c]
			if math.IsNaN(v) {
				continue
			}
			tip := names[c]
			if groups > 1 {
				tip += ", " + g.axes[0].label(k)
			}
			tip += ": " + withUnit(v, g.unit)
			v = min(max(v, value.lo), value.hi)
			off := -fill/2 + fill*float64(k)/float64(groups)
			b := box{fill: seriesColour(k), tip: tip}
			if across {
				x0, x1 := a.px(min(v, 0)), a.px(max(v, 0))
				y0 := a.py(float64(cats.n-1-i) - off)
				b.x, b.w, b.y, b.h = x0, x1-x0, y0, a.ph/float64(cats.n)*fill/float64(groups)
			} else {
				y0, y1 := a.py(max(v, 0)), a.py(min(v, 0))
				b.x, b.y, b.w, b.h = a.px(float64(i)+off), y0, a.pw/float64(cats.n)*fill/float64(groups), y1-y0
			}
			s.add(b)
		}
	}
	if across {
		s.add(vline(a.px(0), a.top, a.top+a.ph, line))
	} else {
		s.add(hline(a.left, a.left+a.pw, a.py(0), line))
	}
	s.footer(o.caption)
	return parts{title: o.title, desc: g.describe("Bar chart", o.title), text: g.barTable(o.title, order), scene: s, data: g.records(o.title)}
}

// barTable is the text form: a line for each category, as drawn.
func (g grid) barTable(title string, order []int) string {
	cats := g.axes[len(g.axes)-1]
	groups := len(g.vals) / cats.n
	head := []string{cats.name}
	for k := range groups {
		if groups > 1 {
			head = append(head, g.axes[0].label(k))
		}
	}
	format := cellFormat(bounds(g.vals))
	var rows [][]string
	if groups > 1 {
		rows = append(rows, head)
	}
	for i, c := range order {
		if i == tableRows {
			rows = append(rows, []string{fmt.Sprintf("… %d more", len(order)-i)})
			break
		}
		row := []string{cats.label(c)}
		for k := range groups {
			row = append(row, format(g.vals[k*cats.n+c]))
		}
		rows = append(rows, row)
	}
	return g.caption(title) + align(rows)
}
