package planted

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
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
	n := net{}
	for name, shape := range arch.Shapes(Config()) {
		if !isBias(name) {
			n[name] = zeros(shape)
		}
	}
	n.diagonal("embed.W_E", vocab, 0, tok, 1)
	n.diagonal("unembed.W_U", vocab, 0, out, Sharpness)
	n.diagonal("pos_embed.W_pos", context, 0, pos, 1)

	previous := head{0, 0}
	for p := range context { // position 0 has no token before it and attends to itself
		n.set(previous, "W_Q", pos+p, max(p-1, 0), Gain)
	}
	n.in(previous, "W_K", context, pos, 1)
	n.in(previous, "W_V", vocab, tok, 1)
	n.out(previous, vocab, prev, 1)

	duplicate := head{0, 1}
	n.in(duplicate, "W_Q", vocab, tok, Gain)
	n.in(duplicate, "W_K", vocab, tok, 1)
	n.in(duplicate, "W_V", vocab, tok, 1)
	n.out(duplicate, vocab, out, -0.25)

	resting := head{0, 2}
	for t := range vocab {
		n.set(resting, "W_Q", tok+t, 0, Gain)
	}
	n.in(resting, "W_K", 1, tok, 1) // the first token is BOS
	n.in(resting, "W_V", 1, tok, 1)
	n.out(resting, 1, out, -1)

	echo := head{1, 0}
	n.in(echo, "W_Q", vocab, prev, Gain)
	n.in(echo, "W_K", vocab, tok, 1)
	n.in(echo, "W_V", vocab, tok, 1)
	n.out(echo, vocab, out, 0.25)

	induction := head{1, 1}
	n.in(induction, "W_Q", vocab, tok, Gain)
	n.in(induction, "W_K", vocab, prev, 1)
	n.in(induction, "W_V", vocab, tok, 1)
	n.out(induction, vocab, out, 1)

	self := head{1, 2}
	n.in(self, "W_Q", context, pos, Gain)
	n.in(self, "W_K", context, pos, 1)
	n.in(self, "W_V", vocab, prev, 1)
	n.out(self, vocab, out, -0.5)
	return arch.Params(n)
}
