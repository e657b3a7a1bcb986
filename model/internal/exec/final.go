package exec

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// A finalCall is what one call of the unembedding computes.
type finalCall struct {
	rows   int         // of the flat residual stream, padding included
	whole  bool        // every row of the chunk, so that none need be gathered
	logits bool        // somebody reads logits
	tokens []int32     // [rows, k]: only these are read; nil for the whole vocabulary
	index  []int32     // [rows]: flat rows, if not whole
	back   []bool      // metrics of Job.GradOf that read logits
	cots   [][]float32 // their derivatives by the logits, once measured
}

// inputs is how many inputs lead the graph's.
func (c finalCall) inputs(back bool) int {
	n := 1 + count([]bool{!c.whole, c.tokens != nil})
	if back {
		n += count(c.back)
	}
	return n
}

func (c finalCall) name(back bool) string {
	name := fmt.Sprintf("final whole=%t logits=%t tokens=%t", c.whole, c.logits, c.tokens != nil)
	if back {
		name += fmt.Sprint(" back ", c.back)
	}
	return name
}

var finalIDs = []hook.ID{{Kind: hook.KindLNFinal}, {Kind: hook.KindLNFinalNorm}, {Kind: hook.KindLogits}}

// plan finds which rows of the unembedding somebody reads, and whether only
// some tokens of each.
func (p *pass) plan() {
	read := map[int]bool{}
	whole, nonlinear := false, 0
	add := func(r int, at []int) {
		for _, pos := range at {
			read[r*p.pos+resolve(pos, p.length(r))] = true
		}
	}
	points := slices.Concat(p.job.Captures, p.job.Grads)
	for _, m := range p.job.Metrics {
		if m.Linear != nil {
			points = append(points, m.Linear.Point)
			continue
		}
		nonlinear++
		for r := range p.frame.rows {
			add(r, m.At(p.first+r))
		}
	}
	for _, c := range points {
		if !finals[c.Kind] {
			continue
		}
		whole = whole || c.Kind == hook.KindLogits
		for r := range p.frame.rows {
			if c.Batch == nil || slices.Contains(c.Batch, p.first+r) {
				add(r, positions(c.Pos.In(p.first+r), p.length(r), 0, false))
			}
		}
	}
	for _, e := range p.job.Edits {
		whole = whole || e.Kind == hook.KindLogits
	}
	p.flat = nil
	for i := range read {
		p.flat = append(p.flat, i)
	}
	slices.Sort(p.flat)
	all := p.batch * p.pos
	c := finalCall{rows: len(p.flat), logits: whole || nonlinear > 0}
	for _, k := range p.job.GradOf {
		c.back = append(c.back, p.job.Metrics[k].Linear == nil)
	}
	if !p.Backend.Go() {
		c.rows = min(all, roundRows(c.rows))
	}
	if len(p.flat) == all {
		c.whole = true
	} else {
		c.index = make([]int32, c.rows) // padding reads row 0
		for i, at := range p.flat {
			c.index[i] = int32(at)
		}
	}
	if i := slices.IndexFunc(p.job.Metrics, func(m plan.Objective) bool { return m.Linear == nil }); !whole && nonlinear == 1 && p.job.Metrics[i].Tokens != nil {
		c.tokens = p.tokensRead(p.job.Metrics[i], c.rows)
	}
	p.final = c
}

// tokensRead are the tokens that a metric reads of each flat row [rows, k].
func (p *pass) tokensRead(m plan.Objective, rows int) []int32 {
	k := len(m.Tokens(p.first))
	ids := make([]int32, rows*k)
	for i, at := range p.flat {
		copy(ids[i*k:], m.Tokens(p.first+at/p.pos))
	}
	return ids
}

// logits runs the unembedding on x, the residual stream after the last block,
// if anybody reads what comes of it.
func (p *pass) logits(x *tensors.Tensor) error {
	p.plan()
	if len(p.flat) == 0 {
		return nil
	}
	t := p.taps(nil, finalIDs...)
	if len(t.reads) == 0 && !p.final.logits {
		return nil // gradients of what the metrics do not depend on
	}
	args, own, err := p.finalArgs(x, false)
	defer func() { free(own...) }()
	if err != nil {
		return err
	}
	out, err := p.run(p.final.name(false), t, finalGraph(p.Engine, &t.taps, p.final, false), args)
	if err != nil {
		return err
	}
	if p.final.logits {
		last := len(out) - 1
		defer free(out[last])
		if err := p.measure(out[last]); err != nil {
			return err
		}
		out = out[:last]
	}
	return p.take(t, out)
}

func (p *pass) finalArgs(x *tensors.Tensor, back bool) (args []any, own []*tensors.Tensor, err error) {
	c := p.final
	args = []any{x}
	add := func(values any, shape ...int) {
		if err == nil {
			var t *tensors.Tensor
			t, err = p.tensor(values, shape...)
			own, args = append(own, t), append(args, t)
		}
	}
	if !c.whole {
		add(c.index, c.rows)
	}
	if c.tokens != nil {
		add(c.tokens, c.rows, len(c.tokens)/c.rows)
	}
	for m, reads := range c.back {
		if back && reads {
			add(c.cots[m], c.rows, len(c.cots[m])/c.rows)
		}
	}
	return p.with(args, p.finalNames()), own, err
}

// measure evaluates the metrics on the logits [rows, vocab or k], and the
// derivatives of those whose gradients are wanted.
func (p *pass) measure(logits *tensors.Tensor) error {
	return tensors.ConstFlatData(logits, func(flat []float32) {
		p.final.cots = make([][]float32, len(p.job.GradOf))
		for k, m := range p.job.Metrics {
			if m.Linear != nil {
				continue
			}
			var cot []float32
			if g := slices.Index(p.job.GradOf, k); g >= 0 {
				cot = make([]float32, len(flat))
				p.final.cots[g] = cot
			}
			for r := range p.frame.rows {
				terms := p.eval(m, r, flat, cot)
				p.out.Terms[k][p.first+r], p.out.Metrics[k][p.first+r] = terms, mean(terms)
			}
		}
	})
}

// eval is one metric of row r of the chunk, at each of its positions. It adds the
// derivative of their mean to cot, if that is not nil.
func (p *pass) eval(m plan.Objective, r int, flat, cot []float32) []float64 {
	width, row := len(flat)/p.final.rows, p.first+r
	at := m.At(row)
	var ids []int32
	if m.Tokens != nil && p.final.tokens == nil { // of logits that somebody wanted whole
		ids = m.Tokens(row)
	}
	terms := make([]float64, len(at))
	for i, pos := range at {
		lies := p.flatRow(r, pos) * width
		var grad func(j int, d float64)
		if cot != nil {
			grad = func(j int, d float64) {
				if ids != nil {
					j = int(ids[j])
				}
				cot[lies+j] += float32(d / float64(len(at)))
			}
		}
		terms[i] = m.Eval(row, i, pick(flat[lies:lies+width], ids), grad)
	}
	return terms
}

// pick is the columns ids of x; nil for all.
func pick(x []float32, ids []int32) []float32 {
	if ids == nil {
		return x
	}
	few := make([]float32, len(ids))
	for k, id := range ids {
		few[k] = x[id]
	}
	return few
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
