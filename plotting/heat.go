package plotting

import (
	"fmt"
	"image"
	imgcolor "image/color"
	"math"
	"strings"
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
}

// heat is a figure of one or more heat maps with the same axes and colours.
type heat struct {
	panels     []panel
	rows, cols axis
	square     bool
	maxCell    float64
	scale      scale
	unit       string
	// hidden cells are left white, without hover title; nil: none are.
	hidden func(r, c int) bool
	// tip is the hover title of a cell.
	tip func(p panel, r, c int) string

	// Set by layout.
	cw, ch      float64 // a cell
	perRow      int     // panels side by side
	left, below float64 // room for row and column labels
	upright     bool    // column labels are turned
	decimals    int
	values      bool
}

func (h *heat) val(p panel, r, c int) float64 { return p.vals[r*h.cols.n+c] }

func (h *heat) shown(r, c int) bool { return h.hidden == nil || !h.hidden(r, c) }

// Distances between panels.
const (
	panelGap   = 14.0
	panelTitle = 18.0
	barWidth   = 12.0
	barGap     = 18.0
	minPanel   = 64.0 // the side at which a pattern still shows
)

// headRoom is the room above each panel.
func (h *heat) headRoom() float64 {
	if len(h.panels) == 1 && h.panels[0].title == "" {
		return 0
	}
	return panelTitle
}

// barRoom is the width of the colour bar with its labels.
func (h *heat) barRoom() float64 {
	_, labels := h.barTicks()
	w := barWidth + tickGap + widest(labels, tickSize)
	if u := width(h.unit, tickSize); u > longUnit {
		w += tickSize + tickGap
	} else {
		w = max(w, u)
	}
	return barGap + w
}

func (h *heat) barTicks() ([]float64, []string) {
	t := ticks(h.scale.lo, h.scale.hi, 5)
	return t, tickLabels(t)
}

// layout chooses the cell size: the largest, up to maxCell, at which all
// panels fit on the page.
func (h *heat) layout(o options) {
	page, tall := pageWidth, maxHeight
	if len(h.panels) > 1 {
		h.maxCell = min(h.maxCell, 18)
	}
	if o.w > 0 {
		page = o.w
	}
	if o.h > 0 {
		tall = o.h
	}
	lo, hi := bounds(h.shownValues()...)
	h.decimals = decimals(lo, hi)
	need := 0.0
	for _, v := range []float64{lo, hi, -math.Abs(lo), 0.25} {
		if v >= min(lo, 0) {
			need = max(need, width(decimal(v, h.decimals), cellSize)+4)
		}
	}
	h.left = 2*margin + textSize + tickGap + min(widest(h.rows.all(), tickSize), labelRoom)
	// Column labels stand upright unless all fit over small cells.
	wide := min(widest(h.cols.all(), tickSize), labelRoom)
	h.below = wide + tickGap + textSize + margin
	availW := page - h.left - h.barRoom() - 2*margin
	availH := tall - h.below - titleRoom(o.title) - 2*margin

	best := 0.0
	for n := 1; n <= len(h.panels); n++ {
		down := (len(h.panels) + n - 1) / n
		cell := min((availW-float64(n-1)*panelGap)/float64(n*h.cols.n),
			(availH-float64(down-1)*panelGap-float64(down)*h.headRoom())/float64(down*h.rows.n), 60)
		if cell > 0 && min(cell, h.maxCell) >= best {
			best, h.perRow = min(cell, h.maxCell), n
			// Room for printed values is worth larger cells.
			if len(h.panels) == 1 && o.values == nil && cell >= need {
				best = max(best, math.Ceil(need))
			}
			if o.values != nil && *o.values && cell >= need {
				best = max(best, math.Ceil(need))
			}
		}
	}
	h.cw = best
	if len(h.panels) > 1 && best*float64(h.cols.n) < minPanel {
		// More panels than the box holds: grow downwards.
		h.cw = minPanel / float64(h.cols.n)
		h.perRow = max(1, min(len(h.panels), int((availW+panelGap)/(minPanel+panelGap))))
	}
	h.perRow = max(1, h.perRow)
	h.cw = max(h.cw, 1/float64(max(h.cols.n, h.rows.n))) // never nothing
	if h.cw >= 3 {
		h.cw = math.Floor(h.cw) // whole pixels keep cells crisp
	}
	h.ch = h.cw
	if !h.square && len(h.panels) == 1 {
		// Flat cells of a wide grid become taller than wide, so that their
		// row labels stay readable.
		h.ch = max(h.ch, min(14, math.Floor(availH/float64(h.rows.n))))
	}
	{
		h.values = h.cw >= need && h.ch >= cellSize+4 && len(h.panels)*h.rows.n*h.cols.n <= maxCells
		if o.values != nil && !*o.values {
			h.values = false
		}
		if o.values == nil && len(h.panels) > 1 {
			h.values = false
		}
	}
	h.upright = !numeric(h.cols) && wide > h.cw-4
	if !h.upright {
		h.below = tickSize + tickGap + textSize + margin
	}
	if numeric(h.cols) {
		h.upright = false
		h.below = tickSize + tickGap + textSize + margin
	}
	if h.cols.name == "" {
		h.below -= textSize
	}
	if h.rows.name == "" {
		h.left -= textSize + margin
	}
}

// numeric says whether the axis counts, so that leaving labels out loses
// nothing.
func numeric(a axis) bool {
	_, ok := a.numbers()
	return ok
}

func (h *heat) shownValues() [][]float64 {
	out := make([][]float64, len(h.panels))
	for i, p := range h.panels {
		for r := range h.rows.n {
			for c := range h.cols.n {
				if h.shown(r, c) {
					out[i] = append(out[i], h.val(p, r, c))
				}
			}
		}
	}
	return out
}

// scene draws the figure.
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
	barH := max(blockH-h.headRoom(), 80)
	s.h = math.Ceil(max(top+blockH+h.below, top+h.headRoom()+barH) + margin)

	for i, p := range h.panels {
		x := h.left + float64(i%n)*(pw+panelGap)
		y := top + float64(i/n)*(ph+h.headRoom()+panelGap) + h.headRoom()
		if p.title != "" {
			s.add(text{x: x, y: y - 5, s: fit(p.title, textSize, pw+panelGap-2), size: textSize, fill: ink})
		}
		if len(h.panels)*h.rows.n*h.cols.n > maxCells {
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
		s.add(text{x: margin + textSize, y: top + h.headRoom() + (blockH-h.headRoom())/2, s: fit(h.rows.name, textSize, blockH+40), size: textSize, fill: ink, anchor: middle, up: true})
	}
	if h.cols.name != "" {
		s.add(text{x: h.left + blockW/2, y: top + blockH + h.below - margin, s: h.cols.name, size: textSize, fill: ink, anchor: middle})
	}
	h.bar(s, h.left+blockW+barGap, top+h.headRoom(), min(barH, 200))
	s.footer(o.caption)
	return s
}

// cells draws one rectangle for each cell.
func (h *heat) cells(s *scene, p panel, x, y float64) {
	gap := 0.0
	if h.cw >= 10 {
		gap = 1 // large cells stand apart, small ones would turn grey
	}
	for r := range h.rows.n {
		for c := range h.cols.n {
			if !h.shown(r, c) {
				continue
			}
			v := h.val(p, r, c)
			b := box{x + float64(c)*h.cw, y + float64(r)*h.ch, h.cw - gap, h.ch - gap, h.scale.at(v), h.tip(p, r, c)}
			s.add(b)
			if h.values && !math.IsNaN(v) {
				s.add(text{x: b.x + b.w/2, y: mid(b.y+b.h/2, cellSize), s: decimal(v, h.decimals), size: cellSize, fill: on(b.fill), anchor: middle, through: true})
			}
		}
	}
}

// raster draws the cells as one image, several to a pixel where there are
// more of them than pixels: the value farthest from zero is kept.
func (h *heat) raster(s *scene, p panel, x, y float64) {
	side := math.Sqrt(maxRaster / float64(len(h.panels)))
	kr := max(1, int(math.Ceil(float64(h.rows.n)/side)))
	kc := max(1, int(math.Ceil(float64(h.cols.n)/side)))
	// Shades enough that neighbours cannot be told apart, and two for the
	// cells without value.
	const shades = 254
	pal := imgcolor.Palette{white, blank}
	for i := range shades {
		pal = append(pal, h.scale.p.At(float64(i)/(shades-1)))
	}
	img := image.NewPaletted(image.Rect(0, 0, (h.cols.n+kc-1)/kc, (h.rows.n+kr-1)/kr), pal)
	most, mr, mc := math.Inf(-1), -1, -1
	peak := make([]float64, len(img.Pix))
	for r := range h.rows.n {
		for c := range h.cols.n {
			if !h.shown(r, c) {
				continue
			}
			i := img.PixOffset(c/kc, r/kr)
			v := h.val(p, r, c)
			if math.IsNaN(v) {
				img.Pix[i] = max(img.Pix[i], 1)
				continue
			}
			if math.Abs(v) > most {
				most, mr, mc = math.Abs(v), r, c
			}
			if img.Pix[i] < 2 || math.Abs(v) > math.Abs(peak[i]) {
				peak[i] = v
				t := (v - h.scale.lo) / (h.scale.hi - h.scale.lo)
				img.Pix[i] = uint8(2 + math.Round(min(max(t, 0), 1)*(shades-1)))
			}
		}
	}
	tip := strings.TrimSpace(fmt.Sprintf("%s %d × %d", p.title, h.rows.n, h.cols.n))
	if mr >= 0 {
		tip += ", largest " + h.tip(p, mr, mc)
	}
	s.add(picture{x, y, h.cw * float64(h.cols.n), h.ch * float64(h.rows.n), img, tip})
}

// every is the step between labels that leaves each of them room.
func every(a axis, cell, room float64) int {
	k := max(1, int(math.Ceil(room/cell)))
	if k > 1 && numeric(a) {
		k = int(niceStep(float64(k)))
	}
	return k
}

func (h *heat) rowLabels(s *scene, x, y float64) {
	for r := 0; r < h.rows.n; r += every(h.rows, h.ch, tickSize+1) {
		s.add(text{x: x - tickGap, y: mid(y+(float64(r)+0.5)*h.ch, tickSize), s: fit(h.rows.label(r), tickSize, labelRoom), size: tickSize, fill: soft, anchor: end})
	}
}

func (h *heat) colLabels(s *scene, x, y float64) {
	room := tickSize + 1
	if !h.upright {
		room = widest(h.cols.all(), tickSize) + 3
	}
	for c := 0; c < h.cols.n; c += every(h.cols, h.cw, room) {
		t := text{x: x + (float64(c)+0.5)*h.cw, s: fit(h.cols.label(c), tickSize, labelRoom), size: tickSize, fill: soft}
		if h.upright {
			t.x, t.y, t.anchor, t.up = mid(t.x, tickSize), y+tickGap, end, true
		} else {
			t.y, t.anchor = y+tickGap+tickSize-1, middle
		}
		s.add(t)
	}
}

// bar draws the colour bar with the unit above it.
func (h *heat) bar(s *scene, x, y, height float64) {
	if width(h.unit, tickSize) > longUnit {
		_, labels := h.barTicks()
		s.add(text{x: x + barWidth + 2*tickGap + widest(labels, tickSize) + tickSize - 2, y: y + height/2, s: fit(h.unit, tickSize, height+20), size: tickSize, fill: soft, anchor: middle, up: true})
	} else if h.unit != "" {
		s.add(text{x: x, y: y + tickSize - 2, s: fit(h.unit, tickSize, labelRoom), size: tickSize, fill: soft})
		y += tickSize + 5
		height -= tickSize + 5
	}
	// A step for every two pixels: finer than the eye tells shades apart.
	steps := int(height / 2)
	for i := range steps {
		t := 1 - (float64(i)+0.5)/float64(steps)
		// Half a pixel more hides the seam to the next step.
		b := box{x: x, y: y + float64(i)*height/float64(steps), w: barWidth, h: height/float64(steps) + 0.5, fill: h.scale.p.At(t)}
		if i == steps-1 {
			b.h -= 0.5
		}
		s.add(b)
	}
	t, labels := h.barTicks()
	for i, v := range t {
		ty := y + height*(1-(v-h.scale.lo)/(h.scale.hi-h.scale.lo))
		s.add(hline(x+barWidth, x+barWidth+3, ty, line),
			text{x: x + barWidth + tickGap, y: mid(ty, tickSize), s: labels[i], size: tickSize, fill: soft})
	}
}
