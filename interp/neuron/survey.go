package neuron

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// A Unit is a neuron of a block's MLP.
type Unit struct{ Layer, Neuron int }

// String is layer and neuron, as in 3.1024.
func (u Unit) String() string { return fmt.Sprintf("%d.%d", u.Layer, u.Neuron) }

// Settings are what a survey keeps. The zero value keeps all of it.
type Settings struct {
	// Triggers bounds how many different tokens, and pairs of tokens, a neuron may fire
	// on before its are dropped; 0 means 256. -1 keeps none. Each takes up to 16 bytes a
	// neuron.
	Triggers int
	// Pairs also counts pairs of tokens.
	Pairs bool
	// NoPositions counts nothing by position, which takes 8 bytes a neuron and position.
	NoPositions bool
	// Budget bounds the bytes of the counts; 0 means 4 GiB.
	Budget int64
}

const defaultTriggers = 256

// Stats is how neurons fire over a corpus.
type Stats struct {
	Rate        *interp.Result // share of tokens at which each fires [layer, neuron]
	ByPosition  *array.Array   // share of rows in which each fires at a position [layer, neuron, pos]; nil if that was not kept
	Information *interp.Result // of firing and position, in nats [layer, neuron]; nil likewise
	TokenCount  []int64        // of each token of the vocabulary in the corpus
	Rows        int64
	Tokens      int64
	Smooth      bool // the activation function is never exactly 0

	m       *model.Model
	singles []*tally.State // by one token, of each layer
	pairs   []*tally.State
	grams   [2]tally.Reducer
}

// Survey counts when the neurons of all blocks fire, over the rows of a corpus. One
// pass through the blocks, and the memory of the counts, which does not grow with the
// corpus.
func Survey(ctx context.Context, m *model.Model, rows *corpus.Cut, s Settings) (*Stats, error) {
	c := m.Config()
	if c.AttnOnly() {
		return nil, fmt.Errorf("neurons: %s has no MLPs", m.Info().Name)
	}
	if s.Triggers == 0 {
		s.Triggers = defaultTriggers
	}
	out := &Stats{m: m, TokenCount: make([]int64, c.Vocab), Smooth: c.Act != config.ActReLU}
	ask := model.Tally{Positions: 0, Budget: s.Budget, Of: rows.Len()}
	positions := 0
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		positions = max(positions, len(row.Tokens))
	}
	ask.Positions = positions
	by := tally.ByPosition
	if s.NoPositions {
		by = tally.All
	}
	for l := range c.Layers {
		ask.Reducers = append(ask.Reducers, tally.Reducer{Point: hook.MLPPre(l), Kind: tally.Above, By: by})
		for n := range 2 {
			if s.Triggers > 0 && (n == 0 || s.Pairs) {
				out.grams[n] = tally.Reducer{Point: hook.MLPPre(l), Kind: tally.Grams, N: n + 1, K: s.Triggers}
				ask.Reducers = append(ask.Reducers, out.grams[n])
			}
		}
	}
	r, err := m.TallyOver(ctx, ask, counted(rows.All(), out.TokenCount), nil)
	if err != nil {
		return nil, fmt.Errorf("neurons: %w", err)
	}
	out.Rows, out.Tokens = r.Rows, r.Tokens
	out.take(r, s, positions)
	return out, nil
}

// counted counts the tokens of the rows that pass.
func counted(rows iter.Seq2[model.TallyRow, error], count []int64) iter.Seq2[model.TallyRow, error] {
	return func(yield func(model.TallyRow, error) bool) {
		for row, err := range rows {
			for _, id := range row.Tokens {
				count[id]++
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// take makes shares of counts.
func (s *Stats) take(r *model.TallyResult, set Settings, positions int) {
	c := s.m.Config()
	layers, neurons := array.Dim("layer", c.Layers), array.Dim("neuron", c.DMLP)
	rate := array.New(layers, neurons).Named("share of tokens at which it fires", "")
	info := array.New(layers, neurons).Named("information of firing and position", "nats")
	if !set.NoPositions {
		s.ByPosition = array.New(layers, neurons, array.Dim("pos", positions)).Named("share of rows in which it fires", "")
	}
	for i, reducer := range r.Reducers {
		state := r.States[i]
		l := reducer.Point.Layer
		switch {
		case reducer.Kind == tally.Grams && reducer.N == 1:
			s.singles = append(s.singles, state)
		case reducer.Kind == tally.Grams:
			s.pairs = append(s.pairs, state)
		case set.NoPositions:
			for n := range c.DMLP {
				rate.Set(float64(state.Count[n])/float64(state.Seen[0]), l, n)
			}
		default:
			for n := range c.DMLP {
				at := make([]float64, positions)
				fired, seen := int64(0), int64(0)
				for p := range positions {
					k := state.Count[p*c.DMLP+n]
					at[p] = float64(k) / float64(state.Seen[p])
					fired, seen = fired+k, seen+state.Seen[p]
					s.ByPosition.Set(at[p], l, n, p)
				}
				rate.Set(float64(fired)/float64(seen), l, n)
				info.Set(Information(at), l, n)
			}
		}
	}
	method := fmt.Sprintf("neurons over %d rows, %d tokens", r.Rows, r.Tokens)
	if s.Smooth {
		method += fmt.Sprintf("; %s is never exactly 0: it fires where it is above 0", c.Act)
	}
	const source = "Voita et al. 2023"
	s.Rate = &interp.Result{Array: rate, Method: method, Source: source, Provenance: r.Provenance}
	if !set.NoPositions {
		s.Information = &interp.Result{Array: info, Method: method, Source: source, Provenance: r.Provenance}
	}
}

// Dead are the neurons that never fire.
func (s *Stats) Dead() []Unit {
	return s.units(func(l, n int) bool { return s.Rate.At(l, n) == 0 })
}

// has tells whether there is such a neuron.
func (s *Stats) has(u Unit) bool {
	c := s.m.Config()
	return u.Layer >= 0 && u.Layer < c.Layers && u.Neuron >= 0 && u.Neuron < c.DMLP
}

func (s *Stats) units(is func(l, n int) bool) (all []Unit) {
	c := s.m.Config()
	for l := range c.Layers {
		for n := range c.DMLP {
			if is(l, n) {
				all = append(all, Unit{l, n})
			}
		}
	}
	return all
}

// DeadShare is the share of each layer's neurons that never fire [layer].
func (s *Stats) DeadShare() *array.Array {
	c := s.m.Config()
	share := array.New(array.Dim("layer", c.Layers)).Named("dead neurons", "")
	for _, u := range s.Dead() {
		share.Values()[u.Layer] += 1 / float32(c.DMLP)
	}
	return share
}

// String is a few lines.
func (s *Stats) String() string {
	c := s.m.Config()
	var b strings.Builder
	fmt.Fprintf(&b, "%d neurons in %d layers over %d rows, %d tokens\n", c.DMLP*c.Layers, c.Layers, s.Rows, s.Tokens)
	if s.Smooth {
		fmt.Fprintf(&b, "%s is never exactly 0: a neuron fires where it is above 0\n", c.Act)
	}
	fmt.Fprintf(&b, "dead: %d\n", len(s.Dead()))
	if s.singles != nil {
		fmt.Fprintf(&b, "token detectors: %d\n", len(s.Detectors(Rule{})))
	}
	if s.Information != nil {
		fmt.Fprintf(&b, "positional (I > %g): %d\n", positional, len(s.Positional(0)))
	}
	return b.String()
}
