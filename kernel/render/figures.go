package render

import (
	"fmt"
	"html"
	"html/template"
	"regexp"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/plotting/script"
)

// A figure's HTML begins so. Of it the page takes the data alone, never markup.
var figureData = regexp.MustCompile(`^\s*<div class="` + script.Class + `"[^<>]* ` + script.Data + `="([^"]*)">`)

// live returns the attributes of a figure that the page's script may make answer
// to the pointer, "" for what is no figure of golens.
func (p *page) live(b notebook.Bundle) string {
	m := figureData.FindStringSubmatch(b.Text("text/html"))
	if m == nil {
		return ""
	}
	p.Script = template.HTML("<script>" + script.Source + "</script>")
	return fmt.Sprintf(` class="%s" %s="%s"`, script.Class, script.Data, html.EscapeString(html.UnescapeString(m[1])))
}

// figcaption numbers the figure and says what is to be seen.
func (p *page) figcaption(what string) string {
	if what != "" {
		what = ". " + what
	}
	return fmt.Sprintf("<figcaption><b>Figure %d</b>%s</figcaption>", p.figures, html.EscapeString(what))
}

var svgDesc = regexp.MustCompile(`<desc>([^<]*)</desc>`)

// description is what an SVG says of itself.
func description(svg string) string {
	if m := svgDesc.FindStringSubmatch(svg); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}
