package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
)

// maxFigures is the most figures of a Grid.
const maxFigures = 64

// Grid puts figures side by side, in as many rows as they need. Heat maps,
// attention patterns and coloured tokens whose values have one unit get one range
// of colours, so that they can be compared by eye; a Range or Colours among opts
// holds for all.
func Grid(figures []*Figure, opts ...Option) *Figure {
	return build("Grid", opts, func(o options) (parts, error) { return gridOf(figures, o) })
}

func gridOf(figures []*Figure, o options) (parts, error) {
	if len(figures) == 0 || len(figures) > maxFigures {
		return parts{}, fmt.Errorf("got %d figures, want 1 to %d", len(figures), maxFigures)
	}
	for i, f := range figures {
		if err := f.Err(); err != nil {
			return parts{}, fmt.Errorf("figure %d: %w", i+1, err)
		}
		if f.scene == nil {
			return parts{}, fmt.Errorf("figure %d has no drawing", i+1)
		}
	}
	figures, err := alike(figures, o)
	if err != nil {
		return parts{}, err
	}
	s, offsets := arrange(figures, o)
	p := parts{title: o.title, scene: s}
	var text, desc []string
	live := &liveGrid{Version: 1, Kind: "grid"}
	for i, f := range figures {
		text, desc = append(text, f.text), append(desc, f.desc)
		live.Figures = append(live.Figures, placed{offsets[i].x, offsets[i].y, f.live})
	}
	p.text, p.desc, p.live = strings.Join(text, "\n"), fmt.Sprintf("%s: %s", counted(len(figures), "figure"), strings.Join(desc, " ")), live
	if o.title != "" {
		p.text = o.title + "\n" + p.text
	}
	return p, nil
}

// alike gives the figures of one unit one range of colours.
func alike(figures []*Figure, o options) ([]*Figure, error) {
	type span struct{ lo, hi float64 }
	spans := map[string]span{}
	for _, f := range figures {
		if f.lo < f.hi {
			s, ok := spans[f.measure()]
			if !ok {
				s = span{f.lo, f.hi}
			}
			spans[f.measure()] = span{min(s.lo, f.lo), max(s.hi, f.hi)}
		}
	}
	out := slices.Clone(figures)
	for i, f := range figures {
		if !(f.lo < f.hi) {
			continue
		}
		s := spans[f.measure()]
		if o.ranged {
			s = span{o.vmin, o.vmax}
		}
		more := []Option{}
		if s.lo < 0 { // white is zero in all of them
			s.hi = max(s.hi, -s.lo)
			if !o.ranged {
				s.lo = -s.hi
			}
			more = append(more, Colours(Diverging))
		}
		more = append(more, Range(s.lo, s.hi))
		if o.palette != nil {
			more = append(more, Colours(*o.palette))
		}
		out[i] = f.again(more...)
		if out[i].err != nil {
			return nil, fmt.Errorf("figure %d: %w", i+1, out[i].err)
		}
	}
	return out, nil
}

// measure is what a figure's colours stand for: values of a unit, or, without one,
// of a kind of figure.
func (f *Figure) measure() string { return cmp.Or(f.data.unit, "\x00"+f.name) }

// arrange puts the drawings in rows and says where each has its corner.
func arrange(figures []*Figure, o options) (*scene, []point) {
	page := pageWidth
	if o.w > 0 {
		page = o.w
	}
	columns := o.columns
	if columns == 0 {
		columns = len(figures) // or what fits
	}
	var rows [][]*Figure
	used := math.Inf(1)
	for _, f := range figures {
		if n := len(rows); n > 0 && len(rows[n-1]) < columns && (o.columns > 0 || used+panelGap+f.scene.w <= page) {
			rows[n-1], used = append(rows[n-1], f), used+panelGap+f.scene.w
		} else {
			rows, used = append(rows, []*Figure{f}), f.scene.w
		}
	}
	s := &scene{}
	var at []point
	y := 0.0
	for _, row := range rows {
		x, tall := 0.0, 0.0
		for _, f := range row {
			at = append(at, point{x, y})
			x, tall = x+f.scene.w+panelGap, max(tall, f.scene.h)
		}
		s.w, y = math.Ceil(max(s.w, x-panelGap)), y+tall+panelGap
	}
	top := 0.0
	if o.title != "" {
		top = s.heading(o.title)
	}
	for i, f := range figures {
		at[i].y += top
		s.add(moved{f.scene, at[i]})
	}
	y += top
	s.h = math.Ceil(y - panelGap)
	s.footer(o.caption)
	return s, at
}

// moved is a drawing in another one.
type moved struct {
	scene *scene
	by    point
}

func (m moved) svg(w *svgWriter) {
	fmt.Fprintf(w, `<g transform="translate(%s %s)">`+"\n", num(m.by.x), num(m.by.y))
	for _, k := range m.scene.marks {
		k.svg(w)
	}
	w.WriteString("</g>\n")
}

func (m moved) draw(c vg.Canvas, h float64) {
	c.Push()
	c.Translate(vg.Point{X: vg.Length(m.by.x), Y: vg.Length(h - m.by.y - m.scene.h)})
	m.scene.draw(c)
	c.Pop()
}

// liveGrid is a grid as the script reads it.
type liveGrid struct {
	Version int      `json:"v"`
	Kind    string   `json:"kind"` // "grid"
	Figures []placed `json:"figures"`
}

type placed struct {
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
	Live any     `json:"d"`
}
