package model

import (
	"context"
	"slices"

	"github.com/golens/golens/model/hook"
)

// A Generation continues rows of tokens, one token at a time. It is plain data,
// as a [Request] is.
//
// Each position is computed once, with the keys and values of those before it
// kept. What edits did to a position therefore stays, and they are made where
// and when a position is computed: positions of an edit that count from the end
// are those of the row as it is then, so that At(-1) acts on the prompt's last
// token and on every token that is generated, and At(-2) on the prompt's last
// but one alone. The last new token is chosen, and not run.
type Generation struct {
	Rows [][]int32 // token ids, one row per prompt, of any lengths
	New  int       // tokens to add to each row, at least 1

	// Given are tokens with which each row goes on before any is chosen, one list per
	// row; nil for none. They count as new tokens, and their log-probabilities are
	// read: with New as long as they are, a text is read and nothing is chosen.
	Given [][]int32 `json:",omitempty"`

	// Window bounds the keys and values that are kept; nil keeps all.
	Window *Window `json:",omitempty"`

	// Temperature divides the logits; 0 takes the likeliest token each time.
	Temperature float64 `json:",omitempty"`
	// TopK leaves the k likeliest tokens, and those that are equal to the last of
	// them; 0 leaves all.
	TopK int `json:",omitempty"`
	// TopP leaves, of these, the fewest of the likeliest that have this share of
	// the probability between them; 0 and 1 leave all.
	TopP float64 `json:",omitempty"`
	// Seed decides what is drawn. What a row gets depends on the seed and on the
	// row, not on the rows beside it; copies of a row get draws of their own.
	Seed uint64 `json:",omitempty"`

	Stop []int32 `json:",omitempty"` // tokens with which a row ends before it has all

	Edits []hook.Edit `json:",omitempty"` // changes, in order

	// Captures are activations to give back, each position as it was when it was
	// computed. Positions count from the start; At(-1) alone may count from the
	// end, and takes at every step the position whose logits choose the next
	// token, so that the position axis counts the new tokens.
	Captures []hook.Point `json:",omitempty"`

	// Budget bounds the bytes given back; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`

	err error // of the prompts that it was made from
}

// Complete is a generation of n new tokens after each prompt, the likeliest
// ones if nothing else is said.
func (p Prompts) Complete(n int) Generation { return Generation{Rows: p.IDs, New: n, err: p.err} }

// Sample draws tokens at a temperature instead of taking the likeliest.
func (g Generation) Sample(temperature float64, seed uint64) Generation {
	g.Temperature, g.Seed = temperature, seed
	return g
}

// Edit also makes the edits, after those already there.
func (g Generation) Edit(edits ...hook.Edit) Generation {
	g.Edits = slices.Concat(g.Edits, edits)
	return g
}

// Capture also gives back the activations.
func (g Generation) Capture(points ...hook.Point) Generation {
	g.Captures = slices.Concat(g.Captures, points)
	return g
}

// Until also ends a row at any of the tokens.
func (g Generation) Until(tokens ...int32) Generation {
	g.Stop = slices.Concat(g.Stop, tokens)
	return g
}

// Hash identifies the generation: those of equal content have equal hashes.
func (g Generation) Hash() string { return hashOf(g) }

// After also has the rows go on with given tokens before any is chosen. New tokens
// are at least as many.
func (g Generation) After(given ...[]int32) Generation {
	g.Given = given
	for _, row := range given {
		g.New = max(g.New, len(row))
	}
	return g
}

// Stream bounds what is kept.
func (g Generation) Stream(w Window) Generation {
	g.Window = &w
	return g
}

func init() { asks[Generation, *Generated]() }

// Verb implements [Ask].
func (Generation) Verb() string { return "generate" }

// Complete does a generation. Nothing runs if any part of it is wrong.
func (m *Model) Complete(g Generation) (*Generated, error) {
	return m.CompleteContext(context.Background(), g)
}

// CompleteContext is [Model.Complete] that stops when the context ends.
func (m *Model) CompleteContext(ctx context.Context, g Generation) (*Generated, error) {
	return do[*Generated](ctx, m, g)
}

// Generate continues every prompt by n tokens, each time the likeliest one,
// with the edits active throughout; see [Generation] for what their positions
// mean. It returns the rows, prompts included.
func (m *Model) Generate(p Prompts, n int, edits ...hook.Edit) (Prompts, error) {
	if n == 0 || p.err != nil {
		return p, p.err
	}
	g, err := m.Complete(p.Complete(n).Edit(edits...))
	if err != nil {
		return p, err
	}
	out := g.Prompts
	out.BOS = p.BOS
	return out, nil
}
