package plotting

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Labeled is data that knows its axes: what every figure draws.
type Labeled interface {
	// Shape is the length of each axis, as in [layer head].
	Shape() []int
	// Values are the elements in row-major order; NaN stands for "no value".
	Values() []float32
	// Axis names axis i and labels its positions; nil labels mean indices.
	Axis(i int) (name string, labels []string)
	// Title says what was measured, "" if nothing is known.
	Title() string
	// Unit is the unit of the values, "" if they have none.
	Unit() string
}

// axis is one checked axis of a grid.
type axis struct {
	name   string
	n      int
	labels []string // nil: indices
}

// label is the clean label of position i: one line of printable text.
func (a axis) label(i int) string {
	if a.labels == nil {
		return strconv.Itoa(i)
	}
	return clean(a.labels[i])
}

// named is the label with the axis's name, "layer 1", unless the label says
// it already: "head 1.3".
func (a axis) named(i int) string {
	l := a.label(i)
	if a.name == "" || strings.HasPrefix(l, a.name+" ") {
		return l
	}
	return a.name + " " + l
}

// all returns the clean labels of the axis.
func (a axis) all() []string {
	out := make([]string, a.n)
	for i := range out {
		out[i] = a.label(i)
	}
	return out
}

// numbers returns the positions as numbers: the labels when all of them parse
// as finite numbers, the indices when there are no labels.
func (a axis) numbers() ([]float64, bool) {
	out := make([]float64, a.n)
	for i := range out {
		if a.labels == nil {
			out[i] = float64(i)
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(a.labels[i]), 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// grid is a checked copy of a Labeled.
type grid struct {
	axes   []axis
	vals   []float64 // NaN where masked
	masked []bool    // cells that cannot have a value; nil: none
	title  string
	unit   string
	words  [][]string // in the cells; nil: none
}

// read checks x and copies it. want are the accepted shapes in words, such as
// "[layer head]"; the number of words in each is an accepted rank.
func read(x Labeled, want ...string) (grid, error) { return readAs(x, false, want...) }

func readAs(x Labeled, masks bool, want ...string) (grid, error) {
	if x == nil {
		return grid{}, fmt.Errorf("no data: got nil, want %s", strings.Join(want, " or "))
	}
	if e, ok := x.(interface{ Err() error }); ok {
		if err := e.Err(); err != nil {
			return grid{}, fmt.Errorf("the data carries an error: %w", err)
		}
	}
	shape := x.Shape()
	ok := false
	for _, w := range want {
		ok = ok || len(strings.Fields(w)) == len(shape)
	}
	g := grid{title: cleanTo(x.Title(), maxTitle), unit: clean(x.Unit())}
	names := make([]string, len(shape))
	for i, n := range shape {
		name, labels := x.Axis(i)
		names[i] = name
		g.axes = append(g.axes, axis{clean(name), n, append([]string(nil), labels...)})
		if labels != nil && len(labels) == 0 {
			g.axes[i].labels = nil
		}
	}
	if !ok {
		return g, fmt.Errorf("got shape %v %v, want %s", shape, names, strings.Join(want, " or "))
	}
	size := 1
	for i, n := range shape {
		if n <= 0 {
			return g, fmt.Errorf("axis %d (%q) is empty: got shape %v, want %s", i, names[i], shape, strings.Join(want, " or "))
		}
		if l := g.axes[i].labels; l != nil && len(l) != n {
			return g, fmt.Errorf("axis %d (%q) has %d labels, want %d (shape %v)", i, names[i], len(l), n, shape)
		}
		if size > math.MaxInt32/n {
			return g, fmt.Errorf("shape %v has too many values to draw", shape)
		}
		size *= n
	}
	vals := x.Values()
	if len(vals) != size {
		return g, fmt.Errorf("shape %v wants %d values, got %d", shape, size, len(vals))
	}
	g.vals = make([]float64, size)
	for i, v := range vals {
		g.vals[i] = float64(v)
		if masks && math.IsInf(g.vals[i], -1) {
			if g.masked == nil {
				g.masked = make([]bool, size)
			}
			g.masked[i], g.vals[i] = true, math.NaN()
		}
	}
	return g, g.drawable()
}

// readMasked is read for figures in which -Inf, what a mask writes into attention
// scores, stands for a cell that cannot have a value.
func readMasked(x Labeled, want ...string) (grid, error) {
	return readAs(x, true, want...)
}

// mask is the part of the mask for n cells from the i-th on.
func (g grid) mask(i, n int) []bool {
	if g.masked == nil {
		return nil
	}
	return g.masked[i : i+n]
}

// drawable reports values that no axis can show.
func (g grid) drawable() error {
	seen := false
	for i, v := range g.vals {
		if math.IsInf(v, 0) {
			return fmt.Errorf("value at %s is %v: a figure needs finite values (NaN means no value, and -Inf a masked cell of a heat map)", g.where(i), v)
		}
		seen = seen || !math.IsNaN(v)
	}
	if !seen {
		return fmt.Errorf("shape %v: every value is NaN or masked, there is nothing to draw", g.shape())
	}
	return nil
}

func (g grid) shape() []int {
	s := make([]int, len(g.axes))
	for i, a := range g.axes {
		s[i] = a.n
	}
	return s
}

// where names the position of flat index i: "layer 1, head 3".
func (g grid) where(i int) string {
	parts := make([]string, len(g.axes))
	for d := len(g.axes) - 1; d >= 0; d-- {
		a := g.axes[d]
		parts[d] = a.named(i % a.n)
		i /= a.n
	}
	return strings.Join(parts, ", ")
}

// bounds are the smallest and largest values, NaN left out.
func bounds(vals ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, vs := range vals {
		for _, v := range vs {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	return lo, hi
}
