package exec

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/lower"
	"github.com/golens/golens/model/internal/plan"
)

// A ScoreJob is a checked request for the scores of all edges: how much the first
// metric of the base would change, by its gradient at each receiver, if each
// sender wrote what it writes in the reference.
type ScoreJob struct {
	*plan.Edges
	// Runs are edits of the base run; the gradients are the mean over them.
	Runs [][]hook.Edit
	// Shares, in place of runs, are cuts by whose shares the gradients are taken.
	Shares     []edge.Cut
	ByPosition bool
}

// A ScoreOutcome is scores [row, receiver, sender], or [row, pos, receiver,
// sender], of every row, the metric of the base run [row], and that of cuts [cut][row].
type ScoreOutcome struct {
	Base   []float64
	Scores []float32
	Cuts   [][]float64
}

// scoring is the work on a ScoreJob.
type scoring struct {
	*edges
	job ScoreJob
	out *ScoreOutcome
}

// Scores does a ScoreJob. It stops with the context's error between two blocks.
func (e *Engine) Scores(ctx context.Context, job ScoreJob) (*ScoreOutcome, error) {
	edges, err := e.newEdges(ctx, job.Edges)
	defer edges.close()
	if err != nil {
		return nil, err
	}
	n := len(edges.Lens) * len(job.Graph.Receivers) * len(job.Graph.Senders)
	if job.ByPosition {
		n *= edges.Longest
	}
	s := &scoring{edges, job, &ScoreOutcome{Base: make([]float64, len(edges.Lens)), Scores: make([]float32, n)}}
	for range job.Shares {
		s.out.Cuts = append(s.out.Cuts, make([]float64, len(edges.Lens)))
	}
	batches := make([]*plan.Batch, len(job.Runs))
	for i, edits := range job.Runs {
		base := job.EdgeJob.Base
		base.Edits = edits
		batches[i] = plan.NewPass(e.machine(), base)
	}
	return s.out, each(ctx, job.Rows.Chunks, job.Outer, func(ctx context.Context, rows plan.Chunk) error {
		if job.Shares != nil {
			return s.shares(ctx, rows)
		}
		r, err := s.trace(ctx, rows, func(_ int, row plan.Row, value float64) { s.out.Base[row.Index] = value })
		defer r.free()
		if err != nil {
			return err
		}
		var stacks []*tensors.Tensor
		if !s.Vectors {
			stacks, err = s.stacks(r)
			defer free(stacks...)
			if err != nil {
				return err
			}
		}
		sums := gradientSums{at: make([]*tensors.Tensor, s.Layers+1)}
		defer sums.free()
		for i, edits := range job.Runs {
			if err := s.run(ctx, r, batches[i], edits, stacks, &sums); err != nil {
				return fmt.Errorf("run %d: %w", i, err)
			}
			s.done(len(rows.Rows))
		}
		return s.below(ctx, r, stacks, sums)
	})
}

// gradientSums are gradients of several runs, added up.
type gradientSums struct {
	last *tensors.Tensor   // at the last stream, of all runs
	at   []*tensors.Tensor // at resid_pre of each layer, of those whose first edit is there; the last of those without one
}

func (g gradientSums) free() {
	free(g.last)
	free(g.at...)
}

// add adds a gradient, which is then the sum's.
func (s *scoring) add(sum **tensors.Tensor, g *tensors.Tensor) (err error) {
	if *sum != nil {
		a, b := *sum, g
		defer free(a, b)
		g, err = s.one("sum", func(in []*Node) []*Node { return []*Node{Add(in[0], in[1])} }, []any{a, b})
	}
	*sum = g
	return err
}

// shares adds the gradients by the shares of cuts.
func (s *scoring) shares(ctx context.Context, rows plan.Chunk) error {
	reference, err := s.reference(ctx, rows)
	if reference != s.mean {
		defer reference.free()
	}
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	R, S := len(s.Graph.Receivers), len(s.Graph.Senders)
	for i, cut := range s.job.Shares {
		err := s.byShares(ctx, rows, cut, reference, s.job.ByPosition,
			func(_ int, row plan.Row, value float64) { s.out.Cuts[i][row.Index] = value },
			func(row, pos, receiver, sender int, value float32) {
				if s.job.ByPosition {
					row = row*s.Longest + pos
				}
				s.out.Scores[(row*R+receiver)*S+sender] += value / float32(len(s.job.Shares))
			})
		if err != nil {
			return fmt.Errorf("cut %d: %w", i, err)
		}
		s.done(len(rows.Rows))
	}
	return nil
}

// run adds the scores by the gradients of a run with edits, of which the base run is
// measured already, down to its first edit. What lies below is the base run's, so that
// one way back from there serves all runs; see below.
func (s *scoring) run(ctx context.Context, base *traced, b *plan.Batch, edits []hook.Edit, stacks []*tensors.Tensor, sums *gradientSums) error {
	c, resid := base.chunk, base.resid
	if len(edits) > 0 {
		c = s.chunkOf(b, s.EdgeJob.Base.Tokens, plan.Chunk{Rows: base.chunk.rows, Size: base.chunk.size}, func(int, plan.Row, float64) {})
		defer c.close()
		var err error
		resid, err = s.again(ctx, c, edits, base)
		defer func() {
			for l, t := range resid {
				if t != base.resid[l] {
					free(t)
				}
			}
		}()
		if err != nil {
			return err
		}
	}
	c.saved = []stream{{resid[s.Layers], c.whole, func(...*tensors.Tensor) {}}}
	above, err := c.backFinal(make([][]backTo, 1))
	c.saved = nil
	if err != nil || above[0] == nil {
		free(above...)
		return err
	}
	own, err := s.one("repeat 1", repeatGraph(1), []any{above[0]})
	if err == nil {
		err = s.add(&sums.last, own)
	}
	if err != nil {
		free(above...)
		return err
	}
	way := &wayBack{scoring: s, chunk: c, groups: base.groups, stacks: stacks}
	defer way.close()
	first, g := min(s.FirstEdited(edits), s.Layers), above[0]
	for l := s.Layers - 1; l >= first; l-- {
		if g, err = way.through(ctx, base, resid, l, g); err != nil {
			free(g)
			return err
		}
	}
	if err := s.add(&sums.at[first], g); err != nil {
		return err
	}
	return way.end(ctx)
}

// below adds the scores by gradients of all runs where they are the base run.
func (s *scoring) below(ctx context.Context, base *traced, stacks []*tensors.Tensor, sums gradientSums) (err error) {
	if sums.last == nil {
		return nil
	}
	way := &wayBack{scoring: s, chunk: base.chunk, groups: base.groups, stacks: stacks}
	defer way.close()
	if err := way.last(sums.last); err != nil {
		return err
	}
	var g *tensors.Tensor
	defer func() { free(g) }()
	for l := s.Layers - 1; l >= 0; l-- {
		if more := sums.at[l+1]; more != nil {
			sums.at[l+1] = nil
			if err := s.add(&g, more); err != nil {
				return err
			}
		}
		if g == nil { // all runs are edited below
			if err := way.flush(ctx); err != nil {
				return err
			}
			continue
		}
		if g, err = way.through(ctx, base, base.resid, l, g); err != nil {
			return err
		}
	}
	return way.end(ctx)
}

// again runs a chunk with edits and measures it. What lies below the first edit is
// the base run's.
func (s *scoring) again(ctx context.Context, c *chunk, edits []hook.Edit, base *traced) (resid []*tensors.Tensor, err error) {
	start, embeds := min(s.FirstEdited(edits), s.Layers), slices.ContainsFunc(edits, func(e hook.Edit) bool { return e.Kind.Global() && !plan.Final(e.Kind) })
	resid = slices.Clone(base.resid)
	if embeds {
		x, err := c.embed()
		if err != nil {
			return resid, err
		}
		start, resid[0] = 0, x.x
	}
	c.insides = 0
	for l := start; l < s.Layers; l++ {
		if err := ctx.Err(); err != nil {
			return resid, err
		}
		y, err := c.block(l, resid[l])
		if err != nil {
			return resid, err
		}
		resid[l+1] = y.x
	}
	_, err = c.unembed(stream{resid[s.Layers], c.whole, func(...*tensors.Tensor) {}})
	return resid, err
}

// through takes the gradients of a layer's receivers, from that of the stream behind it,
// which is freed, to that of the stream before it. What a run did not keep of a block the
// base run did.
func (w *wayBack) through(ctx context.Context, base *traced, resid []*tensors.Tensor, l int, above *tensors.Tensor) (*tensors.Tensor, error) {
	defer free(above)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, f := w.chunk, form{attends: true}
	args, err := c.around(l, f)
	defer c.giveBack()
	if err != nil {
		return nil, err
	}
	t, fills := c.blockTaps(l)
	t.back, t.reads = true, nil
	args = append([]any{resid[l], above}, args...)
	kept := c.kept[l]
	if kept == nil {
		kept = base.chunk.kept[l]
	}
	args = c.withInsides(args, t, kept)
	out, err := c.call(fmt.Sprint(f.name(), " scores", w.order()), t, fills, f.scores(w.Engine, t, w.order()), args, c.names.block, l, c.layout(c.whole, c.whole))
	if err != nil {
		return nil, fmt.Errorf("block %d, gradient: %w", l, err)
	}
	return out[0], w.block(ctx, l, out[1:])
}

// scoreTap gives each receiver of a block a copy of what it reads.
type scoreTap struct {
	*taps
	projects bool                // copies are those of queries, keys and values themselves
	copies   map[hook.Kind]*Node // [head, batch, pos, d_model], or as they lie at their points
	entered  *Node               // resid_pre, edits included
}

var (
	receiving = []hook.Kind{hook.KindQInput, hook.KindKInput, hook.KindVInput, hook.KindMLPIn}
	projected = []hook.Kind{hook.KindQ, hook.KindK, hook.KindV, hook.KindMLPIn}
)

// newScoreTap chooses. Where all heads share the norm and nothing changes what single
// heads read, the gradients at queries, keys and values say those at what they read.
func newScoreTap(c config.Config, t *taps) *scoreTap {
	s := &scoreTap{taps: t, projects: c.Clip == 0, copies: map[hook.Kind]*Node{}}
	for _, k := range receiving[:3] {
		s.projects = s.projects && t.splits(k)
	}
	return s
}

// copiedKinds are where receivers are copied: attention's, and the MLP's.
func (t *scoreTap) copiedKinds() []hook.Kind {
	if t.projects {
		return projected
	}
	return receiving
}

// projections are queries, keys and values as they are projected: as they were kept, if
// no edit changed them.
func (t *scoreTap) projections() (all []*Node) {
	for _, k := range projected[:3] {
		x := t.kept[k]
		if x == nil || t.taps.Writes(k) {
			x = t.copies[k]
		}
		all = append(all, x)
	}
	return all
}

// copied is a node of its own, so that its gradient is its own.
func (t *scoreTap) copied(kind hook.Kind, x *Node) *Node {
	t.copies[kind] = lower.Own(x)
	return t.copies[kind]
}

// At implements arch.Tap.
func (t *scoreTap) At(kind hook.Kind, x *Node) *Node {
	switch {
	case kind == hook.KindResidPre:
		t.entered = t.taps.At(kind, x)
		return t.entered
	case !slices.Contains(t.copiedKinds(), kind):
		return t.taps.At(kind, x)
	case slices.Contains(receiving, kind):
		return t.copied(kind, t.taps.At(kind, x))
	}
	return t.taps.At(kind, t.copied(kind, x)) // as it is projected, before it is edited
}

// Reads implements arch.Tap.
func (t *scoreTap) Reads(kind hook.Kind) bool {
	return t.taps.Reads(kind) || slices.Contains(t.copiedKinds(), kind)
}

// Writes implements arch.Tap.
func (t *scoreTap) Writes(kind hook.Kind) bool {
	return t.taps.Writes(kind) || slices.Contains(t.copiedKinds(), kind)
}

// Split implements arch.HeadFirst.
func (t *scoreTap) Split(kind hook.Kind, x *Node, heads int) *Node {
	if t.projects || !t.splits(kind) {
		return nil
	}
	d := x.Shape().Dimensions
	return t.copied(kind, BroadcastToDims(ExpandAxes(x, 0), heads, d[0], d[1], d[2]))
}

// Wrote implements arch.HeadFirst.
func (t *scoreTap) Wrote(*Node) bool { return false }

// scores is the way back through a block, from resid_pre and the gradient of
// resid_post, to the gradient of resid_pre and those of its receivers, in the order wanted:
// of attention, and of the MLP if there is one.
func (f form) scores(e *Engine, t *taps, order []int) graphFn {
	return func(in []*Node) []*Node {
		n := f.inputs(e.Config)
		lead, w, slots, _ := inputs(in, n+1+len(slices.Concat(t.keep...)), e.names.block, t)
		tap := newScoreTap(e.Config, t.begin(slots))
		tap.give(lead[n+1:])
		y := arch.Block(e.Config, w, tap, lead[0], f.around(e.Config, lead[2:n+1]))
		of := []*Node{lead[0]}
		for _, k := range tap.copiedKinds() {
			if x := tap.copies[k]; x != nil {
				of = append(of, x)
			}
		}
		grads := Gradient(tap.through(ReduceAllSum(Mul(y, lead[1]))), of...)
		attention := grads[1:4]
		var heads *Node
		if tap.projects {
			heads = arch.BackToInputs(e.Config, w, tap.entered, tap.projections(), attention)
		} else {
			for i, g := range attention {
				if !tap.splits(receiving[i]) {
					attention[i] = inFront(g)
				}
			}
			heads = Concatenate(attention, 0)
		}
		out := []*Node{grads[0], inOrder(heads, order)}
		if len(grads) > 4 {
			out = append(out, inOrder(ExpandAxes(grads[4], 0), order))
		}
		return out
	}
}
