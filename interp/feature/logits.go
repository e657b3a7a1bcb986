package feature

import (
	"fmt"
	"math"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// residual are the directions in the residual stream in which features write
// [feature][d_model]; nil if the dictionary writes elsewhere.
func residual(m *model.Model, d *sae.Dictionary, features []int) ([][]float32, error) {
	var all [][]float32
	switch d.Write.Kind {
	case hook.KindZ:
		w := model.WO(d.Write.Layer)
		if d.Write.Heads != nil {
			w = w.Head(d.Write.Heads...)
		}
		o, err := m.Product(w)
		if err != nil {
			return nil, err
		}
		dm := m.Config().DModel
		for _, f := range features {
			row := make([]float32, dm)
			for i, v := range d.WDec[f*d.Out:][:d.Out] {
				for k := range row {
					row[k] += v * o.Values()[i*dm+k]
				}
			}
			all = append(all, row)
		}
	case hook.KindResidPre, hook.KindResidMid, hook.KindResidPost, hook.KindAttnOut, hook.KindMLPOut, hook.KindEmbed:
		width := d.Out / max(1, d.Layers)
		for _, f := range features {
			row := make([]float32, width)
			for i, v := range d.WDec[f*d.Out:][:d.Out] { // of several layers: all that it writes
				row[i%width] += v
			}
			all = append(all, row)
		}
	}
	return all, nil
}

// toLogits are the directions through the final norm's weight and the unembedding,
// with the divisor of the norm as 1 [direction][vocab].
func toLogits(m *model.Model, directions [][]float32) ([][]float32, error) {
	c := m.Config()
	var rows [][]int32
	var resid []float32
	for _, d := range append(directions[:len(directions):len(directions)], make([]float32, c.DModel)) { // the last for biases
		rows = append(rows, []int32{0})
		resid = append(resid, d...)
	}
	r := model.Request{Rows: rows}.Start(c.Layers, array.Of(resid, array.Dim(hook.Batch, len(rows)), array.Dim(hook.Pos, 1), array.Dim("d_model", c.DModel))).
		Edit(hook.LNFinalScale().Replace(hook.Vec(1))).Capture(hook.Logits())
	got, err := m.Run(r)
	if err != nil {
		return nil, fmt.Errorf("directions to logits: %w", err)
	}
	all := make([][]float32, len(rows))
	for i := range all {
		all[i] = got.At(hook.Logits()).Values()[i*c.Vocab:][:c.Vocab]
		if cap := c.LogitCap; cap > 0 { // what it was before the cap
			for k, v := range all[i] {
				all[i][k] = float32(cap * math.Atanh(float64(v)/cap))
			}
		}
	}
	bias := all[len(all)-1]
	for _, row := range all[:len(directions)] {
		for k := range row {
			row[k] -= bias[k]
		}
	}
	return all[:len(directions)], nil
}
