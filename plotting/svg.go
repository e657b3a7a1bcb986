package plotting

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image/png"
	"strconv"
	"strings"
)

// svgWriter writes marks as SVG elements. gonum's own SVG canvas draws text
// from its left end in a font that the reader may lack, and has no hover
// titles; here text is anchored where it belongs, so that another font's
// widths move nothing, and every mark may carry a <title>.
type svgWriter struct {
	bytes.Buffer
	plain bool // without hover titles
	err   error
}

// svg is the whole document. Nothing in it has an id: two figures in one page
// cannot collide. Titles and captions keep to their measured length in any font.
func (s *scene) svg(title, desc string, plain bool) ([]byte, error) {
	w := &svgWriter{plain: plain}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" width="%s" height="%s" viewBox="0 0 %s %s" style="max-width:100%%;height:auto;overflow:visible;background:#fff" font-family="%s">`+"\n",
		num(s.w), num(s.h), num(s.w), num(s.h), fontFamily)
	fmt.Fprintf(w, "<title>%s</title>\n<desc>%s</desc>\n", html.EscapeString(title), html.EscapeString(desc))
	for _, m := range s.marks {
		m.svg(w)
	}
	w.WriteString("</svg>\n")
	return w.Bytes(), w.err
}

// num writes a coordinate to a hundredth of a pixel, finer than any screen.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

func hex(c color) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// opacity is the attribute for a translucent colour, "" for a solid one.
func opacity(name string, c color) string {
	if c.A == 255 {
		return ""
	}
	return fmt.Sprintf(` %s-opacity="%s"`, name, num(float64(c.A)/255))
}

// close ends an element, with its hover title if it has one.
func (w *svgWriter) close(name, tip string) {
	if tip == "" || w.plain {
		w.WriteString("/>\n")
		return
	}
	fmt.Fprintf(w, "><title>%s</title></%s>\n", html.EscapeString(tip), name)
}

func (b box) svg(w *svgWriter) {
	fill := hex(b.fill)
	if b.fill.A == 0 { // still catches the pointer
		fill = "transparent"
	}
	fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"`, num(b.x), num(b.y), num(b.w), num(b.h), fill)
	w.close("rect", b.tip)
}

func (p path) svg(w *svgWriter) {
	w.WriteString(`<path d="`)
	for i, q := range p.pts {
		w.WriteByte("ML"[min(i, 1)])
		w.WriteString(num(q.x) + " " + num(q.y))
	}
	if p.fill.A > 0 {
		fmt.Fprintf(w, `Z" fill="%s"%s`, hex(p.fill), opacity("fill", p.fill))
	} else {
		w.WriteString(`" fill="none"`)
	}
	if p.stroke.A > 0 {
		fmt.Fprintf(w, ` stroke="%s"%s stroke-width="%s" stroke-linejoin="round"`, hex(p.stroke), opacity("stroke", p.stroke), num(p.width))
	}
	if len(p.dash) > 0 {
		d := make([]string, len(p.dash))
		for i, v := range p.dash {
			d[i] = num(v)
		}
		fmt.Fprintf(w, ` stroke-dasharray="%s"`, strings.Join(d, " "))
	}
	w.close("path", p.tip)
}

func (d dot) svg(w *svgWriter) {
	fill := hex(d.fill)
	if d.fill.A == 0 {
		fill = "transparent"
	}
	fmt.Fprintf(w, `<circle cx="%s" cy="%s" r="%s" fill="%s"`, num(d.x), num(d.y), num(d.r), fill)
	if d.fill.A > 0 {
		w.WriteString(opacity("fill", d.fill))
	}
	w.close("circle", d.tip)
}

func (t text) svg(w *svgWriter) {
	fmt.Fprintf(w, `<text x="%s" y="%s" font-size="%s" fill="%s"`, num(t.x), num(t.y), num(t.size), hex(t.fill))
	if t.anchor != start {
		fmt.Fprintf(w, ` text-anchor="%s"`, [...]string{"start", "middle", "end"}[t.anchor])
	}
	if t.bold {
		w.WriteString(` font-weight="bold"`)
	}
	if t.length > 0 {
		fmt.Fprintf(w, ` textLength="%s" lengthAdjust="spacingAndGlyphs"`, num(t.length))
	}
	if t.through {
		w.WriteString(` pointer-events="none"`)
	}
	if t.up {
		fmt.Fprintf(w, ` transform="rotate(-90 %s %s)"`, num(t.x), num(t.y))
	}
	w.WriteByte('>')
	if t.tip != "" && !w.plain {
		fmt.Fprintf(w, "<title>%s</title>", html.EscapeString(t.tip))
	}
	fmt.Fprintf(w, "%s</text>\n", html.EscapeString(t.s))
}

func (p picture) svg(w *svgWriter) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, p.img); err != nil {
		w.err = err
		return
	}
	// href is what today's readers take, xlink:href what older converters do;
	// giving both would double the bytes, and xlink works everywhere.
	fmt.Fprintf(w, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none" style="image-rendering:pixelated" xlink:href="data:image/png;base64,%s"`,
		num(p.x), num(p.y), num(p.w), num(p.h), base64.StdEncoding.EncodeToString(b.Bytes()))
	w.close("image", p.tip)
}
