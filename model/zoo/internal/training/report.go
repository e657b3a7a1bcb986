package training

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

// A Report is what training.json says of a finished run.
type Report struct {
	Name     string
	Text     TextReport
	Settings Settings
	Backend  string
	Seconds  float64 // wall time of the training alone
	Points   []Point
	// Without is the loss on repeated random tokens at the end if head
	// [layer][head] writes nothing.
	Without [][]float64
}

// A TextReport says which text a model was trained on.
type TextReport struct {
	Go                      string // release whose GOROOT/src it is
	Files, Documents, Bytes int
	Tokens                  int    // of which a twentieth is held out
	SHA256                  string // of the cleaned text
}

// ParseReport reads a training.json.
func ParseReport(raw []byte) (Report, error) {
	var r Report
	err := json.Unmarshal(raw, &r)
	return r, err
}

// Final is the last point.
func (r Report) Final() Point { return r.Points[len(r.Points)-1] }

//go:embed card.md.tmpl
var cardText string

var card = template.Must(template.New("card").Funcs(template.FuncMap{
	"top": func(layers [][]float64) string {
		layer, head := Best(layers)
		return fmt.Sprintf("%.2f (%d.%d)", layers[layer][head], layer, head)
	},
	"percent": func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) },
	"every":   func(steps []int) string { return strings.Trim(fmt.Sprint(steps), "[]") },
}).Parse(cardText))

// Card is the MODEL_CARD.md of the run.
func (r Report) Card() ([]byte, error) {
	var b strings.Builder
	err := card.Execute(&b, r)
	return []byte(b.String()), err
}

// Best is the head with the highest score.
func Best(layers [][]float64) (layer, head int) {
	for l, scores := range layers {
		for h, s := range scores {
			if s > layers[layer][head] {
				layer, head = l, h
			}
		}
	}
	return layer, head
}
