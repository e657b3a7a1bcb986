package ioi

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// CopyOptions say how [CopyScore] counts.
type CopyOptions struct {
	Top  int     // a name counts as copied if it is among so many likeliest tokens; 0 means 5
	Sign float64 // what the head's output is multiplied by; 0 means 1, -1 shows heads that write against names
}

// CopyScore is how often a head that attended to nothing but a name would say
// that name [layer, head]: the residual stream after block 0 at the name goes
// through the head's values and output, the final norm and the unembedding, and
// counts if the name is among the likeliest five. One sample per prompt, each
// with its IO.
//
// High scores, as of name movers (above 0.95 in GPT-2 small, where an average
// head has less than 0.2), show that the head copies names if it looks at them;
// not where it looks. A head whose output says the same of all tokens copies
// nothing. Three passes, and two of the unembedding for each head. Source: Wang
// et al. 2022, section 3.1 (with block 1's norm; here it is that of the head's
// own block, which is the same once norms are folded).
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
	c, n := m.Config(), t.Len()
	written, prov, err := namesWritten(m, t)
	if err != nil {
		return nil, err
	}
	rows := make([][]int32, n) // the unembedding reads no token
	for i := range rows {
		rows[i] = []int32{0}
	}
	samples := array.New(array.Dim("sample", n), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for l, all := range written {
		for h := range c.Heads {
			resid := all.Pick(hook.Head, h) // [batch, 1, d_model]
			if err := resid.Err(); err != nil {
				return nil, err
			}
			for i := range resid.Values() {
				resid.Values()[i] *= float32(o.Sign)
			}
			run, err := m.Run(model.Request{Rows: rows}.Start(c.Layers, resid).Metric(model.Rank(t.Answer), model.Prob(t.Answer)))
			if err != nil {
				return nil, err
			}
			for i := range n {
				// Of equal logits each has rank 1, and the probability 1/vocab; a
				// thousandth more is beyond rounding.
				if run.PerRow(0).At(i) <= float64(o.Top) && run.PerRow(1).At(i)*float64(c.Vocab) > 1.001 {
					samples.Set(1, i, l, h)
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
		Method: fmt.Sprintf("share of %d names among the top %d when the head attends to them alone, output times %g", n, o.Top, o.Sign),
	}, samples.Err()
}

// namesWritten is what every head of each layer would write if it attended to
// IO alone, as block 0 leaves it [batch, 1, head, d_model].
func namesWritten(m *model.Model, t *task.IOITask) (written []*array.Array, prov model.Provenance, err error) {
	c := m.Config()
	name := hook.ResidPost(0).In(t.IO)
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
		values = values.Edit(hook.VInput(l).In(t.IO).Replace(alike)).Capture(hook.V(l).In(t.IO))
	}
	if run, err = m.Run(values); err != nil {
		return nil, prov, err
	}
	ofQuery := make([]int, c.Heads) // the key and value head of each head
	for h := range ofQuery {
		ofQuery[h] = c.KVHead(h)
	}
	for l := range c.Layers {
		v := run.At(hook.V(l).In(t.IO))
		v = v.Select(v.Axes()[2].Name, ofQuery...)
		if err := v.Err(); err != nil {
			return nil, prov, err
		}
		outputs = outputs.Edit(hook.Z(l).In(t.IO).Replace(v)).Capture(hook.HeadResult(l).In(t.IO))
	}
	if run, err = m.Run(outputs); err != nil {
		return nil, prov, err
	}
	for l := range c.Layers {
		written = append(written, run.At(hook.HeadResult(l).In(t.IO)))
	}
	return written, run.Provenance, nil
}
