package dictionary

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Trainer learns a dictionary, step by step. It is not for several goroutines at
// once; a step uses all processors.
type Trainer struct {
	Settings
	in, out int
	centre  bool
	product Product

	enc       *param // [feature, d_in], the transpose of W_enc
	dec       *param // [feature, d_out]
	bDec      *param
	bEnc      *param // not of gated
	threshold *param // of jumprelu
	bGate     *param // of gated
	rMag      *param
	bMag      *param
	skip      *param // [d_out, d_in]

	step  int
	since []int32 // steps since each feature fired
	theta float64 // of batch top-k: the mean of the smallest active values
	seen  bool    // theta has a value
}

// A param is what is learned, its gradient and Adam's moments.
type param struct {
	name                string
	value, grad, m1, m2 []float32
}

// A Report is what a step found, before it changed anything.
type Report struct {
	Step int
	Loss float64 // all terms
	MSE  float64 // squared error summed over d_out, mean over rows
	// Sparsity is the penalty, Aux the loss by which dead features are revived (of
	// Gated, the reconstruction by the gates), Inner those of nested widths.
	Sparsity, Aux float64
	Inner         []float64
	Through       float64 // what [Trainer.StepThrough] adds

	L0   float64 // features that fire, mean over rows
	FVU  float64 // share of the batch's variance that is not explained
	Dead float64 // share of features that are dead
	Rate float64
}

// NewTrainer is a trainer of fresh tensors for rows of width in that stand for rows
// of width out. A nil product is plain Go's. Transcoder tells that the output is
// another activation than the input.
func NewTrainer(s Settings, in, out int, transcoder bool, product Product) (*Trainer, error) {
	s, err := s.Filled(in, out)
	if err != nil {
		return nil, err
	}
	if !transcoder && (in != out || s.Skip) {
		return nil, fmt.Errorf("dictionary: an autoencoder from width %d to %d with skip connection %t; that would be a transcoder", in, out, s.Skip)
	}
	if product == nil {
		product = Multiply
	}
	t := &Trainer{Settings: s, in: in, out: out, centre: !s.NoCentre && !transcoder, product: product, since: make([]int32, s.Features)}
	f := s.Features
	t.enc, t.dec, t.bDec = newParam("W_enc", f*in), newParam("W_dec", f*out), newParam("b_dec", out)
	rng := rand.New(rand.NewPCG(s.Seed, 1))
	draw := func(w []float32, d int) {
		for i := range f {
			row := w[i*d:][:d]
			for k := range row {
				row[k] = float32(rng.NormFloat64())
			}
			scale(row, float32(s.DecoderNorm/norm(row)))
		}
	}
	draw(t.dec.value, out)
	if in == out {
		copy(t.enc.value, t.dec.value)
	} else {
		draw(t.enc.value, in)
	}
	switch s.Method {
	case LearnGated:
		t.bGate, t.rMag, t.bMag = newParam("b_gate", f), newParam("r_mag", f), newParam("b_mag", f)
	case LearnJumpReLU:
		t.threshold = newParam("threshold", f)
		for i := range t.threshold.value {
			t.threshold.value[i] = float32(s.Threshold)
		}
		fallthrough
	default:
		t.bEnc = newParam("b_enc", f)
	}
	if s.Skip {
		t.skip = newParam("W_skip", out*in)
	}
	return t, nil
}

func newParam(name string, n int) *param {
	return &param{name, make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)}
}

func scale(x []float32, by float32) {
	for i := range x {
		x[i] *= by
	}
}

// params are all that is learned.
func (t *Trainer) params() []*param {
	return slices.DeleteFunc([]*param{t.enc, t.dec, t.bDec, t.bEnc, t.threshold, t.bGate, t.rMag, t.bMag, t.skip}, func(p *param) bool { return p == nil })
}

// Step makes a step on rows x [n, d_in] that are to stand for target [n, d_out];
// nil means x itself.
func (t *Trainer) Step(x, target []float32) (Report, error) { return t.StepThrough(x, target, nil) }

// A Through is another term of the loss: what reconstructions [n, d_out] lead to, and
// its gradient [n, d_out].
type Through func(out []float32) (loss float64, gradient []float32, err error)

// StepThrough is [Trainer.Step] with a term of the loss that follows from the
// reconstruction, such as what a model makes of it.
func (t *Trainer) StepThrough(x, target []float32, after Through) (Report, error) {
	b, err := t.gradients(x, target, t.dead(), after)
	if err != nil {
		return b.report, err
	}
	if math.IsNaN(b.report.Loss) || math.IsInf(b.report.Loss, 0) {
		return b.report, fmt.Errorf("dictionary: the loss of step %d is %g; lower the rate", t.step, b.report.Loss)
	}
	t.takeTheta(b)
	t.fired(b)
	t.update()
	t.step++
	if t.Resample > 0 && t.step%t.Resample == 0 {
		t.resample(b)
	}
	return b.report, nil
}

// At is how many steps were made.
func (t *Trainer) At() int { return t.step }

// dead are the features that have not fired for long.
func (t *Trainer) dead() []bool {
	dead := make([]bool, len(t.since))
	for i, n := range t.since {
		dead[i] = int(n) > t.DeadAfter
	}
	return dead
}

// fired keeps count of when features fire.
func (t *Trainer) fired(b *batch) {
	for i := range t.since {
		t.since[i]++
	}
	for e, i := range b.active.index {
		if b.active.value[e] > 0 {
			t.since[i] = 0
		}
	}
}

// takeTheta moves the threshold of batch top-k towards the smallest active value.
func (t *Trainer) takeTheta(b *batch) {
	if b.least > 0 {
		if !t.seen {
			t.theta, t.seen = float64(b.least), true
			return
		}
		t.theta = 0.99*t.theta + 0.01*float64(b.least)
	}
}

// update is Adam's.
func (t *Trainer) update() {
	rate := t.rate(t.step)
	n := float64(t.step + 1)
	fix1, fix2 := 1-math.Pow(t.Beta1, n), 1-math.Pow(t.Beta2, n)
	b1, b2 := float32(t.Beta1), float32(t.Beta2)
	by, root := float32(rate/fix1), float32(1/math.Sqrt(fix2))
	const some = 1 << 14
	for _, p := range t.params() {
		parallel((len(p.value)+some-1)/some, func(c int) {
			from, to := c*some, min(len(p.value), (c+1)*some)
			w, g, m1, m2 := p.value[from:to], p.grad[from:to], p.m1[from:to], p.m2[from:to]
			for i, d := range g {
				m1[i] = b1*m1[i] + (1-b1)*d
				m2[i] = b2*m2[i] + (1-b2)*d*d
				w[i] -= by * m1[i] / (sqrt(m2[i])*root + 1e-8)
			}
		})
	}
	for i, v := range t.thresholds() {
		t.threshold.value[i] = max(v, 0)
	}
	if t.UnitNorm {
		parallel(t.Features, func(i int) {
			row := t.dec.value[i*t.out:][:t.out]
			scale(row, float32(1/max(norm(row), 1e-8)))
		})
	}
}

func (t *Trainer) thresholds() []float32 {
	if t.threshold == nil {
		return nil
	}
	return t.threshold.value
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// resample gives dead features the directions of rows that are reconstructed badly.
func (t *Trainer) resample(b *batch) {
	dead := t.dead()
	if !slices.Contains(dead, true) {
		return
	}
	rng := rand.New(rand.NewPCG(t.Seed, 2<<32+uint64(t.step)))
	n, alive, size := len(b.rows)/t.in, 0, 0.0
	for i, d := range dead {
		if !d {
			alive, size = alive+1, size+norm(t.enc.value[i*t.in:][:t.in])
		}
	}
	size = 0.2 * size / float64(max(alive, 1))
	if alive == 0 {
		size = 0.2 * t.DecoderNorm
	}
	sums := make([]float64, n)
	sum := 0.0
	for r := range n {
		e := norm(b.err[r*t.out:][:t.out])
		sum += e * e * e * e
		sums[r] = sum
	}
	for i, d := range dead {
		if !d {
			continue
		}
		r, _ := slices.BinarySearch(sums, rng.Float64()*sum)
		r = min(r, n-1)
		enc, dec := t.enc.value[i*t.in:][:t.in], t.dec.value[i*t.out:][:t.out]
		copy(enc, b.rows[r*t.in:][:t.in])
		for k := range dec {
			dec[k] = -b.err[r*t.out+k]
		}
		if t.in == t.out {
			copy(enc, dec)
		}
		scale(enc, float32(size/max(norm(enc), 1e-8)))
		scale(dec, float32(t.DecoderNorm/max(norm(dec), 1e-8)))
		for _, p := range []*param{t.enc, t.dec} {
			d := len(p.value) / t.Features
			clear(p.m1[i*d:][:d])
			clear(p.m2[i*d:][:d])
		}
		for _, p := range []*param{t.bEnc, t.bGate, t.bMag, t.rMag} {
			if p != nil {
				p.value[i], p.m1[i], p.m2[i] = 0, 0, 0
			}
		}
		if t.threshold != nil {
			t.threshold.value[i], t.threshold.m1[i], t.threshold.m2[i] = float32(t.Threshold), 0, 0
		}
		t.since[i] = 0
	}
}

// Coder is what was learned, as it is used: norms of the decoder folded where the
// choice of features took them in, batch top-k as JumpReLU with one threshold.
func (t *Trainer) Coder() (*Coder, error) {
	c := &Coder{Kind: Standard, In: t.in, Features: t.Features, Out: t.out, Centre: t.centre, Norm: NoNorm}
	c.WEnc = make([]float32, len(t.enc.value))
	for i := range t.Features {
		for k := range t.in {
			c.WEnc[k*t.Features+i] = t.enc.value[i*t.in+k]
		}
	}
	c.WDec, c.BDec = slices.Clone(t.dec.value), slices.Clone(t.bDec.value)
	if t.skip != nil {
		c.WSkip = slices.Clone(t.skip.value)
	}
	if t.bEnc != nil {
		c.BEnc = slices.Clone(t.bEnc.value)
	}
	switch t.Method {
	case LearnGated:
		c.Kind, c.BGate, c.RMag, c.BMag = Gated, slices.Clone(t.bGate.value), slices.Clone(t.rMag.value), slices.Clone(t.bMag.value)
	case LearnJumpReLU:
		c.Kind, c.Threshold = JumpReLU, slices.Clone(t.threshold.value)
	case LearnTopK, LearnBatchTopK, LearnMatryoshka:
		c.Kind, c.K, c.Rescale = TopK, t.K, true
		if !t.NoRescale {
			folded, err := c.FoldNorms()
			if err != nil {
				return nil, err
			}
			c = folded
		}
		c.Rescale = false
		if t.Method != LearnTopK {
			c.Kind, c.K, c.Threshold = JumpReLU, 0, make([]float32, t.Features)
			for i := range c.Threshold {
				c.Threshold[i] = float32(t.theta)
			}
		}
	}
	return c, c.Check()
}

// A State is a trainer at rest: every tensor of it, by name.
type State struct {
	Step  int
	Theta float64
	Since []int32
	Names []string
	// Tensors are, for each name, values and Adam's two moments.
	Tensors [][]float32
}

// State is what another trainer goes on from.
func (t *Trainer) State() State {
	s := State{Step: t.step, Theta: t.theta, Since: slices.Clone(t.since)}
	for _, p := range t.params() {
		s.Names = append(s.Names, p.name)
		s.Tensors = append(s.Tensors, slices.Clone(p.value), slices.Clone(p.m1), slices.Clone(p.m2))
	}
	return s
}

// Restore goes on from a state of a trainer of the same settings.
func (t *Trainer) Restore(s State) error {
	params := t.params()
	if len(s.Since) != len(t.since) || len(s.Names) != len(params) || len(s.Tensors) != 3*len(params) {
		return errors.New("dictionary: the checkpoint is of other settings")
	}
	for i, p := range params {
		for k, to := range [][]float32{p.value, p.m1, p.m2} {
			if s.Names[i] != p.name || len(s.Tensors[3*i+k]) != len(to) {
				return fmt.Errorf("dictionary: the checkpoint is of other settings: it has %s of %d values in place of %s of %d", s.Names[i], len(s.Tensors[3*i+k]), p.name, len(to))
			}
			copy(to, s.Tensors[3*i+k])
		}
	}
	t.step, t.theta, t.seen = s.Step, s.Theta, s.Theta != 0
	copy(t.since, s.Since)
	return nil
}
