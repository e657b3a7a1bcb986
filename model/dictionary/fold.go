package dictionary

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// FoldNorms is the same dictionary with decoder rows of norm 1: features are
// multiplied by the norms. What it reconstructs is unchanged.
func (c *Coder) FoldNorms() (*Coder, error) {
	if c.Kind == TopK && !c.Rescale {
		return nil, errors.New("dictionary: the choice of the largest features would change with their scale; norms of this one cannot be folded")
	}
	d := c.clone()
	d.Rescale = false
	n := c.DecoderNorms()
	for i, v := range d.WDec {
		d.WDec[i] = v / n[i/c.Out]
	}
	for i, v := range d.WEnc {
		d.WEnc[i] = v * n[i%c.Features]
	}
	for _, b := range [][]float32{d.BEnc, d.Threshold, d.BGate, d.BMag} {
		for i := range b {
			b[i] *= n[i]
		}
	}
	return d, nil
}

// FoldScale is the dictionary for inputs as they are, if it was made for inputs
// times s. What it reconstructs is divided by s.
func (c *Coder) FoldScale(s float64) (*Coder, error) {
	if c.In != c.Out || c.WSkip != nil {
		return nil, errors.New("dictionary: the scale of a transcoder's input says nothing of its output's; give both")
	}
	return c.FoldScales(s, s)
}

// FoldScales is the dictionary for inputs and outputs as they are, if it was made
// for inputs times one number and outputs times another.
func (c *Coder) FoldScales(in, out float64) (*Coder, error) {
	if !(in > 0 && out > 0) || math.IsInf(in, 0) || math.IsInf(out, 0) {
		return nil, fmt.Errorf("dictionary: scales of %g and %g", in, out)
	}
	if c.Centre && in != out {
		return nil, errors.New("dictionary: its b_dec is taken off the input, so that input and output have one scale")
	}
	d := c.clone()
	for i := range d.WEnc {
		d.WEnc[i] *= float32(in)
	}
	for _, b := range [][]float32{d.WDec, d.BDec} {
		for i := range b {
			b[i] /= float32(out)
		}
	}
	for i := range d.WSkip {
		d.WSkip[i] *= float32(in / out)
	}
	if d.Norm == Expected {
		d.Norm = NoNorm
	}
	return d, nil
}

// FoldWhitening is the dictionary for inputs as they are, if it was made for
// (x - mean) W. unwhiten is the inverse of W; all are [d_in, d_in].
func (c *Coder) FoldWhitening(mean, whiten, unwhiten []float32) (*Coder, error) {
	d := c.In
	if c.In != c.Out {
		return nil, errors.New("dictionary: the whitening of a transcoder's input says nothing of its output's")
	}
	if len(mean) != d || len(whiten) != d*d || len(unwhiten) != d*d {
		return nil, fmt.Errorf("dictionary: %d means and matrices of %d and %d values whiten no width %d", len(mean), len(whiten), len(unwhiten), d)
	}
	if c.Kind == TopK && c.Rescale { // by the norms of the decoder as it is
		folded, err := c.FoldNorms()
		if err != nil {
			return nil, err
		}
		c = folded
	}
	out := c.clone()
	clear(out.WEnc)
	Multiply(Operand{whiten, d, d, false}, Operand{c.WEnc, d, c.Features, false}, 1, out.WEnc)
	clear(out.WDec)
	Multiply(Operand{c.WDec, c.Features, d, false}, Operand{unwhiten, d, d, false}, 1, out.WDec)
	copy(out.BDec, mean)
	Multiply(Operand{c.BDec, 1, d, false}, Operand{unwhiten, d, d, false}, 1, out.BDec)
	if !c.Centre { // the mean comes off the input all the same
		shift := make([]float32, c.Features)
		Multiply(Operand{mean, 1, d, false}, Operand{out.WEnc, d, c.Features, false}, 1, shift)
		for _, b := range [][]float32{out.BEnc, out.BGate} {
			for i := range b {
				b[i] -= shift[i]
			}
		}
		for i := range out.BMag {
			out.BMag[i] -= shift[i] * float32(math.Exp(float64(out.RMag[i])))
		}
	}
	return out, nil
}

// clone copies all tensors.
func (c *Coder) clone() *Coder {
	d := *c
	for _, t := range []*[]float32{&d.WEnc, &d.WDec, &d.BDec, &d.BEnc, &d.Threshold, &d.BGate, &d.RMag, &d.BMag, &d.WSkip} {
		*t = slices.Clone(*t)
	}
	return &d
}
