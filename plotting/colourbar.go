package plotting

import "slices"

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

// barTicks label the colour bar. Where values lie beyond an end, it says so.
func (h *heat) barTicks() ([]float64, []string) {
	t := ticks(h.scale.lo, h.scale.hi, 5)
	labels := tickLabels(t)
	lo, hi := bounds(h.shownValues()...)
	near := (h.scale.hi - h.scale.lo) / 12 // a tick here would touch the end's label
	if lo < h.scale.lo {
		if len(t) > 0 && t[0]-h.scale.lo < near {
			t, labels = t[1:], labels[1:]
		}
		t, labels = slices.Insert(t, 0, h.scale.lo), slices.Insert(labels, 0, "≤ "+number(h.scale.lo))
	}
	if hi > h.scale.hi {
		if n := len(t) - 1; n >= 0 && h.scale.hi-t[n] < near {
			t, labels = t[:n], labels[:n]
		}
		t, labels = append(t, h.scale.hi), append(labels, "≥ "+number(h.scale.hi))
	}
	return t, labels
}

// bar draws the colour bar with the unit above it.
func (h *heat) bar(s *scene, x, y, height float64) {
	if width(h.unit, tickSize) > longUnit {
		_, labels := h.barTicks()
		s.add(text{x: x + barWidth + 2*tickGap + widest(labels, tickSize) + tickSize - 2, y: y + height/2, s: h.unit, size: tickSize, fill: soft, anchor: middle, up: true})
	} else if h.unit != "" {
		s.add(text{x: x, y: y + tickSize - 2, s: h.unit, size: tickSize, fill: soft})
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
