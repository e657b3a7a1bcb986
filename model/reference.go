package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/internal/plan"
)

// A Reference says what takes the place of what a sender writes where its edge is
// cut. The zero value is nothing: zeros.
type Reference struct {
	// Source, if it has rows, is the reference run, with its edits.
	Source Request `json:",omitzero"`

	// Donors are, for each row of the base, the row of the source that it takes
	// from, of as many tokens; nil means the row of the same number.
	Donors []int `json:",omitempty"`

	// Mean makes the reference the mean of what is written over the source's rows,
	// at each position of those that have it.
	Mean bool `json:",omitempty"`

	// WholeEmbedding makes the first sender all that enters the first block; else
	// it is the embedding of the token, and that of the position is never cut.
	// Where the sum of the two is normalized it is always whole.
	WholeEmbedding bool `json:",omitempty"`
}

// job checks a base and its reference and resolves them, encode as in Request.job.
func (f Reference) job(c config.Config, base Request, encode func(text string) ([]int32, error)) (job plan.EdgeJob, err error) {
	switch {
	case len(base.Metrics) == 0:
		return job, errors.New("nothing is read; give the base a metric")
	case len(base.Edits)+len(base.Captures)+len(base.Grads) > 0 || len(f.Source.Captures)+len(f.Source.Metrics)+len(f.Source.Grads) > 0:
		return job, errors.New("the base takes metrics alone, the source edits alone; captures and gradients are those of a run")
	case f.Mean && f.Source.Rows == nil:
		return job, errors.New("a mean over the rows of the source, but the source has none")
	case f.Mean && f.Donors != nil:
		return job, errors.New("a mean is over all rows of the source; leave the donors out")
	case base.Mask != nil || f.Source.Mask != nil:
		return job, errors.New("padded rows; give rows of their own lengths instead")
	}
	for _, r := range []Request{base, f.Source} {
		if r.From != 0 || r.Until != 0 || r.Resid != nil {
			return job, errors.New("the base and the source run from the embedding to the end; leave From, Resid and Until out")
		}
	}
	for _, m := range base.Metrics {
		if m.Kind == KindLinear {
			return job, errors.New("metrics are of logits; one that is linear in an activation is not read here")
		}
	}
	if job.Graph, err = edge.Of(c); err != nil {
		return job, err
	}
	if job.Base, _, err = base.job(c, encode); err != nil {
		return job, err
	}
	job.Base.Until = c.Layers
	job.Donors, job.Mean, job.WholeEmbedding = f.Donors, f.Mean, f.WholeEmbedding
	if f.Source.Rows == nil {
		return job, nil
	}
	if err := f.pairs(base.Rows); err != nil {
		return job, err
	}
	source := f.Source
	source.Rows = f.rows(longest(base.Rows))
	r, _, err := source.job(c, encode)
	if err != nil {
		return job, fmt.Errorf("source: %w", err)
	}
	job.Source = &r
	return job, nil
}

// pairs checks that each row has one to take from.
func (f Reference) pairs(rows [][]int32) error {
	switch {
	case f.Mean:
		if have, want := longest(f.Source.Rows), longest(rows); have < want {
			return fmt.Errorf("the longest row of the source has %d tokens, that of the base %d; no mean exists beyond", have, want)
		}
		return nil
	case f.Donors != nil:
		return donorsOf(f.Donors, rows, f.Source.Rows)
	}
	return sameLengths(rows, f.Source.Rows)
}

// rows are the source's, as far as a base of so many positions reads them.
func (f Reference) rows(longest int) [][]int32 {
	if !f.Mean {
		return f.Source.Rows
	}
	rows := slices.Clone(f.Source.Rows)
	for i, row := range rows {
		rows[i] = row[:min(len(row), longest)]
	}
	return rows
}

func longest(rows [][]int32) int {
	n := 0
	for _, row := range rows {
		n = max(n, len(row))
	}
	return n
}
