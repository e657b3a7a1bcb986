package plotting

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"

	"github.com/golens/golens/model/files"
)

// A DashboardPage is what is known of a feature, a neuron or a head, as a page shows
// it.
type DashboardPage interface {
	// PageTitle names it, and PageFacts are names and values, [name, value].
	PageTitle() string
	PageFacts() [][2]string
	// PageLists are lists of names and numbers, each with a title.
	PageLists() (titles []string, names [][]string, values [][]float64)
	// PageHistogram counts values in bins between edges; nil for none.
	PageHistogram() (edges []float64, counts []int)
	// PageGroups name groups of examples, and PageExamples are those of a group: pieces
	// of text, token by token, with a value for each (NaN for none).
	PageGroups() []string
	PageExamples(group int) (tokens [][]string, values [][]float32)
}

//go:embed dashboard.html
var dashboardHTML string

var dashboardTemplate = template.Must(template.New("dashboard").Parse(dashboardHTML))

// A Dashboard is pages of features in one HTML page, which holds everything and
// fetches nothing: coloured examples, histograms, lists, and a search.
type Dashboard struct {
	Title string
	Pages []DashboardPage
}

type (
	dashToken struct {
		Text  string
		Style template.CSS
		Value string
	}
	dashEntry struct{ Name, Value string }
	dashList  struct {
		Title   string
		Entries []dashEntry
	}
	dashGroup struct {
		Name     string
		Examples [][]dashToken
	}
	dashBar  struct{ X, Y, Width, Height float64 }
	dashPage struct {
		ID     string
		Title  string
		Facts  [][2]string
		Lists  []dashList
		Groups []dashGroup
		Bars   []dashBar
		Low    string
		High   string
	}
)

// HTML is the page.
func (d Dashboard) HTML() ([]byte, error) {
	view := struct {
		Title string
		Pages []dashPage
	}{Title: cleanTo(d.Title, maxTitle)}
	for i, p := range d.Pages {
		view.Pages = append(view.Pages, viewOf(fmt.Sprintf("page-%d", i), p))
	}
	var b bytes.Buffer
	if err := dashboardTemplate.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("plotting.Dashboard: %w", err)
	}
	return b.Bytes(), nil
}

// Save writes the page to path. The file appears whole or not at all.
func (d Dashboard) Save(path string) error {
	data, err := d.HTML()
	if err != nil {
		return err
	}
	return files.Write(path, data)
}

// MIME is the page for a notebook, and its titles as text.
func (d Dashboard) MIME() (map[string][]byte, error) {
	page, err := d.HTML()
	if err != nil {
		return nil, err
	}
	text := d.Title + "\n"
	for _, p := range d.Pages {
		text += p.PageTitle() + "\n"
	}
	frame := fmt.Sprintf(`<iframe title="%s" style="width:100%%;height:640px;border:1px solid #ccc" sandbox="allow-scripts" srcdoc="%s"></iframe>`,
		template.HTMLEscapeString(d.Title), template.HTMLEscapeString(string(page)))
	return map[string][]byte{"text/html": []byte(frame), "text/plain": []byte(text)}, nil
}

func viewOf(id string, p DashboardPage) dashPage {
	v := dashPage{ID: id, Title: p.PageTitle(), Facts: p.PageFacts()}
	titles, names, values := p.PageLists()
	for i, title := range titles {
		l := dashList{Title: title}
		for k, n := range names[i] {
			l.Entries = append(l.Entries, dashEntry{shownSpace(n), fmt.Sprintf("%+.2f", values[i][k])})
		}
		v.Lists = append(v.Lists, l)
	}
	top := 0.0
	for g := range p.PageGroups() {
		_, values := p.PageExamples(g)
		for _, row := range values {
			for _, x := range row {
				if !math.IsNaN(float64(x)) {
					top = max(top, float64(x))
				}
			}
		}
	}
	for g, name := range p.PageGroups() {
		group := dashGroup{Name: name}
		tokens, values := p.PageExamples(g)
		for i := range tokens {
			var row []dashToken
			for k, t := range tokens[i] {
				x := float64(values[i][k])
				tok := dashToken{Text: t, Value: fmt.Sprintf("%q %.3g", t, x)}
				if x > 0 && top > 0 {
					tok.Style = template.CSS(fmt.Sprintf("background:rgba(214,96,60,%.2f)", 0.1+0.8*x/top))
				}
				row = append(row, tok)
			}
			group.Examples = append(group.Examples, row)
		}
		v.Groups = append(v.Groups, group)
	}
	edges, counts := p.PageHistogram()
	most := 0.0
	for _, n := range counts {
		most = max(most, math.Log1p(float64(n)))
	}
	if most > 0 {
		const width, height = 260.0, 60.0
		each := width / float64(len(counts))
		for i, n := range counts {
			h := height * math.Log1p(float64(n)) / most
			v.Bars = append(v.Bars, dashBar{each * float64(i), height - h, each - 1, h})
		}
		v.Low, v.High = fmt.Sprintf("%.3g", edges[0]), fmt.Sprintf("%.3g", edges[len(edges)-1])
	}
	return v
}

// shownSpace shows the spaces at the ends of a name.
func shownSpace(s string) string { return cleanTo(s, 60) }
