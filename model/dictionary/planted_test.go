package dictionary

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// planted draws rows that are sparse sums of more unit directions than there are
// dimensions.
type planted struct {
	directions []float32 // [direction, d]
	m, d       int
	rng        *rand.Rand
}

func plant(m, d int, seed uint64) *planted {
	p := &planted{make([]float32, m*d), m, d, rand.New(rand.NewPCG(seed, 7))}
	for i := range p.directions {
		p.directions[i] = float32(p.rng.NormFloat64())
	}
	for i := range m {
		row := p.directions[i*d:][:d]
		scale(row, float32(1/norm(row)))
	}
	return p
}

func (p *planted) rows(n int) []float32 {
	x := make([]float32, n*p.d)
	for r := range n {
		for i := range p.m {
			if p.rng.Float64() < 0.04 {
				axpy(float32(1+p.rng.Float64()), p.directions[i*p.d:][:p.d], x[r*p.d:][:p.d])
			}
		}
	}
	return x
}

// found is the mean over directions of the largest cosine with a decoder row.
func (p *planted) found(c *Coder) float64 {
	norms := c.DecoderNorms()
	total := 0.0
	for i := range p.m {
		best := -1.0
		for k := range c.Features {
			best = max(best, float64(dot(p.directions[i*p.d:][:p.d], c.WDec[k*p.d:][:p.d])/norms[k]))
		}
		total += best
	}
	return total / float64(p.m)
}

// TestPlantedDictionary finds 48 directions in 24 dimensions by every method.
func TestPlantedDictionary(t *testing.T) {
	for _, s := range []Settings{
		{Method: LearnStandard, L1: 0.5},
		{Method: LearnTopK, K: 3, DeadAfter: 100, Aux: 1. / 32},
		{Method: LearnBatchTopK, K: 2, DeadAfter: 30, Aux: 1. / 4},
		{Method: LearnJumpReLU, L0: 0.3, Bandwidth: 0.2, SparsityWarmUp: 300},
		{Method: LearnGated, L1: 0.5},
		// A width narrower than there are directions mixes some: 0.92 with 24 and 64.
		{Method: LearnMatryoshka, K: 2, Widths: []int{48, 64}, DeadAfter: 30, Aux: 1. / 4},
	} {
		t.Run(string(s.Method), func(t *testing.T) {
			t.Parallel()
			p := plant(48, 24, 1)
			s.Features, s.Batch, s.Steps, s.Rate, s.Seed, s.WindDown = 64, 256, 1000, 5e-3, 1, 200
			tr, err := NewTrainer(s, p.d, p.d, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			var last Report
			for range s.Steps {
				if last, err = tr.Step(p.rows(s.Batch), nil); err != nil {
					t.Fatal(err)
				}
			}
			c, err := tr.Coder()
			if err != nil {
				t.Fatal(err)
			}
			cosine := p.found(c)
			t.Logf("mean largest cosine %.4f, L0 %.2f, FVU %.4f, dead %.2f", cosine, last.L0, last.FVU, last.Dead)
			if !(cosine > 0.95) {
				t.Errorf("mean largest cosine %.4f, want above 0.95", cosine)
			}
			if s.Method == LearnBatchTopK { // as JumpReLU, on rows that it has not seen
				f, err := c.Encode(p.rows(4000))
				if err != nil {
					t.Fatal(err)
				}
				fire := 0.0
				for _, v := range f {
					if v > 0 {
						fire += 1. / 4000
					}
				}
				if math.Abs(fire-2) > 0.1 {
					t.Errorf("%.3f features fire with one threshold; 2 were trained", fire)
				}
			}
		})
	}
}

// TestResumed holds a training that was cut to one that was not, to the last bit.
func TestResumed(t *testing.T) {
	p := plant(12, 8, 2)
	rows := make([][]float32, 40)
	for i := range rows {
		rows[i] = p.rows(64)
	}
	for _, m := range []Method{LearnStandard, LearnBatchTopK, LearnGated, LearnJumpReLU} {
		s := Settings{Method: m, Features: 16, K: 2, Steps: 40, Rate: 1e-2, DeadAfter: 5, Resample: 15, WarmUp: 5, WindDown: 10, SparsityWarmUp: 20}
		run := func(from State, until int) State {
			tr, err := NewTrainer(s, 8, 8, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			if from.Names != nil {
				if err := tr.Restore(from); err != nil {
					t.Fatal(err)
				}
			}
			for tr.At() < until {
				if _, err := tr.Step(rows[tr.At()], nil); err != nil {
					t.Fatal(err)
				}
			}
			return tr.State()
		}
		whole, cut := run(State{}, 40), run(run(State{}, 17), 40)
		if whole.Theta != cut.Theta || !slices.Equal(whole.Since, cut.Since) {
			t.Errorf("%s: counters differ", m)
		}
		for i := range whole.Tensors {
			if !slices.Equal(whole.Tensors[i], cut.Tensors[i]) {
				t.Errorf("%s: %s differs", m, whole.Names[i/3])
			}
		}
	}
}

// TestTranscoder learns a map between widths, with a skip connection.
func TestTranscoder(t *testing.T) {
	p := plant(8, 16, 3)
	s := Settings{Method: LearnTopK, K: 4, Features: 16, Steps: 600, Rate: 1e-2, Skip: true}
	tr, err := NewTrainer(s, 16, 4, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	var first, last Report
	for range s.Steps {
		x := p.rows(256)
		y := make([]float32, 256*4)
		for r := range 256 {
			for k := range 4 { // a ReLU of one planted direction for each output
				y[r*4+k] = max(dot(x[r*16:][:16], p.directions[k*16:][:16])-0.5, 0)
			}
		}
		if last, err = tr.Step(x, y); err != nil {
			t.Fatal(err)
		}
		if first.Loss == 0 {
			first = last
		}
	}
	if !(last.FVU < 0.05) {
		t.Errorf("FVU %.3f after training, %.3f before", last.FVU, first.FVU)
	}
	c, err := tr.Coder()
	if err != nil {
		t.Fatal(err)
	}
	if _, out, err := c.Forward(p.rows(3)); err != nil || len(out) != 12 {
		t.Errorf("%d values, %v", len(out), err)
	}
}
