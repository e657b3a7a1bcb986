package dictionary

import (
	"fmt"
	"math"
)

// A Kind says how features follow from pre-activations.
type Kind string

// The kinds.
const (
	Standard Kind = "standard" // relu(pre)
	TopK     Kind = "topk"     // the K largest of pre, then relu
	JumpReLU Kind = "jumprelu" // relu(pre) where pre > Threshold
	Gated    Kind = "gated"    // 1[c W_enc + b_gate > 0] relu(c W_enc exp(r_mag) + b_mag)
)

// A Norm says how inputs are normalized before they are encoded.
type Norm string

// The norms.
const (
	NoNorm    Norm = "none"
	LayerNorm Norm = "layer_norm"            // (x - mean) / (std + 1e-5), std of n-1; undone behind the decoder
	Constant  Norm = "constant_norm_rescale" // x sqrt(d)/|x|; undone behind the decoder
	// Expected multiplies by sqrt(d_in) over the mean norm of inputs, which the
	// dictionary does not know: [Coder.FoldScale] takes it into the weights.
	Expected Norm = "expected_average_only_in"
)

// A Coder is the tensors of a dictionary.
type Coder struct {
	Kind              Kind
	In, Features, Out int

	WEnc []float32 // [d_in, feature]
	WDec []float32 // [feature, d_out]
	BDec []float32 // [d_out]
	BEnc []float32 // [feature], not of Gated

	Threshold []float32 // [feature], of JumpReLU
	BGate     []float32 // [feature], of Gated
	RMag      []float32 // [feature], of Gated
	BMag      []float32 // [feature], of Gated

	WSkip []float32 // [d_out, d_in], added as x W_skipᵀ; nil: none

	K       int  // of TopK
	Rescale bool // of TopK: features are multiplied by the norm of their decoder row, before the choice
	Centre  bool // b_dec is taken off the input
	Norm    Norm // "" is NoNorm
}

// Check finds what is wrong with the shapes.
func (c *Coder) Check() error {
	if c.In < 1 || c.Features < 1 || c.Out < 1 {
		return fmt.Errorf("dictionary: %d features from width %d to width %d; each is at least 1", c.Features, c.In, c.Out)
	}
	type want struct {
		name string
		v    []float32
		n    int
	}
	all := []want{{"W_enc", c.WEnc, c.In * c.Features}, {"W_dec", c.WDec, c.Features * c.Out}, {"b_dec", c.BDec, c.Out}}
	switch c.Kind {
	case Standard, TopK:
		all = append(all, want{"b_enc", c.BEnc, c.Features})
	case JumpReLU:
		all = append(all, want{"b_enc", c.BEnc, c.Features}, want{"threshold", c.Threshold, c.Features})
	case Gated:
		all = append(all, want{"b_gate", c.BGate, c.Features}, want{"r_mag", c.RMag, c.Features}, want{"b_mag", c.BMag, c.Features})
	default:
		return fmt.Errorf("dictionary: kind %q is not known; there are standard, topk, jumprelu and gated", c.Kind)
	}
	if c.WSkip != nil {
		all = append(all, want{"W_skip", c.WSkip, c.Out * c.In})
	}
	for _, w := range all {
		if len(w.v) != w.n {
			return fmt.Errorf("dictionary: %s has %d values; %d features from width %d to width %d need %d", w.name, len(w.v), c.Features, c.In, c.Out, w.n)
		}
	}
	switch c.Norm {
	case "", NoNorm, LayerNorm, Constant, Expected:
	default:
		return fmt.Errorf("dictionary: normalization %q is not known", c.Norm)
	}
	if c.Norm == LayerNorm && c.In < 2 {
		return fmt.Errorf("dictionary: layer_norm of width %d", c.In)
	}
	if (c.Centre || c.Norm != "" && c.Norm != NoNorm && c.Norm != Expected) && c.In != c.Out {
		return fmt.Errorf("dictionary: one from width %d to width %d neither takes b_dec off its input nor undoes a norm", c.In, c.Out)
	}
	if c.Kind == TopK && (c.K < 1 || c.K > c.Features) {
		return fmt.Errorf("dictionary: the %d largest of %d features", c.K, c.Features)
	}
	return nil
}

// Scaled fails for a dictionary that expects inputs in a scale that it does not know.
func (c *Coder) Scaled() error {
	if c.Norm == Expected {
		return fmt.Errorf("dictionary: its inputs were scaled to a mean norm of sqrt(%d) in training, by a factor that its files do not hold; give it: FoldScale(sqrt(d_in)/(mean norm))", c.In)
	}
	return nil
}

// Encode is the features of rows x [n, d_in], [n, feature].
func (c *Coder) Encode(x []float32) ([]float32, error) {
	f, _, err := c.encode(x)
	return f, err
}

// Decode is what features [n, feature] stand for, [n, d_out], without what
// undoes a norm and without the skip connection.
func (c *Coder) Decode(f []float32) []float32 {
	n := len(f) / c.Features
	w := c.WDec
	if c.Kind == TopK && c.Rescale {
		f = append([]float32(nil), f...)
		norms := c.DecoderNorms()
		for i := range f {
			f[i] /= norms[i%c.Features]
		}
	}
	out := make([]float32, n*c.Out)
	for r := range n {
		copy(out[r*c.Out:], c.BDec)
	}
	Multiply(Operand{f, n, c.Features, false}, Operand{w, c.Features, c.Out, false}, 1, out)
	return out
}

// Forward is the features of rows x [n, d_in], and what they stand for in place of
// x (or of the transcoder's output) [n, d_out].
func (c *Coder) Forward(x []float32) (features, out []float32, err error) {
	f, undo, err := c.encode(x)
	if err != nil {
		return nil, nil, err
	}
	out = c.Decode(f)
	n := len(x) / c.In
	for r := range n {
		if undo != nil {
			row := out[r*c.Out:][:c.Out]
			for i := range row {
				row[i] = row[i]*undo[2*r] + undo[2*r+1]
			}
		}
	}
	if c.WSkip != nil {
		Multiply(Operand{x, n, c.In, false}, Operand{c.WSkip, c.Out, c.In, true}, 1, out)
	}
	return f, out, nil
}

// encode also gives the factor and the shift that undo the norm of each row.
func (c *Coder) encode(x []float32) (f, undo []float32, err error) {
	if err := c.Scaled(); err != nil {
		return nil, nil, err
	}
	if len(x)%c.In != 0 {
		return nil, nil, fmt.Errorf("dictionary: %d values are not rows of width %d", len(x), c.In)
	}
	n := len(x) / c.In
	x, undo = c.normalize(x)
	if c.Centre {
		centred := make([]float32, len(x))
		for i, v := range x {
			centred[i] = v - c.BDec[i%c.In]
		}
		x = centred
	}
	f = make([]float32, n*c.Features)
	if c.BEnc != nil {
		for r := range n {
			copy(f[r*c.Features:], c.BEnc)
		}
	}
	Multiply(Operand{x, n, c.In, false}, Operand{c.WEnc, c.In, c.Features, false}, 1, f)
	norms := c.norms()
	for r := range n {
		c.activate(f[r*c.Features:][:c.Features], norms)
	}
	return f, undo, nil
}

// norms are the factors of features before a choice, nil for ones.
func (c *Coder) norms() []float32 {
	if c.Kind == TopK && c.Rescale {
		return c.DecoderNorms()
	}
	return nil
}

// activate makes features of a row of pre-activations.
func (c *Coder) activate(f, norms []float32) {
	switch c.Kind {
	case Standard:
		for i, v := range f {
			f[i] = max(v, 0)
		}
	case JumpReLU:
		for i, v := range f {
			if !(v > c.Threshold[i] && v > 0) {
				f[i] = 0
			}
		}
	case Gated:
		for i, v := range f {
			f[i] = max(v*float32(math.Exp(float64(c.RMag[i])))+c.BMag[i], 0)
			if !(v+c.BGate[i] > 0) {
				f[i] = 0
			}
		}
	case TopK:
		for i := range norms {
			f[i] *= norms[i]
		}
		keep := largest(f, c.K)
		kept := make([]float32, len(keep))
		for k, i := range keep {
			kept[k] = max(f[i], 0)
		}
		clear(f)
		for k, i := range keep {
			f[i] = kept[k]
		}
	}
}

// normalize also gives what undoes it: a factor and a shift for each row.
func (c *Coder) normalize(x []float32) (y, undo []float32) {
	n, d := len(x)/c.In, c.In
	switch c.Norm {
	case LayerNorm:
		y, undo = make([]float32, len(x)), make([]float32, 2*n)
		for r := range n {
			mean, square := 0.0, 0.0
			row := x[r*d:][:d]
			for _, v := range row {
				mean += float64(v)
			}
			mean /= float64(d)
			for _, v := range row {
				square += (float64(v) - mean) * (float64(v) - mean)
			}
			std := math.Sqrt(square / float64(d-1))
			for i, v := range row {
				y[r*d+i] = float32((float64(v) - mean) / (std + 1e-5))
			}
			undo[2*r], undo[2*r+1] = float32(std), float32(mean)
		}
		return y, undo
	case Constant:
		y, undo = make([]float32, len(x)), make([]float32, 2*n)
		for r := range n {
			row := x[r*d:][:d]
			by := math.Sqrt(float64(d)) / norm(row)
			for i, v := range row {
				y[r*d+i] = float32(float64(v) * by)
			}
			undo[2*r] = float32(1 / by)
		}
		return y, undo
	}
	return x, nil
}

func norm(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s)
}

// DecoderNorms are the norms of the decoder's rows, at least 1e-8.
func (c *Coder) DecoderNorms() []float32 {
	out := make([]float32, c.Features)
	for i := range out {
		out[i] = float32(max(norm(c.WDec[i*c.Out:][:c.Out]), 1e-8))
	}
	return out
}
