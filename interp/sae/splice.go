package sae

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// Features is what dictionaries label their features: hook.Point.Label(sae.Features)
// of where they are watched or spliced in.
const Features = "features"

// Changed is the label of the features that a [Dictionary.Change] encodes, in the
// order of the changes: what they are before it.
const Changed = "changed features"

// written is a dictionary as a formula.
type written struct {
	features formula.Expr // [feature]
	undo     formula.Expr // factor that undoes a norm behind the decoder
	shift    formula.Expr
	normed   bool
}

// tensor names a tensor of the dictionary, apart from those of others.
func (d *Dictionary) tensor(name string, values []float32, shape ...int) formula.Expr {
	axes := make([]array.Axis, len(shape))
	for i, n := range shape {
		axes[i] = array.Dim(fmt.Sprint("axis", i), n)
	}
	return formula.Tensor(name+d.part+" of "+d.Read.String()+" for "+d.Write.String(), array.Of(values, axes...))
}

// input is what is read, one width: at its own point, or from elsewhere.
func (d *Dictionary) input(at hook.Point) formula.Expr {
	x := formula.Here()
	if at.ID != d.Read.ID {
		x = formula.At(d.Read.ID.String())
	}
	if d.Read.Kind.HeadAxis() > 0 {
		x = x.Flatten()
	}
	return x
}

// encoder is the formula of the features of x.
func (d *Dictionary) encoder(x formula.Expr) written {
	var w written
	switch d.Norm {
	case dictionary.LayerNorm:
		mean := x.Mean()
		c := x.Sub(mean)
		std := c.Norm().Scale(float32(1 / math.Sqrt(float64(d.In-1))))
		x = c.Div(std.Add(formula.Number(1e-5)))
		w.undo, w.shift, w.normed = std, mean, true
	case dictionary.Constant:
		w.undo, w.normed = x.Norm().Scale(float32(1/math.Sqrt(float64(d.In)))), true
		w.shift = formula.Number(0)
		x = x.Div(w.undo)
	}
	if d.Centre {
		x = x.Sub(d.tensor("b_dec", d.BDec, d.Out))
	}
	pre := x.Dot(d.tensor("W_enc", d.WEnc, d.In, d.Features))
	bias := func(name string, b []float32) formula.Expr { return d.tensor(name, b, d.Features) }
	switch d.Kind {
	case dictionary.Gated:
		scale := make([]float32, d.Features)
		for i, r := range d.RMag {
			scale[i] = float32(math.Exp(float64(r)))
		}
		open := pre.Add(bias("b_gate", d.BGate)).Greater(formula.Number(0))
		w.features = open.Mul(pre.Mul(bias("exp(r_mag)", scale)).Add(bias("b_mag", d.BMag)).ReLU())
		return w
	}
	pre = pre.Add(bias("b_enc", d.BEnc))
	switch d.Kind {
	case dictionary.JumpReLU:
		w.features = pre.Jump(bias("threshold", d.Threshold)).ReLU()
	case dictionary.TopK:
		if d.Rescale {
			pre = pre.Mul(bias("|W_dec|", d.decoderNorms()))
		}
		w.features = pre.TopK(d.K).ReLU()
	default:
		w.features = pre.ReLU()
	}
	return w
}

// decoded is what features, or a difference of features, write.
func (d *Dictionary) decoded(f formula.Expr) formula.Expr {
	if d.Kind == dictionary.TopK && d.Rescale {
		f = f.Div(d.tensor("|W_dec|", d.decoderNorms(), d.Features))
	}
	return f.Dot(d.tensor("W_dec", d.WDec, d.Features, d.Out))
}

// reconstruction is what the dictionary puts in place of what it writes.
func (d *Dictionary) reconstruction(x formula.Expr, w written) formula.Expr {
	y := d.decoded(w.features).Add(d.tensor("b_dec", d.BDec, d.Out))
	if w.normed {
		y = y.Mul(w.undo).Add(w.shift)
	}
	if d.WSkip != nil {
		y = y.Add(x.Dot(d.tensor("W_skip", d.WSkip, d.Out, d.In).Transpose()))
	}
	return y
}

// shaped gives a width the shape of the activation that is written.
func (d *Dictionary) shaped(y formula.Expr, heads int) formula.Expr {
	if d.Write.Kind.HeadAxis() > 0 {
		return y.Split(heads)
	}
	return y
}

// heads is how many heads the written activation has.
func (d *Dictionary) heads() (int, error) {
	if d.Write.Kind.HeadAxis() <= 0 {
		return 1, nil
	}
	if d.Write.Heads != nil {
		return len(d.Write.Heads), nil
	}
	if d.headCount == 0 {
		return 0, fmt.Errorf("dictionary %s: how many heads %s has is the model's to say; open it with one (For)", d.name(), d.Write)
	}
	return d.headCount, nil
}

var errAcross = errors.New("a cross-layer transcoder writes to several layers; splice the whole set in (Set.Splice)")

// Watch makes the features a hook point, where they are read, and changes nothing:
//
//	run := m.Run(text.Edit(s.Watch()).Capture(s.Point()))
func (d *Dictionary) Watch() hook.Edit {
	return d.Read.Watch(Features, d.encoder(d.input(d.Read)).features)
}

// Point is the features of a dictionary that is watched [batch, pos, feature]; with
// Coord only some of them.
func (d *Dictionary) Point() hook.Point { return d.Read.Whole().Label(Features) }

// Splice puts the reconstruction in place of what it stands for. The features are
// the value Features of Write.
func (d *Dictionary) Splice() (hook.Edit, error) {
	if d.Layers > 1 {
		return hook.Edit{}, errAcross
	}
	n, err := d.heads()
	if err != nil {
		return hook.Edit{}, err
	}
	x := d.input(d.Write)
	w := d.encoder(x)
	w.features = w.features.As(Features)
	return d.Write.Compute(d.shaped(d.reconstruction(x, w), n)), nil
}

// A Change is what happens to a feature.
type Change struct {
	Feature int
	Op      ChangeOp
	By      float32
}

// A ChangeOp says how a feature is changed.
type ChangeOp string

// The changes.
const (
	SetTo    ChangeOp = "set"   // the feature is By, active or not
	AddTo    ChangeOp = "add"   // By is added to it
	Multiply ChangeOp = "scale" // it is multiplied by By: only where it is active
)

// Change changes features and keeps the reconstruction error: what is written gets
// Δf W_dec. With a feature that stays as it is Δf is 0, and nothing changes to the
// last bit. Only the columns of these features are encoded, but for top-k, whose
// choice needs all.
//
// Source: Templeton et al. 2024, "Scaling Monosemanticity", which sets features.
func (d *Dictionary) Change(changes ...Change) (hook.Edit, error) {
	fail := func(format string, args ...any) (hook.Edit, error) {
		return hook.Edit{}, fmt.Errorf("dictionary %s: %s", d.name(), fmt.Sprintf(format, args...))
	}
	if len(changes) == 0 {
		return fail("no feature is changed; name at least one")
	}
	if d.Layers > 1 {
		return hook.Edit{}, errAcross
	}
	n, err := d.heads()
	if err != nil {
		return hook.Edit{}, err
	}
	var which []int
	encode := false
	for _, c := range changes {
		if c.Feature < 0 || c.Feature >= d.Features {
			return fail("no feature %d; there are %d, from 0", c.Feature, d.Features)
		}
		if slices.Contains(which, c.Feature) {
			return fail("feature %d is changed twice", c.Feature)
		}
		if math.IsNaN(float64(c.By)) || math.IsInf(float64(c.By), 0) {
			return fail("feature %d by %g", c.Feature, c.By)
		}
		which = append(which, c.Feature)
		encode = encode || c.Op != AddTo
		if c.Op != SetTo && c.Op != AddTo && c.Op != Multiply {
			return fail("no change %q; there are set, add and scale", c.Op)
		}
	}
	part := d
	if d.Kind != dictionary.TopK {
		part = d.pick(which)
	}
	x := d.input(d.Write)
	w := part.encoder(x)
	f := w.features
	if d.Kind == dictionary.TopK {
		f = f.Select(which...)
	}
	// Δf = set + add + scale f - (that part of) f, each with zeros where it is not meant
	keep, add := make([]float32, len(which)), make([]float32, len(which))
	for i, c := range changes {
		switch c.Op {
		case SetTo:
			keep[i], add[i] = -1, c.By
		case AddTo:
			keep[i], add[i] = 0, c.By
		case Multiply:
			keep[i], add[i] = c.By-1, 0
		}
	}
	tag := fmt.Sprint(" of features ", which, " ")
	delta := d.tensor("added"+tag+fmt.Sprint(add), add, len(which))
	if encode {
		delta = delta.Add(f.As(Changed).Mul(d.tensor("kept"+tag+fmt.Sprint(keep), keep, len(which))))
	}
	rows := make([]float32, 0, len(which)*d.Out)
	norms := d.decoderNorms()
	for _, i := range which {
		row := slices.Clone(d.WDec[i*d.Out:][:d.Out])
		if d.Kind == dictionary.TopK && d.Rescale {
			for k := range row {
				row[k] /= norms[i]
			}
		}
		rows = append(rows, row...)
	}
	y := delta.Dot(d.tensor("W_dec"+tag, rows, len(which), d.Out))
	if w.normed {
		y = y.Mul(w.undo)
	}
	return d.Write.Compute(formula.Here().Add(d.shaped(y, n))), nil
}

// Steer sets a feature to a value wherever the edit is made, as in
//
//	m.Complete(start.Complete(40).Edit(s.Steer(f, 10*max)))
//
// A feature that does not exist is an error when the edit is used.
func (d *Dictionary) Steer(feature int, value float64) hook.Edit {
	e, err := d.Change(Change{feature, SetTo, float32(value)})
	if err != nil {
		return d.broken(err)
	}
	return e
}

// Ablate sets features to 0, with the error kept.
func (d *Dictionary) Ablate(features ...int) hook.Edit {
	changes := make([]Change, len(features))
	for i, f := range features {
		changes[i] = Change{f, SetTo, 0}
	}
	e, err := d.Change(changes...)
	if err != nil {
		return d.broken(err)
	}
	return e
}

// broken is an edit that cannot be made; its check says why.
func (d *Dictionary) broken(err error) hook.Edit { return d.Write.Compute(formula.Failed(err)) }

// pick is the dictionary of some features, in that order.
func (d *Dictionary) pick(which []int) *Dictionary {
	c := *d.Coder
	c.Features = len(which)
	c.WEnc = make([]float32, d.In*len(which))
	for r := range d.In {
		for k, i := range which {
			c.WEnc[r*len(which)+k] = d.WEnc[r*d.Features+i]
		}
	}
	c.WDec = nil
	for _, i := range which {
		c.WDec = append(c.WDec, d.WDec[i*d.Out:][:d.Out]...)
	}
	for _, b := range []*[]float32{&c.BEnc, &c.Threshold, &c.BGate, &c.RMag, &c.BMag} {
		if *b == nil {
			continue
		}
		part := make([]float32, len(which))
		for k, i := range which {
			part[k] = (*b)[i]
		}
		*b = part
	}
	p := *d
	p.Coder, p.norms = &c, nil
	p.part = fmt.Sprint(" features ", which)
	return &p
}

// Splice puts all transcoders of a set in place of what they stand for, each of one
// layer or across layers: the replacement model, with no error kept.
func (s Set) Splice() ([]hook.Edit, error) {
	var edits []hook.Edit
	for j, to := range s {
		if to.Layers <= 1 && !slices.ContainsFunc(s, func(d *Dictionary) bool { return d.Layers > 1 }) {
			e, err := to.Splice()
			if err != nil {
				return nil, err
			}
			edits = append(edits, e)
			continue
		}
		width := to.Out / max(1, to.Layers)
		y := to.tensor("b_dec", to.BDec[:width], width)
		for i := 0; i <= j; i++ {
			from := s[i]
			f := from.encoder(formula.At(from.Read.ID.String())).features
			y = y.Add(f.Dot(from.tensor(fmt.Sprint("W_dec to layer ", j), from.DecoderTo(j-i), from.Features, width)))
		}
		edits = append(edits, to.Write.Compute(y))
	}
	return edits, nil
}

// DecoderTo is the decoder of a cross-layer transcoder to the layer so many above its
// own [feature, d_out].
func (d *Dictionary) DecoderTo(above int) []float32 {
	if d.Layers <= 1 {
		return d.WDec
	}
	width := d.Out / d.Layers
	out := make([]float32, 0, d.Features*width)
	for i := range d.Features {
		out = append(out, d.WDec[i*d.Out+above*width:][:width]...)
	}
	return out
}

// FeaturesOf is the formula of the features of an activation that lies as Read does,
// such as formula.Here() at Read or formula.Source() there.
func (d *Dictionary) FeaturesOf(x formula.Expr) formula.Expr {
	if d.Read.Kind.HeadAxis() > 0 {
		x = x.Flatten()
	}
	return d.encoder(x).features
}

// WrittenBy is the formula of what features, or a difference of features, add to
// Write: f W_dec, without biases. A dictionary with a norm of its own has none, as that
// depends on what is normalized.
func (d *Dictionary) WrittenBy(f formula.Expr) (formula.Expr, error) {
	if d.Norm != "" && d.Norm != dictionary.NoNorm {
		return formula.Expr{}, fmt.Errorf("dictionary %s: what its features write depends on its norm (%s)", d.name(), d.Norm)
	}
	if d.Layers > 1 {
		return formula.Expr{}, errAcross
	}
	n, err := d.heads()
	return d.shaped(d.decoded(f), n), err
}
