package plotting

import (
	"cmp"
	"math"
)

// The size of a figure with axes when Size says nothing: three lines of such
// figures fit a laptop's screen.
const (
	axesWidth  = 560.0
	axesHeight = 340.0
	legendRoom = 190.0 // the most that a legend's text takes
	swatch     = 18.0
)

// span is the data range of an axis.
type span struct {
	lo, hi float64
	log    bool
}

// unit maps v to [0, 1].
func (s span) unit(v float64) float64 {
	if s.log {
		return (math.Log10(v) - math.Log10(s.lo)) / (math.Log10(s.hi) - math.Log10(s.lo))
	}
	return (v - s.lo) / (s.hi - s.lo)
}

// axes is the frame of a figure with an x and a y axis.
type axes struct {
	x, y           span
	xticks, yticks []tick
	xlabel, ylabel string
	legend         []entry
	upright        bool // x labels are turned
	gridX          bool // grid lines across the x axis instead of the y axis
	w, h           float64

	left, top, pw, ph float64 // the data rectangle, set by begin
	legendRoom        float64 // for the text of the legend
	xRoom, yRoom      float64 // the most for a label
}

func (a *axes) px(v float64) float64 { return a.left + a.pw*a.x.unit(v) }
func (a *axes) py(v float64) float64 { return a.top + a.ph*(1-a.y.unit(v)) }

// padded widens [lo, hi] by a twentieth on both sides, so that marks do not
// touch the frame, and opens an empty range.
func padded(lo, hi float64) span {
	d := (hi - lo) / 20
	if d <= 0 {
		d = max(math.Abs(lo)/10, 0.5)
	}
	return span{lo: lo - d, hi: hi + d}
}

func tickText(t []tick) []string {
	out := make([]string, len(t))
	for i := range t {
		out[i] = t[i].label
	}
	return out
}

// begin lays the frame out and draws it, all but the marks.
func (a *axes) begin(o options) *scene {
	if o.w > 0 {
		a.w = o.w
	}
	if o.h > 0 {
		a.h = o.h
	}
	a.yRoom, a.xRoom = labelRoom(cmp.Or(o.w, pageWidth), 0), labelRoom(cmp.Or(o.w, pageWidth), o.h)
	a.left = margin + min(widest(tickText(a.yticks), tickSize), a.yRoom) + tickGap
	ph := a.h
	if o.h > 0 {
		ph = max(40, a.h-titleRoom(o.title)-tickLen-tickSize-textSize-3*margin)
	}
	yname := nameLines(a.ylabel, ph)
	if len(yname) > 0 {
		a.left += textSize + margin + moreLines(yname)
	}
	right := 2 * margin
	if len(a.legend) > 1 {
		a.legendRoom = min(widest(legendText(a.legend), textSize), legendRoom)
		if o.w > 0 { // a fixed width keeps most of it for the data
			a.legendRoom = min(a.legendRoom, o.w/4)
		}
		right += swatch + tickGap + margin + a.legendRoom
	}
	if o.w == 0 {
		a.w = min(a.w+a.left+right, pageWidth)
	}
	s := &scene{w: math.Ceil(a.w)}
	a.top = s.heading(o.title)
	below := tickLen + tickSize + margin
	if a.upright {
		below = tickLen + min(widest(tickText(a.xticks), tickSize), a.xRoom) + margin
	}
	xname := nameLines(a.xlabel, s.w-2*margin)
	if len(xname) > 0 {
		below += textSize + tickGap + moreLines(xname)
	}
	a.pw = max(40, a.w-a.left-right)
	a.ph = a.h
	if o.h > 0 {
		a.ph = max(40, a.h-a.top-below)
	}
	s.h = math.Ceil(a.top + a.ph + below)
	a.drawTicks(s)
	a.drawLegend(s)
	bottom := a.top + a.ph
	s.underName(xname, a.left+a.pw/2, s.h-margin)
	s.upName(yname, a.top, a.ph)
	s.add(hline(a.left, a.left+a.pw, bottom, line), vline(a.left, a.top, bottom, line))
	return s
}

// stride is the smallest step between x labels at which none touch.
func (a *axes) stride() int {
	for k := 1; k < len(a.xticks); k++ {
		free := true
		for i := k; i < len(a.xticks); i += k {
			t, u := a.xticks[i-k], a.xticks[i]
			need := tickSize + 1
			if !a.upright {
				need = (width(t.label, tickSize)+width(u.label, tickSize))/2 + 3
			}
			free = free && math.Abs(a.px(u.at)-a.px(t.at)) >= need
		}
		if free {
			return k
		}
	}
	return max(1, len(a.xticks))
}

func (a *axes) drawTicks(s *scene) {
	bottom := a.top + a.ph
	step := a.stride()
	for i, t := range a.xticks {
		x := a.px(t.at)
		if a.gridX {
			s.add(vline(x, a.top, bottom, faint))
		}
		if i%step != 0 {
			continue
		}
		l := text{x: x, y: bottom + tickLen + tickSize, s: t.label, size: tickSize, fill: soft, anchor: middle}
		if a.upright {
			l = text{x: mid(x, tickSize), y: bottom + tickGap, s: t.label, size: tickSize, fill: soft, anchor: end, up: true}.within(a.xRoom)
		}
		s.add(vline(x, bottom, bottom+tickLen, line), l)
	}
	// In a low figure some of the labels on the left are left out.
	step = max(1, int(math.Ceil((tickSize+1)*float64(len(a.yticks)-1)/a.ph)))
	for i, t := range a.yticks {
		y := a.py(t.at)
		if !a.gridX {
			s.add(hline(a.left, a.left+a.pw, y, faint))
		}
		if i%step != 0 {
			continue
		}
		s.add(text{x: a.left - tickGap, y: mid(y, tickSize), s: t.label, size: tickSize, fill: soft, anchor: end}.within(a.yRoom))
	}
}
