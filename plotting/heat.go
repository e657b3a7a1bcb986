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
	// labelRoom is the most that row or column labels take.
	labelRoom = 130.0
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
	// hidden cells are left white, without hover title; nil: none are.
	hidden func(r, c int) bool
	// tip is the hover title of a cell.
	tip func(p panel, r, c int) string

	// Set by layout.
	cw, ch      float64              // a cell
	perRow      int                  // panels side by side
	left, below float64              // room for row and column labels
	labelRoom   float64              // the most for one label
	colStep     int                  // columns from one label to the next
	upright     bool                 // column labels are turned
	format      func(float64) string // of printed values
	values      bool
	places      []point // of the panels, set by draw
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
	barWidth   = 12.0
	barGap     = 18.0
)

// draw draws the figure.
func (h *heat) draw(o options) *scene {
	h.layout(o)
	pw, ph := h.cw*float64(h.cols.n), h.ch*float64(h.rows.n)
	n := min(h.perRow, len(h.panels))
	down := (len(h.panels) + n - 1) / n
	blockW := float64(n)*pw + float64(n-1)*panelGap
	blockH := float64(down)*(ph+h.headRoom()) + float64(down-1)*panelGap
	s := &scene{}
	s.w = math.Ceil(h.left + blockW + h.barRoom() + margin)
	s.w = max(s.w, min(width(o.title, titleSize)+2*margin, pageWidth/2))
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
		if p.title != "" {
			s.add(text{x: x, y: y - 5, s: fit(p.title, textSize, pw+panelGap-2), size: textSize, fill: ink})
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
	if h.rows.name != "" {
		s.add(text{x: margin + textSize, y: top + h.headRoom() + (blockH-h.headRoom())/2, s: fit(h.rows.name, textSize, max(blockH, 40)), size: textSize, fill: ink, anchor: middle, up: true})
	}
	if h.cols.name != "" {
		s.add(text{x: h.left + blockW/2, y: top + blockH + h.below - margin, s: h.cols.name, size: textSize, fill: ink, anchor: middle})
	}
	h.bar(s, h.left+blockW+barGap, top+h.headRoom(), min(barH, 200))
	s.footer(o.caption)
	return s
}
