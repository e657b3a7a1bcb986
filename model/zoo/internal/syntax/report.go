package syntax

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/golens/golens/model/zoo/internal/training"
)

// A Report is what training.json says of a finished run.
type Report struct {
	Name     string
	Settings training.Settings
	Backend  string
	Seconds  float64 // wall time of the training alone
	Points   []training.Point
}

// ParseReport reads a training.json.
func ParseReport(raw []byte) (Report, error) {
	var r Report
	err := json.Unmarshal(raw, &r)
	return r, err
}

//go:embed card.md.tmpl
var cardText string

var card = template.Must(template.New("card").Funcs(template.FuncMap{
	"held":    func() int { return held },
	"percent": func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) },
	"masked":  func() float64 { return masked },
	"plain":   func() string { return Plain },
	"pairs":   func() int { return each * len(paradigms) },
}).Parse(cardText))

// Card is the MODEL_CARD.md of the run.
func (r Report) Card() ([]byte, error) {
	var b strings.Builder
	err := card.Execute(&b, r)
	return []byte(b.String()), err
}
