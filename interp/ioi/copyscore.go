package ioi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// CopyOptions say how [CopyScore] counts.
type CopyOptions struct {
	Top  int     // a name counts as copied if it is among so many likeliest tokens; 0 means 5
	Sign float64 // what the head's output is multiplied by; 0 means 1, -1 shows heads that write against names
	// Places are where the names stand; nil means IO, S1 and S2, as in the authors'
	// code.
	Places []string
}

// CopyScore is how often a head that attended to nothing but a name would say
// that name [layer, head]: the residual stream after block 0 at the name goes
// through the head's values and output, the norm behind it if there is one, the
// final norm and the unembedding, and counts if the name is among the likeliest
// five. Tokens with equal logits share the mean of their places, so that a head
// whose output says the same of all copies nothing. One sample per prompt: the
// share of its places.
//
// High scores, as of name movers (above 0.95 in GPT-2 small, where an average
// head has less than 0.2), show that the head copies names if it looks at them;
// not where it looks. Three passes for each place, and one of the unembedding for
// each head. Refused where the residual stream is normed on the sum. Source: Wang
// et al. 2022, section 3.1 (with block 1's norm; here it is that of the head's own
// block, which is the same once norms are folded).
func CopyScore(m *model.Model, t *task.IOITask, o CopyOptions) (*interp.Result, error) {
	r, err := copyScore(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("copy score: %w", err)
	}
	return r, nil
}

func copyScore(m *model.Model, t *task.IOITask, o CopyOptions) (*interp.Result, error) {
	if o.Top == 0 {
		o.Top = 5
	}
	if o.Sign == 0 {
		o.Sign = 1
	}
	if o.Places == nil {
		o.Places = []string{"IO", "S1", "S2"}
	}
	c, n := m.Config(), t.Len()
	if c.NormAt == config.NormOnSum || c.Encoder {
		return nil, fmt.Errorf("%s norms its residual stream after each sum, so that no head's output goes to the unembedding by itself", c.Family)
	}
	rows := make([][]int32, n) // the unembedding reads no token
	for i := range rows {
		rows[i] = []int32{0}
	}
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	var prov model.Provenance
	for _, place := range o.Places {
		name := t.Wrong
		if place == "IO" {
			name = t.Answer
		}
		at, err := t.At(place)
		if err != nil {
			return nil, err
		}
		var written []*array.Array
		if written, prov, err = namesWritten(m, t, at); err != nil {
			return nil, err
		}
		for l, all := range written {
			gain, err := behind(m, l)
			if err != nil {
				return nil, err
			}
			for h := range c.Heads {
				resid := all.Pick(hook.Head, h) // [batch, 1, d_model]
				if err := resid.Err(); err != nil {
					return nil, err
				}
				for i := range resid.Values() {
					resid.Values()[i] *= float32(o.Sign) * gain[i%c.DModel]
				}
				run, err := m.Run(model.Request{Rows: rows}.Start(c.Layers, resid).Metric(model.Rank(name)))
				if err != nil {
					return nil, err
				}
				for i := range n {
					if run.PerRow(0).At(i) <= float64(o.Top) {
						samples.Set(samples.At(i, l, h)+1/float64(len(o.Places)), i, l, h)
					}
				}
			}
		}
	}
	title := "copy score"
	if o.Sign < 0 {
		title = "copy score, sign flipped"
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(title, ""), Samples: samples, Source: wang, Provenance: prov,
		Method: fmt.Sprintf("share of names at %s of %d prompts among the top %d when the head attends to them alone, output times %g",
			strings.Join(o.Places, ", "), n, o.Top, o.Sign),
	}, samples.Err()
}

// behind is the weight of the norm behind the attention of a layer, ones without
// one. Its divisor does not change which token is the likeliest: the final norm
// comes after it.
func behind(m *model.Model, layer int) ([]float32, error) {
	var weight model.Factor
	switch c := m.Config(); c.NormAt {
	case config.NormAfter:
		weight = model.LN1(layer)
	case config.NormSandwich:
		weight = model.LN1Post(layer)
	default:
		return slices.Repeat([]float32{1}, c.DModel), nil
	}
	w, err := m.Product(weight)
	if err != nil {
		return nil, err
	}
	return w.Values(), nil
}

// namesWritten is what every head of each layer would write if it attended to
// a name alone, as block 0 leaves it [batch, 1, head, d_model].
func namesWritten(m *model.Model, t *task.IOITask, at hook.Positions) (written []*array.Array, prov model.Provenance, err error) {
	c := m.Config()
	name := hook.ResidPost(0).In(at)
	run, err := m.Run(t.Clean.Capture(name))
	if err != nil {
		return nil, prov, err
	}
	resid := run.At(name)
	if err := resid.Err(); err != nil {
		return nil, prov, err
	}
	alike := array.Of(resid.Values(), array.Dim(hook.Batch, t.Len()), array.Dim(hook.Pos, 1), array.Dim("kv_head", 1), array.Dim("d_model", c.DModel))
	values, outputs := t.Clean.Request(), t.Clean.Request()
	for l := range c.Layers {
		values = values.Edit(hook.VInput(l).In(at).Replace(alike)).Capture(hook.V(l).In(at))
	}
	if run, err = m.Run(values); err != nil {
		return nil, prov, err
	}
	ofQuery := make([]int, c.Heads) // the key and value head of each head
	for h := range ofQuery {
		ofQuery[h] = c.KVHead(h)
	}
	for l := range c.Layers {
		v := run.At(hook.V(l).In(at))
		v = v.Select(v.Axes()[2].Name, ofQuery...)
		if err := v.Err(); err != nil {
			return nil, prov, err
		}
		outputs = outputs.Edit(hook.Z(l).In(at).Replace(v)).Capture(hook.HeadResult(l).In(at))
	}
	if run, err = m.Run(outputs); err != nil {
		return nil, prov, err
	}
	for l := range c.Layers {
		written = append(written, run.At(hook.HeadResult(l).In(at)))
	}
	return written, run.Provenance, nil
}
