package model

import (
	"fmt"
	"slices"
	"strings"
)

// Provenance says how a result came about.
type Provenance struct {
	Model      string     // as it was opened
	Folder     string     `json:",omitempty"` // that stands in for the Hub's model of that name, see Info
	Weights    string     // hash of the weights' content
	Processing Processing // of the weights
	Backend    string     // engine that ran it
	Version    string     // of golens
	Request    string     // hash of what was asked, if it was a run

	// Computed says which workers of a cluster computed what of it.
	Computed []Share `json:",omitempty"`

	// Warnings are what the model's files say and golens does not heed.
	Warnings []string `json:",omitempty"`
}

// String is one line.
func (p Provenance) String() string {
	s := fmt.Sprintf("model %s, weights %.12s (%s), %s, golens %s", named(p.Model, p.Folder), p.Weights, p.Processing, p.Backend, p.Version)
	if p.Request != "" {
		s += fmt.Sprintf(", request %.12s", p.Request)
	}
	if n := len(p.Computed); n > 0 {
		s += fmt.Sprintf(", by %d workers (%s)", n, strings.Join(p.engines(), "; "))
	}
	if n := len(p.Warnings); n > 0 {
		s += fmt.Sprintf(", %d warnings", n)
	}
	return s
}

// engines are those of the workers that computed it, with the pieces of each.
func (p Provenance) engines() (all []string) {
	pieces := map[string]int{}
	for _, c := range p.Computed {
		pieces[c.Backend] += c.Pieces
	}
	for backend, n := range pieces {
		all = append(all, fmt.Sprintf("%d pieces on %s", n, backend))
	}
	slices.Sort(all)
	return all
}

// computedBy adds what workers did.
func (p *Provenance) computedBy(shares ...Share) {
	for _, s := range shares {
		if i := slices.IndexFunc(p.Computed, func(o Share) bool { return o.Worker == s.Worker }); i >= 0 {
			p.Computed[i].Pieces += s.Pieces
		} else {
			p.Computed = append(p.Computed, s)
		}
	}
	slices.SortFunc(p.Computed, func(x, y Share) int { return strings.Compare(x.Worker, y.Worker) })
}

// own is the provenance that an answer embeds.
func (p *Provenance) own() *Provenance { return p }

func named(model, folder string) string {
	if folder != "" {
		return fmt.Sprintf("%s (the folder %s)", model, folder)
	}
	return model
}

// Provenance is that of something which no request made, such as a product of
// weights.
func (i Info) Provenance() Provenance {
	return Provenance{Model: i.Name, Folder: i.Folder, Weights: i.Weights, Processing: i.Processing, Backend: i.Backend, Version: i.Version, Warnings: i.Config.Warnings}
}
