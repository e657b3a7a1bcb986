package surgery

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// Add makes a layer write a vector at every position: into the bias of its MLP or,
// where it has none, of its attention; layer -1 is the embedding of every token.
func Add(c config.Config, params arch.Params, layer int, vector []float32) (arch.Params, error) {
	if err := writes(c, len(vector)); err != nil {
		return nil, err
	}
	if layer < -1 || layer >= c.Layers {
		return nil, fmt.Errorf("layer %d: there are 0 to %d, and -1 for the embedding", layer, c.Layers-1)
	}
	out := maps.Clone(params)
	if layer == -1 {
		scale := float32(1)
		if c.EmbedScale != 0 {
			scale = float32(1 / c.EmbedScale)
		}
		w := slices.Clone(params["embed.W_E"].Data)
		for i := range w {
			w[i] += scale * vector[i%c.DModel]
		}
		out["embed.W_E"] = arch.Param{Shape: params["embed.W_E"].Shape, Data: w}
		return out, nil
	}
	name := arch.LayerName(layer, "mlp.b_out")
	if c.AttnOnly() {
		name = arch.LayerName(layer, "attn.b_O")
	}
	sum := make([]float32, c.DModel)
	copy(sum, params[name].Data)
	for i, v := range vector {
		sum[i] += v
	}
	out[name] = arch.Param{Shape: []int{c.DModel}, Data: sum}
	return out, nil
}

// Remove takes a direction out of everything that writes to the residual stream.
func Remove(c config.Config, params arch.Params, vector []float32) (arch.Params, error) {
	if err := writes(c, len(vector)); err != nil {
		return nil, err
	}
	square := 0.0
	for _, v := range vector {
		square += float64(v) * float64(v)
	}
	if square == 0 || math.IsNaN(square) {
		return nil, fmt.Errorf("the direction has no length")
	}
	out := maps.Clone(params)
	for _, name := range params.Names() {
		writer := name == "embed.W_E" || name == "pos_embed.W_pos"
		for _, local := range []string{"attn.W_O", "attn.b_O", "mlp.W_out", "mlp.b_out"} {
			writer = writer || strings.HasSuffix(name, "."+local)
		}
		if !writer {
			continue
		}
		w := arch.Param{Shape: params[name].Shape, Data: slices.Clone(params[name].Data)}
		for row := 0; row < len(w.Data); row += c.DModel {
			along := 0.0
			for i, v := range vector {
				along += float64(w.Data[row+i]) * float64(v)
			}
			for i, v := range vector {
				w.Data[row+i] -= float32(along / square * float64(v))
			}
		}
		out[name] = w
	}
	return out, nil
}

// writes tells whether what weights write arrives in the residual stream as it is.
func writes(c config.Config, n int) error {
	switch {
	case n != c.DModel:
		return fmt.Errorf("a direction has %d values; the residual stream has %d", n, c.DModel)
	case c.NormAt != config.NormBefore || c.EmbedNorm:
		return fmt.Errorf("model type %s normalizes what is written before it is in the residual stream: no weight writes a direction there", c.Family)
	}
	return nil
}
