package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
)

// An EdgeJob is a checked request for runs in which edges are cut.
type EdgeJob struct {
	Base   Job // tokens and metrics of logits
	Source *Job
	Donors []int // for each row of the base, the row of the source; nil means the same
	Mean   bool  // the reference is the mean of the source's rows at each position
	// WholeEmbedding makes the first sender all that enters the first block.
	WholeEmbedding bool
	Graph          *edge.Graph
	Cuts           []edge.Cut // one per variant
	Budget         int64
	Done           func(rows int)
}

// An EdgeOutcome is the metrics of the base run [metric][row] and of every variant
// [metric][variant][row].
type EdgeOutcome struct {
	Base    [][]float64
	Metrics [][][]float64
	Plan    EdgePlan
}

// edgeRun is the work on an EdgeJob.
//
// Senders lie in groups, the embedding and one for each layer, as tensors
// [row, sender, pos, d_model]. What a variant's senders wrote below its first
// receiver that lacks something is the base run's, and is shared.
type edgeRun struct {
	*Engine
	EdgeJob
	edgePlan
	out  *EdgeOutcome
	mean *traced // the reference, if all rows share it
	mu   sync.Mutex

	scratch *scratch
}

// Edges does an EdgeJob. It stops with the context's error between two blocks.
func (e *Engine) Edges(ctx context.Context, job EdgeJob) (*EdgeOutcome, error) {
	s := &edgeRun{Engine: e, EdgeJob: job, out: &EdgeOutcome{}, scratch: newScratch(e)}
	defer s.scratch.close()
	var err error
	if s.edgePlan, s.out.Plan, err = e.planEdges(job); err != nil {
		return nil, err
	}
	rows := len(job.Base.Tokens)
	for range job.Base.Metrics {
		s.out.Base = append(s.out.Base, make([]float64, rows))
		all := make([][]float64, len(job.Cuts))
		for v := range all {
			all[v] = make([]float64, rows)
		}
		s.out.Metrics = append(s.out.Metrics, all)
	}
	defer func() { s.mean.free() }()
	if job.Mean {
		if s.mean, err = s.meanOf(ctx); err != nil {
			return nil, err
		}
	}
	return s.out, each(ctx, s.pieces, s.outer, s.rows)
}

// rows does all variants of a chunk of rows.
func (s *edgeRun) rows(ctx context.Context, f *frame) error {
	reference, err := s.reference(ctx, f)
	if reference != s.mean {
		defer reference.free()
	}
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	base := &pass{Engine: s.Engine, frame: f, job: s.Base, out: s.outcome(len(s.Base.Tokens))}
	defer base.close()
	r, err := s.through(ctx, base, reference)
	defer r.free()
	if err != nil {
		return err
	}
	if err := base.logits(r.resid[s.Config.Layers]); err != nil {
		return err
	}
	s.mu.Lock()
	for k, m := range base.out.Metrics {
		copy(s.out.Base[k][f.first:], m[f.first:][:f.rows])
		for _, v := range s.same {
			copy(s.out.Metrics[k][v][f.first:], m[f.first:][:f.rows])
		}
	}
	s.done(len(s.same) * f.rows)
	s.mu.Unlock()
	return each(ctx, s.variants, s.inner, func(ctx context.Context, list []int) error {
		return s.cut(ctx, f, list, r, reference)
	})
}

func (s *edgeRun) done(rows int) {
	if s.Done != nil && rows > 0 {
		s.Done(rows)
	}
}

// outcome is room for the metrics of so many rows.
func (s *edgeRun) outcome(rows int) *Outcome {
	out := &Outcome{}
	for range s.Base.Metrics {
		out.Metrics, out.Terms = append(out.Metrics, make([]float64, rows)), append(out.Terms, make([][]float64, rows))
	}
	return out
}

// traced is a run of a chunk with what its senders wrote.
type traced struct {
	resid  []*tensors.Tensor // resid_pre of each layer, and the last resid_post
	groups []*tensors.Tensor
	mid    []*tensors.Tensor // resid_mid of each layer, of a reference
}

// writes tells whether anything is written in a reference.
func (r *traced) writes() bool { return r != nil && r.groups != nil }

func (r *traced) free() {
	if r != nil {
		free(r.resid...)
		free(r.groups...)
		free(r.mid...)
	}
}

// through runs every block and keeps what senders wrote, less what they write in
// the reference if they do.
func (s *edgeRun) through(ctx context.Context, p *pass, reference *traced) (*traced, error) {
	r := &traced{}
	x, first, err := s.embed(p, reference)
	if err != nil {
		return r, err
	}
	r.resid, r.groups = append(r.resid, x), append(r.groups, first)
	for l := range s.Config.Layers {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		f := cutForm{writes: true, reference: reference.writes()}
		var more []any
		if f.reference {
			more = append(more, reference.groups[l+1])
		}
		y, group, err := s.block(p, l, r.resid[l], f, more)
		if err != nil {
			return r, err
		}
		r.resid, r.groups = append(r.resid, y), append(r.groups, group)
	}
	return r, nil
}

// embed is the residual stream into the first block, and the first sender.
func (s *edgeRun) embed(p *pass, reference *traced) (x, group *tensors.Tensor, err error) {
	ids, err := s.tensor(p.tokens(p.job), p.batch, p.pos)
	if err != nil {
		return nil, nil, err
	}
	defer free(ids)
	t := p.taps(nil, embedIDs...)
	t.reads = []hook.Kind{hook.KindEmbed}
	out, err := p.run("embed", t, embedGraph(s.Engine, &t.taps), p.with([]any{ids}, p.embedNames()))
	if err != nil {
		return nil, nil, err
	}
	defer free(out[1])
	args := []any{out[1]}
	if s.wholeEmbedding() {
		args[0] = out[0]
	}
	if reference.writes() {
		args = append(args, reference.groups[0])
	}
	group, err = s.one(fmt.Sprint("less ", reference.writes()), lessGraph(reference.writes()), args)
	return out[0], group, err
}

// wholeEmbedding tells whether the first sender is all that enters the first
// block: always where the sum of the embeddings is normalized.
func (s *edgeRun) wholeEmbedding() bool { return s.WholeEmbedding || s.Config.EmbedNorm }

// block runs one block: resid_post, and what its senders wrote if that is wanted.
func (s *edgeRun) block(p *pass, l int, x *tensors.Tensor, f cutForm, more []any) (y, group *tensors.Tensor, err error) {
	t := p.taps(nil, p.ids(l)...)
	args, err := p.blockArgs(l, x)
	if err != nil {
		return nil, nil, err
	}
	out, err := p.run(f.name(), t, cutGraph(s.Engine, &t.taps, f), p.with(append(args, more...), p.layerNames(), l))
	if err != nil {
		return nil, nil, fmt.Errorf("block %d: %w", l, err)
	}
	if f.writes {
		group = out[1]
	}
	return out[0], group, nil
}

// one calls a graph with one output.
func (s *edgeRun) one(name string, g graphFn, args []any) (*tensors.Tensor, error) {
	p, err := s.program(name, g)
	if err != nil {
		return nil, err
	}
	out, err := call(name, p, args)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// reference is the reference run for the rows of a chunk: of all rows together, or
// of each.
func (s *edgeRun) reference(ctx context.Context, f *frame) (r *traced, err error) {
	if s.mean != nil {
		return s.mean, nil
	}
	if s.Source == nil {
		r, err = s.nothing(f)
	} else {
		r, err = s.taken(ctx, f)
	}
	if err == nil {
		err = s.addMids(r)
	}
	return r, err
}

// addMids finds the stream behind attention of each layer whose MLP reads there.
func (s *edgeRun) addMids(r *traced) error {
	if s.Config.AttnOnly() || s.Config.Parallel {
		return nil
	}
	for l := range s.Config.Layers {
		name, g, args := "repeat 1", repeatGraph(1), []any{r.resid[l+1]}
		if r.writes() {
			name, g, args = "mid", midGraph, append(args, r.groups[l+1])
		}
		t, err := s.one(name, g, args)
		if r.mid = append(r.mid, t); err != nil {
			return err
		}
	}
	return nil
}

// taken is the source's run of the rows that a chunk takes from.
func (s *edgeRun) taken(ctx context.Context, f *frame) (*traced, error) {
	index := make([]int32, f.batch)
	var parts []*frame
	at := map[int]int{}
	for _, row := range s.donors(f) { // ascending
		if n := len(parts); n > 0 && parts[n-1].first+parts[n-1].rows == row {
			parts[n-1].rows++
		} else {
			parts = append(parts, &frame{first: row, rows: 1, pos: f.pos, lens: lengths(s.Source.Tokens), longest: f.longest})
		}
		at[row] = len(at)
	}
	straight := len(parts) == 1 && len(at) == f.rows
	for i := range f.rows {
		index[i] = int32(at[s.donor(f.first+i)])
		straight = straight && int(index[i]) == i
	}
	if straight {
		parts[0].batch = f.batch
		return s.traceSource(ctx, parts[0])
	}
	ids, err := s.tensor(index, f.batch)
	if err != nil {
		return nil, err
	}
	defer free(ids)
	var runs []*traced
	for _, part := range parts {
		part.batch = part.rows
		r, err := s.traceSource(ctx, part)
		defer r.free()
		if runs = append(runs, r); err != nil {
			return nil, err
		}
	}
	picked := &traced{}
	pick := func(to *[]*tensors.Tensor, of func(r *traced) []*tensors.Tensor) error {
		for i := range of(runs[0]) {
			args := []any{ids}
			for _, r := range runs {
				args = append(args, of(r)[i])
			}
			t, err := s.one("pick", pickGraph, args)
			if *to = append(*to, t); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pick(&picked.groups, func(r *traced) []*tensors.Tensor { return r.groups }); err != nil {
		return picked, err
	}
	return picked, pick(&picked.resid, func(r *traced) []*tensors.Tensor { return r.resid })
}

// nothing is a reference in which no sender writes: what is left are the positions'
// embeddings and the biases of heads.
func (s *edgeRun) nothing(f *frame) (*traced, error) {
	r := &traced{}
	var err error
	add := func(t *tensors.Tensor, bad error) { r.resid, err = append(r.resid, t), cmp.Or(err, bad) }
	if s.Config.Position == config.PosLearned && !s.wholeEmbedding() {
		t := &taps{reads: []hook.Kind{hook.KindPosEmbed}}
		ids, bad := s.tensor(make([]int32, f.pos), 1, f.pos)
		defer free(ids)
		p, bad2 := s.program("embed "+t.name(), embedGraph(s.Engine, t))
		if err := cmp.Or(bad, bad2); err != nil {
			return r, err
		}
		out, bad := call("embed", p, (&pass{Engine: s.Engine}).with([]any{ids}, s.embedNames()))
		if bad != nil {
			return r, bad
		}
		free(out[0])
		add(out[1], nil)
	} else {
		add(fill(s.Engine, func([]float32) {}, 1, f.pos, s.Config.DModel))
	}
	for l := range s.Config.Layers {
		if err != nil {
			return r, err
		}
		args := []any{r.resid[l]}
		if b := s.weights[arch.LayerName(l, "attn.b_O")]; b != nil {
			args = append(args, b)
			add(s.one("rest", restGraph, args))
		} else {
			add(s.one("repeat 1", repeatGraph(1), args))
		}
	}
	return r, err
}

// traceSource runs rows of the source.
func (s *edgeRun) traceSource(ctx context.Context, f *frame) (*traced, error) {
	p := &pass{Engine: s.Engine, frame: f, job: *s.Source, out: &Outcome{}}
	defer p.close()
	return s.through(ctx, p, nil)
}

// donor is the row of the source that a row takes from.
func (s *edgeRun) donor(row int) int {
	if s.Donors != nil {
		return s.Donors[row]
	}
	return row
}

// donors are the rows of the source that a chunk takes from, ascending.
func (s *edgeRun) donors(f *frame) []int {
	var all []int
	for i := range f.rows {
		all = append(all, s.donor(f.first+i))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// meanOf is the mean of what senders write over the source's rows, at each
// position of those that have it.
func (s *edgeRun) meanOf(ctx context.Context) (sum *traced, err error) {
	sum = &traced{}
	lens := lengths(s.Source.Tokens)
	pos := s.pieces[0].pos
	have := make([]float32, pos)
	for _, n := range lens {
		for i := range n {
			have[i]++
		}
	}
	for g := range s.Config.Layers + 1 {
		zero, err := fill(s.Engine, func([]float32) {}, 1, s.width(g), pos, s.Config.DModel)
		rest, bad := fill(s.Engine, func([]float32) {}, 1, pos, s.Config.DModel)
		sum.groups, sum.resid = append(sum.groups, zero), append(sum.resid, rest)
		if err := cmp.Or(err, bad); err != nil {
			return sum, err
		}
	}
	step := max(1, edgeTokens/pos)
	for first := 0; first < len(lens); first += step {
		f := &frame{first: first, rows: min(step, len(lens)-first), pos: pos, lens: lens, longest: s.pieces[0].longest}
		f.batch = f.rows
		r, err := s.traceSource(ctx, f)
		if err == nil {
			err = s.addMean(f, r, have, sum)
		}
		r.free()
		if err != nil {
			return sum, err
		}
	}
	return sum, s.addMids(sum)
}

func (s *edgeRun) addMean(f *frame, r *traced, have []float32, sum *traced) error {
	w := make([]float32, f.batch*f.pos)
	for i := range f.rows {
		for j := range f.length(i) {
			w[i*f.pos+j] = 1 / have[j]
		}
	}
	weights, err := s.tensor(w, f.batch, f.pos)
	if err != nil {
		return err
	}
	defer free(weights)
	for _, list := range [][2][]*tensors.Tensor{{sum.groups, r.groups}, {sum.resid, r.resid}} {
		for i, t := range list[0] {
			next, err := s.one("mean", meanGraph, []any{list[1][i], weights, t})
			if err != nil {
				return err
			}
			free(t)
			list[0][i] = next
		}
	}
	return nil
}

// width is how many senders a group has.
func (s *edgeRun) width(group int) int {
	if group == 0 {
		return 1
	}
	return s.Graph.Writes()
}

func lengths(rows [][]int32) []int {
	lens := make([]int, len(rows))
	for i, row := range rows {
		lens[i] = len(row)
	}
	return lens
}
