package dictionary

import "math"

// penalize goes back through what fires, with the penalties of the method, to
// gradients of pre-activations.
func (b *batch) penalize() error {
	q, err := b.against(b.active, b.g)
	if err != nil {
		return err
	}
	switch b.Method {
	case LearnStandard:
		b.lp(q)
		b.dPre = b.active.with(q)
	case LearnGated:
		return b.gate(q)
	case LearnJumpReLU:
		b.jump(q)
	default:
		b.dPre = b.active.with(q)
		if b.reviving() > 0 && !b.OwnAux {
			return b.revive(b.err, 0, b.Features)
		}
	}
	return nil
}

// reviving is the coefficient of the auxiliary loss of top-k, 0 for none.
func (b *batch) reviving() float64 { return max(b.Aux, 0) }

// lp is the penalty L1·|f |W_dec||_p, whose gradient is added to q.
func (b *batch) lp(q []float32) {
	coefficient := b.L1 * b.sparsity(b.step)
	sums := make([]float64, b.n)
	parallel(b.n, func(r int) {
		from, to := b.active.row(r)
		for e := from; e < to; e++ {
			sums[r] += math.Pow(float64(b.active.value[e]*b.norms[b.active.index[e]]), b.P)
		}
		sums[r] = math.Pow(sums[r], 1/b.P)
	})
	b.report.Sparsity = coefficient * sum(sums) / float64(b.n)
	dU := make([]float32, len(q)) // gradient of f·|W_dec|, times f
	by := coefficient / float64(b.n)
	parallel(b.n, func(r int) {
		from, to := b.active.row(r)
		for e := from; e < to; e++ {
			f, n := b.active.value[e], b.norms[b.active.index[e]]
			d := by
			if b.P != 1 {
				d *= math.Pow(float64(f*n)/sums[r], b.P-1)
			}
			q[e] += float32(d) * n
			dU[e] = float32(d) * f
		}
	})
	b.addNorms(dU)
}

// addNorms adds up gradients of norms of decoder rows.
func (b *batch) addNorms(of []float32) {
	for e, v := range of {
		b.dNorm[b.active.index[e]] += v
	}
}

// gate is Gated's way back: the gates have a penalty and a reconstruction of their
// own.
func (b *batch) gate(q []float32) error {
	l := b.active
	pi := make([]float32, len(l.index))
	b.each(func(e, r, i int) { pi[e] = b.row(r)[i] + b.bGate.value[i] })
	gates := l.with(pi)
	out, err := b.decoded(gates)
	if err != nil {
		return err
	}
	wrong, mse := b.errorOf(out)
	b.report.Aux = mse
	g := b.gradient(wrong, 1)
	qGate, err := b.against(gates, [][]float32{g})
	if err != nil {
		return err
	}
	coefficient := b.L1 * b.sparsity(b.step)
	by := float32(coefficient / float64(b.n))
	dPre := make([]float32, len(q))
	total := 0.0
	for r := range b.n {
		from, to := l.row(r)
		for e := from; e < to; e++ {
			i := int(l.index[e])
			total += float64(pi[e] * b.norms[i])
			dGate := qGate[e] + by*b.norms[i]
			b.dNorm[i] += by * pi[e]
			b.bGate.grad[i] += dGate
			dPre[e] = dGate
			if l.value[e] > 0 {
				scale := exp(b.rMag.value[i])
				b.bMag.grad[i] += q[e]
				b.rMag.grad[i] += q[e] * b.row(r)[i] * scale
				dPre[e] += q[e] * scale
			}
		}
	}
	b.report.Sparsity = coefficient * total / float64(b.n)
	b.dPre = l.with(dPre)
	if b.skip != nil {
		if err := b.product(Operand{g, b.n, b.out, true}, Operand{b.rows, b.n, b.in, false}, 1, b.skip.grad); err != nil {
			return err
		}
	}
	if b.FrozenAux {
		return nil
	}
	b.columns(g, b.bDec.grad)
	return b.accumulate(gates, [][]float32{g}, b.out, b.dec.grad)
}

// each calls f with every entry, its row and its feature, row by row.
func (b *batch) each(f func(e, r, i int)) {
	parallel(b.n, func(r int) {
		from, to := b.active.row(r)
		for e := from; e < to; e++ {
			f(e, r, int(b.active.index[e]))
		}
	})
}

// jump is JumpReLU's way back, by straight-through estimators.
func (b *batch) jump(q []float32) {
	coefficient := b.L0 * b.sparsity(b.step)
	n, eps := float64(b.n), b.Bandwidth
	counts := make([]float64, b.n) // features above their thresholds
	b.each(func(e, r, i int) {
		if b.active.value[e] > 0 || b.row(r)[i] > b.threshold.value[i] {
			counts[r]++
		}
	})
	penalty := make([]float64, b.n)
	dStep := make([]float64, b.n) // gradient of a step
	for r, l0 := range counts {
		switch b.Penalty {
		case "step":
			penalty[r], dStep[r] = l0, coefficient/n
		case "quadratic":
			off := l0 - b.TargetL0
			penalty[r], dStep[r] = 2/b.TargetL0*off*off, coefficient/n*4/b.TargetL0*off
		}
	}
	dPre, dTheta, dNorm := make([]float32, len(q)), make([]float32, len(q)), make([]float32, len(q))
	revive := make([]float64, b.n)
	b.each(func(e, r, i int) {
		v, theta, size := float64(b.row(r)[i]), float64(b.threshold.value[i]), float64(b.norms[i])
		above := v > theta
		near := math.Abs(v-theta) < eps/2
		g := float64(q[e])
		if b.Penalty == "tanh" {
			f := float64(b.active.value[e])
			h := math.Tanh(b.TanhScale * f * size)
			penalty[r] += h
			slope := coefficient / n * b.TanhScale * (1 - h*h)
			g += slope * size
			dNorm[e] += float32(slope * f)
		}
		d, dt := 0.0, 0.0
		if above {
			d += g
		}
		if near {
			ste := theta/eps*g + dStep[r]/eps
			dt -= ste
			if b.InputSTE {
				d += ste
			}
		}
		if b.PreAct > 0 && b.dead[i] && v < theta {
			revive[r] += (theta - v) * size
			d -= b.PreAct / n * size
			dt += b.PreAct / n * size
			dNorm[e] += float32(b.PreAct / n * (theta - v))
		}
		dPre[e], dTheta[e] = float32(d), float32(dt)
	})
	b.report.Sparsity = coefficient * sum(penalty) / n
	b.report.Aux = b.PreAct * sum(revive) / n
	for e, i := range b.active.index {
		b.threshold.grad[i] += dTheta[e]
	}
	b.addNorms(dNorm)
	b.dPre = b.active.with(dPre)
}

// revive is the auxiliary loss of top-k: dead features of a range reconstruct what
// is left over.
func (b *batch) revive(left []float32, from, to int) error {
	dead := 0
	for _, d := range b.dead[from:to] {
		if d {
			dead++
		}
	}
	if dead == 0 {
		return nil
	}
	most := b.in / 2
	share := min(float64(dead)/float64(most), 1)
	k := min(most, dead)
	z := gather(b.n, func(r int, take func(int, float32)) {
		pre := b.row(r)
		var which []int
		var by []float32
		for i := from; i < to; i++ {
			if b.dead[i] {
				v := pre[i]
				if !b.NoRescale {
					v *= b.norms[i]
				}
				which, by = append(which, i), append(by, v)
			}
		}
		for _, at := range largest(by, k) {
			take(which[at], pre[which[at]])
		}
	})
	out := make([]float32, len(left))
	if err := b.decode(z, out); err != nil {
		return err
	}
	sums := make([]float64, b.n)
	parallel(b.n, func(r int) { // what is left over is the target less the reconstruction
		for i := r * b.out; i < (r+1)*b.out; i++ {
			out[i] += left[i]
			sums[r] += float64(out[i]) * float64(out[i])
		}
	})
	weight := b.reviving() * share
	b.report.Aux += weight * sum(sums) / float64(b.n)
	g := [][]float32{b.gradient(out, weight)}
	q, err := b.against(z, g)
	if err != nil {
		return err
	}
	if err := b.accumulate(z, g, b.out, b.dec.grad); err != nil {
		return err
	}
	return b.toEncoder(z.with(q))
}

// back goes from gradients of pre-activations and reconstructions to the tensors.
func (b *batch) back() error {
	if err := b.accumulate(b.active, b.g, b.out, b.dec.grad); err != nil {
		return err
	}
	parallel(b.Features, func(i int) {
		if b.dNorm[i] != 0 {
			axpy(b.dNorm[i]/b.norms[i], b.dec.value[i*b.out:][:b.out], b.dec.grad[i*b.out:][:b.out])
		}
	})
	b.columns(b.g[0], b.bDec.grad) // that of the widest holds for all, and the first adds them up
	if b.skip != nil {
		if err := b.product(Operand{b.g[0], b.n, b.out, true}, Operand{b.rows, b.n, b.in, false}, 1, b.skip.grad); err != nil {
			return err
		}
	}
	return b.toEncoder(b.dPre)
}

// toEncoder adds gradients of pre-activations to those of the encoder.
func (b *batch) toEncoder(d list) error {
	if err := b.accumulate(d, [][]float32{b.c}, b.in, b.enc.grad); err != nil {
		return err
	}
	sums := make([]float32, b.Features)
	for e, i := range d.index {
		sums[i] += d.value[e]
	}
	if b.bEnc != nil {
		axpy(1, sums, b.bEnc.grad)
	}
	if b.centre {
		for i, s := range sums {
			if s != 0 {
				axpy(-s, b.enc.value[i*b.in:][:b.in], b.bDec.grad)
			}
		}
	}
	return nil
}

// columns adds the rows of x to a sum.
func (b *batch) columns(x, to []float32) {
	d := len(to)
	sums := make([]float64, d)
	for r := range len(x) / d {
		for k, v := range x[r*d:][:d] {
			sums[k] += float64(v)
		}
	}
	for k, s := range sums {
		to[k] += float32(s)
	}
}
