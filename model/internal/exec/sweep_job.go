package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A SweepOutcome is what a sweep gave.
type SweepOutcome struct {
	Base, Source *Outcome
	Metrics      [][][]float64  // [metric][variant][row]
	Captures     []*array.Array // [variant, batch, ...]
	Plan         SweepPlan
	finished     []bool // chunks, in the order of the plan
}

// sweep is a sweep at work: its edits sorted by activation, what the base run
// left, and how rows lie.
type sweep struct {
	*Engine
	job      plan.Sweep
	lens     []int // of the base's rows
	longest  int
	source   run // nothing if there is none
	variants []variant
	rows     int                                 // most of a chunk of the base and source run
	points   []hook.Point                        // of captures and linear metrics of every variant
	needs    struct{ base, source []hook.Point } // what the groups use of the two runs
	base     map[hook.ID]*array.Array
	copies   []*array.Array // of Captures, of the base run
	whole    bool           // logits are read, or changed, not only those of metrics' tokens
	out      *SweepOutcome
	scratch  *scratch
}

// variant is a variant's own edits by activation, and what planning asks of
// each block, whatever the row.
type variant struct {
	edits  map[hook.ID][]hook.Edit
	rows   []int
	donors []int // of each row of the base, if there is a source
	same   []int // first position in each row at which the source run may differ from the base run
	blocks []blockEdits
}

// run is the batch of the source, and what it left.
type run struct {
	lens    []int
	longest int
	kept    map[hook.ID]*array.Array
}

// blockEdits is what a variant does in a block.
type blockEdits struct {
	any      bool   // it has edits of its own there
	seesAll  bool   // queries may see what comes after them
	touchZ   bool   // edits or captures are at z and what is made of it, before attn_out
	touchMLP bool   // or inside the MLP
	slots    string // equal where the same graphs serve, base edits included
}

func (e *Engine) newSweep(job plan.Sweep) *sweep {
	s := &sweep{Engine: e, job: job, points: slices.Clone(job.Captures), scratch: newScratch(e)}
	for _, row := range job.Base.Tokens {
		s.lens = append(s.lens, len(row))
		s.longest = max(s.longest, len(row))
	}
	if job.Source != nil {
		for _, row := range job.Source.Tokens {
			s.source.lens = append(s.source.lens, len(row))
			s.source.longest = max(s.source.longest, len(row))
		}
	}
	for _, m := range job.Base.Metrics {
		if m.Linear != nil {
			s.points = append(s.points, m.Linear.Point)
		}
	}
	for _, v := range job.Variants {
		w := variant{edits: map[hook.ID][]hook.Edit{}, rows: v.Rows, donors: v.Donors}
		if v.Rows == nil {
			w.rows = upTo(len(s.lens))
		}
		if v.Donors == nil {
			w.donors = upTo(len(s.lens))
		}
		if slices.ContainsFunc(v.Edits, func(e hook.Edit) bool { return e.Op == hook.OpSource }) {
			for r, donor := range w.donors {
				w.same = append(w.same, s.agree(r, donor))
			}
		}
		for _, e := range v.Edits {
			w.edits[e.ID] = append(w.edits[e.ID], e)
		}
		s.variants = append(s.variants, w)
	}
	s.whole = s.readsWholeLogits()
	for v := range s.variants {
		for l := range s.Config.Layers {
			s.variants[v].blocks = append(s.variants[v].blocks, s.blockEdits(v, l))
		}
	}
	return s
}

func (s *sweep) blockEdits(v, l int) blockEdits {
	w := s.variants[v]
	b := blockEdits{
		seesAll:  s.seesAll(l, w),
		touchZ:   s.touches(v, l, partZ),
		touchMLP: s.touches(v, l, partMLP),
	}
	for id := range w.edits {
		b.any = b.any || id.Layer == l && !id.Kind.Global()
	}
	var slots strings.Builder
	if b.any || len(s.job.Base.Edits) > 0 {
		for _, k := range s.kinds {
			id := hook.ID{Kind: k, Layer: l}
			if edits := s.edits(v, id); len(edits) > 0 {
				list, _ := slotsOf(edits, id)
				fmt.Fprint(&slots, list)
			}
		}
	}
	b.slots = slots.String()
	return b
}

// agree is how many leading positions of a row have equal activations in the
// base and, in the donor's row, in the source run: as many as have equal tokens,
// since no position sees what comes after it.
func (s *sweep) agree(row, donor int) int {
	if s.Config.Encoder || len(s.job.Base.Edits)+len(s.job.Source.Edits) > 0 {
		return 0
	}
	a, b := s.job.Base.Tokens[row], s.job.Source.Tokens[donor]
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// edits are the edits of an activation in a variant: the base's, then its own.
func (s *sweep) edits(v int, id hook.ID) []hook.Edit {
	var all []hook.Edit
	for _, e := range s.job.Base.Edits {
		if e.ID == id {
			all = append(all, e)
		}
	}
	return append(all, s.variants[v].edits[id]...)
}

// The parts of a block, in which an edit of an activation acts.
const (
	partIn      = iota // the residual stream
	partQueries        // what queries read and attention computes for them
	partKeys           // what keys and values read
	partBoth           // queries and keys
	partZ              // from z on, before attn_out
	partAttnOut
	partMid // between attention and MLP
	partMLP // inside the MLP
	partMLPOut
	partPost
)

// partOf is where in a block an activation lies.
func partOf(c config.Config, k hook.Kind) int {
	after := c.NormAt == config.NormAfter
	onSum := c.NormAt == config.NormOnSum
	switch k {
	case hook.KindResidPre:
		return partIn
	case hook.KindQInput, hook.KindQ, hook.KindRotQ, hook.KindScores, hook.KindPattern:
		return partQueries
	case hook.KindKInput, hook.KindVInput, hook.KindK, hook.KindV, hook.KindRotK:
		return partKeys
	case hook.KindAttnIn:
		return partBoth
	case hook.KindLN1, hook.KindLN1Norm:
		switch {
		case after:
			return partZ
		case onSum:
			return partMid
		}
		return partBoth
	case hook.KindZ, hook.KindResult, hook.KindLN1Post, hook.KindLN1PostNorm:
		return partZ
	case hook.KindAttnOut:
		return partAttnOut
	case hook.KindResidMid:
		return partMid
	case hook.KindLN2, hook.KindLN2Norm:
		if onSum {
			return partPost
		}
		return partMLP
	case hook.KindMLPOut:
		return partMLPOut
	case hook.KindResidPost:
		return partPost
	}
	return partMLP
}

// early tells whether an activation has the positions of the keys, where only
// some queries are computed.
func early(c config.Config, k hook.Kind) bool {
	p := partOf(c, k)
	return p == partIn || p == partKeys || p == partBoth || k == hook.KindQInput
}
