package exec

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/internal/plan"
)

// A convoy is runs of a chunk of rows on their way through the blocks and back.
type convoy struct {
	*scoring
	plan.Convoy
	base *traced
	rows [2][]plan.Row     // of each run, those out of use too; and where the last block computes ends alone
	lots [][]*lot          // at work, of each layer, and behind the last
	at   map[int]piece     // of each run, the stream that it has come to, or the gradient there
	held []*tensors.Tensor // that these are pieces of
}

// A lot is runs side by side in a call, whose rows lie one run after another.
type lot struct {
	plan.Lot
	chunk *chunk
	x     *tensors.Tensor // what enters
}

// A piece is the rows of one run, the i-th of those in a tensor.
type piece struct {
	of *tensors.Tensor
	i  int
}

// convoy takes the gradients of runs, down to their first edits, and adds those there to
// sums: what lies below is the base run's, so that one way back from there serves all runs;
// see below.
func (s *scoring) convoy(ctx context.Context, base *traced, runs plan.Convoy, stacks []*tensors.Tensor, sums *gradientSums) error {
	v := s.newConvoy(base, runs)
	defer v.close()
	if err := v.forward(ctx); err != nil {
		return err
	}
	return v.back(ctx, stacks, sums)
}

// newConvoy is runs that start from a base run.
func (s *scoring) newConvoy(base *traced, runs plan.Convoy) *convoy {
	v := &convoy{scoring: s, Convoy: runs, base: base, lots: make([][]*lot, s.Layers+1), at: map[int]piece{}}
	for i := range base.chunk.size { // rows out of use are those of the last
		r := base.chunk.rows[min(i, len(base.chunk.rows)-1)]
		v.rows[0] = append(v.rows[0], r)
		if s.Ends != nil {
			last := s.Layers - 1
			r.Blocks = slices.Clone(r.Blocks)
			r.Blocks[last] = plan.Block{Layer: last, Attends: true, In: base.chunk.whole(r), Out: s.Ends[r.Index]}
			v.rows[1] = append(v.rows[1], r)
		}
	}
	return v
}

func (v *convoy) close() {
	for _, lots := range v.lots {
		v.drop(lots)
	}
	free(v.held...)
}

// drop gives back what lots hold.
func (v *convoy) drop(lots []*lot) {
	for _, l := range lots {
		if !slices.Contains(v.base.resid, l.x) {
			free(l.x)
		}
		if l.x = nil; l.chunk != v.base.chunk {
			l.chunk.close()
		}
	}
}

// start is the layer in which a run leaves the base run.
func (v *convoy) start(run int) int { return v.Start(v.job.Runs[run]) }

// begin makes lots ready to run.
func (v *convoy) begin(planned []plan.Lot) (lots []*lot) {
	for _, p := range planned {
		l := &lot{Lot: p, chunk: v.base.chunk}
		lots = append(lots, l)
		if p.Base { // which is measured
			continue
		}
		rows := v.rows[0]
		if p.Ends {
			rows = v.rows[1]
		}
		c := plan.Chunk{Size: len(p.Runs) * len(rows)}
		for _, run := range p.Runs {
			for _, r := range rows {
				r.Variant = run
				c.Rows = append(c.Rows, r)
			}
		}
		l.chunk = v.chunkOf(v.all, v.EdgeJob.Base.Tokens, c, func(int, plan.Row, float64) {})
		l.chunk.insides = 0
	}
	return lots
}

// reach puts runs where the pieces of a tensor are theirs.
func (v *convoy) reach(runs []int, t *tensors.Tensor) {
	v.held = append(v.held, t)
	for i, run := range runs {
		v.at[run] = piece{t, i}
	}
}

// take gives what is held to lots that took it whole, and frees the rest.
func (v *convoy) take(lots []*lot) {
	for _, t := range v.held {
		if !slices.ContainsFunc(lots, func(l *lot) bool { return l.x == t }) {
			free(t)
		}
	}
	v.held = nil
}

// together are the pieces of runs side by side, or their sum.
func (v *convoy) together(runs []int, sum bool) (*tensors.Tensor, error) {
	first := v.at[runs[0]]
	size := len(v.rows[0])
	whole := first.i == 0 && first.of.Shape().Dimensions[0] == size*len(runs)
	for i, run := range runs {
		whole = whole && v.at[run] == piece{first.of, i}
	}
	if whole && !sum {
		return first.of, nil
	}
	var args []any
	var of [][2]int
	for _, run := range runs {
		p := v.at[run]
		k := slices.Index(args, any(p.of))
		if k < 0 {
			k, args = len(args), append(args, p.of)
		}
		of = append(of, [2]int{k, p.i})
	}
	return v.one(fmt.Sprint("runs ", of, size, sum), piecesGraph(of, size, sum), args)
}

// piecesGraph is pieces [input, which], each of so many rows, side by side or added up.
func piecesGraph(of [][2]int, rows int, sum bool) graphFn {
	return func(in []*Node) []*Node {
		var all []*Node
		for _, p := range of {
			all = append(all, Slice(in[p[0]], AxisRange(p[1]*rows, (p[1]+1)*rows)))
		}
		if !sum {
			return []*Node{Concatenate(all, 0)}
		}
		y := all[0]
		for _, x := range all[1:] {
			y = Add(y, x)
		}
		return []*Node{y}
	}
}

// forward takes the runs to the metric.
func (v *convoy) forward(ctx context.Context) error {
	for _, l := range v.begin(v.Embeds) {
		x, err := l.chunk.embed()
		l.chunk.close()
		if err != nil {
			return err
		}
		v.reach(l.Runs, x.x)
	}
	for layer := range v.Layers + 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, run := range v.Runs {
			if _, embedded := v.at[run]; v.start(run) == layer && !embedded {
				v.at[run] = piece{v.base.resid[layer], 0}
			}
		}
		if err := v.pass(layer); err != nil {
			return err
		}
	}
	return nil
}

// pass runs a block, or what follows the last, of the runs that have come there.
func (v *convoy) pass(layer int) error {
	lots := v.begin(v.Lots[layer])
	v.lots[layer] = lots
	for _, l := range lots {
		x, err := v.together(l.Runs, false)
		if err != nil {
			return err
		}
		l.x = x
	}
	if len(lots) > 0 {
		v.take(lots)
	}
	for _, l := range lots {
		switch {
		case layer < v.Layers:
			y, err := l.chunk.block(layer, l.x)
			if err != nil {
				return err
			}
			v.reach(l.Runs, y.x)
		case !l.Base:
			if _, err := l.chunk.unembed(v.last(l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// last is what enters a lot behind the last block.
func (v *convoy) last(l *lot) stream {
	at := l.chunk.whole
	if l.Ends {
		at = l.chunk.out(v.Layers - 1)
	}
	return stream{l.x, at, func(...*tensors.Tensor) {}}
}

// back takes the gradients of the runs down to their first edits, and adds them to the
// sums there.
func (v *convoy) back(ctx context.Context, stacks []*tensors.Tensor, sums *gradientSums) error {
	way := &wayBack{scoring: v.scoring, chunk: v.base.chunk, groups: v.base.groups, stacks: stacks}
	defer way.close()
	if err := v.backFinal(sums); err != nil {
		return err
	}
	for l := v.Layers; l >= 0 && len(v.at) > 0; l-- {
		var ends []int
		for _, run := range v.Runs {
			if _, on := v.at[run]; on && v.start(run) == l {
				ends = append(ends, run)
			}
		}
		if err := v.leave(ends, &sums.at[l]); err != nil {
			return err
		}
		if len(v.at) == 0 || l == 0 {
			break
		}
		if err := v.through(ctx, way, l-1, sums.none); err != nil {
			return err
		}
	}
	return way.end(ctx)
}

// leave adds the gradients of runs that go no further to a sum.
func (v *convoy) leave(runs []int, to **tensors.Tensor) error {
	if len(runs) == 0 {
		return nil
	}
	g, err := v.together(runs, true)
	if err == nil {
		err = v.add(to, g)
	}
	for _, run := range runs {
		delete(v.at, run)
	}
	return err
}

// backFinal takes those at the last stream, and adds them up.
func (v *convoy) backFinal(sums *gradientSums) error {
	clear(v.at)
	for _, l := range v.lots[v.Layers] {
		c := l.chunk
		c.saved = []stream{v.last(l)}
		above, err := c.backFinal(make([][]backTo, 1))
		c.saved = nil
		if err != nil || above[0] == nil {
			free(above...)
			return err
		}
		v.reach(l.Runs, above[0])
		own, err := v.together(l.Runs, true)
		if err == nil && l.Ends {
			own, err = v.unchosen(own)
		}
		if err == nil {
			err = v.add(&sums.last, own)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unchosen puts a gradient at the ends of each row to where these lie.
func (v *convoy) unchosen(g *tensors.Tensor) (*tensors.Tensor, error) {
	defer free(g)
	c := v.base.chunk
	at, err := c.queries(c.whole, func(r plan.Row) []int { return v.Ends[r.Index] })
	if err != nil {
		return nil, err
	}
	defer free(at)
	return v.one("ends", unchosenGraph(v.Rows.Width), []any{g, at})
}

// through takes the gradients of a layer's receivers of the runs that are edited there or
// below, and adds them up.
func (v *convoy) through(ctx context.Context, way *wayBack, layer int, none []*tensors.Tensor) error {
	above, sum := v.held, none
	v.held = nil
	defer func() { free(above...) }()
	for i, l := range v.lots[layer] {
		g, err := v.together(l.Runs, false)
		if err != nil {
			return err
		}
		out, err := v.backBlock(ctx, v.base, l.chunk, layer, l.x, g, sum)
		if i > 0 {
			free(sum...)
		}
		if !slices.Contains(above, g) {
			free(g)
		}
		if err != nil {
			return err
		}
		v.reach(l.Runs, out[0])
		sum = out[1:]
	}
	v.drop(v.lots[layer])
	v.lots[layer] = nil
	return way.block(ctx, layer, sum)
}

// backBlock takes the gradients of a layer's receivers, from that of the stream behind
// it: that of the stream before it of each run of a chunk, and, added to sums of others if
// there are any, those of the receivers. What the chunk did not keep the base run did.
func (s *scoring) backBlock(ctx context.Context, base *traced, c *chunk, layer int, x, above *tensors.Tensor, sums []*tensors.Tensor) ([]*tensors.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := scoreForm{form: c.form(layer), order: s.order(), runs: c.size / base.chunk.size, sums: len(sums)}
	args, err := c.around(layer, f.form)
	defer c.giveBack()
	if err != nil {
		return nil, err
	}
	t, fills := c.blockTaps(layer)
	t.back, t.reads = true, nil
	args = c.withInsides(append([]any{x, above}, args...), t, c.kept[layer])
	for _, t := range sums {
		args = append(args, t)
	}
	out, err := c.call(f.name(), t, fills, f.graph(s.Engine, t), args, c.names.block, layer, c.layout(c.out(layer), c.into(layer)))
	if err != nil {
		return nil, fmt.Errorf("block %d, gradient: %w", layer, err)
	}
	return out, nil
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
		out, err := s.backBlock(ctx, base, base.chunk, l, base.resid[l], g, sums.none)
		free(g)
		if g = nil; err != nil {
			return err
		}
		g = out[0]
		if err := way.block(ctx, l, out[1:]); err != nil {
			return err
		}
	}
	return way.end(ctx)
}
