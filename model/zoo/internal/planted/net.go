package planted

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/zoo/internal/handmade"
)

const (
	vocab   = len(words)
	context = 128 // a repeated sequence of 4*25 or 2*50 tokens fits, with room to generate
	heads   = 3
	dModel  = 3*vocab + context
	dHead   = context // a head that matches positions needs a coordinate for each

	// Gain is the score of a match. exp(-30) is 1e-13, so 127 positions that do
	// not match take nothing that float32 can hold.
	Gain = 30
	// Sharpness is the logit of a token that the induction head names: among 64
	// tokens a probability of e^8/(e^8+63) = 0.979.
	Sharpness = 8
)

// Where the blocks of the residual stream begin.
const (
	tok  = 0
	prev = vocab
	out  = 2 * vocab
	pos  = 3 * vocab
)

// Config is the network's config.
func Config() config.Config {
	bos := 0
	return config.Config{
		Family: "attn_only", Layers: 2, DModel: dModel, Heads: heads, KVHeads: heads, DHead: dHead, Vocab: vocab,
		Context: context, Norm: config.NormNone, Position: config.PosLearned, Scale: 1, BOS: &bos,
	}
}

// Weights are the network's weights.
func Weights() arch.Params {
	n := handmade.New(Config())
	n.Diagonal("embed.W_E", vocab, 0, tok, 1)
	n.Diagonal("unembed.W_U", vocab, 0, out, Sharpness)
	n.Diagonal("pos_embed.W_pos", context, 0, pos, 1)

	previous := handmade.Head{0, 0}
	for p := range context { // position 0 has no token before it and attends to itself
		n.Set(previous, "W_Q", pos+p, max(p-1, 0), Gain)
	}
	n.In(previous, "W_K", context, pos, 0, 1)
	n.In(previous, "W_V", vocab, tok, 0, 1)
	n.Out(previous, vocab, 0, prev, 1)

	duplicate := handmade.Head{0, 1}
	n.In(duplicate, "W_Q", vocab, tok, 0, Gain)
	n.In(duplicate, "W_K", vocab, tok, 0, 1)
	n.In(duplicate, "W_V", vocab, tok, 0, 1)
	n.Out(duplicate, vocab, 0, out, -0.25)

	resting := handmade.Head{0, 2}
	for t := range vocab {
		n.Set(resting, "W_Q", tok+t, 0, Gain)
	}
	n.In(resting, "W_K", 1, tok, 0, 1) // the first token is BOS
	n.In(resting, "W_V", 1, tok, 0, 1)
	n.Out(resting, 1, 0, out, -1)

	echo := handmade.Head{1, 0}
	n.In(echo, "W_Q", vocab, prev, 0, Gain)
	n.In(echo, "W_K", vocab, tok, 0, 1)
	n.In(echo, "W_V", vocab, tok, 0, 1)
	n.Out(echo, vocab, 0, out, 0.25)

	induction := handmade.Head{1, 1}
	n.In(induction, "W_Q", vocab, tok, 0, Gain)
	n.In(induction, "W_K", vocab, prev, 0, 1)
	n.In(induction, "W_V", vocab, tok, 0, 1)
	n.Out(induction, vocab, 0, out, 1)

	self := handmade.Head{1, 2}
	n.In(self, "W_Q", context, pos, 0, Gain)
	n.In(self, "W_K", context, pos, 0, 1)
	n.In(self, "W_V", vocab, prev, 0, 1)
	n.Out(self, vocab, 0, out, -0.5)
	return n.Params
}
