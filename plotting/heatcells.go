package plotting

import (
	"fmt"
	"image"
	imgcolor "image/color"
	"math"
	"strings"
)

// cells draws one rectangle for each cell.
func (h *heat) cells(s *scene, p panel, x, y float64) {
	gap := 0.0
	if h.cw >= 10 {
		gap = 1 // large cells stand apart, small ones would turn grey
	}
	for r := range h.rows.n {
		for c := range h.cols.n {
			if !h.shown(p, r, c) {
				continue
			}
			v := h.val(p, r, c)
			b := box{x + float64(c)*h.cw, y + float64(r)*h.ch, h.cw - gap, h.ch - gap, h.scale.at(v), h.tip(p, r, c)}
			s.add(b)
			if h.values && !math.IsNaN(v) {
				t := text{x: b.x + b.w/2, y: mid(b.y+b.h/2, cellSize), s: h.format(v), size: cellSize, fill: on(b.fill), anchor: middle, through: true}
				if h.words != nil {
					t.s = h.words[r*h.cols.n+c]
					t = t.within(b.w - 2)
					t.tip = "" // the cell's own says it
				}
				s.add(t)
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
			if !h.shown(p, r, c) {
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
	for r := 0; r < h.rows.n; r += h.rowStep {
		s.add(text{x: x - tickGap, y: mid(y+(float64(r)+0.5)*h.ch, tickSize), s: h.rows.label(r), size: tickSize, fill: soft, anchor: end}.within(h.rowRoom))
	}
}

func (h *heat) colLabels(s *scene, x, y float64) {
	for c := 0; c < h.cols.n; c += h.colStep {
		t := text{x: x + (float64(c)+0.5)*h.cw, s: h.cols.label(c), size: tickSize, fill: soft}.within(h.colRoom)
		if h.upright {
			t.x, t.y, t.anchor, t.up = mid(t.x, tickSize), y+tickGap, end, true
		} else {
			t.y, t.anchor = y+tickGap+tickSize-1, middle
		}
		s.add(t)
	}
}
