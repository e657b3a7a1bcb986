package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/plan"
)

// An EdgeOutcome is the metrics of the base run [metric][row] and of every variant
// [metric][variant][row].
type EdgeOutcome struct {
	Base    [][]float64
	Metrics [][][]float64
}

// edges is the work on an EdgeJob.
//
// Senders lie in groups, the embedding and one for each layer, as tensors
// [sender, row, pos, d_model]. What a variant's senders wrote below its first
// receiver that lacks something is the base run's, and is shared.
type edges struct {
	*Engine
	*plan.Edges
	mean    *traced // the reference, if all rows share it
	kept    *kept   // nil if nothing is
	scratch *scratch
	mu      sync.Mutex // of what is given back
}

// PlanEdges is how an EdgeJob would be done.
func (e *Engine) PlanEdges(job plan.EdgeJob) (*plan.Edges, plan.EdgeCost, error) {
	return plan.NewEdges(e.machine(), job)
}

// newEdges is the work, with the reference if all rows share it.
func (e *Engine) newEdges(ctx context.Context, p *plan.Edges) (*edges, error) {
	s := &edges{Engine: e, Edges: p, scratch: newScratch(e)}
	s.scratch.keep = e.Backend.HasSharedBuffers() // a call ends before it gives its outputs
	if p.Key != "" {
		s.kept = e.takeKept(p)
		s.mean = s.kept.mean
	}
	if !p.Mean || s.mean != nil {
		return s, nil
	}
	var err error
	if s.mean, err = s.meanOf(ctx); s.kept != nil && err == nil {
		s.kept.mean = s.mean
	}
	return s, err
}

func (s *edges) close() {
	if s.kept == nil || s.kept.mean != s.mean {
		s.mean.free()
	}
	if s.kept != nil {
		s.putKept(s.kept)
	}
	s.scratch.close()
}

// CutEdges does an EdgeJob. It stops with the context's error between two blocks.
func (e *Engine) CutEdges(ctx context.Context, p *plan.Edges) (*EdgeOutcome, error) {
	s, err := e.newEdges(ctx, p)
	defer s.close()
	if err != nil {
		return nil, err
	}
	out := &EdgeOutcome{}
	for range p.EdgeJob.Base.Metrics {
		out.Base = append(out.Base, make([]float64, len(s.Lens)))
		all := make([][]float64, len(p.Cuts))
		for v := range all {
			all[v] = make([]float64, len(s.Lens))
		}
		out.Metrics = append(out.Metrics, all)
	}
	return out, each(ctx, p.Rows.Chunks, p.Outer, func(ctx context.Context, rows plan.Chunk) error {
		r, release, err := s.base(ctx, rows, out.Base)
		defer release()
		if err != nil {
			return err
		}
		for k, values := range out.Base {
			for _, v := range p.Same {
				for _, row := range rows.Rows {
					out.Metrics[k][v][row.Index] = values[row.Index]
				}
			}
		}
		s.done(len(p.Same) * len(rows.Rows))
		return each(ctx, p.Lists, p.Inner, func(ctx context.Context, list []int) error {
			defer func() { s.done(len(list) * len(rows.Rows)) }()
			return s.cut(ctx, rows, list, r, func(k int, row plan.Row, value float64) {
				if row.Variant < len(list) {
					out.Metrics[k][list[row.Variant]][row.Index] = value
				}
			})
		})
	})
}

func (s *edges) done(rows int) {
	if s.EdgeJob.Done != nil && rows > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.EdgeJob.Done(rows)
	}
}

// base is the base run of a chunk of rows, as it was kept or run now, and its metrics
// [metric][row].
func (s *edges) base(ctx context.Context, rows plan.Chunk, metrics [][]float64) (r *traced, release func(), err error) {
	if s.kept != nil {
		r = s.kept.of(rows)
	}
	if r != nil {
		for k, values := range r.metrics {
			for i, row := range rows.Rows {
				metrics[k][row.Index] = values[i]
			}
		}
		return r, func() {}, nil
	}
	r, err = s.trace(ctx, rows, func(k int, row plan.Row, value float64) { metrics[k][row.Index] = value })
	if err != nil || s.kept == nil {
		return r, r.free, err
	}
	for _, values := range metrics {
		own := make([]float64, len(rows.Rows))
		for i, row := range rows.Rows {
			own[i] = values[row.Index]
		}
		r.metrics = append(r.metrics, own)
	}
	if s.kept.keep(rows, r) {
		return r, func() {}, nil
	}
	return r, r.free, nil
}

// traced is a run of a chunk with what its senders wrote.
type traced struct {
	resid  []*tensors.Tensor // resid_pre of each layer, and the last resid_post
	groups []*tensors.Tensor // of which a base run of scores may have two a layer, its heads and its MLP
	mid    []*tensors.Tensor // resid_mid of each layer, of a reference

	metrics   [][]float64 // [metric][row of the chunk], of a base run that is kept
	chunk     *chunk      // that ran, nil of a reference and of what is kept
	reference *traced     // less which the groups are
	shared    bool        // other rows have the reference too
	source    bool        // it is run to be a reference

	sides struct { // senders side by side, by their number
		sync.Mutex
		of map[int]side
	}
	heads struct { // runs of a layer's key-value heads
		sync.Mutex
		layer int
		of    map[int]headRun
	}
}

// A side is senders side by side, at all positions and, if they are read there, at those
// that are read at the end.
type side struct{ whole, ends *tensors.Tensor }

// writes tells whether anything is written in a reference.
func (r *traced) writes() bool { return r != nil && r.groups != nil }

func (r *traced) free() {
	if r == nil {
		return
	}
	free(r.resid...)
	free(r.groups...)
	free(r.mid...)
	for _, s := range r.sides.of {
		free(s.whole, s.ends)
	}
	if r.chunk != nil {
		r.chunk.close()
	}
	if !r.shared {
		r.reference.free()
	}
}

// chunkOf is rows of a job as a chunk whose metrics go to a function.
func (s *edges) chunkOf(b *plan.Batch, tokens [][]int32, rows plan.Chunk, metric func(k int, r plan.Row, value float64)) *chunk {
	w := &work{Engine: s.Engine, Batch: b, tokens: tokens, scratch: s.scratch,
		metric: func(k int, r plan.Row, value float64, _ []float64) { metric(k, r, value) }}
	return w.newChunk(&plan.Group{Width: s.Rows.Width, Lane: 1}, rows)
}

// trace runs the base and the reference on a chunk of rows.
func (s *edges) trace(ctx context.Context, rows plan.Chunk, metric func(k int, r plan.Row, value float64)) (*traced, error) {
	reference, err := s.reference(ctx, rows)
	r := &traced{reference: reference, shared: reference == s.mean}
	if err != nil {
		return r, fmt.Errorf("reference: %w", err)
	}
	r.chunk = s.chunkOf(s.Batch, s.EdgeJob.Base.Tokens, rows, metric)
	if s.EdgeJob.Scores {
		r.chunk.insides = 0
	}
	if err := s.through(ctx, r); err != nil {
		return r, err
	}
	_, err = r.chunk.unembed(r.last())
	return r, err
}

// last is the stream out of the last block.
func (r *traced) last() stream {
	return stream{r.resid[len(r.resid)-1], r.chunk.whole, func(...*tensors.Tensor) {}}
}

// byMixes tells whether what heads write is found from what they mixed: both runs are then
// plain ones, and the difference is multiplied out once. Not where what they write is
// edited or scaled.
func (s *edges) byMixes() bool {
	edits := s.EdgeJob.Base.Edits
	if s.EdgeJob.Source != nil {
		edits = slices.Concat(edits, s.EdgeJob.Source.Edits)
	}
	return s.EdgeJob.Scores && !s.Mean && outputScale(s.Engine.Config) == "" &&
		!slices.ContainsFunc(edits, func(e hook.Edit) bool { return e.Kind == hook.KindResult })
}

// through runs every block of a chunk and keeps what senders wrote, less what they
// write in the reference if they do.
func (s *edges) through(ctx context.Context, r *traced) error {
	x, first, err := s.embed(r)
	if err != nil {
		return err
	}
	r.resid, r.groups = append(r.resid, x), append(r.groups, first)
	for l := range s.Layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := cutForm{writes: !s.byMixes(), mixes: s.byMixes() && r.source, apart: s.byMixes() && !r.source,
			reference: r.reference.writes(), enters: l == 0 && s.wholeEmbedding()}
		var more []any
		if f.reference {
			more = append(more, r.reference.groups[l+1])
		}
		y, groups, enters, err := s.block(r.chunk, l, r.resid[l], f, more)
		if err != nil {
			return err
		}
		if f.enters { // edits may have changed it
			free(r.resid[0], r.groups[0])
			r.resid[0] = enters
			if r.groups[0], err = s.first(r, enters); err != nil {
				return err
			}
		}
		r.resid, r.groups = append(r.resid, y), append(r.groups, groups...)
	}
	return nil
}

// embed is the residual stream into the first block, and the first sender.
func (s *edges) embed(r *traced) (x, group *tensors.Tensor, err error) {
	c := r.chunk
	args, m, places, err := c.embedArgs()
	defer c.giveBack()
	if err != nil {
		return nil, nil, err
	}
	t, fills := c.taps(plan.EmbedIDs, always, allByGraph)
	t.reads = []label{{kind: hook.KindEmbed}}
	out, err := c.call(m.name(), t, fills, m.graph(s.Engine, t), args, c.names.embed, -1, c.layout(places, places))
	if err != nil {
		return nil, nil, err
	}
	defer free(out[1])
	group, err = s.first(r, out[1])
	return out[0], group, err
}

// first is the first sender as a group.
func (s *edges) first(r *traced, x *tensors.Tensor) (*tensors.Tensor, error) {
	args := []any{x}
	if r.reference.writes() {
		args = append(args, r.reference.groups[0])
	}
	return s.one(fmt.Sprint("less ", r.reference.writes()), lessGraph(r.reference.writes()), args)
}

// wholeEmbedding tells whether the first sender is all that enters the first
// block: always where the sum of the embeddings is normalized.
func (s *edges) wholeEmbedding() bool { return s.WholeEmbedding || s.EmbedNorm }

// block runs one block: resid_post, and what its senders wrote and what entered it,
// if that is wanted.
func (s *edges) block(c *chunk, l int, x *tensors.Tensor, f cutForm, more []any) (y *tensors.Tensor, groups []*tensors.Tensor, enters *tensors.Tensor, err error) {
	i := l - c.rows[0].Blocks[0].Layer
	args, err := c.around(i, f.around())
	defer c.giveBack()
	if err != nil {
		return nil, nil, nil, err
	}
	t, fills := c.blockTaps(i)
	c.keepInsides(t, l)
	args = append(append([]any{x}, args...), more...)
	out, err := c.call(f.name(), t, fills, f.graph(s.Engine, t), args, c.names.block, l, c.layout(c.out(i), c.into(i)))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("block %d: %w", l, err)
	}
	out = c.takeInsides(i, t, out)
	y, out = out[0], out[1:]
	if n := f.groups(s.Engine.Config); n > 0 {
		groups, out = out[:n:n], out[n:]
	}
	if f.enters {
		enters = out[0]
	}
	return y, groups, enters, nil
}

// one calls a graph with one output.
func (s *edges) one(name string, g graphFn, args []any) (*tensors.Tensor, error) {
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

// reference is the reference run for a chunk of rows: of all rows together, or of
// each.
func (s *edges) reference(ctx context.Context, rows plan.Chunk) (r *traced, err error) {
	if s.mean != nil {
		return s.mean, nil
	}
	if s.EdgeJob.Source == nil {
		r, err = s.nothing()
	} else {
		r, err = s.taken(ctx, rows)
	}
	if err == nil {
		err = s.addMids(r)
	}
	return r, err
}

// addMids finds the stream behind attention of each layer whose MLP reads there.
func (s *edges) addMids(r *traced) error {
	if s.AttnOnly() || s.Parallel || s.EdgeJob.Scores {
		return nil
	}
	for l := range s.Layers {
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

// nothing is a reference in which no sender writes: what is left are the positions'
// embeddings and the biases of heads.
func (s *edges) nothing() (*traced, error) {
	r, pos := &traced{}, s.Rows.Width
	var err error
	add := func(t *tensors.Tensor, bad error) { r.resid, err = append(r.resid, t), cmp.Or(err, bad) }
	if s.Position == config.PosLearned && !s.wholeEmbedding() {
		table, bad := s.one("first positions", firstGraph(pos), []any{s.weights["pos_embed.W_pos"]})
		add(table, bad)
	} else {
		add(fill(s.Engine, func([]float32) {}, 1, pos, s.DModel))
	}
	for l := range s.Layers {
		if err != nil {
			return r, err
		}
		if b := s.weights[arch.LayerName(l, "attn.b_O")]; b != nil {
			add(s.one("rest", restGraph, []any{r.resid[l], b}))
		} else {
			add(s.one("repeat 1", repeatGraph(1), []any{r.resid[l]}))
		}
	}
	return r, err
}

// taken is the source's run of the rows that a chunk takes from.
func (s *edges) taken(ctx context.Context, rows plan.Chunk) (*traced, error) {
	index, at := make([]int32, rows.Size), map[int]int{}
	var donors []int
	straight := true
	for i, r := range rows.Rows {
		d := r.Index
		if s.Donors != nil {
			d = s.Donors[d]
		}
		if _, known := at[d]; !known {
			at[d] = len(donors)
			donors = append(donors, d)
		}
		index[i] = int32(at[d])
		straight = straight && at[d] == i
	}
	size := rows.Size
	if !straight {
		size = s.Padded(len(donors))
	}
	r, err := s.traceSource(ctx, donors, size)
	if straight || err != nil {
		return r, err
	}
	defer r.free()
	ids, err := s.tensor(index, rows.Size)
	if err != nil {
		return nil, err
	}
	defer free(ids)
	picked := &traced{}
	for _, list := range []struct {
		to   *[]*tensors.Tensor
		from []*tensors.Tensor
	}{{&picked.groups, r.groups}, {&picked.resid, r.resid}} {
		for _, t := range list.from {
			mine, err := s.one("pick", pickGraph, []any{ids, t})
			if *list.to = append(*list.to, mine); err != nil {
				return picked, err
			}
		}
	}
	return picked, nil
}

// traceSource runs rows of the source.
func (s *edges) traceSource(ctx context.Context, rows []int, size int) (*traced, error) {
	job := *s.EdgeJob.Source
	job.Until = s.Layers
	b := plan.NewPass(s.machine(), job)
	all := b.Pass().Rows
	c := plan.Chunk{Size: size}
	for _, i := range rows {
		c.Rows = append(c.Rows, all[i])
	}
	r := &traced{source: true, chunk: s.chunkOf(b, job.Tokens, c, func(int, plan.Row, float64) {})}
	err := s.through(ctx, r)
	r.chunk.close()
	r.chunk = nil
	return r, err
}

// meanOf is the mean of what senders write over the source's rows, at each
// position of those that have it.
func (s *edges) meanOf(ctx context.Context) (sum *traced, err error) {
	pos, rows := s.Rows.Width, s.EdgeJob.Source.Tokens
	have := make([]float32, pos)
	for _, row := range rows {
		for i := range row {
			have[i]++
		}
	}
	sum = &traced{}
	for g := range s.Layers + 1 {
		zero, err := fill(s.Engine, func([]float32) {}, s.Width(g), 1, pos, s.DModel)
		rest, bad := fill(s.Engine, func([]float32) {}, 1, pos, s.DModel)
		sum.groups, sum.resid = append(sum.groups, zero), append(sum.resid, rest)
		if err := cmp.Or(err, bad); err != nil {
			return sum, err
		}
	}
	for list := range slices.Chunk(hook.UpTo(len(rows)), s.Rows.Batch) {
		r, err := s.traceSource(ctx, list, s.Padded(len(list)))
		if err == nil {
			err = s.addMean(list, r, have, sum)
		}
		r.free()
		if err != nil {
			return sum, err
		}
	}
	return sum, s.addMids(sum)
}

func (s *edges) addMean(rows []int, r *traced, have []float32, sum *traced) error {
	size, pos := r.resid[0].Shape().Dimensions[0], len(have)
	w := make([]float32, size*pos)
	for i, row := range rows {
		for j := range s.EdgeJob.Source.Tokens[row] {
			w[i*pos+j] = 1 / have[j]
		}
	}
	weights, err := s.tensor(w, size, pos)
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
