package plotting

import (
	"fmt"
	"math"
	"strings"
)

// Sizes of coloured tokens, in pixels.
const (
	tokenSize   = 13.0
	tokenHeight = 22.0
	tokenPad    = 4.0
	maxTokens   = 5000
)

// ColouredTokens draws a text with every token on the colour of its value: x of
// shape [position], or [series position] for one text after another, with tokens
// as labels of the positions. Colours are those of HeadMap. A token that ends a
// line of the text ends one here.
func ColouredTokens(x Labeled, opts ...Option) *Figure {
	return build("ColouredTokens", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[position]", "[series position]")
		if err != nil {
			return parts{}, err
		}
		if len(g.vals) > maxTokens {
			return parts{}, fmt.Errorf("%d tokens, at most %d are readable: slice the text first", len(g.vals), maxTokens)
		}
		if o.title == "" {
			o.title = g.title
		}
		lo, hi := bounds(g.vals)
		h := heat{scale: newScale(lo, hi, g.scored(), o), unit: g.unit, rows: axis{n: 1}, cols: axis{n: len(g.vals)}, panels: []panel{{vals: g.vals}}}
		return parts{title: o.title, desc: g.describe("Text with tokens coloured by value", o.title), text: g.table(o.title),
			scene: h.tokens(g, o), data: g.records(o.title), coloured: &h.scale}, nil
	})
}

// tokens sets the text in lines.
func (h *heat) tokens(g grid, o options) *scene {
	w := pageWidth
	if o.w > 0 {
		w = o.w
	}
	s := &scene{w: w}
	top := s.heading(o.title)
	tokens := g.axes[len(g.axes)-1]
	right := w - h.barRoom() - margin
	x, y, used := margin, top, 0.0
	for _, m := range s.marks { // the title
		used = max(used, margin+width(m.(text).s, titleSize)-barGap)
	}
	for i, v := range g.vals {
		k := i % tokens.n
		if k == 0 && len(g.axes) > 1 {
			if i > 0 {
				y += tokenHeight + panelGap
			}
			x = margin
			s.add(text{x: x, y: mid(y+tokenHeight/2, textSize), s: g.axes[0].named(i / tokens.n), size: textSize, fill: soft})
			y += tokenHeight
		}
		label := tokens.label(k)
		wide := width(label, tokenSize)/slack + 2*tokenPad
		if x > margin && x+wide > right {
			x, y = margin, y+tokenHeight+2
		}
		b := box{x: x, y: y, w: wide, h: tokenHeight - 2, fill: white, tip: label + ": " + withUnit(v, g.unit)}
		switch {
		case g.masked != nil && g.masked[i]:
			b.tip = ""
		case math.IsNaN(v):
			b.fill = blank
		default:
			b.fill = h.scale.at(v)
		}
		s.add(b, text{x: x + tokenPad, y: mid(y+(tokenHeight-2)/2, tokenSize), s: label, size: tokenSize, fill: on(b.fill), through: true})
		x += wide + 1
		used = max(used, x)
		if tokens.labels != nil && strings.HasSuffix(tokens.labels[k], "\n") {
			x, y = margin, y+tokenHeight+2
		}
	}
	if x > margin {
		y += tokenHeight
	}
	const bar = 90.0 // tall enough for its labels
	h.bar(s, used+barGap, top, bar)
	s.w = math.Ceil(used + h.barRoom() + margin)
	s.h = math.Ceil(max(y, top+bar) + margin)
	s.footer(o.caption)
	return s
}
