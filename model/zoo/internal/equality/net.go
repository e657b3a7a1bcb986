package equality

import (
	"math/bits"
	"math/rand/v2"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/zoo/internal/handmade"
)

const (
	grid    = 4
	context = 6 // a begin token, four entities, "same"
	heads   = 4
	neurons = 8
)

// Where the blocks of the residual stream begin.
const (
	xy     = 0
	asks   = 2
	pos    = 3
	slots  = pos + context
	found  = slots + 2*heads
	out    = found + neurons
	dModel = out + 1
)

// The strengths, all of which BF16 holds.
const (
	gain      = 60 // of a match: what does not match gets exp(-60)
	share     = 3. / 4
	sharpness = 16  // logit of "no" for an out of 1
	level     = 2   // logit of "yes"
	others    = -32 // logit of all other tokens
)

// Config is the network's config.
func Config() config.Config {
	bos := 0
	return config.Config{
		Family: "attn_only", Layers: 2, DModel: dModel, Heads: heads, KVHeads: heads, DHead: 2, DMLP: neurons, Act: config.ActReLU,
		Vocab: len(words()), Context: context, Norm: config.NormNone, Position: config.PosLearned, Scale: 1, BOS: &bos,
	}
}

// Weights are the weights of the network whose h is as it is.
func Weights() arch.Params { return weights(identity(), identity()) }

// RotatedWeights are those of the network whose h is rotated.
func RotatedWeights() arch.Params { return weights(hadamard()) }

// weights are the network's weights, with h written as h R and read as R⁻¹.
func weights(rotate, back [neurons][neurons]float32) arch.Params {
	n := net{handmade.New(Config())}
	for i := range grid * grid {
		n.Put("embed.W_E", first+i, xy, float32(i%grid))
		n.Put("embed.W_E", first+i, xy+1, float32(i/grid))
	}
	n.Put("embed.W_E", ask, asks, 1)
	n.Diagonal("pos_embed.W_pos", context, 0, pos, 1)
	for i := range heads {
		h := handmade.Head{0, i}
		n.Set(h, "W_Q", asks, 0, gain)
		n.Set(h, "W_K", pos+1+i, 0, 1)
		n.In(h, "W_V", 2, xy, 0, 1)
		n.Out(h, 2, 0, slots+2*i, 1)
	}
	for i := range neurons { // pair i/4, coordinate i/2%2, sign i%2
		a := slots + 4*(i/4) + i/2%2
		sign := float32(1 - 2*(i%2))
		n.Put("blocks.0.mlp.W_in", a, i, sign)
		n.Put("blocks.0.mlp.W_in", a+2, i, -sign)
		for j := range neurons {
			n.Put("blocks.0.mlp.W_out", i, found+j, rotate[i][j])
			// p is the sum over i < 4 of h_i = Σ_j (h R)_j back[j][i].
			p := float32(1)
			if i >= neurons/2 {
				p = -1
			}
			n.add("blocks.1.mlp.W_in", found+j, 0, p*back[j][i])
			n.add("blocks.1.mlp.W_in", found+j, 1, -p*back[j][i])
			n.add("blocks.1.mlp.W_in", found+j, 2, back[j][i])
		}
	}
	for i, w := range []float32{1, 1, -share} {
		n.Put("blocks.1.mlp.W_out", i, out, w)
	}
	for token := range n.Vocab {
		n.Put("unembed.W_U", token, asks, others)
	}
	n.Put("unembed.W_U", no, asks, 0)
	n.Put("unembed.W_U", no, out, sharpness)
	n.Put("unembed.W_U", yes, asks, level)
	return n.Params
}

type net struct{ handmade.Net }

func (n net) add(name string, row, col int, value float32) {
	w := n.Params[name]
	w.Data[row*w.Shape[1]+col] += value
}

// identity leaves h as it is.
func identity() (m [neurons][neurons]float32) {
	for i := range m {
		m[i][i] = 1
	}
	return m
}

// hadamard is a Hadamard matrix with its rows and columns in a drawn order and of
// drawn signs, and its inverse.
func hadamard() (m, inverse [neurons][neurons]float32) {
	rng := rand.New(rand.NewPCG(19, 0))
	rows, columns := rng.Perm(neurons), rng.Perm(neurons)
	for i := range m {
		sign := float32(1 - 2*rng.IntN(2))
		for j := range m {
			m[i][j] = sign * float32(1-2*(bits.OnesCount(uint(rows[i]&columns[j]))%2))
			inverse[j][i] = m[i][j] / neurons
		}
	}
	return m, inverse
}
