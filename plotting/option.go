package plotting

import (
	"fmt"
	"math"
)

// Option changes how a figure looks, never what it shows.
type Option func(*options)

type options struct {
	title      string
	caption    string
	w, h       float64
	palette    *Palette
	values     *bool
	ranged     bool
	vmin, vmax float64
	logX       bool
	lo, hi     Labeled
	sorted     bool
	horizontal bool
	tokens     []string
	annotate   int
	grouped    bool
	diagonal   bool
	marks      []landmark
	columns    int
	bad        error
}

func collect(opts []Option) (options, error) {
	var o options
	for _, f := range opts {
		if f != nil {
			f(&o)
		}
	}
	return o, o.bad
}

// Title replaces the title that came with the data.
func Title(s string) Option { return func(o *options) { o.title = cleanTo(s, maxTitle) } }

// Caption adds a line of text under the figure.
func Caption(s string) Option { return func(o *options) { o.caption = cleanTo(s, maxTitle) } }

// Size sets the figure's size in CSS pixels. Heat maps keep square cells and
// take it as the box to stay within; zero leaves a side to the figure.
func Size(width, height float64) Option {
	return func(o *options) {
		// 100 pixels hold no figure, 4000 no screen shows: both are slips.
		for _, v := range []float64{width, height} {
			if v != 0 && !(v >= 100 && v <= 4000) {
				o.bad = fmt.Errorf("Size(%v, %v): each side must be 100 to 4000 pixels, or 0 for automatic", width, height)
			}
		}
		o.w, o.h = width, height
	}
}

// Colours sets the palette of a heat map; without it the palette is Diverging
// when any value is negative and Sequential otherwise.
func Colours(p Palette) Option { return func(o *options) { o.palette = &p } }

// Values prints the values in the cells of a heat map, or leaves them out.
// Without it they are printed when all of them fit in readable type.
func Values(show bool) Option { return func(o *options) { o.values = &show } }

// Range sets the values at the two ends of the colour scale or of the value
// axis; what lies outside is drawn at the end.
func Range(vmin, vmax float64) Option {
	return func(o *options) {
		if !(vmin < vmax) || math.IsInf(vmin, 0) || math.IsInf(vmax, 0) {
			o.bad = fmt.Errorf("Range(%v, %v): want two finite numbers, the smaller first", vmin, vmax)
		}
		o.ranged, o.vmin, o.vmax = true, vmin, vmax
	}
}

// LogX makes the x axis of Lines logarithmic: base 10, positive positions only.
func LogX() Option { return func(o *options) { o.logX = true } }

// Band shades the region between lo and hi around the lines, which must have
// the lines' shape: a confidence interval, a spread over seeds.
func Band(lo, hi Labeled) Option { return func(o *options) { o.lo, o.hi = lo, hi } }

// Sorted orders bars from the largest value to the smallest.
func Sorted() Option { return func(o *options) { o.sorted = true } }

// Horizontal draws bars from left to right, so that long labels stay readable.
// Bars does so by itself when its labels do not fit under the bars.
func Horizontal() Option { return func(o *options) { o.horizontal = true } }

// Tokens replaces the labels of an attention pattern's query and key axes.
func Tokens(tokens ...string) Option { return func(o *options) { o.tokens = tokens } }

// Annotate prints the labels of the n points of a scatter that lie farthest
// from the middle of the others.
func Annotate(n int) Option { return func(o *options) { o.annotate = n } }

// Grouped colours the points of a scatter by the first of their axes, with a
// legend. Points of one axis stay of one colour.
func Grouped() Option { return func(o *options) { o.grouped = true } }

// Diagonal draws the line in a scatter on which x and y are equal. Scatter does so
// by itself when both have the same unit.
func Diagonal() Option { return func(o *options) { o.diagonal = true } }

// landmark is a value that stands out on an axis.
type landmark struct {
	label string
	value float64
}

// Mark draws a line at a value of a histogram, with a label: where the thing that
// the figure is about lies among the others.
func Mark(label string, value float64) Option {
	return func(o *options) {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			o.bad = fmt.Errorf("Mark(%q, %v): want a finite value", label, value)
		}
		o.marks = append(o.marks, landmark{clean(label), value})
	}
}

// Columns is how many figures of a Grid stand side by side; without it as many as
// fit the page.
func Columns(n int) Option {
	return func(o *options) {
		if n < 1 {
			o.bad = fmt.Errorf("Columns(%d): want one at least", n)
		}
		o.columns = n
	}
}
