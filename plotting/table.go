package plotting

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// Limits of tables: what is drawn, and what goes into a page.
const (
	drawnRows = 60
	pageRows  = 500
	pageCols  = 60
)

// Table shows x, of any shape, as a table: [row column] as it is, [row] in one
// column, and more axes with a line for every value. Numbers are aligned, with the
// same digits. In a notebook it is HTML; Save writes it as .csv, .tex and .json
// too, whole.
func Table(x Labeled, opts ...Option) *Figure {
	f := build("Table", opts, func(o options) (parts, error) {
		g, err := readMasked(x, "[row]", "[row column]", "[panel row column]", "[a b c d]", "[a b c d e]")
		if err != nil {
			return parts{}, err
		}
		if o.title == "" {
			o.title = g.title
		}
		p := parts{title: o.title, desc: g.describe("Table", o.title), text: g.table(o.title), data: g.records(o.title)}
		if _, rows := p.data.rounded(); len(rows) <= drawnRows {
			p.scene = p.data.draw(o)
		}
		return p, nil
	})
	f.table = true
	return f
}

// right says whether the cells of a column stand at its right.
func (r records) right(k int) bool {
	if r.grid != nil {
		return k > 0
	}
	return !r.words(k)
}

// htmlTable is the data as an HTML table.
func (r records) htmlTable() []byte {
	head, rows := r.rounded()
	var b bytes.Buffer
	align := func(k int) string {
		if r.right(k) {
			return "right;font-variant-numeric:tabular-nums"
		}
		return "left"
	}
	cols := min(len(head), pageCols)
	fmt.Fprintf(&b, "<table>\n<caption style=\"text-align:left;font-weight:bold\">%s</caption>\n<thead><tr>", html.EscapeString(r.caption()))
	for k, c := range head[:cols] {
		fmt.Fprintf(&b, `<th scope="col" style="text-align:%s">%s</th>`, align(k), html.EscapeString(c))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range rows[:min(len(rows), pageRows)] {
		b.WriteString("<tr>")
		for k, c := range row[:cols] {
			if k == 0 {
				fmt.Fprintf(&b, `<th scope="row" style="text-align:%s">%s</th>`, align(k), html.EscapeString(c))
			} else {
				fmt.Fprintf(&b, `<td style="text-align:%s">%s</td>`, align(k), html.EscapeString(c))
			}
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	if len(rows) > pageRows || len(head) > cols {
		fmt.Fprintf(&b, "<p>The first %d of %d rows and %d of %d columns; Save(\"x.csv\") writes all.</p>\n", min(len(rows), pageRows), len(rows), cols, len(head))
	}
	return b.Bytes()
}

// draw sets the table in type.
func (r records) draw(o options) *scene {
	head, rows := r.rounded()
	const row, gap = tickSize + 7, 16.0
	widths := make([]float64, len(head))
	for k := range head {
		widths[k] = bolder * width(head[k], tickSize)
		for _, cells := range rows {
			widths[k] = max(widths[k], width(cells[k], tickSize))
		}
		widths[k] = min(widths[k], pageWidth/2)
	}
	s := &scene{w: 2*margin - gap}
	for _, w := range widths {
		s.w += w + gap
	}
	s.w = math.Ceil(max(s.w, min(width(o.title, titleSize)+2*margin, pageWidth/2)))
	y := s.heading(o.title)
	if r.unit != "" {
		y = s.subheading("in "+r.unit, y)
	}
	line := func(cells []string, fill color, bold bool) {
		y += row
		x := margin
		for k, c := range cells {
			t := text{x: x, y: y - 5, s: c, size: tickSize, fill: fill, bold: bold}.within(widths[k])
			if r.right(k) {
				t.x, t.anchor = x+widths[k], end
			}
			s.add(t)
			x += widths[k] + gap
		}
	}
	line(head, ink, true)
	s.add(hline(margin, s.w-margin, y, soft))
	for _, cells := range rows {
		line(cells, ink, false)
	}
	s.h = math.Ceil(y + margin)
	s.footer(o.caption)
	return s
}
