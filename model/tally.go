package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/tally"
)

// A Tally reduces activations over rows of a corpus: counts, moments, histograms,
// covariances and the largest values are kept, never the activations. It costs one
// pass through the blocks up to the last point, without an unembedding unless a
// point is there, and the memory of its states, which [Tally.Bytes] says.
//
// [Model.TallyOver] walks over a corpus of any length.
type Tally struct {
	Rows   [][]int32 // tokens, of any lengths
	Labels []int     `json:",omitempty"` // of each row, from 0 on, for reducers by label
	First  int64     `json:",omitempty"` // number of the first row in its corpus, which places count from

	Reducers []tally.Reducer

	// Edits are made as in a run; values that they label can be reduced.
	Edits []hook.Edit `json:",omitempty"`

	// Positions and Groups are how many groups reducers by position and by label
	// have; 0 means as many as the rows need. States merge if they have equally many.
	Positions int `json:",omitempty"`
	Groups    int `json:",omitempty"`

	// Of is how many rows the whole corpus has, for the progress of
	// [Model.TallyOver]; 0 if that is not known.
	Of int `json:",omitempty"`

	// Budget bounds the bytes of the states; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`
}

// A TallyResult is what [Tally] gave.
type TallyResult struct {
	Reducers []tally.Reducer
	States   []*tally.State // of each reducer
	Rows     int64          // of the corpus
	Tokens   int64
	Provenance
}

// Merge takes the result of other rows of the corpus into r.
func (r *TallyResult) Merge(other *TallyResult) error {
	if len(r.States) != len(other.States) || r.Weights != other.Weights {
		return errors.New("tally: the results are of different reducers or weights, and do not merge")
	}
	if err := r.mergeStates(other.States); err != nil {
		return err
	}
	r.Rows, r.Tokens = r.Rows+other.Rows, r.Tokens+other.Tokens
	r.computedBy(other.Computed...)
	return nil
}

// mergeStates takes states of the same reducers into those of r.
func (r *TallyResult) mergeStates(others []*tally.State) error {
	for i, state := range r.States {
		if err := r.Reducers[i].Merge(state, others[i]); err != nil {
			return err
		}
	}
	return nil
}

// String says what was kept.
func (r *TallyResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows, %d tokens\n", r.Rows, r.Tokens)
	for i, reducer := range r.Reducers {
		fmt.Fprintf(&b, "%s: %d units in %d groups\n", reducer, r.States[i].Units, r.States[i].Groups)
	}
	fmt.Fprint(&b, r.Provenance)
	return b.String()
}

func init() { asks[Tally, *TallyResult]() }

// Verb implements [Ask].
func (Tally) Verb() string { return "tally" }

func (t Tally) check(c config.Config) error {
	_, err := t.job(c)
	return err
}

// Tally reduces activations of rows. Nothing runs if any part of it is wrong.
func (m *Model) Tally(t Tally) (*TallyResult, error) { return m.TallyContext(context.Background(), t) }

// TallyContext is [Model.Tally] that stops when the context ends.
func (m *Model) TallyContext(ctx context.Context, t Tally) (*TallyResult, error) {
	return do[*TallyResult](ctx, m, t)
}

// Bytes is the memory of the states of a model of this config.
func (t Tally) Bytes(c config.Config) int64 {
	n := int64(0)
	for _, r := range t.Reducers {
		n += r.Bytes(t.units(c, r), t.groups(c, r))
	}
	return n
}

// adderBytes is the memory of what adds to the states.
func (t Tally) adderBytes(c config.Config) (n int64) {
	for _, r := range t.Reducers {
		n += r.AdderBytes(t.units(c, r), t.groups(c, r))
	}
	return n
}

// units is how many units a reducer has.
func (t Tally) units(c config.Config, r tally.Reducer) int {
	shape := []int{1, 1}
	if r.Point.Value == "" {
		shape = c.Selected(r.Point, 1, 1)
	} else if dims, err := c.LabelDims(r.Point, t.Edits); err == nil { // else the check says so
		shape = config.SelectedOf(r.Point, dims, 1, 1)
	}
	n := 1
	for _, d := range shape[2:] {
		n *= d
	}
	return n
}

// groups is how many groups a reducer has.
func (t Tally) groups(c config.Config, r tally.Reducer) int {
	switch r.By {
	case tally.ByPosition:
		return max(t.Positions, longest(t.Rows))
	case tally.ByToken:
		if r.Tokens != nil {
			return len(r.Tokens)
		}
		return c.Vocab
	case tally.ByLabel:
		if n := len(t.Labels); n > 0 {
			return max(t.Groups, 1+slices.Max(t.Labels))
		}
		return max(1, t.Groups)
	}
	return 1
}

// job checks a tally and resolves it.
func (t Tally) job(c config.Config) (job plan.Job, err error) {
	if len(t.Reducers) == 0 {
		return job, errors.New("tally: nothing is kept; give a reducer")
	}
	if t.Labels != nil && len(t.Labels) != len(t.Rows) {
		return job, fmt.Errorf("tally: %d labels for %d rows", len(t.Labels), len(t.Rows))
	}
	for i, label := range t.Labels {
		if label < 0 || t.Groups > 0 && label >= t.Groups {
			return job, fmt.Errorf("tally: label %d of row %d; labels lie between 0 and %d", label, i, max(t.Groups, 1)-1)
		}
	}
	if n := longest(t.Rows); t.Positions > 0 && n > t.Positions {
		return job, fmt.Errorf("tally: a row of %d tokens, but %d positions are kept apart", n, t.Positions)
	}
	r := Request{Rows: t.Rows, Edits: t.Edits}
	for _, reducer := range t.Reducers {
		if err := reducer.Check(); err != nil {
			return job, err
		}
		seen := make(map[int32]bool, len(reducer.Tokens))
		for _, id := range reducer.Tokens {
			if id < 0 || int(id) >= c.Vocab || seen[id] {
				return job, fmt.Errorf("tally: %s: token %d is outside of the vocabulary of %d, or named twice", reducer, id, c.Vocab)
			}
			seen[id] = true
		}
		if p := reducer.Point; len(p.Pos.Rows) > 1 {
			return job, fmt.Errorf("tally: %s: positions of its own for each row; select the same in all", reducer)
		}
		if reducer.Kind == tally.Grams && c.Vocab > tally.MaxGramToken {
			return job, fmt.Errorf("tally: %s: a vocabulary of %d; %d can be counted", reducer, c.Vocab, tally.MaxGramToken)
		}
		if reducer.By == tally.ByLabel && t.Labels == nil {
			return job, fmt.Errorf("tally: %s: the rows have no labels", reducer)
		}
		if reducer.Point.Find(r.Captures) < 0 {
			r.Captures = append(r.Captures, reducer.Point)
		}
	}
	r.Budget = 1 << 62 // captures are not kept
	if job, _, err = r.job(c, nil); err != nil {
		return job, fmt.Errorf("tally: %w", err)
	}
	budget := t.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	if n := t.Bytes(c); n > budget {
		return job, fmt.Errorf("tally: its states take %.1f MB, the budget is %.1f MB; select fewer units, or keep fewer groups apart", float64(n)/1e6, float64(budget)/1e6)
	}
	return job, nil
}
