package plotting

import (
	"math"
)

// Limits of heat maps.
const (
	// maxCells is the most cells drawn one by one, about 100 bytes of SVG
	// each; more become a raster, without a hover title for every cell.
	maxCells = 2500
	// maxRaster is the most raster pixels in one figure: at a byte each and
	// base64 on top, a figure stays under half a megabyte.
	maxRaster = 300_000
	// maxPanels is the most small multiples: GPT-2's 144 heads, and a few.
	maxPanels = 256
	// maxHeight is how tall a heat map grows by itself.
	maxHeight = 620.0
	// longUnit is the width from which a unit runs along the colour bar.
	longUnit = 60.0
)

// panel is one heat map of a figure.
type panel struct {
	title string
	vals  []float64 // rows × cols
	// masked cells cannot have a value; nil: none are.
	masked []bool
}

// heat is a figure of one or more heat maps with the same axes and colours.
type heat struct {
	panels     []panel
	rows, cols axis
	square     bool
	maxCell    float64
	align      int // panels side by side, where that many fit; 0: any number
	scale      scale
	unit       string
	words      []string // written into the cells in place of values; nil: none
	// hidden cells are left white, without hover title; nil: none are.
	hidden func(r, c int) bool
	// tip is the hover title of a cell.
	tip func(p panel, r, c int) string

	// Set by layout.
	cw, ch      float64              // a cell
	perRow      int                  // panels side by side
	left, below float64              // room for row and column labels
	rowWidth    float64              // of the widest label of a row
	rowRoom     float64              // the most that it gets
	colRoom     float64              // and of a column
	rowStep     int                  // rows from one label to the next
	colStep     int                  // columns from one label to the next
	upright     bool                 // column labels are turned
	format      func(float64) string // of printed values
	values      bool
	name        []string // of the rows, in lines
	head        float64  // what titles of panels need beyond a line
	places      []point  // of the panels, set by draw
}

func (h *heat) val(p panel, r, c int) float64 { return p.vals[r*h.cols.n+c] }

func (h *heat) shown(p panel, r, c int) bool {
	return (h.hidden == nil || !h.hidden(r, c)) && (p.masked == nil || !p.masked[r*h.cols.n+c])
}

// Distances between panels.
const (
	panelGap   = 14.0
	panelTitle = 18.0
	minPanel   = 64.0 // the side at which a pattern still shows
	minAligned = 48.0 // and that a grid of layers and heads may take
	wordRoom   = 26.0 // that a longer word in a cell is cut to
	leastWord  = 18.0 // of a cell in which a cut word still says something
	barWidth   = 12.0
	barGap     = 18.0
)

// across is how many panels stand side by side.
func (h *heat) across() int { return min(h.perRow, len(h.panels)) }

// blockH is how tall all panels are together.
func (h *heat) blockH() float64 {
	down := (len(h.panels) + h.across() - 1) / h.across()
	return float64(down)*(h.ch*float64(h.rows.n)+h.headRoom()) + float64(down-1)*panelGap
}

// heading is the title of a panel in lines.
func (h *heat) heading(p panel) []string {
	if p.title == "" {
		return nil
	}
	return wrap(p.title, textSize, h.cw*float64(h.cols.n)+panelGap-2)
}

// draw draws the figure.
func (h *heat) draw(o options) *scene {
	h.layout(o)
	if h.name = nameLines(h.rows.name, h.blockH()); len(h.name) > 1 {
		h.layout(o) // with room for them
	}
	pw, ph, n := h.cw*float64(h.cols.n), h.ch*float64(h.rows.n), h.across()
	for _, p := range h.panels {
		h.head = max(h.head, moreLines(h.heading(p)))
	}
	blockW, blockH := float64(n)*pw+float64(n-1)*panelGap, h.blockH()
	s := &scene{}
	s.w = math.Ceil(h.left + blockW + h.barRoom() + margin)
	s.w = max(s.w, min(width(o.title, titleSize)+2*margin, pageWidth/2))
	cols := nameLines(h.cols.name, s.w-2*margin)
	s.w = max(s.w, math.Ceil(widest(cols, textSize)+2*margin))
	h.below += moreLines(cols)
	top := s.heading(o.title)
	if barH := max(blockH-h.headRoom(), 80); width(h.unit, tickSize) > min(barH, 200)+2*margin {
		top = s.subheading("in "+h.unit, top) // too long to run along the colour bar
		h.unit = ""
	}
	barH := max(blockH-h.headRoom(), 80)
	s.h = math.Ceil(max(top+blockH+h.below, top+h.headRoom()+barH) + margin)

	for i, p := range h.panels {
		x := h.left + float64(i%n)*(pw+panelGap)
		y := top + float64(i/n)*(ph+h.headRoom()+panelGap) + h.headRoom()
		h.places = append(h.places, point{x, y})
		for k, l := range h.heading(p) {
			s.add(text{x: x, y: y - 5 - h.head + nameLine*float64(k), s: l, size: textSize, fill: ink})
		}
		if h.rastered() {
			h.raster(s, p, x, y)
		} else {
			h.cells(s, p, x, y)
		}
		if i%n == 0 {
			h.rowLabels(s, x, y)
		}
		if i+n >= len(h.panels) {
			h.colLabels(s, x, y+ph)
		}
	}
	s.upName(h.name, top+h.headRoom(), blockH-h.headRoom())
	s.underName(cols, h.left+blockW/2, top+blockH+h.below-margin)
	h.bar(s, h.left+blockW+barGap, top+h.headRoom(), min(barH, 200))
	s.footer(o.caption)
	return s
}
