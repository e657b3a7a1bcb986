package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bins that Hist chooses, and the most that it takes.
const (
	fewestBins = 5
	mostBins   = 60
	maxBins    = 1000
)

// Landmarked is data beside which one value stands out: a circuit's own score
// beside those of random circuits. Hist marks it.
type Landmarked interface {
	Landmark() (label string, value float64, ok bool)
}

// Hist draws how the values of x, of any shape, are distributed, in that many
// bins; with 0 bins their width follows the Freedman–Diaconis rule, rounded so
// that the bins end at round numbers. NaN is left out.
func Hist(x Labeled, bins int, opts ...Option) *Figure {
	return build("Hist", opts, func(o options) (parts, error) {
		g, err := read(x, "[value]", "[layer head]", "[layer head value]", "[layer head query key]")
		if err != nil {
			return parts{}, err
		}
		if bins < 0 || bins > maxBins {
			return parts{}, fmt.Errorf("got %d bins, want 1 to %d, or 0 to choose", bins, maxBins)
		}
		if m, ok := x.(Landmarked); ok {
			if label, value, ok := m.Landmark(); ok {
				Mark(label, value)(&o)
			}
		}
		return g.hist(bins, o), nil
	})
}

// edges are the limits of the bins.
func edges(sorted []float64, bins int) []float64 {
	lo, hi := sorted[0], sorted[len(sorted)-1]
	if hi == lo {
		lo, hi = lo-0.5, hi+0.5
	}
	var out []float64
	if bins > 0 {
		for i := range bins + 1 {
			out = append(out, lo+(hi-lo)*float64(i)/float64(bins))
		}
		return out
	}
	n := len(sorted)
	step := 2 * (sorted[n*3/4] - sorted[n/4]) / math.Cbrt(float64(n))
	step = niceStep(min(max(step, (hi-lo)/mostBins), (hi-lo)/fewestBins))
	for k := math.Floor(lo/step + 1e-9); ; k++ {
		out = append(out, k*step)
		if k*step >= hi-1e-9*step {
			break
		}
	}
	if len(out) < 2 {
		out = append(out, out[0]+step)
	}
	return out
}

func (g grid) hist(bins int, o options) parts {
	if o.title == "" {
		o.title = g.title
	}
	sorted := slices.DeleteFunc(slices.Clone(g.vals), math.IsNaN)
	slices.Sort(sorted)
	e := edges(sorted, bins)
	count := make([]float64, len(e)-1)
	for _, v := range sorted {
		// 0.7 as a float32 is less than the edge 0.7: a millionth of a bin
		// below an edge counts as on it.
		i, found := slices.BinarySearch(e, v+1e-6*(e[1]-e[0]))
		if !found {
			i--
		}
		count[min(max(i, 0), len(count)-1)]++
	}
	_, most := bounds(count)
	a := &axes{w: axesWidth, h: axesHeight * 0.8, xlabel: cmp.Or(g.unit, "value"), ylabel: "count"}
	lo, hi := e[0], e[len(e)-1]
	for _, m := range o.marks {
		lo, hi = min(lo, m.value), max(hi, m.value)
	}
	a.x = padded(lo, hi)
	a.xticks = ticksOf(lo, hi, 8)
	a.y = span{lo: 0, hi: most * (1.05 + 0.1*float64(len(o.marks)))} // a row of type for each mark
	a.yticks = wholeTicks(most)
	s := a.begin(o)
	rows := [][]string{{"from", "to", "count"}}
	for i, n := range count {
		x0, x1, y := a.px(e[i]), a.px(e[i+1]), a.py(n)
		tip := fmt.Sprintf("%s to %s: %d of %d", number(e[i]), withUnit(e[i+1], g.unit), int(n), len(sorted))
		if n > 0 {
			s.add(box{x0, y, max(x1-x0-1, 0.5), a.py(0) - y, seriesColour(0), tip})
			rows = append(rows, []string{number(e[i]), number(e[i+1]), fmt.Sprint(int(n))})
		}
	}
	if a.x.lo < 0 && a.x.hi > 0 {
		s.add(vline(a.px(0), a.top, a.top+a.ph, line))
	}
	said := a.landmarks(s, o.marks, sorted, g.unit)
	s.footer(o.caption)
	mid := sorted[len(sorted)/2]
	desc := fmt.Sprintf("Histogram of %d values, from %s to %s, median %s.", len(sorted), number(sorted[0]), withUnit(sorted[len(sorted)-1], g.unit), number(mid))
	desc += said
	t := g.caption(o.title) + desc + "\n"
	if len(rows) <= tableRows {
		t += align(rows)
	} else {
		t += quantiles(sorted)
	}
	return parts{title: o.title, desc: desc, text: t, scene: s, data: g.records(o.title)}
}

// wholeTicks are ticks for counts: no fractions.
func wholeTicks(most float64) []tick {
	return ticksOf(0, max(most, 1), min(6, int(max(most, 1))))
}

// quantiles is the text form of a histogram with many bins.
func quantiles(sorted []float64) string {
	var rows [][]string
	for _, q := range []int{1, 5, 25, 50, 75, 95, 99} {
		rows = append(rows, []string{fmt.Sprintf("%d%% below", q), number(sorted[(len(sorted)-1)*q/100])})
	}
	return align(rows)
}

// landmarks draws the marked values, and says where they lie among the sorted
// ones.
func (a *axes) landmarks(s *scene, marks []landmark, sorted []float64, unit string) string {
	said := ""
	for i, m := range marks {
		below, _ := slices.BinarySearch(sorted, m.value)
		tip := fmt.Sprintf("%s: %s, above %d of %d", m.label, withUnit(m.value, unit), below, len(sorted))
		said += " " + tip + "."
		x, y := a.px(m.value), a.top+(float64(i)+0.5)*a.ph*0.1
		c := seriesColour(1 + i)
		t := text{x: x + 6, y: mid(y, tickSize), s: m.label, size: tickSize, fill: ink, through: true}
		if x+6+width(m.label, tickSize) > s.w {
			t.x, t.anchor = x-6, end
		}
		s.add(path{pts: []point{{x, y - tickSize/2}, {x, a.top + a.ph}}, stroke: c, width: 2, tip: tip}, t)
	}
	return said
}
