package plotting

// entry is a line of the legend.
type entry struct {
	label string
	fill  color
	dash  []float64
	line  bool    // a stroke, not a square
	width float64 // of a stroke, where widths mean something
}

func legendText(es []entry) []string {
	out := make([]string, len(es))
	for i := range es {
		out[i] = es[i].label
	}
	return out
}

// drawLegend writes the legend to the right of the data, as many entries as the
// height holds.
func (a *axes) drawLegend(s *scene) {
	if len(a.legend) < 2 {
		return
	}
	const row = textSize + 6
	x, y := a.left+a.pw+2*margin, a.top+row/2
	for i, e := range a.legend {
		lines := wrap(e.label, textSize, a.legendRoom)
		ends := y + row/2 + moreLines(lines)
		if i < len(a.legend)-1 {
			ends += row // of the next, or of the sign that there are more
		}
		if ends > a.top+a.ph {
			s.add(text{x: x, y: mid(y, textSize), s: "…", size: textSize, fill: soft})
			return
		}
		if e.line {
			s.add(path{pts: []point{{x, y}, {x + swatch, y}}, stroke: e.fill, width: 2, dash: e.dash})
		} else {
			s.add(box{x: x + 3, y: y - 6, w: 12, h: 12, fill: e.fill})
		}
		for k, l := range lines {
			s.add(text{x: x + swatch + tickGap, y: mid(y, textSize) + nameLine*float64(k), s: l, size: textSize, fill: ink})
		}
		y += row + moreLines(lines)
	}
}
