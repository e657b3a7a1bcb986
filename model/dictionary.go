package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
)

// LearnDictionary trains a sparse dictionary on a model's activations: a sparse
// autoencoder or, if another activation is to be written, a transcoder. Activations
// are computed as they are needed, a pool of tokens at a time, shuffled, and never
// leave the process that holds the model.
//
// Inputs and outputs are scaled so that their mean square norm is their width, and
// the scales are folded into what is given back.
type LearnDictionary struct {
	Rows  [][]int32  // tokens of the corpus, walked over as often as the steps need
	Read  hook.Point // what is encoded; several heads count as one width
	Write hook.Point `json:",omitzero"` // what the features stand for; zero: Read itself

	// Leave is how many tokens at the start of each row are left out, such as a begin
	// token whose activation is like no other.
	Leave int `json:",omitempty"`
	// Pool is how many tokens' activations are held and shuffled together; 0 means
	// 65,536. They take 4 bytes for each value of Read and of Write.
	Pool int `json:",omitempty"`

	// EndToEnd is the coefficient of a further term of the loss: how far the model's
	// next tokens are, with the reconstruction in the place of Write, from what they
	// are without (KL divergence, in nats, mean over tokens that are not left out). 0
	// means none. With NoMSE it is the only one beside sparsity (Braun et al. 2024). Rows
	// are of one length then, and a step takes as many whole ones as Batch holds, at
	// least one; it costs a pass, and a pass with a way back.
	EndToEnd float64 `json:",omitempty"`

	dictionary.Settings

	// Every is after how many steps a point of the curve is kept; 0 means 1% of Steps.
	Every int `json:",omitempty"`
	// Checkpoint is a folder, where the model is, into which the training is written
	// with every point of the curve, and from which it goes on if it was cut.
	Checkpoint string `json:",omitempty"`
}

// A LearnedDictionary is what [LearnDictionary] gave.
type LearnedDictionary struct {
	Coder   *dictionary.Coder
	Read    hook.Point
	Write   hook.Point
	Curve   []dictionary.Report
	Scales  []float64 // of inputs and outputs in training; the Coder has them folded
	Tokens  int64     // that were trained on
	Seconds float64   // spent in steps, activations included
	Stopped bool      // it was cancelled before its last step
	Provenance
}

func init() { asks[LearnDictionary, *LearnedDictionary]() }

// Verb implements [Ask].
func (LearnDictionary) Verb() string { return "dictionary" }

func (d LearnDictionary) check(c config.Config) error {
	_, _, err := d.widths(c)
	return err
}

// LearnDictionary trains a dictionary. Nothing runs if any part of it is wrong.
func (m *Model) LearnDictionary(d LearnDictionary) (*LearnedDictionary, error) {
	return m.LearnDictionaryContext(context.Background(), d)
}

// LearnDictionaryContext is [Model.LearnDictionary] that stops when the context
// ends. With a checkpoint, the same ask goes on from there.
func (m *Model) LearnDictionaryContext(ctx context.Context, d LearnDictionary) (*LearnedDictionary, error) {
	return do[*LearnedDictionary](ctx, m, d)
}

// transcoder tells whether another activation is written.
func (d LearnDictionary) transcoder() bool { return d.Write.Kind != "" }

// points are those whose activations are needed.
func (d LearnDictionary) points() []hook.Point {
	if d.transcoder() {
		return []hook.Point{d.Read, d.Write}
	}
	return []hook.Point{d.Read}
}

// widths checks a training, and gives the widths that it reads and writes.
func (d LearnDictionary) widths(c config.Config) (in, out int, err error) {
	fail := func(err error) (int, int, error) { return 0, 0, fmt.Errorf("dictionary: %w", err) }
	if d.Steps < 1 {
		return fail(errors.New("no steps; give at least one"))
	}
	if d.Leave < 0 || d.Pool < 0 || d.Every < 0 {
		return fail(errors.New("a negative number of tokens or steps"))
	}
	r := Request{Rows: d.Rows, Captures: d.points(), Budget: 1 << 62}
	if _, _, err := r.job(c, nil); err != nil {
		return fail(err)
	}
	if d.EndToEnd < 0 || d.NoMSE && d.EndToEnd == 0 {
		return fail(fmt.Errorf("an end-to-end loss times %g; above 0, and not 0 without a squared error", d.EndToEnd))
	}
	tokens := 0
	for i, row := range d.Rows {
		if d.EndToEnd > 0 && len(row) != len(d.Rows[0]) {
			return fail(fmt.Errorf("row %d has %d tokens and row 0 has %d; for an end-to-end loss rows are of one length", i, len(row), len(d.Rows[0])))
		}
		tokens += max(0, len(row)-d.Leave)
	}
	if tokens == 0 {
		return fail(fmt.Errorf("no tokens are left of %d rows without the first %d of each", len(d.Rows), d.Leave))
	}
	var widths []int
	for _, p := range d.points() {
		if p.Kind == hook.KindScores || p.Kind == hook.KindPattern {
			return fail(fmt.Errorf("%s has no width; its keys differ between rows", p))
		}
		if !p.Pos.All() || p.Batch != nil || p.Value != "" {
			return fail(fmt.Errorf("%s selects positions, rows or a labelled value; leave out tokens by Leave", p))
		}
		n := 1
		for _, dim := range c.Selected(p, 1, 1)[2:] {
			n *= dim
		}
		widths = append(widths, n)
	}
	in, out = widths[0], widths[len(widths)-1]
	_, err = dictionary.NewTrainer(small(d.Settings, in), in, out, d.transcoder(), nil)
	return in, out, err
}

// small are settings that are wrong in the same ways and take no memory.
func small(s dictionary.Settings, in int) dictionary.Settings {
	if filled, err := s.Filled(in, in); err == nil && filled.Widths == nil {
		s.Features = max(1, min(filled.Features, filled.K))
	}
	return s
}

// String is the curve's first and last points and what was learned.
func (l *LearnedDictionary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s dictionary of %d features at %s", l.Coder.Kind, l.Coder.Features, l.Read)
	if l.Write.Kind != "" {
		fmt.Fprintf(&b, ", for %s", l.Write)
	}
	fmt.Fprintf(&b, "; %d tokens in %.1f s (%.0f a second)", l.Tokens, l.Seconds, float64(l.Tokens)/max(l.Seconds, 1e-9))
	if l.Stopped {
		b.WriteString(", stopped")
	}
	for i, r := range l.Curve {
		if i == 0 || i == len(l.Curve)-1 {
			fmt.Fprintf(&b, "\nstep %d: loss %.4g, L0 %.1f, variance explained %.3f, dead %.1f%%", r.Step, r.Loss, r.L0, 1-r.FVU, 100*r.Dead)
		}
	}
	fmt.Fprintf(&b, "\n%s", l.Provenance)
	return b.String()
}
