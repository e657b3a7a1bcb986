package exec

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/place"
	"github.com/golens/golens/model/internal/plan"
)

// final is what one call of the unembedding computes: rows of the flat residual
// stream, those of one row of the chunk after another's.
type final struct {
	rows   int     // padding included
	starts []int   // where each row of the chunk begins
	lists  [][]int // its positions
	index  []int32 // [rows]: rows of the flat stream; nil if all are taken as they lie
	tokens []int32 // [rows, k]: only these are read; nil for the whole vocabulary
	logits bool    // something reads logits
	taken  bool    // nothing but captures does
	post   bool    // no block ran: edits behind the last are made here
	soft   []*softTerm

	measured    []bool      // metrics of Job.GradOf that read logits
	derivatives [][]float32 // theirs by the logits, once measured
}

// inputs is how many inputs lead the graph's.
func (f *final) inputs() int { return 1 + count([]bool{f.index != nil, f.tokens != nil}) }

func (f *final) name() string {
	return fmt.Sprintf("final whole=%t logits=%t taken=%t tokens=%t post=%t", f.index == nil, f.logits, f.taken, f.tokens != nil, f.post)
}

// unembed runs the unembedding on the positions that something reads, and measures
// the metrics. It gives the stream that it ran on.
func (c *chunk) unembed(s stream) (stream, error) {
	t, fills := c.taps(c.finalIDs(), atEnd, allByGraph)
	c.final = c.newFinal(t)
	even := true // every row has equally many positions
	for _, r := range c.rows {
		even = even && len(r.Final) == len(c.rows[0].Final)
	}
	if even && len(c.rows[0].Final) == 0 || len(t.reads) == 0 && !c.final.logits { // gradients of what the metrics do not depend on
		return s, nil
	}
	last := c.Config.Layers - 1
	var err error
	switch at := func(r plan.Row) []int { return r.Final }; {
	case s.x == nil && even:
		s, err = c.given(hook.ResidPost(last).ID, at, false)
	case s.x == nil:
		s, err = c.given(hook.ResidPost(last).ID, c.whole, false)
	case c.lacks(s, at):
		s, err = c.move(s, at, last)
	}
	if err != nil {
		return s, err
	}
	c.final.find(c, s)
	if c.soften(t); c.final.soft != nil {
		if len(t.reads) == 0 {
			return s, nil
		}
		c.final.logits = false // until the way back
		defer func() { c.final.logits = true }()
	}
	var args []any
	defer c.giveBack()
	if args, err = c.finalArgs(s); err != nil {
		return s, err
	}
	l := c.finalLayout()
	out, err := c.call(c.final.name(), t, fills, c.final.graph(c.Engine, t), args, c.names.final, -1, l)
	if err != nil {
		return s, err
	}
	var logits *tensors.Tensor
	if c.final.logits && !c.final.taken {
		logits, out = out[len(out)-1], out[:len(out)-1]
		defer free(logits)
	}
	if err := c.take(out, t.reads, 0, l); err != nil || logits == nil {
		return s, err
	}
	var bad error
	err = tensors.ConstFlatData(logits, func(x []float32) { bad = c.readLogits(x) })
	return s, cmp.Or(err, bad)
}

// finalIDs are the activations that the unembedding comes by: where no block ran, what
// is edited behind the last, too.
func (c *chunk) finalIDs() []hook.ID {
	if c.ends() {
		return append([]hook.ID{hook.ResidPost(c.Config.Layers - 1).ID}, plan.FinalIDs...)
	}
	return plan.FinalIDs
}

func atEnd(k hook.Kind) bool { return plan.Final(k) || k == hook.KindResidPost }

// ends tells whether the run begins behind the last block.
func (c *chunk) ends() bool { return c.Job.Base.From == c.Config.Layers }

// newFinal tells whether logits are read, and which of them.
func (c *chunk) newFinal(t *taps) *final {
	f := &final{post: c.ends(), logits: c.growth != nil || has(t.reads, hook.KindLogits)}
	touched := slices.ContainsFunc(t.slots, func(s plan.Slot) bool { return s.Kind == hook.KindLogits }) ||
		slices.ContainsFunc(c.Job.Base.Grads, func(p hook.Point) bool { return p.Kind == hook.KindLogits })
	f.taken = f.logits && c.growth == nil
	for _, m := range c.Job.Base.Metrics {
		f.logits = f.logits || m.Linear == nil
		f.taken = f.taken && m.Linear != nil
	}
	f.logits = f.logits || touched
	for _, k := range c.Job.Base.GradOf {
		f.measured = append(f.measured, c.Job.Base.Metrics[k].Linear == nil)
	}
	return f
}

// lacks tells whether rows have positions that the stream does not hold: there
// they are the base run's.
func (c *chunk) lacks(s stream, want func(plan.Row) []int) bool {
	for _, r := range c.rows {
		at := place.List(s.at(r))
		for _, pos := range want(r) {
			if at(pos) < 0 {
				return true
			}
		}
	}
	return false
}

// find finds the rows of the stream that are unembedded.
func (f *final) find(c *chunk, s stream) {
	pos := s.x.Shape().Dimensions[1]
	whole, n := true, 0
	for _, r := range c.rows {
		f.lists = append(f.lists, r.Final)
		whole = whole && equal(r.Final, s.at(r))
		n += len(r.Final)
	}
	if whole {
		f.rows = c.size * pos
		for i := range c.rows {
			f.starts = append(f.starts, i*pos)
		}
	} else {
		f.rows = min(c.size*pos, c.Padded(n))
		f.index = make([]int32, f.rows) // padding reads row 0
		n = 0
		for i, r := range c.rows {
			f.starts = append(f.starts, n)
			at := place.List(s.at(r))
			for _, p := range r.Final {
				f.index[n] = int32(i*pos + at(p))
				n++
			}
		}
	}
	if few := c.TokensOf(c.rows[0].Index); few != nil {
		f.tokens = make([]int32, f.rows*len(few))
		for i, r := range c.rows {
			ids := c.TokensOf(r.Index)
			for j := range r.Final {
				copy(f.tokens[(f.starts[i]+j)*len(few):], ids)
			}
		}
	}
}

// finalArgs are the leading inputs of the graph.
func (c *chunk) finalArgs(s stream) ([]any, error) {
	f, args := c.final, []any{s.x}
	if f.index != nil {
		if err := c.add(&args)(c.tensor(f.index, f.rows)); err != nil {
			return nil, err
		}
	}
	if f.tokens != nil {
		if err := c.add(&args)(c.tensor(f.tokens, f.rows, len(f.tokens)/f.rows)); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// finalLayout is how the activations of the unembedding lie.
func (c *chunk) finalLayout() layout {
	f := c.final
	return layout{
		shape: func(k hook.Kind) []int { return []int{f.rows, c.Config.Dims(k, 1)[1]} },
		row: func(k hook.Kind, i int) (int, []int, place.View) {
			d := c.Config.Dims(k, len(f.lists[i]))
			return f.starts[i] * d[1], d, place.View{Queries: place.List(f.lists[i])}
		},
	}
}

// readLogits measures the metrics on logits [rows, vocab or tokens], or adds
// tokens to the rows of a generation.
func (c *chunk) readLogits(flat []float32) error {
	if c.growth != nil {
		return c.addTokens(flat)
	}
	c.measure(flat)
	return nil
}

// measure evaluates the metrics, and the derivatives of those whose gradients are
// wanted. At positions that nothing changes they are the base run's.
func (c *chunk) measure(flat []float32) {
	f, job := c.final, c.Job.Base
	f.derivatives = make([][]float32, len(job.GradOf))
	for g, k := range job.GradOf {
		if job.Metrics[k].Linear == nil {
			f.derivatives[g] = make([]float32, len(flat))
		}
	}
	for i, r := range c.rows {
		used := 0 // of the tokens
		for k, m := range job.Metrics {
			if m.Linear != nil {
				continue
			}
			var ids []int32
			if m.Tokens != nil {
				ids = m.Tokens(r.Index)
			}
			var derivatives []float32
			if g := slices.Index(job.GradOf, k); g >= 0 {
				derivatives = f.derivatives[g]
			}
			terms := c.evaluate(k, i, flat, ids, used, derivatives)
			if f.tokens != nil {
				used += len(ids)
			}
			c.metric(k, r, mean(terms), terms)
		}
	}
}

// evaluate is the k-th metric of row i at each of its positions. ids are the
// tokens that it reads, which begin at column used if only tokens are computed.
// The derivative of the mean is added to derivatives, if they are not nil.
func (c *chunk) evaluate(k, i int, flat []float32, ids []int32, used int, derivatives []float32) []float64 {
	f, r, m := c.final, c.rows[i], c.Job.Base.Metrics[k]
	width := len(flat) / f.rows
	at := place.List(f.lists[i])
	list := m.At(r.Index)
	terms := make([]float64, len(list))
	if c.terms != nil {
		copy(terms, c.terms[k][r.Index])
	}
	for j, pos := range list {
		local := at(pos)
		if local < 0 {
			continue
		}
		begin := (f.starts[i] + local) * width
		x, column := flat[begin:][:width], func(j int) int { return j }
		switch {
		case ids == nil:
		case f.tokens != nil:
			x, column = x[used:][:len(ids)], func(j int) int { return used + j }
		default: // of logits that something else wanted whole
			x, column = pick(x, ids), func(j int) int { return int(ids[j]) }
		}
		var grad func(j int, d float64)
		if derivatives != nil {
			grad = func(j int, d float64) { derivatives[begin+column(j)] += float32(d / float64(len(list))) }
		}
		terms[j] = m.Eval(r.Index, j, x, grad)
	}
	return terms
}

// pick is the columns ids of x.
func pick(x []float32, ids []int32) []float32 {
	few := make([]float32, len(ids))
	for k, id := range ids {
		few[k] = x[id]
	}
	return few
}
