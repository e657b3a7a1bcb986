package dictionary

import (
	"fmt"
	"math"
	"slices"
)

// A batch is a step at work.
type batch struct {
	report Report
	*Trainer
	n      int
	dead   []bool
	rows   []float32   // [row, d_in], as they came
	target []float32   // [row, d_out]
	c      []float32   // [row, d_in], less b_dec
	pre    []float32   // [row, feature]; of gated, without a bias
	norms  []float32   // of decoder rows
	active list        // what is decoded
	err    []float32   // reconstruction less target [row, d_out]
	g      [][]float32 // gradient of reconstructions, for each nested width
	least  float32     // smallest active value of batch top-k
	after  Through

	dPre  list      // gradient of pre-activations
	dNorm []float32 // gradient of the norms of decoder rows
}

// gradients computes losses and sets the gradients.
func (t *Trainer) gradients(x, target []float32, dead []bool, after Through) (*batch, error) {
	if len(x) == 0 || len(x)%t.in != 0 {
		return &batch{}, fmt.Errorf("dictionary: %d values are not rows of width %d", len(x), t.in)
	}
	n := len(x) / t.in
	if target == nil {
		target = x
	}
	if len(target) != n*t.out {
		return &batch{}, fmt.Errorf("dictionary: targets of %d values for %d rows of width %d", len(target), n, t.out)
	}
	for _, p := range t.params() {
		clear(p.grad)
	}
	b := &batch{Trainer: t, n: n, dead: dead, after: after, rows: x, target: target, norms: make([]float32, t.Features), dNorm: make([]float32, t.Features)}
	b.report.Step, b.report.Rate = t.step, t.rate(t.step)
	parallel(t.Features, func(i int) { b.norms[i] = float32(max(norm(t.dec.value[i*t.out:][:t.out]), 1e-8)) })
	for _, do := range []func() error{b.encode, b.choose, b.reconstruct, b.penalize, b.back} {
		if err := do(); err != nil {
			return b, err
		}
	}
	b.report.Loss = b.report.Sparsity + b.report.Aux + b.report.Through
	if !t.NoMSE {
		b.report.Loss += b.report.MSE + sum(b.report.Inner)
	}
	b.measure()
	return b, nil
}

// encode computes pre-activations.
func (b *batch) encode() error {
	b.c = b.rows
	if b.centre {
		b.c = make([]float32, len(b.rows))
		parallel(b.n, func(r int) {
			for k, v := range b.rows[r*b.in:][:b.in] {
				b.c[r*b.in+k] = v - b.bDec.value[k]
			}
		})
	}
	b.pre = make([]float32, b.n*b.Features)
	if err := b.product(Operand{b.c, b.n, b.in, false}, Operand{b.enc.value, b.Features, b.in, true}, 0, b.pre); err != nil {
		return err
	}
	if b.bEnc != nil {
		parallel(b.n, func(r int) { axpy(1, b.bEnc.value, b.row(r)) })
	}
	return nil
}

// row are the pre-activations of a row.
func (b *batch) row(r int) []float32 { return b.pre[r*b.Features:][:b.Features] }

// choose decides what fires.
func (b *batch) choose() error {
	t := b.Trainer
	positive := func(r int, take func(int, float32)) {
		for i, v := range b.row(r) {
			if v > 0 {
				take(i, v)
			}
		}
	}
	ranked := func(r int) []float32 { // by what the choice goes
		x := b.row(r)
		if t.NoRescale {
			return x
		}
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = v * b.norms[i]
		}
		return y
	}
	switch t.Method {
	case LearnStandard:
		b.active = gather(b.n, positive)
	case LearnGated:
		b.active = gather(b.n, func(r int, take func(int, float32)) {
			for i, v := range b.row(r) {
				if v+t.bGate.value[i] > 0 {
					take(i, max(v*exp(t.rMag.value[i])+t.bMag.value[i], 0))
				}
			}
		})
	case LearnJumpReLU:
		half := float32(t.Bandwidth / 2)
		b.active = gather(b.n, func(r int, take func(int, float32)) {
			for i, v := range b.row(r) {
				u := v - t.threshold.value[i]
				switch {
				case u > 0:
					take(i, v)
				case u > -half || t.PreAct > 0 && b.dead[i]:
					take(i, 0)
				}
			}
		})
	case LearnTopK:
		b.active = gather(b.n, func(r int, take func(int, float32)) {
			x := b.row(r)
			for _, i := range largest(ranked(r), t.K) {
				if x[i] > 0 {
					take(i, x[i])
				}
			}
		})
	default:
		b.active = b.ofBatch(ranked)
	}
	return nil
}

// ofBatch keeps the K for each row that are the largest of the whole batch.
func (b *batch) ofBatch(ranked func(r int) []float32) list {
	all := gather(b.n, func(r int, take func(int, float32)) {
		for i, v := range ranked(r) {
			if v > 0 {
				take(i, v)
			}
		}
	})
	keep := b.K * b.n
	least := float32(0)
	if len(all.value) > keep {
		least = kth(slices.Clone(all.value), keep)
	}
	equal := keep
	for _, v := range all.value {
		if v > least {
			equal--
		}
	}
	l := list{start: []int{0}}
	for r := range b.n {
		for e := all.start[r]; e < all.start[r+1]; e++ {
			v := all.value[e]
			if v < least || v == least && equal == 0 {
				continue
			}
			if v == least {
				equal--
			}
			i := all.index[e]
			l.index, l.value = append(l.index, i), append(l.value, b.row(r)[i])
			if b.least == 0 || v < b.least {
				b.least = v
			}
		}
		l.start = append(l.start, len(l.index))
	}
	return l
}

// reconstruct decodes, and has the gradient of the squared errors.
func (b *batch) reconstruct() error {
	if b.Widths == nil {
		out, err := b.decoded(b.active)
		if err != nil {
			return err
		}
		b.err, b.report.MSE = b.errorOf(out)
		b.g = [][]float32{b.gradient(b.err, b.squares())}
		return b.through(out)
	}
	out, from := b.biases(), 0
	for w, width := range b.Widths {
		part := b.between(from, width)
		if err := b.decode(part, out); err != nil {
			return err
		}
		err, mse := b.errorOf(out)
		if w == len(b.Widths)-1 {
			b.err, b.report.MSE = err, mse
		} else {
			b.report.Inner = append(b.report.Inner, mse)
		}
		b.g = append(b.g, b.gradient(err, b.squares()))
		if b.OwnAux {
			if err := b.revive(err, from, width); err != nil {
				return err
			}
		}
		from = width
	}
	if err := b.through(out); err != nil {
		return err
	}
	for w := len(b.g) - 2; w >= 0; w-- { // what is in a width is in all wider ones
		axpy(1, b.g[w+1], b.g[w])
	}
	return nil
}

// squares is the coefficient of the squared error.
func (b *batch) squares() float64 {
	if b.NoMSE {
		return 0
	}
	return 1
}

// through adds the term that follows from the whole reconstruction.
func (b *batch) through(out []float32) error {
	if b.after == nil {
		return nil
	}
	loss, g, err := b.after(out)
	if err != nil {
		return err
	}
	if len(g) != len(out) {
		return fmt.Errorf("dictionary: a gradient of %d values for reconstructions of %d", len(g), len(out))
	}
	b.report.Through = loss
	axpy(1, g, b.g[len(b.g)-1])
	return nil
}

// between are the active features of a range.
func (b *batch) between(from, to int) list {
	return gather(b.n, func(r int, take func(int, float32)) {
		for e := b.active.start[r]; e < b.active.start[r+1]; e++ {
			if i := int(b.active.index[e]); i >= from && i < to {
				take(i, b.active.value[e])
			}
		}
	})
}

// biases are b_dec, and the skip connection, for each row.
func (b *batch) biases() []float32 {
	out := make([]float32, b.n*b.out)
	for r := range b.n {
		copy(out[r*b.out:], b.bDec.value)
	}
	return out
}

func (b *batch) decoded(l list) ([]float32, error) {
	out := b.biases()
	if b.skip != nil {
		if err := b.product(Operand{b.rows, b.n, b.in, false}, Operand{b.skip.value, b.out, b.in, true}, 1, out); err != nil {
			return nil, err
		}
	}
	return out, b.decode(l, out)
}

// errorOf is a reconstruction less the target, and its squared error.
func (b *batch) errorOf(out []float32) ([]float32, float64) {
	sums := make([]float64, b.n)
	err := make([]float32, len(out))
	parallel(b.n, func(r int) {
		for k := r * b.out; k < (r+1)*b.out; k++ {
			e := out[k] - b.target[k]
			err[k] = e
			sums[r] += float64(e) * float64(e)
		}
	})
	return err, sum(sums) / float64(b.n)
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// gradient is that of the mean squared error.
func (b *batch) gradient(err []float32, weight float64) []float32 {
	g := make([]float32, len(err))
	axpy(float32(2*weight/float64(b.n)), err, g)
	return g
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// measure is what figures show of the batch.
func (b *batch) measure() {
	fire := 0
	for _, v := range b.active.value {
		if v > 0 {
			fire++
		}
	}
	b.report.L0 = float64(fire) / float64(b.n)
	for _, d := range b.dead {
		if d {
			b.report.Dead += 1 / float64(len(b.dead))
		}
	}
	mean := make([]float64, b.out)
	for i, v := range b.target {
		mean[i%b.out] += float64(v) / float64(b.n)
	}
	variance := 0.0
	for i, v := range b.target {
		d := float64(v) - mean[i%b.out]
		variance += d * d / float64(b.n)
	}
	b.report.FVU = b.report.MSE / variance
}
