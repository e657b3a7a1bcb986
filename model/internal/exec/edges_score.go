package exec

import (
	"cmp"
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
	all *plan.Batch // of which runs are variants
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
	s := &scoring{edges: edges, job: job, out: &ScoreOutcome{Base: make([]float64, len(edges.Lens)), Scores: make([]float32, n)}}
	for range job.Shares {
		s.out.Cuts = append(s.out.Cuts, make([]float64, len(edges.Lens)))
	}
	var convoys []plan.Convoy
	s.all, convoys = job.Convoys(job.Runs)
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
		if len(job.Runs) > 1 {
			if sums.none, err = s.zeros(r.chunk.size); err != nil {
				return err
			}
		}
		for _, c := range convoys {
			if err := s.convoy(ctx, r, c, stacks, &sums); err != nil {
				return fmt.Errorf("runs %v: %w", c.Runs, err)
			}
			s.done(len(c.Runs) * len(rows.Rows))
		}
		return s.below(ctx, r, stacks, sums)
	})
}

// gradientSums are gradients of several runs, added up.
type gradientSums struct {
	last *tensors.Tensor   // at the last stream, of all runs
	at   []*tensors.Tensor // at resid_pre of each layer, of those whose first edit is there; the last of those without one
	none []*tensors.Tensor // zeros, to which a layer's receivers' are added, if there are several runs
}

func (g gradientSums) free() {
	free(g.last)
	free(g.at...)
	free(g.none...)
}

// zeros are no gradients of a layer's receivers, of attention and of the MLP.
func (s *scoring) zeros(size int) (all []*tensors.Tensor, err error) {
	for _, n := range []int{s.Heads + 2*s.KVHeads, 1}[:s.Graph.Reads()-s.Heads-2*s.KVHeads+1] {
		dims := []int{n, size, s.Rows.Width, s.DModel}
		lie := slices.Clone(dims)
		for i, axis := range s.order() {
			lie[i] = dims[axis]
		}
		t, bad := fill(s.Engine, func([]float32) {}, lie...)
		all, err = append(all, t), cmp.Or(err, bad)
	}
	return all, err
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

// A scoreForm is which inputs the way back through a block has.
type scoreForm struct {
	form
	order []int // of what is given
	runs  int   // in the batch, one after another
	sums  int   // gradients of other runs' receivers
}

func (f scoreForm) name() string {
	return fmt.Sprint(f.form.name(), " scores ", f.order, f.runs, f.sums)
}

// graph is the way back through a block, from resid_pre and the gradient of resid_post,
// to the gradient of resid_pre and those of its receivers, in the order wanted and added up
// over runs: of attention, and of the MLP if there is one.
func (f scoreForm) graph(e *Engine, t *taps) graphFn {
	return func(in []*Node) []*Node {
		n := f.inputs(e.Config)
		kept := n + 1 + len(slices.Concat(t.keep...))
		lead, w, slots, _ := inputs(in, kept+f.sums, e.names.block, t)
		tap := newScoreTap(e.Config, t.begin(slots))
		tap.give(lead[n+1 : kept])
		around := f.around(e.Config, lead[2:n+1])
		tap.choose(e, around)
		y := arch.Block(e.Config, w, tap, lead[0], around)
		of := []*Node{lead[0]}
		for _, k := range tap.copiedKinds() {
			if x := tap.copies[k]; x != nil {
				of = append(of, x)
			}
		}
		grads := Gradient(tap.through(ReduceAllSum(Mul(y, lead[1]))), of...)
		whole := func(x *Node) *Node { return around.Unchosen(x, lead[0].Shape().Dimensions[1]) }
		attention := grads[1:4]
		var heads *Node
		if tap.projects {
			projected := tap.projections()
			attention[0], projected[0] = whole(attention[0]), whole(projected[0])
			heads = arch.BackToInputs(e.Config, w, tap.entered, projected, attention, f.runs)
		} else {
			for i, g := range attention {
				if !tap.splits(receiving[i]) {
					attention[i] = inFront(g)
				} else if i == 0 {
					attention[i] = inFront(whole(TransposeAllAxes(g, 1, 2, 0, 3)))
				}
			}
			heads = arch.OverRuns(Concatenate(attention, 0), 1, f.runs)
		}
		out := []*Node{grads[0], inOrder(heads, f.order)}
		if len(grads) > 4 {
			out = append(out, inOrder(ExpandAxes(arch.OverRuns(whole(grads[4]), 0, f.runs), 0), f.order))
		}
		for i, sum := range lead[kept:] {
			out[i+1] = Add(out[i+1], sum)
		}
		return out
	}
}

// unchosenGraph puts values at some of so many positions to where these lie.
func unchosenGraph(pos int) graphFn {
	return func(in []*Node) []*Node { return []*Node{arch.Around{Queries: in[1]}.Unchosen(in[0], pos)} }
}
