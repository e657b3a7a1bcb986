package exec

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
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
		for i, edits := range job.Runs {
			c := r.chunk
			resid := r.resid
			if len(edits) > 0 {
				c = s.chunkOf(batches[i], job.EdgeJob.Base.Tokens, rows, func(int, plan.Row, float64) {})
				resid, err = s.again(ctx, c, edits, r)
			}
			if err == nil {
				err = s.run(ctx, c, resid, r.groups)
			}
			if len(edits) > 0 {
				c.close()
				for l, t := range resid {
					if t != r.resid[l] {
						free(t)
					}
				}
			}
			if err != nil {
				return fmt.Errorf("run %d: %w", i, err)
			}
			s.done(len(rows.Rows))
		}
		return nil
	})
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

// again runs a chunk with edits and measures it. What lies below the first edit is
// the base run's.
func (s *scoring) again(ctx context.Context, c *chunk, edits []hook.Edit, base *traced) (resid []*tensors.Tensor, err error) {
	start, embeds := s.Layers, false
	for _, e := range edits {
		switch {
		case plan.Final(e.Kind):
		case e.Kind.Global():
			embeds = true
		default:
			start = min(start, e.Layer)
		}
	}
	resid = slices.Clone(base.resid)
	if embeds {
		x, err := c.embed()
		if err != nil {
			return resid, err
		}
		start, resid[0] = 0, x.x
	}
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

// run adds the scores by the gradients of a run that was measured.
func (s *scoring) run(ctx context.Context, c *chunk, resid, groups []*tensors.Tensor) error {
	c.saved = []stream{{resid[s.Layers], c.whole, func(...*tensors.Tensor) {}}}
	above, err := c.backFinal(make([][]backTo, 1))
	c.saved = nil
	defer func() { free(above...) }()
	if err != nil || above[0] == nil {
		return err
	}
	if err := s.contract(c, above[0], groups, len(s.Graph.Receivers)-1, 1, true); err != nil {
		return err
	}
	inputs := []hook.Kind{hook.KindQInput, hook.KindKInput, hook.KindVInput}
	heads := []int{s.Heads, s.KVHeads, s.KVHeads, 1}
	if !s.AttnOnly() {
		inputs = append(inputs, hook.KindMLPIn)
	}
	f := form{attends: true}
	for l := s.Layers - 1; l >= 0; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		args, err := c.around(l, f)
		if err != nil {
			return err
		}
		t, fills := c.blockTaps(l)
		t.back, t.reads, t.grads = true, nil, labelsOf(inputs)
		args = above.after(append([]any{resid[l]}, args...))
		out, err := c.call(f.name()+" back [true]", t, fills, f.back(s.Engine, t, []bool{true}), args, c.names.block, l, c.layout(c.whole, c.whole))
		c.giveBack()
		if err != nil {
			return fmt.Errorf("block %d, gradient: %w", l, err)
		}
		free(above...)
		above = gradients{out[0]}
		receiver := l * s.Graph.Reads()
		for i, k := range inputs {
			senders := groups[:l+1]
			if k == hook.KindMLPIn && !s.Parallel {
				senders = groups[:l+2] // and its own layer's heads
			}
			if err == nil {
				err = s.contract(c, out[1+i], senders, receiver, heads[i], k == hook.KindMLPIn)
			}
			receiver += heads[i]
		}
		free(out[1:]...)
		if err != nil {
			return err
		}
	}
	return nil
}

// contract adds to the scores of n receivers the products of their gradients
// [row, pos, (receiver,) d_model] with what the groups' senders wrote. flat are
// gradients without a receiver axis.
func (s *scoring) contract(c *chunk, gradient *tensors.Tensor, groups []*tensors.Tensor, receiver, n int, flat bool) error {
	args := []any{gradient}
	for _, g := range groups {
		args = append(args, g)
	}
	t, err := s.one(fmt.Sprintf("score flat=%t by position=%t", flat, s.job.ByPosition), scoreGraph(flat, s.job.ByPosition), args)
	if err != nil {
		return err
	}
	defer free(t)
	R, S := len(s.Graph.Receivers), len(s.Graph.Senders)
	before := s.Graph.Before(receiver)
	factor := -1 / float32(len(s.job.Runs)) // senders lie as base less reference
	width := t.Shape().Dimensions[t.Rank()-1]
	return tensors.ConstFlatData(t, func(x []float32) {
		add := func(to, from []float32) {
			for r := range n {
				for u := range before {
					to[(receiver+r)*S+u] += factor * from[r*width+u]
				}
			}
		}
		for i, row := range c.rows {
			if !s.job.ByPosition {
				add(s.out.Scores[row.Index*R*S:], x[i*n*width:])
				continue
			}
			for p := range s.Lens[row.Index] {
				add(s.out.Scores[(row.Index*s.Longest+p)*R*S:], x[(i*s.Rows.Width+p)*n*width:])
			}
		}
	})
}

// scoreGraph is the products of gradients [row, pos, (receiver,) d_model] with
// senders [row, receiver, sender], or [row, pos, receiver, sender].
func scoreGraph(flat, byPosition bool) graphFn {
	return func(in []*Node) []*Node {
		g, senders := in[0], in[1]
		if len(in) > 2 {
			senders = Concatenate(in[1:], 1)
		}
		if flat {
			g = ExpandAxes(g, 2)
		}
		if byPosition {
			return []*Node{DotGeneral(g, []int{3}, []int{0, 1}, arch.HeadFirst(senders), []int{3}, []int{0, 1})}
		}
		flatten := func(x *Node) *Node {
			d := x.Shape().Dimensions
			return Reshape(x, d[0], d[1], d[2]*d[3])
		}
		return []*Node{DotGeneral(flatten(arch.HeadFirst(g)), []int{2}, []int{0}, flatten(senders), []int{2}, []int{0})}
	}
}
