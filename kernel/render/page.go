package render

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path/filepath"
	"strings"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/plotting/script"
)

//go:embed page.tmpl
var pageSource string

//go:embed style.css
var styleSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// page collects what the template shows.
type page struct {
	Title      string
	Style      template.CSS
	Nav        *nav // nil: the page stands alone
	Contents   []heading
	Cells      []cellView
	Failed     *failedView
	Provenance []fact
	HasCode    bool
	Script     template.HTML // of the figures; "" if none needs it
	Policy     string        // source of scripts

	figures int
}

// cellView is one cell as the template shows it.
type cellView struct {
	Prose   template.HTML   // of a markdown cell
	Code    template.HTML   // of a code cell
	Count   int             // execution count, 0 if not run
	Anchor  string          // id of a code cell
	Outputs []template.HTML // shown outputs
	NotRun  bool            // the run stopped before this cell
}

// failedView says at the top that the run failed.
type failedView struct {
	Anchor, Cell, Message string
}

// tocFrom is the number of headings from which a report gets a table of
// contents: with fewer, all of them are seen at a glance.
const tocFrom = 5

// HTML returns nb as one self-contained HTML page.
func HTML(nb *notebook.Notebook, name string, facts Provenance, failed *FailedCell) ([]byte, error) {
	return pageHTML(nb, name, facts, failed, nil)
}

func pageHTML(nb *notebook.Notebook, name string, facts Provenance, failed *FailedCell, around *nav) ([]byte, error) {
	p := &page{Style: template.CSS(styleSource), Provenance: facts.list(), Nav: around}
	md := newMarkdown()
	stopped := false
	code := 0
	for i, c := range nb.Cells {
		var v cellView
		if c.Type == notebook.Code {
			code++
		}
		if c.Tagged(notebook.RemoveCell) {
			continue
		}
		switch c.Type {
		case notebook.Markdown:
			markup, err := md.html(c.Source)
			if err != nil {
				return nil, fmt.Errorf("cell %d: %w", i+1, err)
			}
			var images map[string]map[string]string
			if json.Unmarshal(c.Attachments, &images) == nil {
				markup = inlineAttachments(markup, images)
			}
			v.Prose = template.HTML(markup)
		case notebook.Raw:
			v.Prose = template.HTML("<pre>" + template.HTMLEscapeString(c.Source) + "</pre>")
		default:
			if strings.TrimSpace(c.Source) == "" && len(c.Outputs) == 0 {
				continue
			}
			if !c.Tagged(notebook.RemoveInput) {
				v.Code = template.HTML(highlight(c.Source, "go"))
			}
			v.Count = c.Count
			p.HasCode = true
			v.Anchor = fmt.Sprintf("cell-%d", code)
			v.NotRun = stopped
			for _, o := range c.Outputs {
				if c.Tagged(notebook.RemoveOutput) {
					break
				}
				markup, err := p.outputHTML(o)
				if err != nil {
					return nil, fmt.Errorf("cell %d: %w", i+1, err)
				}
				if markup != "" {
					v.Outputs = append(v.Outputs, markup)
				}
			}
			if failed != nil && failed.Index == i {
				stopped = true
				p.Failed = &failedView{Anchor: v.Anchor, Cell: failed.Name(), Message: failed.Err.Error()}
			}
		}
		p.Cells = append(p.Cells, v)
	}
	p.Title = title(md.headings, nb, name)
	if len(md.headings) >= tocFrom {
		p.Contents = contents(md.headings)
	}
	if p.Script != "" {
		p.Policy = script.Hash()
	} else {
		p.Policy = "'none'"
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("writing the page: %w", err)
	}
	return b.Bytes(), nil
}

// title is the notebook's own, its first heading, or the file's name.
func title(hs []heading, nb *notebook.Notebook, name string) string {
	if t, ok := nb.Metadata["title"].(string); ok && t != "" {
		return t
	}
	for _, h := range hs {
		if h.Level == 1 {
			return h.Text
		}
	}
	return strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
}

// contents keeps the headings of the table of contents: two levels below the
// title.
func contents(hs []heading) []heading {
	var list []heading
	for _, h := range hs {
		if h.Level == 2 || h.Level == 3 {
			list = append(list, h)
		}
	}
	return list
}
