package lens

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A Patchscope lets the model itself say what a hidden state holds: the state is put into
// another prompt, and the model goes on. Source: Ghandeharioun et al. 2024,
// "Patchscopes: A Unifying Framework for Inspecting Hidden Representations".
type Patchscope struct {
	// Target is the prompt that the state is put into; none means few-shot identity, whose
	// last token it replaces.
	Target model.Prompts
	At     int // position in Target; negative from the end. 0 means the last
	// Layer is the block behind which it is put; below 0 the one that it was taken from.
	Layer  int
	Tokens int // to be written; 0 means 5
}

// IdentityPrompt is a prompt that repeats each word, and then whatever its last token is.
const IdentityPrompt = "cat -> cat\n1135 -> 1135\nhello -> hello\n?"

// Inspected is what the model says of a state of each layer.
type Inspected struct {
	Texts []string // of the state after each block
	Of    string   // the token that it was taken at
	model.Provenance
}

// Read takes the state at a position of a prompt after each block, and lets the model go
// on from the target with each. One pass over the source, and a generation for each
// layer.
func (p Patchscope) Read(m *model.Model, source model.Prompts, position int) (*Inspected, error) {
	out, err := p.read(m, source, position)
	if err != nil {
		return nil, fmt.Errorf("patchscope: %w", err)
	}
	return out, nil
}

func (p Patchscope) read(m *model.Model, source model.Prompts, position int) (*Inspected, error) {
	c := m.Config()
	if len(p.Target.IDs) == 0 && p.Target.Err() == nil {
		p.Target = m.Tokens(IdentityPrompt)
	}
	if err := errors.Join(source.Err(), p.Target.Err()); err != nil {
		return nil, err
	}
	if len(source.IDs) != 1 || len(p.Target.IDs) != 1 {
		return nil, fmt.Errorf("%d sources and %d targets; give one of each", len(source.IDs), len(p.Target.IDs))
	}
	n, at := len(p.Target.IDs[0]), p.At
	if at == 0 {
		at = -1
	}
	if at < 0 {
		at += n // as the row is now: it grows
	}
	if at < 0 || at >= n || p.Layer >= c.Layers {
		return nil, fmt.Errorf("position %d of a target of %d tokens, layer %d of %d", p.At, n, p.Layer, c.Layers)
	}
	points := hook.Layers(c.Layers, func(l int) hook.Point { return hook.ResidPost(l).At(position) })
	run, err := m.Run(source.Capture(points...))
	if err != nil {
		return nil, err
	}
	if position < 0 {
		position += len(source.IDs[0])
	}
	out := &Inspected{Of: source.Labels[0][position], Provenance: run.Provenance}
	tokens := p.Tokens
	if tokens == 0 {
		tokens = 5
	}
	for l, from := range points {
		to := p.Layer
		if to < 0 {
			to = l
		}
		state := run.At(from).Squeeze(hook.Batch).Squeeze(hook.Pos)
		g, err := m.Complete(p.Target.Complete(tokens).Edit(hook.ResidPost(to).At(at).Replace(state)))
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
		text, err := m.Text(g.Prompts.IDs[0][n:])
		if err != nil {
			return nil, err
		}
		out.Texts = append(out.Texts, text)
	}
	return out, nil
}

// String is a line for each layer.
func (i *Inspected) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q after each block:\n", i.Of)
	for l, text := range i.Texts {
		fmt.Fprintf(&b, "%4d  %q\n", l, text)
	}
	return b.String()
}
