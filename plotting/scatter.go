package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxDots is the most points drawn one by one; more are drawn as one mark
// without hover titles.
const maxDots = 2500

// Scatter draws y against x, two arrays of one shape: a point for every pair.
// Axes are named by the data's titles and units. Hovering over a point shows
// its labels and both values; Annotate writes the labels of outliers, Grouped
// colours the points by the first axis. Where x and y have one unit, and with
// Diagonal, there is the line of equal values.
func Scatter(x, y Labeled, opts ...Option) *Figure {
	return build("Scatter", opts, func(o options) (parts, error) {
		any := []string{"[point]", "[layer head]", "[layer head point]"}
		gx, err := read(x, any...)
		if err != nil {
			return parts{}, fmt.Errorf("x: %w", err)
		}
		gy, err := read(y, any...)
		if err != nil {
			return parts{}, fmt.Errorf("y: %w", err)
		}
		if !slices.Equal(gx.shape(), gy.shape()) {
			return parts{}, fmt.Errorf("x has shape %v, y has %v: want one shape", gx.shape(), gy.shape())
		}
		return scatter(gx, gy, o)
	})
}

// quantity names what is on an axis: title and unit.
func (g grid) quantity() string {
	if g.unit == "" || g.title == "" {
		return g.title + g.unit
	}
	return g.title + " (" + g.unit + ")"
}

func scatter(gx, gy grid, o options) (parts, error) {
	var keep []int
	for i := range gx.vals {
		if !math.IsNaN(gx.vals[i]) && !math.IsNaN(gy.vals[i]) {
			keep = append(keep, i)
		}
	}
	if len(keep) == 0 {
		return parts{}, fmt.Errorf("no point has both an x and a y value: in every pair one is NaN")
	}
	a := &axes{w: axesHeight * 1.2, h: axesHeight, xlabel: gx.quantity(), ylabel: gy.quantity()}
	a.x = padded(bounds(gx.vals))
	a.xticks = ticksOf(a.x.lo, a.x.hi, 6)
	a.vertical(o, gy.vals)
	groups := 1
	if o.grouped && len(gx.axes) > 1 {
		groups = gx.axes[0].n
		for i := range groups {
			a.legend = append(a.legend, entry{label: gx.axes[0].label(i), fill: faded(i)})
		}
	}
	s := a.begin(o)
	for _, z := range []bool{true, false} { // zero lines, where zero is inside
		if r := map[bool]span{true: a.x, false: a.y}[z]; r.lo < 0 && r.hi > 0 {
			if z {
				s.add(vline(a.px(0), a.top, a.top+a.ph, line))
			} else {
				s.add(hline(a.left, a.left+a.pw, a.py(0), line))
			}
		}
	}
	if lo, hi := max(a.x.lo, a.y.lo), min(a.x.hi, a.y.hi); (o.diagonal || gx.unit != "" && gx.unit == gy.unit) && lo < hi {
		s.add(path{pts: []point{{a.px(lo), a.py(lo)}, {a.px(hi), a.py(hi)}}, stroke: line, width: thin, dash: dashes[1]})
	}
	crowds := make([]cloud, groups)
	for i := range crowds {
		crowds[i].fill, crowds[i].r = faded(i), 1.5
	}
	for _, i := range keep {
		group := i * groups / len(gx.vals)
		vx, vy := gx.vals[i], gy.vals[i]
		if vy < a.y.lo || vy > a.y.hi {
			continue
		}
		if len(keep) > maxDots {
			crowds[group].add(a.px(vx), a.py(vy))
			continue
		}
		tip := fmt.Sprintf("%s: %s, %s", gx.where(i), withUnit(vx, gx.unit), withUnit(vy, gy.unit))
		s.add(dot{a.px(vx), a.py(vy), 3.5, faded(group), tip})
	}
	for i := range crowds {
		if len(crowds[i].pts) > 0 {
			s.add(&crowds[i])
		}
	}
	far := outliers(gx.vals, gy.vals, keep)
	a.annotate(s, gx, gy, far[:min(o.annotate, len(far))])
	s.footer(o.caption)
	r := correlation(gx.vals, gy.vals, keep)
	head := fmt.Sprintf("%d points, %s against %s, correlation %s", len(keep), cmp.Or(gy.quantity(), "y"), cmp.Or(gx.quantity(), "x"), number(r))
	rows := [][]string{{"farthest from the middle", cmp.Or(gx.title, "x"), cmp.Or(gy.title, "y")}}
	for _, i := range far[:min(topCells, len(far))] {
		rows = append(rows, []string{gx.where(i), number(gx.vals[i]), number(gy.vals[i])})
	}
	t := head + "\n" + align(rows)
	if o.title != "" {
		t = o.title + "\n" + t
	}
	title := o.title
	if title == "" {
		title = strings.TrimSpace(cmp.Or(gy.title, "y") + " against " + cmp.Or(gx.title, "x"))
	}
	return parts{title: title, desc: "Scatter plot: " + head + ".", text: t, scene: s, data: pairs(gx, gy, title)}, nil
}

// faded is the colour of a group of points. Points that cover each other show
// as darker.
func faded(group int) color {
	c := seriesColour(group)
	c.A = 190
	return c
}

// annotate writes the labels of points beside them, each on the side where
// there is room; a label that would cover another is left out.
func (a *axes) annotate(s *scene, gx, gy grid, points []int) {
	type rect struct{ x0, y0, x1, y1 float64 }
	var taken []rect
	for _, i := range points {
		l := short(gx.where(i), maxLabel)
		w := width(l, tickSize)
		x, y := a.px(gx.vals[i]), a.py(gy.vals[i])
		t := text{x: x + 6, y: mid(y, tickSize), s: l, size: tickSize, fill: ink, through: true}
		r := rect{x + 6, y - tickSize/2, x + 6 + w, y + tickSize/2}
		if r.x1 > a.left+a.pw+margin {
			t.x, t.anchor = x-6, end
			r.x0, r.x1 = x-6-w, x-6
		}
		if !slices.ContainsFunc(taken, func(o rect) bool { return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1 }) {
			taken = append(taken, r)
			s.add(t)
		}
	}
}

// outliers orders points by distance from the medians, in units of the median
// distance on each axis.
func outliers(x, y []float64, keep []int) []int {
	distance := func(v []float64) []float64 {
		m := median(v, keep)
		d := make([]float64, len(v))
		for _, i := range keep {
			d[i] = math.Abs(v[i] - m)
		}
		unit := median(d, keep)
		for _, i := range keep {
			if unit > 0 {
				d[i] /= unit
			}
		}
		return d
	}
	dx, dy := distance(x), distance(y)
	far := slices.Clone(keep)
	slices.SortStableFunc(far, func(i, j int) int {
		return cmp.Compare(math.Hypot(dx[j], dy[j]), math.Hypot(dx[i], dy[i]))
	})
	return far
}

func median(v []float64, keep []int) float64 {
	s := make([]float64, len(keep))
	for k, i := range keep {
		s[k] = v[i]
	}
	slices.Sort(s)
	return s[len(s)/2]
}

// correlation is Pearson's, NaN when either side is constant.
func correlation(x, y []float64, keep []int) float64 {
	var mx, my, sxy, sxx, syy float64
	for _, i := range keep {
		mx += x[i] / float64(len(keep))
		my += y[i] / float64(len(keep))
	}
	for _, i := range keep {
		sxy += (x[i] - mx) * (y[i] - my)
		sxx += (x[i] - mx) * (x[i] - mx)
		syy += (y[i] - my) * (y[i] - my)
	}
	return sxy / math.Sqrt(sxx*syy)
}

// pairs are the points with their labels.
func pairs(gx, gy grid, title string) records {
	r := gx.records(title)
	r.unit, r.grid = "", nil
	r.columns = append(r.columns[:len(r.columns)-1], cmp.Or(gx.quantity(), "x"), cmp.Or(gy.quantity(), "y"))
	r.row = func(i int) []any { return append(gx.labels(i), gx.value(i), gy.value(i)) }
	return r
}
