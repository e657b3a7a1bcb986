//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
	"github.com/golens/golens/model/internal/exec"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/tally"
)

// A Deal is an ask cut into chunks that several processes may do, each with the model
// open. Equal asks of equal models under equal cuts have the same chunks everywhere,
// and each chunk the same values on one engine, however the chunks were dealt.
type Deal struct {
	Chunks []DealChunk
	dealt
}

// A DealChunk is what is done at once.
type DealChunk struct {
	Rows  int
	FLOPs int64
	Bytes int64  // of its values
	Of    string // what a user calls it, such as the variants' names
}

// dealt is what a verb must do to be dealt.
type dealt interface {
	// do gives what chunks from..until-1 gave, as a value that content can hold.
	do(ctx context.Context, from, until int) (any, error)
	// join puts the answer together of the contents of what do gave, the i-th from
	// chunk starts[i] on, all in order.
	join(starts []int, pieces [][]byte) (any, error)
	close()
}

// dealers cut asks, by verb.
var dealers = map[string]func(l *local, ask Ask, hash string, cut plan.Cut) (dealt, []DealChunk, error){}

// deals makes a verb one that can be dealt.
func deals[Q Ask](verb string, cut func(l *local, ask Q, hash string, cut plan.Cut) (dealt, []DealChunk, error)) {
	dealers[verb] = func(l *local, ask Ask, hash string, under plan.Cut) (dealt, []DealChunk, error) {
		q, err := askAs[Q](verb, ask)
		if err != nil {
			return nil, nil, err
		}
		return cut(l, q, hash, under)
	}
}

// A DealCut says into which chunks an ask is cut. The zero value is as suits the
// engine at hand.
type DealCut plan.Cut

// CutOf is how an engine of this process cuts.
func CutOf(r Runner) DealCut {
	l, ok := r.(*local)
	if !ok {
		return DealCut{}
	}
	return DealCut(l.engine.Cut())
}

// NewDeal cuts an ask. It needs a model that is open in this process. It is nil for
// verbs that are not dealt, such as a chain in which each step needs the last.
func NewDeal(r Runner, ask Ask, cut DealCut) (*Deal, error) {
	l, ok := r.(*local)
	if !ok {
		return nil, fmt.Errorf("deal: a %T; it must be a model that is open in this process", r)
	}
	deal := dealers[ask.Verb()]
	if deal == nil {
		return nil, nil
	}
	d, chunks, err := deal(l, unhashed(ask), hashOf(ask), plan.Cut(cut))
	if err != nil {
		return nil, err
	}
	return &Deal{chunks, d}, nil
}

// Do does the chunks from..until-1 and gives the content of what they gave.
func (d *Deal) Do(ctx context.Context, from, until int) ([]byte, error) {
	if from < 0 || from >= until || until > len(d.Chunks) {
		return nil, fmt.Errorf("deal: chunks %d to %d of %d", from, until, len(d.Chunks))
	}
	piece, err := d.do(ctx, from, until)
	if err != nil {
		return nil, err
	}
	return content.EncodeWhole(piece)
}

// Join puts the answer together of what Do gave: pieces[i] of the chunks from
// starts[i] on.
func (d *Deal) Join(starts []int, pieces [][]byte) (any, error) { return d.join(starts, pieces) }

// Close gives back what the chunks needed.
func (d *Deal) Close() { d.close() }

func init() {
	deals("sweep", (*local).dealSweep)
	deals("tally", (*local).dealTally)
}

// dealtSweep is a sweep of which some chunks are done.
type dealtSweep struct {
	*local
	Sweep
	hash  string
	job   plan.Sweep
	left  []int
	parts *exec.SweepParts
}

// sweepPiece is what some chunks gave; the first brings what the base run gave, too.
type sweepPiece struct {
	exec.Piece
	Base, Source *Result
	Copies       []*array.Array
}

func (l *local) dealSweep(s Sweep, hash string, cut plan.Cut) (dealt, []DealChunk, error) {
	job, left, err := s.job(l.config, l.answer)
	if err != nil {
		return nil, nil, err
	}
	job.Base.Cut = cut
	if job.Source != nil {
		job.Source.Cut = cut
	}
	parts, err := l.engine.SweepParts(job)
	if err != nil {
		return nil, nil, err
	}
	perRow := int64(4 * len(s.Base.Metrics))
	for _, p := range s.Captures {
		perRow += l.captureBytes(s, p)
	}
	var chunks []DealChunk
	for _, c := range parts.Chunks() {
		chunks = append(chunks, DealChunk{c.Rows, c.FLOPs, int64(c.Rows) * perRow, s.namesOf(c.Variants)})
	}
	return &dealtSweep{l, s, hash, job, left, parts}, chunks, nil
}

// captureBytes is about what a capture of one row of a variant takes.
func (l *local) captureBytes(s Sweep, p hook.Point) int64 {
	if p.Value != "" {
		return int64(4 * l.config.DModel * longest(s.Base.Rows)) // its width is the formula's
	}
	n := int64(4)
	p.Batch = nil
	for _, d := range l.config.Selected(p, 1, longest(s.Base.Rows)) {
		n *= int64(d)
	}
	return n
}

// namesOf names the variants of rows.
func (s Sweep) namesOf(variants []int) string {
	first, last := variants[0], variants[0]
	for _, v := range variants {
		first, last = min(first, v), max(last, v)
	}
	if first == last {
		return s.Variants[first].name(first)
	}
	return s.Variants[first].name(first) + " to " + strings.TrimPrefix(s.Variants[last].name(last), "variant ")
}

func (d *dealtSweep) do(ctx context.Context, from, until int) (any, error) {
	piece, err := d.parts.Do(ctx, from, until)
	if err != nil {
		return nil, err
	}
	out := sweepPiece{Piece: *piece}
	if from == 0 {
		base, source, copies, err := d.parts.Base(ctx)
		if err != nil {
			return nil, err
		}
		if out.Base, out.Source, err = d.baseResults(d.Sweep, d.job, d.left, base, source, d.hash); err != nil {
			return nil, err
		}
		out.Copies = copies
	}
	return out, nil
}

var errNoBase = errors.New("sweep: the first piece has no base run")

func (d *dealtSweep) join(starts []int, contents [][]byte) (any, error) {
	pieces := make([]*exec.Piece, len(contents))
	var first sweepPiece
	for i, data := range contents {
		var p sweepPiece
		if err := content.Decode(data, &p, nil); err != nil {
			return nil, err
		}
		if pieces[i] = &p.Piece; i == 0 {
			first = p
		}
	}
	if first.Base == nil || len(first.Base.Metrics) != len(d.Base.Metrics) || len(first.Copies) != len(d.Sweep.Captures) || d.job.Source != nil && first.Source == nil {
		return nil, errNoBase
	}
	metrics := make([][]float64, len(first.Base.Metrics))
	for k, m := range first.Base.Metrics {
		for _, v := range m.Values() {
			metrics[k] = append(metrics[k], float64(v))
		}
	}
	out, err := d.parts.Join(metrics, first.Copies, starts, pieces)
	if err != nil {
		return nil, fmt.Errorf("sweep: a piece does not fit: %w", err)
	}
	return d.sweepResult(d.Sweep, d.left, first.Base, first.Source, out, d.hash), nil
}

func (d *dealtSweep) close() { d.parts.Close() }

// dealtTally is a tally of which some chunks are done.
type dealtTally struct {
	*local
	Tally
	hash string
	job  plan.Job
}

func (l *local) dealTally(t Tally, hash string, cut plan.Cut) (dealt, []DealChunk, error) {
	job, err := t.job(l.config)
	if err != nil {
		return nil, nil, err
	}
	job.Cut = cut
	var chunks []DealChunk
	row, states := 0, t.Bytes(l.config)
	for _, c := range l.engine.TallyChunks(job) {
		chunks = append(chunks, DealChunk{c.Rows, c.FLOPs, states, fmt.Sprintf("rows %d to %d", row, row+c.Rows-1)})
		row += c.Rows
	}
	return &dealtTally{l, t, hash, job}, chunks, nil
}

func (d *dealtTally) do(ctx context.Context, from, until int) (any, error) {
	r, err := d.tallyChunks(ctx, d.Tally, d.job, from, until, d.hash)
	if err != nil {
		return nil, err
	}
	return tallyPiece{r.States}, nil
}

// tallyPiece is what some chunks gave.
type tallyPiece struct{ States []*tally.State }

func (d *dealtTally) join(_ []int, contents [][]byte) (any, error) {
	var res *TallyResult
	for _, data := range contents {
		var p tallyPiece
		if err := content.Decode(data, &p, nil); err != nil {
			return nil, err
		}
		if len(p.States) != len(d.Reducers) {
			return nil, fmt.Errorf("tally: a piece has %d states for %d reducers", len(p.States), len(d.Reducers))
		}
		if res == nil {
			res = d.tallyResult(d.Tally, p.States, d.hash)
		} else if err := res.mergeStates(p.States); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (d *dealtTally) close() {}
