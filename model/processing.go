package model

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model/config"
)

// Processing says which algebra was done on the weights. None of it changes
// the model's log-probabilities, but Untrained; all of it changes what single
// activations mean. The zero value is the weights as they were published.
//
// A step that would change what a family computes is an error that says why:
// centring writing weights where no LayerNorm reads them, centring a soft-capped
// unembedding, folding norms that are behind their sublayer, refactoring queries
// and keys between which positions rotate. A step that is right but finds nothing
// to do, as folding value biases where there are none, does nothing. The steps
// are done in the order of the fields. [StandardFor] are the steps of [Standard]
// that a config allows, [FactoredFor] those and the last two.
//
// RefactorQK and RefactorOV together are TransformerLens'
// refactor_factored_attn_matrices. A head's q, k, v and z then are coordinates
// along singular vectors, the largest singular value first; which of the two
// signs a coordinate has means nothing.
type Processing struct {
	FoldNorm      bool // norm weights and biases go into the next linear layer
	CenterWriting bool // what writes to the residual stream has zero mean over d_model
	CenterUnembed bool // logits have zero mean over the vocabulary
	FoldValues    bool // b_V goes into b_O, as attention rows sum to one
	RefactorQK    bool // W_Q = U √S and W_K = V √S of each head's W_Q W_Kᵀ = U S Vᵀ; biases are a row of them
	RefactorOV    bool // W_V = U S and W_O = Vᵀ of each head's W_V W_O = U S Vᵀ; b_V goes into b_O

	// Untrained, if it is not 0, is the seed by which every matrix is drawn anew before
	// all else, normal with the mean and the spread of its values: a model of the same
	// sizes that has learned nothing, as a control. It alone changes what the model
	// computes.
	Untrained uint64 `json:",omitempty"`
}

// Standard is the processing that TransformerLens does by default. Families
// that cannot have a step of it refuse it; see [StandardFor].
var Standard = Processing{FoldNorm: true, CenterWriting: true, CenterUnembed: true, FoldValues: true}

// StandardFor is [Standard] without the steps that a model of this config
// refuses.
func StandardFor(c config.Config) Processing {
	return Processing{
		FoldNorm: c.CanFoldNorm() == nil, CenterWriting: c.CanCenterWriting() == nil,
		CenterUnembed: c.CanCenterUnembed() == nil, FoldValues: true,
	}
}

// FactoredFor is [StandardFor] and every head's matrices refactored, as far as a
// model of this config allows.
func FactoredFor(c config.Config) Processing {
	p := StandardFor(c)
	p.RefactorQK, p.RefactorOV = c.CanRefactorQK() == nil, c.CanRefactorOV() == nil
	return p
}

// ReadProcessing reads what a command line says of processing for a model: raw,
// standard ([StandardFor]), factored ([FactoredFor]), or names of fields between commas.
func ReadProcessing(text string, c config.Config) (p Processing, err error) {
	switch text {
	case "", "raw":
		return p, nil
	case "standard":
		return StandardFor(c), nil
	case "factored":
		return FactoredFor(c), nil
	}
	steps := map[string]*bool{"FoldNorm": &p.FoldNorm, "CenterWriting": &p.CenterWriting, "CenterUnembed": &p.CenterUnembed,
		"FoldValues": &p.FoldValues, "RefactorQK": &p.RefactorQK, "RefactorOV": &p.RefactorOV}
	for _, name := range strings.Split(text, ",") {
		step := steps[strings.TrimSpace(name)]
		if step == nil {
			return p, fmt.Errorf("processing %q: there are raw, standard, factored, and FoldNorm, CenterWriting, CenterUnembed, FoldValues, RefactorQK and RefactorOV between commas", name)
		}
		*step = true
	}
	return p, nil
}

// String lists the steps, or says raw.
func (p Processing) String() string {
	var steps []string
	for _, s := range []struct {
		on   bool
		name string
	}{
		{p.FoldNorm, "norms folded"}, {p.CenterWriting, "writing weights centred"},
		{p.CenterUnembed, "unembedding centred"}, {p.FoldValues, "value biases folded"},
		{p.RefactorQK, "queries and keys refactored"}, {p.RefactorOV, "values and outputs refactored"},
	} {
		if s.on {
			steps = append(steps, s.name)
		}
	}
	if p.Untrained != 0 {
		steps = append([]string{fmt.Sprintf("matrices drawn anew, seed %d", p.Untrained)}, steps...)
	}
	if steps == nil {
		return "raw weights"
	}
	return strings.Join(steps, ", ")
}
