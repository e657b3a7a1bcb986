package plotting

import (
	"image"

	"gonum.org/v1/plot/vg"
)

// scene is a finished drawing: marks in CSS pixels, the origin top left. One
// list of marks feeds the SVG writer and gonum's canvases, so that every
// format shows the same figure.
type scene struct {
	w, h  float64
	marks []mark
}

// mark is one thing drawn.
type mark interface {
	svg(*svgWriter)
	draw(c vg.Canvas, h float64)
}

func (s *scene) add(m ...mark) { s.marks = append(s.marks, m...) }

// box is a filled rectangle; tip is shown on hover.
type box struct {
	x, y, w, h float64
	fill       color
	tip        string
}

// path is a line through points, or the filled area inside them.
type path struct {
	pts    []point
	stroke color // alpha 0: no line
	width  float64
	dash   []float64
	fill   color // alpha 0: no area
	tip    string
}

type point struct{ x, y float64 }

// dot is a disc.
type dot struct {
	x, y, r float64
	fill    color
	tip     string
}

// anchor says which end of a label stands at its position.
type anchor int

const (
	start anchor = iota
	middle
	end
)

// text is one line of type; y is the baseline.
type text struct {
	x, y   float64
	s      string
	size   float64
	fill   color
	anchor anchor
	bold   bool
	up     bool    // turned to read from bottom to top
	length float64 // room that a browser keeps to, whatever font it has; 0: its own
	tip    string  // is shown on hover
	// through lets the pointer reach the mark underneath and its hover title.
	through bool
}

// picture is a raster of cells.
type picture struct {
	x, y, w, h float64
	img        *image.Paletted
	tip        string
}

// mid is the baseline that centres type of the size on y: half the height of
// capitals, which is 0.72 em in Liberation Sans.
func mid(y, size float64) float64 { return y + 0.36*size }

// hline and vline are thin straight lines.
func hline(x1, x2, y float64, c color) path {
	return path{pts: []point{{x1, y}, {x2, y}}, stroke: c, width: thin}
}

func vline(x, y1, y2 float64, c color) path {
	return path{pts: []point{{x, y1}, {x, y2}}, stroke: c, width: thin}
}
