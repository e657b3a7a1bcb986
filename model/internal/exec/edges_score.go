package exec

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
)

// A ScoreJob is a checked request for the scores of all edges: how much the first
// metric of the base would change, by its gradient at each receiver, if each
// sender wrote what it writes in the reference.
type ScoreJob struct {
	EdgeJob // of which Cuts is not read
	// Runs are edits of the base run; the gradients are the mean over them. Nil
	// means the base run itself.
	Runs       [][]hook.Edit
	ByPosition bool
}

// A ScoreOutcome is scores [row, receiver, sender], or [row, pos, receiver,
// sender], of every row, and the metric of the base run [row].
type ScoreOutcome struct {
	Base   []float64
	Scores []float32
}

// scoring is the work on a ScoreJob.
type scoring struct {
	*edgeRun
	runs       [][]hook.Edit
	byPosition bool
	longest    int
	scores     []float32
	metric     []float64
}

// Scores does a ScoreJob. It stops with the context's error between two blocks.
func (e *Engine) Scores(ctx context.Context, job ScoreJob) (*ScoreOutcome, error) {
	s := &scoring{edgeRun: &edgeRun{Engine: e, EdgeJob: job.EdgeJob, out: &EdgeOutcome{}}, runs: job.Runs, byPosition: job.ByPosition}
	if s.runs == nil {
		s.runs = [][]hook.Edit{nil}
	}
	var err error
	if s.edgePlan, _, err = e.planEdges(job.EdgeJob); err != nil {
		return nil, err
	}
	rows := len(job.Base.Tokens)
	s.longest = s.pieces[0].longest
	n := rows * len(job.Graph.Receivers) * len(job.Graph.Senders)
	if job.ByPosition {
		n *= s.longest
	}
	s.scores, s.metric = make([]float32, n), make([]float64, rows)
	defer func() { s.mean.free() }()
	if job.Mean {
		if s.mean, err = s.meanOf(ctx); err != nil {
			return nil, err
		}
	}
	return &ScoreOutcome{Base: s.metric, Scores: s.scores}, each(ctx, s.pieces, s.outer, s.scoreRows)
}

// scoreRows scores a chunk of rows.
func (s *scoring) scoreRows(ctx context.Context, f *frame) error {
	reference, err := s.reference(ctx, f)
	if reference != s.mean {
		defer reference.free()
	}
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	job := s.Base
	job.GradOf = []int{0}
	out := s.outcome(len(job.Tokens))
	base := &pass{Engine: s.Engine, frame: f, job: job, out: out}
	defer base.close()
	r, err := s.through(ctx, base, reference)
	defer r.free()
	if err != nil {
		return err
	}
	for i, edits := range s.runs {
		p := base
		if len(edits) > 0 {
			j := job
			j.Edits = edits
			p = &pass{Engine: s.Engine, frame: f, job: j, out: s.outcome(len(job.Tokens))}
		}
		if err := s.scoreRun(ctx, p, r); err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
		s.mu.Lock()
		s.done(f.rows)
		s.mu.Unlock()
	}
	copy(s.metric[f.first:], out.Metrics[0][f.first:][:f.rows])
	return nil
}

// scoreRun adds the scores by the gradients of one run. What lies below its first
// edit is the base run's.
func (s *scoring) scoreRun(ctx context.Context, p *pass, base *traced) error {
	layers := s.Config.Layers
	resid := slices.Clone(base.resid)
	if len(p.job.Edits) > 0 {
		p.final = finalCall{}
		own, start, err := s.rerun(ctx, p, base)
		defer func() { p.close(); free(own...) }()
		if err != nil {
			return err
		}
		copy(resid[start:], own)
	}
	if err := p.logits(resid[layers]); err != nil {
		return err
	}
	p.saved = make([]*tensors.Tensor, layers+1)
	p.saved[layers] = resid[layers]
	a, err := p.backFinal()
	p.saved = nil
	defer func() { free(a...) }()
	if err != nil || a[0] == nil {
		return err
	}
	g := s.Graph
	if err := s.contract(p, a[0], base.groups, len(g.Receivers)-1, 1, true); err != nil {
		return err
	}
	for l := layers - 1; l >= 0; l-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := p.taps([]hook.Point{}, p.ids(l)...)
		for _, k := range s.kinds {
			if k == hook.KindQInput || k == hook.KindKInput || k == hook.KindVInput || k == hook.KindMLPIn {
				t.grads = append(t.grads, k)
			}
		}
		args, err := p.blockArgs(l, resid[l])
		if err != nil {
			return err
		}
		out, err := p.run("back [true]", t, backGraph(p.Engine, &t.taps, []bool{true}), p.with(a.after(args...), p.layerNames(), l))
		if err != nil {
			return fmt.Errorf("block %d, gradient: %w", l, err)
		}
		free(a...)
		a = above{out[0]}
		receiver := l * g.Reads()
		for i, k := range t.grads {
			n, groups := s.heads(k), base.groups[:l+1]
			if k == hook.KindMLPIn && !s.Config.Parallel {
				groups = base.groups[:l+2] // and its own layer's heads
			}
			if err == nil {
				err = s.contract(p, out[1+i], groups, receiver, n, k == hook.KindMLPIn)
			}
			receiver += n
		}
		free(out[1:]...)
		if err != nil {
			return err
		}
	}
	return nil
}

// heads is how many receivers a kind of input has in a layer.
func (s *scoring) heads(k hook.Kind) int {
	switch k {
	case hook.KindQInput:
		return s.Config.Heads
	case hook.KindMLPIn:
		return 1
	}
	return s.Config.KVHeads
}

// rerun runs the blocks from the first that an edit changes: resid_pre of that one
// and of all after it, and the last resid_post.
func (s *scoring) rerun(ctx context.Context, p *pass, base *traced) (own []*tensors.Tensor, start int, err error) {
	start = s.Config.Layers
	for _, e := range p.job.Edits {
		if e.Kind.Global() {
			if finals[e.Kind] {
				continue
			}
			start = -1
			break
		}
		start = min(start, e.Layer)
	}
	if start < 0 {
		x, err := p.start()
		if err != nil {
			return nil, 0, err
		}
		own, start = append(own, x), 0
	} else {
		p0 := base.resid[start]
		x, err := s.one("repeat 1", repeatGraph(1), []any{p0})
		if err != nil {
			return nil, start, err
		}
		own = append(own, x)
	}
	for l := start; l < s.Config.Layers; l++ {
		if err := ctx.Err(); err != nil {
			return own, start, err
		}
		y, err := p.block(l, own[len(own)-1])
		if err != nil {
			return own, start, err
		}
		own = append(own, y)
	}
	return own, start, nil
}

// contract adds to the scores of n receivers the products of their gradients
// [row, pos, (receiver,) d_model] with what the groups' senders wrote. flat are
// gradients without a receiver axis.
func (s *scoring) contract(p *pass, gradient *tensors.Tensor, groups []*tensors.Tensor, receiver, n int, flat bool) error {
	args := []any{gradient}
	for _, g := range groups {
		args = append(args, g)
	}
	name := fmt.Sprintf("score flat=%t by position=%t", flat, s.byPosition)
	t, err := s.one(name, scoreGraph(flat, s.byPosition), args)
	if err != nil {
		return err
	}
	defer free(t)
	R, S := len(s.Graph.Receivers), len(s.Graph.Senders)
	before := s.Graph.Before(receiver)
	factor := -1 / float32(len(s.runs)) // senders lie as base less reference
	return tensors.ConstFlatData(t, func(x []float32) {
		width := t.Shape().Dimensions[t.Rank()-1]
		pos := 1
		if s.byPosition {
			pos = p.pos
		}
		for i := range p.rows {
			for j := range pos {
				to := s.scores[(p.first+i)*R*S:]
				if s.byPosition {
					if j >= p.length(i) {
						continue
					}
					to = s.scores[((p.first+i)*s.longest+j)*R*S:]
				}
				for r := range n {
					from := x[((i*pos+j)*n+r)*width:]
					for u := range before {
						to[(receiver+r)*S+u] += factor * from[u]
					}
				}
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
			return []*Node{DotGeneral(g, []int{3}, []int{0, 1}, headFirst(senders), []int{3}, []int{0, 1})}
		}
		flatten := func(x *Node) *Node {
			d := x.Shape().Dimensions
			return Reshape(x, d[0], d[1], d[2]*d[3])
		}
		return []*Node{DotGeneral(flatten(headFirst(g)), []int{2}, []int{0}, flatten(senders), []int{2}, []int{0})}
	}
}
