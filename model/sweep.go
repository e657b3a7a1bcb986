package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Sweep is many edited runs of one batch: every head patched in turn, every
// position, every sender of a path. It is plain data, as a [Request] is.
//
// The cost follows what the variants change: each starts where its first edit
// is, with what the base run had before it.
type Sweep struct {
	// Base is the batch, the edits that every variant starts from and the
	// metrics that are read of every variant. Captures and gradients of Base are
	// those of the base run itself. It must start at the embedding and not stop.
	Base Request

	// Source, if it has rows, is a second batch, from which [hook.Point.FromSource]
	// takes its values. Without [Variant.Donors] it has as many rows as Base, each
	// as long as that of Base.
	Source Request `json:",omitzero"`

	Variants []Variant

	// Captures are activations to give back of every variant.
	Captures []hook.Point `json:",omitempty"`

	// Budget bounds the bytes that the sweep holds, beside the weights; 0 means
	// 4 GiB. What does not fit is done piece by piece.
	Budget int64 `json:",omitempty"`
}

// A Variant is the base run with more edits.
type Variant struct {
	Name string // for tables and figures; may be empty

	// Edits are made after those of the base, in order. An edit that sets values
	// may set what the base edits or a freeze left, but not what another edit of
	// the variant did: that would be lost.
	Edits []hook.Edit

	// Rows are the rows of the batch to run; nil means all. The metrics of the
	// others are NaN. Positions and values of edits still count in the batch.
	Rows []int `json:",omitempty"`

	// Donors are, for each row of the base, the row of the source that it takes
	// from, of as many tokens; nil means the row of the same number. With them one
	// sweep takes from several batches: the source is all of them, one after
	// another.
	Donors []int `json:",omitempty"`
}

func init() { asks[Sweep, *SweepResult]() }

// Verb implements [Ask].
func (Sweep) Verb() string { return "sweep" }

func (s Sweep) check(c config.Config) error {
	_, _, err := s.job(c, nil)
	return err
}

// Hash identifies the sweep: sweeps of equal content have equal hashes.
func (s Sweep) Hash() string { return hashOf(s) }

// Sweep runs the variants of a sweep. Nothing runs if any part of it is wrong.
func (m *Model) Sweep(s Sweep) (*SweepResult, error) { return m.SweepContext(context.Background(), s) }

// SweepContext is [Model.Sweep] that stops when the context ends.
func (m *Model) SweepContext(ctx context.Context, s Sweep) (*SweepResult, error) {
	return do[*SweepResult](ctx, m, s)
}

// name is what errors call the i-th variant.
func (v Variant) name(i int) string {
	if v.Name == "" {
		return fmt.Sprintf("variant %d", i)
	}
	return fmt.Sprintf("variant %d (%s)", i, v.Name)
}

// runs tells whether the variant runs a row of the batch.
func (v Variant) runs(row int) bool { return v.Rows == nil || slices.Contains(v.Rows, row) }
