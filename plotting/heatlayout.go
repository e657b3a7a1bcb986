package plotting

import "math"

// layout sizes the figure, with room for those labels of rows that are drawn.
func (h *heat) layout(o options) {
	h.rowStep, h.rowWidth = 1, widest(h.rows.all(), tickSize)
	h.size(o)
	if h.rowStep = every(h.rows, h.ch, tickSize+1); h.rowStep > 1 { // cells only grow
		h.rowWidth = widestShown(h.rows, h.rowStep)
		h.size(o)
	}
}

// size chooses the size of the cells and how many panels stand side by
// side: the largest cells, up to maxCell, at which all panels fit the page, a
// grid of panels with few gaps preferred. A single map grows its cells
// further where that lets the values be printed.
func (h *heat) size(o options) {
	page, tall := pageWidth, maxHeight
	if o.w > 0 {
		page = o.w
	}
	if o.h > 0 {
		tall = o.h
	}
	h.rooms(page, o.h)
	need := h.valueRoom()
	availW := page - h.left - h.barRoom() - 2*margin
	availH := tall - h.below - titleRoom(o.title) - 2*margin

	biggest := h.maxCell
	if wanted := o.values != nil && *o.values; wanted || o.values == nil && len(h.panels) == 1 {
		biggest = max(biggest, need)
	}
	best := 0.0
	for n := 1; n <= len(h.panels); n++ {
		down := (len(h.panels) + n - 1) / n
		cell := min(biggest, (availW-float64(n-1)*panelGap)/float64(n*h.cols.n),
			(availH-float64(down-1)*panelGap-float64(down)*h.headRoom())/float64(down*h.rows.n))
		if cell < need { // too small for values, so no larger than looks well
			cell = min(cell, h.maxCell)
		}
		if score := cell * float64(len(h.panels)) / float64(n*down); score > best {
			best, h.cw, h.perRow = score, cell, n
		}
	}
	if n := float64(h.align); n > 0 && (availW+panelGap)/n-panelGap >= minAligned {
		h.perRow = h.align
		h.cw = min(h.maxCell, ((availW+panelGap)/n-panelGap)/float64(h.cols.n))
	} else if len(h.panels) > 1 && h.cw*float64(h.cols.n) < minPanel {
		// More panels than the box holds: grow downwards.
		h.cw = minPanel / float64(h.cols.n)
		h.perRow = min(len(h.panels), int((availW+panelGap)/(minPanel+panelGap)))
	}
	h.perRow = max(1, h.perRow)
	h.cw = max(h.cw, minAligned/float64(max(h.cols.n, h.rows.n))) // also in a box too small
	if h.cw >= 3 {
		h.cw = math.Floor(h.cw) // whole pixels keep cells crisp
	}
	h.ch = h.cw
	if !h.square && len(h.panels) == 1 {
		// Cells of a wide grid become taller than wide, so that every row
		// has room for its label, and those of a tall one wider.
		h.ch = max(h.ch, min(14, math.Floor(availH/float64(h.rows.n))))
		h.cw = max(h.cw, min(14, math.Floor(availW/float64(h.cols.n))))
	}
	if h.words != nil {
		need = min(need, leastWord)
	}
	h.values = h.cw >= math.Floor(need) && h.ch >= cellSize+4 && !h.rastered()
	if o.values != nil {
		h.values = h.values && *o.values
	} else {
		h.values = h.values && len(h.panels) == 1
	}
	h.turn()
}

// rooms sets the room for labels, column labels taken as turned.
func (h *heat) rooms(page, tall float64) {
	h.rowRoom, h.colRoom = labelRoom(page, 0), labelRoom(page, tall)
	if len(h.panels) > 1 { // small multiples need it themselves
		h.rowRoom, h.colRoom = h.rowRoom/2, h.colRoom/2
	}
	h.left = margin + tickGap + min(h.rowWidth, h.rowRoom)
	if h.rows.name != "" {
		h.left += textSize + margin + moreLines(h.name)
	}
	h.below = tickGap + min(widest(h.cols.all(), tickSize), h.colRoom) + margin
	if h.cols.name != "" {
		h.below += textSize + 2
	}
}

// turn decides whether column labels stand upright: where they do not fit
// side by side and, naming and not counting, should not be left out.
func (h *heat) turn() {
	wide := min(widest(h.cols.all(), tickSize), h.colRoom)
	h.upright = !numeric(h.cols) && wide > h.cw-4
	h.below -= wide // taken back: the labels that are left out need no room
	h.colStep = every(h.cols, h.cw, tickSize+1)
	if !h.upright {
		h.colStep = every(h.cols, h.cw, widest(h.cols.all(), tickSize)+3)
		h.below += tickSize
		return
	}
	h.below += min(widestShown(h.cols, h.colStep), h.colRoom)
}

// widestShown is the width of the widest label that is drawn.
func widestShown(a axis, step int) float64 {
	w := 0.0
	for i := 0; i < a.n; i += step {
		w = max(w, width(a.label(i), tickSize))
	}
	return w
}

// valueRoom is the cell width that printed values need; it sets their format.
func (h *heat) valueRoom() float64 {
	h.format = cellFormat(bounds(h.shownValues()...))
	if h.rastered() {
		return 0 // none will be printed
	}
	if h.words != nil {
		need := 0.0
		for _, w := range h.words {
			need = max(need, width(w, cellSize))
		}
		return math.Ceil(min(need, wordRoom) + 3)
	}
	need, seen := 0.0, map[string]bool{}
	for _, vs := range h.shownValues() {
		for _, v := range vs {
			if s := h.format(v); !seen[s] {
				seen[s] = true
				need = max(need, width(s, cellSize))
			}
		}
	}
	return math.Ceil(need + 3)
}

// rastered says whether there are too many cells to draw one by one.
func (h *heat) rastered() bool { return len(h.panels)*h.rows.n*h.cols.n > maxCells }

// headRoom is the room above each panel.
func (h *heat) headRoom() float64 {
	if len(h.panels) == 1 && h.panels[0].title == "" {
		return 0
	}
	return panelTitle + h.head
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
				if h.shown(p, r, c) {
					out[i] = append(out[i], h.val(p, r, c))
				}
			}
		}
	}
	return out
}
