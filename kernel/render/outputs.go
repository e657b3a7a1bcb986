package render

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/golens/golens/kernel/notebook"
)

// forms lists the forms of an output from the one that reads best in a page.
var forms = []string{
	"image/svg+xml", "text/html", "image/png", "image/jpeg", "image/gif", "image/webp",
	"text/markdown", "text/latex", "application/json", "text/plain",
}

// outputHTML returns an output as HTML, "" if it shows nothing.
func (p *page) outputHTML(o notebook.Output) (template.HTML, error) {
	switch o.Type {
	case notebook.Stream:
		text := strings.TrimRight(o.Text, "\n")
		if text == "" {
			return "", nil
		}
		class := "out"
		if o.Name == "stderr" {
			class = "out err"
		}
		return template.HTML(folded(class, text)), nil
	case notebook.Error:
		text := strings.Join(o.Traceback, "\n")
		if strings.TrimSpace(text) == "" {
			text = o.EName + ": " + o.EValue
		}
		title := html.EscapeString(o.EName)
		return template.HTML(`<div class="error" role="alert"><div class="ename">` + title + `</div><pre>` +
			ansiHTML(strings.TrimRight(text, "\n")) + "</pre></div>"), nil
	}
	if isProgress(o) {
		return "", nil // says how long it took, not what was found
	}
	for _, mime := range forms {
		if _, ok := o.Data[mime]; !ok {
			continue
		}
		markup, err := p.form(mime, o.Data)
		if err != nil || markup != "" {
			return template.HTML(markup), err
		}
	}
	if len(o.Data) == 0 {
		return "", nil
	}
	var kinds []string
	for mime := range o.Data {
		kinds = append(kinds, mime)
	}
	return template.HTML(`<pre class="out err">an output of type ` + html.EscapeString(strings.Join(kinds, ", ")) + `, which this report cannot show</pre>`), nil
}

// isProgress tells whether an output is the bar of package nb.
func isProgress(o notebook.Output) bool {
	return o.Metadata["golens_progress"] == true
}

// form returns one form of an output, "" if it is not usable.
func (p *page) form(mime string, b notebook.Bundle) (string, error) {
	text := b.Text(mime)
	alt := html.EscapeString(strings.TrimSpace(b.Text("text/plain")))
	switch {
	case mime == "image/svg+xml":
		svg := inlineSVG(text, fmt.Sprintf("f%d-", p.figures+1))
		if svg == "" {
			return "", nil
		}
		p.figures++
		if !plainSVG(svg) {
			return `<figure><img alt="` + alt + `" src="data:` + mime + ";base64," + base64.StdEncoding.EncodeToString([]byte(text)) + `">` +
				p.figcaption(description(svg)) + "</figure>", nil
		}
		return "<figure" + p.live(b) + ">" + svg + p.figcaption(description(svg)) + "</figure>", nil
	case strings.HasPrefix(mime, "image/"):
		data := strings.Join(strings.Fields(text), "")
		if data == "" {
			return "", nil
		}
		p.figures++
		return `<figure><img alt="` + alt + `" src="data:` + mime + ";base64," + html.EscapeString(data) + `">` + p.figcaption("") + "</figure>", nil
	case mime == "text/html":
		return `<div class="html">` + fragment(text) + "</div>", nil
	case mime == "text/markdown":
		markup, err := newMarkdown().html(text)
		return `<div class="prose">` + markup + "</div>", err
	case mime == "text/latex":
		return `<div class="prose">` + mathHTML(bare(text), true) + "</div>", nil
	case mime == "application/json":
		data, err := json.Marshal(b[mime])
		if err != nil {
			return "", err
		}
		if nesting(data) <= deepestProse {
			var b bytes.Buffer
			_ = json.Indent(&b, data, "", "  ") // it has just been written
			data = b.Bytes()
		}
		return `<pre class="out">` + tokens(string(data), jsonLexer) + "</pre>", nil
	}
	return folded("out", strings.TrimRight(text, "\n")), nil
}

// nesting is how far the brackets of a JSON text lie in each other; those in strings
// count.
func nesting(data []byte) (most int) {
	open := 0
	for _, c := range data {
		switch c {
		case '[', '{':
			open++
			most = max(most, open)
		case ']', '}':
			open--
		}
	}
	return most
}

// A text of more lines than foldAbove shows foldShown of them; a browser lays out the
// rest when it is asked for, which of a long text takes it seconds.
const foldAbove, foldShown = 200, 100

// folded is a text as HTML, with a fold if it is long.
func folded(class, text string) string {
	open := func(text string) string { return `<pre class="` + class + `">` + ansiHTML(text) + "</pre>" }
	lines := strings.Count(text, "\n") + 1
	if lines <= foldAbove {
		return open(text)
	}
	first := strings.Join(strings.SplitAfterN(text, "\n", foldShown+1)[:foldShown], "")
	return open(strings.TrimSuffix(first, "\n")) +
		fmt.Sprintf("<details><summary>%d more lines</summary>", lines-foldShown) + open(text[len(first):]) + "</details>"
}
