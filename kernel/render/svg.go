package render

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	svgOpen = regexp.MustCompile(`(?s)<svg\b[^>]*>`)
	svgID   = regexp.MustCompile(`(\bid\s*=\s*)("[^"]*"|'[^']*')`)
	svgURL  = regexp.MustCompile(`url\(\s*(['"]?)#([^)'"]+)(['"]?)\s*\)`)
	svgHref = regexp.MustCompile(`((?:xlink:)?href\s*=\s*)(["'])#([^"']*)(["'])`)
	svgSize = regexp.MustCompile(`\s(width|height)\s*=\s*["']\s*([0-9.]+)\s*(px|pt|in|mm|cm)?\s*["']`)
	svgView = regexp.MustCompile(`\sviewBox\s*=`)
)

// pixels per unit of length, as CSS defines them.
var pixels = map[string]float64{"": 1, "px": 1, "pt": 96.0 / 72, "in": 96, "mm": 96 / 25.4, "cm": 96 / 2.54}

// inlineSVG prepares an SVG file for a place inside an HTML page: without prolog,
// with ids that no other figure has, and with a viewBox, so that it shrinks with
// the page. It returns "" for what holds no svg element.
func inlineSVG(svg, prefix string) string {
	open := svgOpen.FindStringIndex(svg)
	end := strings.LastIndex(svg, "</svg>")
	if open == nil || end < open[1] {
		return ""
	}
	tag, body := svg[open[0]:open[1]], svg[open[1]:end]
	size := map[string]float64{}
	for _, m := range svgSize.FindAllStringSubmatch(tag, -1) {
		var v float64
		if _, err := fmt.Sscanf(m[2], "%g", &v); err == nil && v > 0 {
			size[m[1]] = v * pixels[m[3]]
		}
	}
	if !svgView.MatchString(tag) && size["width"] > 0 && size["height"] > 0 {
		// The numbers inside the file are in user units, which are pixels.
		tag = strings.TrimSuffix(tag, ">") + fmt.Sprintf(` viewBox="0 0 %g %g">`, size["width"], size["height"])
	}
	out := tag + body + "</svg>"
	out = svgID.ReplaceAllStringFunc(out, func(m string) string {
		p := svgID.FindStringSubmatch(m)
		return p[1] + p[2][:1] + prefix + p[2][1:]
	})
	out = svgURL.ReplaceAllString(out, "url(${1}#"+prefix+"${2}${3})")
	return svgHref.ReplaceAllString(out, "${1}${2}#"+prefix+"${3}${4}")
}
