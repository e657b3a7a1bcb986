package plotting

import (
	"fmt"
	"math"
)

// maxTips is the most points that get a hover title of their own.
const maxTips = 1500

// Lines draws x of shape [x] as one line or [series x] as one line for each
// series, with a legend to the right of the data; [layer head x] is a line for
// each head. Positions stand where their labels say when all labels are numbers
// (the steps of checkpoints), and side by side otherwise. NaN interrupts a
// line. LogX and Band add to it.
func Lines(x Labeled, opts ...Option) *Figure {
	return build("Lines", opts, func(o options) (parts, error) {
		g, err := read(x, lineShapes...)
		if err != nil {
			return parts{}, err
		}
		return g.perHead().lines(o)
	})
}

var lineShapes = []string{"[x]", "[series x]", "[layer head x]"}

// perHead makes one series for each head of [layer head x].
func (g grid) perHead() grid {
	if len(g.axes) != 3 {
		return g
	}
	heads := axis{name: "head", n: g.axes[0].n * g.axes[1].n}
	for i := range heads.n {
		heads.labels = append(heads.labels, headTitle(g.axes[:2], i))
	}
	g.axes = []axis{heads, g.axes[2]}
	return g
}

func (g grid) lines(o options) (parts, error) {
	if o.title == "" {
		o.title = g.title
	}
	lo, hi, err := g.band(o)
	if err != nil {
		return parts{}, err
	}
	along := g.axes[len(g.axes)-1]
	a := &axes{w: axesWidth, h: axesHeight, xlabel: along.name, ylabel: g.unit}
	xs, err := a.horizontal(along, o)
	if err != nil {
		return parts{}, err
	}
	a.vertical(o, g.vals, lo, hi)
	count := len(g.vals) / along.n
	if count > 1 {
		for i := range count {
			a.legend = append(a.legend, entry{label: g.axes[0].label(i), fill: seriesColour(i), dash: seriesDash(i), line: true})
		}
	}
	s := a.begin(o)
	if a.y.lo < 0 && a.y.hi > 0 {
		s.add(hline(a.left, a.left+a.pw, a.py(0), line))
	}
	row := func(v []float64, i int) []float64 { return v[i*along.n : (i+1)*along.n] }
	if lo != nil {
		for i := range count {
			a.shade(s, xs, row(lo, i), row(hi, i), seriesColour(i))
		}
	}
	for i := range count {
		a.line(s, xs, row(g.vals, i), seriesColour(i), seriesDash(i))
	}
	if len(g.vals) <= maxTips {
		for i, v := range g.vals {
			if !math.IsNaN(v) && v >= a.y.lo && v <= a.y.hi {
				// Wider than the dot, so that it is easy to hit.
				s.add(dot{a.px(xs[i%along.n]), a.py(v), 6, color{}, g.where(i) + ": " + withUnit(v, g.unit)})
			}
		}
	}
	s.footer(o.caption)
	return parts{title: o.title, desc: g.describe("Line chart", o.title), text: g.table(o.title), scene: s, data: g.records(o.title)}, nil
}

// band reads the limits of the band, nil if there is none.
func (g grid) band(o options) (lo, hi []float64, err error) {
	if o.lo == nil && o.hi == nil {
		return nil, nil, nil
	}
	for _, b := range []struct {
		x   Labeled
		out *[]float64
	}{{o.lo, &lo}, {o.hi, &hi}} {
		r, err := read(b.x, lineShapes...)
		if err != nil {
			return nil, nil, fmt.Errorf("Band: %w", err)
		}
		if fmt.Sprint(r.perHead().shape()) != fmt.Sprint(g.shape()) {
			return nil, nil, fmt.Errorf("Band: got shape %v, the lines have %v", r.shape(), g.shape())
		}
		*b.out = r.vals
	}
	return lo, hi, nil
}

// horizontal sets the x axis and returns the positions on it.
func (a *axes) horizontal(along axis, o options) ([]float64, error) {
	xs, numeric := along.numbers()
	if o.logX && !numeric {
		return nil, fmt.Errorf("LogX: the labels of axis %q are not all numbers", along.name)
	}
	if !numeric {
		xs = make([]float64, along.n)
		for i := range xs {
			xs[i] = float64(i)
			a.xticks = append(a.xticks, tick{xs[i], along.label(i)})
		}
		a.upright = widest(along.all(), tickSize) > axesWidth/float64(along.n)
		a.x = padded(0, float64(along.n-1))
		return xs, nil
	}
	lo, hi := bounds(xs)
	if !o.logX {
		a.x = padded(lo, hi)
		a.xticks = ticksOf(lo, hi, 8)
		if along.labels == nil && hi <= 8 { // indices: no ticks between them
			a.xticks = ticksOf(lo, hi, along.n)
		}
		return xs, nil
	}
	if lo <= 0 {
		for i, v := range xs {
			if v <= 0 {
				return nil, fmt.Errorf("LogX: axis %q has position %v at index %d, a logarithm needs positive ones: slice it off or leave LogX out", along.name, v, i)
			}
		}
	}
	if hi == lo {
		lo, hi = lo/2, hi*2
	}
	a.x = span{lo: lo * math.Pow(hi/lo, -0.03), hi: hi * math.Pow(hi/lo, 0.03), log: true}
	a.xticks = logTicks(lo, hi)
	return xs, nil
}

// vertical sets the y axis to hold the values, or to the Range.
func (a *axes) vertical(o options, vals ...[]float64) {
	a.y = padded(bounds(vals...))
	if o.ranged {
		a.y = span{lo: o.vmin, hi: o.vmax}
	}
	a.yticks = ticksOf(a.y.lo, a.y.hi, 6)
}
