package render

import (
	"html"
	"strconv"
	"strings"
)

// pen is the state that ANSI colour sequences change.
type pen struct {
	fg, bg                                int // 0: default; 1-8 normal, 9-16 bright; from rgbBase: 24-bit
	bold, dim, italic, underline, inverse bool
}

// rgbBase marks 24-bit colours, which stand above every palette index.
const rgbBase = 1 << 24

// style returns the class and style attributes for p, "" for plain text.
func (p pen) style() string {
	fg, bg := p.fg, p.bg
	if p.inverse {
		fg, bg = bg, fg
		if fg == 0 {
			fg = 16 // white on
		}
		if bg == 0 {
			bg = 1 // black
		}
	}
	var classes, css []string
	add := func(kind string, c int) {
		switch {
		case c >= rgbBase:
			prop := map[string]string{"fg": "color", "bg": "background"}[kind]
			css = append(css, prop+":#"+hex6(c-rgbBase))
		case c > 0:
			classes = append(classes, "a-"+kind+strconv.Itoa(c-1))
		}
	}
	add("fg", fg)
	add("bg", bg)
	for _, f := range []struct {
		on   bool
		name string
	}{{p.bold, "a-b"}, {p.dim, "a-d"}, {p.italic, "a-i"}, {p.underline, "a-u"}} {
		if f.on {
			classes = append(classes, f.name)
		}
	}
	out := ""
	if len(classes) > 0 {
		out += ` class="` + strings.Join(classes, " ") + `"`
	}
	if len(css) > 0 {
		out += ` style="` + strings.Join(css, ";") + `"`
	}
	return out
}

func hex6(rgb int) string {
	s := strconv.FormatInt(int64(rgb&0xffffff), 16)
	return strings.Repeat("0", 6-len(s)) + s
}

// ansiHTML turns a terminal's text into HTML: colour sequences become spans,
// all other sequences and control characters vanish, and lines that a carriage
// return or backspace has overwritten show what a terminal would show last.
func ansiHTML(text string) string {
	var out strings.Builder
	var p pen
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if i > 0 {
			out.WriteByte('\n')
		}
		writeLine(&out, &p, line)
	}
	return out.String()
}

// glyph is one character of a line and how it is drawn.
type glyph struct {
	r rune
	p pen
}

// writeLine draws one line as a terminal does, then writes it.
func writeLine(out *strings.Builder, p *pen, line string) {
	var row []glyph
	at := 0
	for len(line) > 0 {
		if line[0] == 0x1b {
			n, params, final := sequence(line)
			switch final {
			case 'm':
				p.apply(params)
			case 'K': // clear: to the end, from the start, all
				switch params {
				case "", "0":
					row = row[:min(at, len(row))]
				case "2":
					row = row[:0]
				}
			case 'G': // to column
				at = max(0, number(params)-1)
			}
			line = line[n:]
			continue
		}
		r, size := rune(line[0]), 1
		if r >= 0x80 {
			for _, c := range line {
				r = c
				break
			}
			size = len(string(r))
			if r == 0xFFFD && !strings.HasPrefix(line, "\uFFFD") {
				size = 1 // a byte that is not UTF-8
			}
		}
		line = line[size:]
		switch {
		case r == '\r':
			at = 0
		case r == '\b':
			at = max(0, at-1)
		case r == '\t' || r >= 0x20 && r != 0x7f:
			for len(row) < at {
				row = append(row, glyph{' ', pen{}})
			}
			if at < len(row) {
				row[at] = glyph{r, *p}
			} else {
				row = append(row, glyph{r, *p})
			}
			at++
		}
	}
	for i := 0; i < len(row); {
		j := i
		var span strings.Builder
		for ; j < len(row) && row[j].p == row[i].p; j++ {
			span.WriteRune(row[j].r)
		}
		if s := row[i].p.style(); s != "" {
			out.WriteString("<span" + s + ">" + html.EscapeString(span.String()) + "</span>")
		} else {
			out.WriteString(html.EscapeString(span.String()))
		}
		i = j
	}
}

// sequence reads the escape sequence that s begins with: its length and, for
// those that begin with ESC [, parameters and final byte.
func sequence(s string) (n int, params string, final byte) {
	if len(s) < 2 {
		return len(s), "", 0
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if c := s[i]; c >= 0x40 && c <= 0x7e {
				return i + 1, s[2:i], c
			}
		}
		return len(s), "", 0
	case ']': // operating system command, such as a link: up to BEL or ESC \
		for i := 2; i < len(s); i++ {
			if s[i] == 7 {
				return i + 1, "", 0
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2, "", 0
			}
		}
		return len(s), "", 0
	}
	return 2, "", 0
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, 10_000) // no terminal is wider, and a row must not eat memory
}

// apply changes p by the parameters of a colour sequence.
func (p *pen) apply(params string) {
	if params == "" {
		*p = pen{}
		return
	}
	codes := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	for i := 0; i < len(codes); i++ {
		c, err := strconv.Atoi(codes[i])
		if err != nil {
			continue
		}
		switch {
		case c == 0:
			*p = pen{}
		case c == 1:
			p.bold = true
		case c == 2:
			p.dim = true
		case c == 3:
			p.italic = true
		case c == 4:
			p.underline = true
		case c == 7:
			p.inverse = true
		case c == 22:
			p.bold, p.dim = false, false
		case c == 23:
			p.italic = false
		case c == 24:
			p.underline = false
		case c == 27:
			p.inverse = false
		case c >= 30 && c <= 37:
			p.fg = c - 30 + 1
		case c == 39:
			p.fg = 0
		case c >= 40 && c <= 47:
			p.bg = c - 40 + 1
		case c == 49:
			p.bg = 0
		case c >= 90 && c <= 97:
			p.fg = c - 90 + 9
		case c >= 100 && c <= 107:
			p.bg = c - 100 + 9
		case c == 38 || c == 48:
			color, used := extended(codes[i+1:])
			i += used
			if c == 38 {
				p.fg = color
			} else {
				p.bg = color
			}
		}
	}
}

// extended reads the rest of a 256-colour or 24-bit colour.
func extended(codes []string) (color, used int) {
	n := func(i int) int {
		if i >= len(codes) {
			return 0
		}
		v, _ := strconv.Atoi(codes[i])
		return min(max(v, 0), 255)
	}
	if len(codes) < 2 { // cut short: the default colour
		return 0, len(codes)
	}
	switch codes[0] {
	case "5":
		c := n(1)
		used = min(2, len(codes))
		switch {
		case c < 16:
			return c + 1, used
		case c < 232: // a cube of 6 x 6 x 6
			step := func(v int) int {
				if v == 0 {
					return 0
				}
				return 55 + 40*v
			}
			c -= 16
			return rgbBase + step(c/36)<<16 + step(c/6%6)<<8 + step(c%6), used
		}
		grey := 8 + 10*(c-232)
		return rgbBase + grey<<16 + grey<<8 + grey, used
	case "2":
		return rgbBase + n(1)<<16 + n(2)<<8 + n(3), min(4, len(codes))
	}
	return 0, 1
}
