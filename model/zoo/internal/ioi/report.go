package ioi

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
	KeptOut  []string
	Points   []training.Point
	// Without is the last test at the end if head [layer][head] writes nothing.
	Without [][]training.TestScore
}

// ParseReport reads a training.json.
func ParseReport(raw []byte) (Report, error) {
	var r Report
	err := json.Unmarshal(raw, &r)
	return r, err
}

// Final is how the model does on the tests at the end.
func (r Report) Final() []training.TestScore { return r.Points[len(r.Points)-1].Tests }

// Last is how it does on the last test, as it is.
func (r Report) Last() training.TestScore { return r.Final()[len(r.Final())-1] }

//go:embed card.md.tmpl
var cardText string

//go:embed small.md.tmpl
var smallText string

var card, smallCard = parse(cardText), parse(smallText)

func parse(text string) *template.Template {
	return template.Must(template.New("card").Funcs(words).Parse(text))
}

var words = template.FuncMap{
	"percent": func(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) },
	"names":   func() string { return strings.Join(names, ", ") },
	"few":     func() string { return strings.Join(names[:smallNames], ", ") },
	"whole":   func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) },
	"slip":    func() float64 { return slip },
	"tested":  func() int { return tested },
	"weight":  func() int { return nameWeight },
}

// Card is the MODEL_CARD.md of the run.
func (r Report) Card() ([]byte, error) {
	var b strings.Builder
	of := card
	if r.Name != Name {
		of = smallCard
	}
	err := of.Execute(&b, r)
	return []byte(b.String()), err
}
