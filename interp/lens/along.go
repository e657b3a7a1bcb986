package lens

import (
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// AttributionAlong splits how far the residual stream lies along a direction into what
// each component wrote there: the embeddings, every head, the attention biases and every
// MLP before the direction's point, at one position of each row; none means the last.
// Metric is that length along the unit direction, mean over rows, as [steer.Direction.Along]
// has it, and Raw the sum of all contributions and Bias.
//
// The point is the stream (hook.ResidPre, ResidMid, ResidPost), where nothing stands
// between what is written and what is read and the sum is exact, or the output of the
// final norm (hook.LNFinalNormalized), whose scale is frozen at what it was. So are
// those of norms behind attention layers, for heads. Bias is that of the final norm.
// Models are refused as by [Attribution], and edits are as there.
func AttributionAlong(m *model.Model, prompts model.Prompts, d *steer.Direction, at hook.Positions, edits ...hook.Edit) (*Attributed, error) {
	a, err := attributionAlong(m, prompts, d, at, edits)
	if err != nil {
		return nil, fmt.Errorf("attribution along a direction of %s: %w", d.Point, err)
	}
	return a, nil
}

func attributionAlong(m *model.Model, prompts model.Prompts, to *steer.Direction, at hook.Positions, edits []hook.Edit) (*Attributed, error) {
	r, unit, err := ofDirection(m.Config(), to, at)
	if err != nil {
		return nil, err
	}
	read := to.Point.In(r.at)
	run, err := m.Run(r.captures(prompts.Edit(edits...).Capture(read)))
	if err != nil {
		return nil, err
	}
	d, err := newDirect(m, run, r, slices.Repeat([][]float64{unit}, len(prompts.IDs)))
	if err != nil {
		return nil, err
	}
	a, err := d.attributed(m, "direct attribution of "+to.String(), "along the direction", "direct attribution, scales of norms frozen")
	if err != nil {
		return nil, err
	}
	a.Metric = mean(run.At(read).Values(), unit)
	if r.normed {
		none, err := m.Run(d.nothing(prompts).Capture(read))
		if err != nil {
			return nil, err
		}
		a.Bias = mean(none.At(read).Values(), unit)
		a.Raw += a.Bias
	}
	return a, nil
}

// NeuronsAlong is [AttributionAlong] by neurons: activation times its row of W_out along
// the unit direction, of the MLPs before its point [layer, neuron]. Models with a norm
// behind the MLP are refused.
func NeuronsAlong(m *model.Model, prompts model.Prompts, d *steer.Direction, at hook.Positions) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) {
		return nil, fmt.Errorf("neuron attribution along a direction of %s: %w", d.Point, err)
	}
	r, unit, err := ofDirection(m.Config(), d, at)
	if err != nil {
		return fail(err)
	}
	got, err := r.neurons(m, prompts, prompts.Request(), func() ([][]float64, error) {
		return slices.Repeat([][]float64{unit}, len(prompts.IDs)), nil
	}, "direct attribution of "+d.String()+" to neurons", "along the direction")
	if err != nil {
		return fail(err)
	}
	return got, nil
}

// ofDirection is where a direction is read, and its unit vector.
func ofDirection(c config.Config, d *steer.Direction, at hook.Positions) (reading, []float64, error) {
	r := reading{Config: c, at: at, blocks: d.Point.Layer}
	at, err := onePerRow(c, at)
	if err != nil {
		return r, nil, err
	}
	r.at = at
	switch d.Point.Kind {
	case hook.KindResidPre:
	case hook.KindResidMid:
		r.mid = true
	case hook.KindResidPost:
		r.blocks++
	case hook.KindLNFinalNorm:
		r.blocks, r.normed = c.Layers, true
	default:
		return r, nil, fmt.Errorf("it is no direction of the residual stream; there are hook.ResidPre, ResidMid, ResidPost and LNFinalNormalized")
	}
	unit := make([]float64, len(d.Vector.Values()))
	for i, v := range d.Vector.Values() {
		unit[i] = float64(v) / d.Norm()
	}
	if len(unit) != c.DModel {
		return r, nil, fmt.Errorf("it has %d coordinates, the stream %d", len(unit), c.DModel)
	}
	return r, unit, nil
}

// mean is how far rows of values lie along a unit vector, on average.
func mean(values []float32, unit []float64) (sum float64) {
	for i, v := range values {
		sum += float64(v) * unit[i%len(unit)]
	}
	return sum * float64(len(unit)) / float64(len(values))
}
