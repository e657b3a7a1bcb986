package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Provenance says how a result came about.
type Provenance struct {
	Model      string     // as it was opened
	Weights    string     // hash of the weights' content
	Processing Processing // of the weights
	Backend    string     // engine that ran it
	Version    string     // of golens
	Request    string     // hash of the request, if one was run

	// Warnings are what the model's files say and golens does not heed.
	Warnings []string `json:",omitempty"`
}

// String is one line.
func (p Provenance) String() string {
	s := fmt.Sprintf("model %s, weights %.12s (%s), %s, golens %s", p.Model, p.Weights, p.Processing, p.Backend, p.Version)
	if p.Request != "" {
		s += fmt.Sprintf(", request %.12s", p.Request)
	}
	if n := len(p.Warnings); n > 0 {
		s += fmt.Sprintf(", %d warnings", n)
	}
	return s
}

// Hash identifies the request: requests of equal content have equal hashes.
func (r Request) Hash() string { return hash(r) }

func hash(request any) string {
	data, err := json.Marshal(request)
	if err != nil { // NaN in an edit, say: JSON has no word for it
		data = fmt.Appendf(nil, "%#v", request)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Provenance is that of something which no request made, such as a product of
// weights.
func (i Info) Provenance() Provenance {
	return Provenance{Model: i.Name, Weights: i.Weights, Processing: i.Processing, Backend: i.Backend, Version: i.Version, Warnings: i.Config.Warnings}
}
