package plotting

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"math"

	"github.com/golens/golens/plotting/script"
)

// HTML is the figure as a fragment for a page: the inline SVG, and a script
// that shows values at the pointer and, by the kind of figure, more: the pairs of
// any token and head of an attention pattern, the links of any node of a circuit
// and a threshold for them. Where scripts do not run it is the SVG.
func (f *Figure) HTML() ([]byte, error) {
	if f.Err() == nil && f.table {
		return f.data.htmlTable(), nil
	}
	svg, err := f.SVG()
	if err != nil {
		return nil, err
	}
	return f.fragment("figure", string(svg))
}

// fragment is the figure around a form of its drawing, with the script.
func (f *Figure) fragment(tag, drawing string) ([]byte, error) {
	data, err := json.Marshal(f.live)
	if err != nil {
		return nil, fmt.Errorf("plotting.%s: cannot write HTML: %w", f.name, err)
	}
	return fmt.Appendf(nil, "<%[1]s class=%[2]q style=\"margin:0\" %[3]s=\"%[4]s\">\n%[5]s</%[1]s>\n<script>%[6]s</script>\n",
		tag, script.Class, script.Data, html.EscapeString(string(data)), drawing, script.Source), nil
}

// MIME is the figure for a notebook: text/html, image/svg+xml and text/plain.
//
// The HTML holds the SVG as an image, which its script, where it may run, makes
// answer to the pointer. So a reader who has not trusted the notebook, whose
// front end takes scripts and inline SVG out of HTML, sees the figure too.
func (f *Figure) MIME() (map[string][]byte, error) {
	if f.Err() == nil && f.table {
		return map[string][]byte{"text/html": f.data.htmlTable(), "text/plain": []byte(f.Text())}, nil
	}
	svg, err := f.SVG()
	if err != nil {
		return nil, err
	}
	picture := svg
	if _, ok := f.live.(*liveHeat); ok { // the script has the values, and an image shows no titles
		if picture, err = f.render("SVG", func(s *scene) ([]byte, error) { return s.svg(f.title, f.desc, true) }); err != nil {
			return nil, err
		}
	}
	fragment, err := f.fragment("div", fmt.Sprintf("<img style=\"max-width:100%%;height:auto\" alt=\"%s\" src=\"data:image/svg+xml;base64,%s\">\n",
		html.EscapeString(f.desc), base64.StdEncoding.EncodeToString(picture)))
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"text/html": fragment, "image/svg+xml": svg, "text/plain": []byte(f.Text())}, nil
}

// page is the HTML document that Save writes.
func (f *Figure) page() ([]byte, error) {
	b, err := f.HTML()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n%s</html>\n", html.EscapeString(f.title), b), nil
}

// maxLive is the most values that go into a page beside the figure, at three
// bytes each; above it hover shows what the SVG's titles say.
const maxLive = 100_000

// liveHeat is a heat map as the script reads it.
type liveHeat struct {
	Version int         `json:"v"`
	Kind    string      `json:"kind"` // "heat" or "attention"
	Unit    string      `json:"unit"`
	RowName string      `json:"rn"`
	ColName string      `json:"cn"`
	Rows    []string    `json:"rows"`
	Cols    []string    `json:"cols"`
	Layers  []string    `json:"layers,omitempty"`
	Heads   []string    `json:"heads,omitempty"`
	Panels  []livePanel `json:"panels"`
	Causal  bool        `json:"causal,omitempty"`
	Width   float64     `json:"cw"` // of a cell
	Height  float64     `json:"ch"`
	Low     float64     `json:"lo"`
	High    float64     `json:"hi"`
	Values  []byte      `json:"q"` // [panel row column]: 16 bits, 0 for no value
}

// livePanel is a map's title and upper left corner.
type livePanel struct {
	Title string  `json:"t"`
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
}

// live is h, drawn, for the script; nil where it has too many values.
func (h *heat) live(kind string) any {
	size := h.rows.n * h.cols.n
	if len(h.panels)*size > maxLive {
		return nil
	}
	lo, hi := bounds(h.shownValues()...)
	if lo > hi { // no values
		return nil
	}
	l := &liveHeat{Version: 1, Kind: kind, Unit: h.unit, RowName: h.rows.name, ColName: h.cols.name,
		Rows: h.rows.all(), Cols: h.cols.all(), Causal: h.hidden != nil, Width: h.cw, Height: h.ch, Low: lo, High: hi}
	for i, p := range h.panels {
		l.Panels = append(l.Panels, livePanel{p.title, h.places[i].x, h.places[i].y})
		for r := range h.rows.n {
			for c := range h.cols.n {
				l.Values = binary.LittleEndian.AppendUint16(l.Values, pack(h.val(p, r, c), lo, hi))
			}
		}
	}
	return l
}

// pack is a value between lo and hi in 16 bits: 0 stands for none.
func pack(v, lo, hi float64) uint16 {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0
	case hi <= lo:
		return 1
	}
	return 1 + uint16(math.Round(65534*min(max((v-lo)/(hi-lo), 0), 1)))
}
