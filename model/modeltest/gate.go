package modeltest

import "testing"

// The gates of [Gate].
const (
	OR  = 1
	AND = 2
)

// Gate writes a hand-made model of two layers to a temporary folder: a logic
// gate of two heads. It reads rows of three or more tokens; the token at
// position 1 is the input, and token t stands for the number t-1 (tokens 0 and 1
// for 0).
//
// Heads 0.0 and 0.1 both read the input at every later position and write it to
// a coordinate each. Head 1.0 writes 1 if the sum of the two is at least need,
// else 0, to float32's last digits: its query, which reads the sum, attends to
// position 1 or not. So with an input of 1 the gate is [OR] or [AND] of the two
// heads. Head 1.1 does nothing. At the last position the logit of token 0 is
// what 1.0 wrote, of token 1 what 0.0 wrote, of token 2 what 0.1 wrote; all
// others are 0. There is no norm, no MLP and no bias.
func Gate(t testing.TB, need int) string {
	t.Helper()
	const (
		vocab, context, heads, dHead = 8, 8, 2, 1

		value, first, second, out, one = 0, 1, 2, 3, 4 // coordinates of the residual stream
		pos                            = 5             // and one for each position
		dModel                         = pos + context
		gain                           = 60 // half of it is exp(-30) = 1e-13 of attention, nothing in float32
	)
	w := ByHand(t, map[string]any{"n_layer": 2, "n_head": heads, "d_head": dHead, "n_embd": dModel, "vocab_size": vocab, "n_positions": context})
	for token := range vocab {
		w.Add("embed.W_E", float32(max(0, token-1)), token, value)
		w.Add("embed.W_E", 1, token, one)
	}
	for p := range context {
		w.Add("pos_embed.W_pos", 1, p, pos+p)
	}
	for h, to := range []int{first, second} {
		w.Head(0, h, "W_Q", one, 0, gain)
		w.Head(0, h, "W_K", pos+1, 0, 1)
		w.Head(0, h, "W_V", value, 0, 1)
		w.Head(0, h, "W_O", to, 0, 1)
		w.Head(1, 0, "W_Q", to, 0, gain)
	}
	w.Head(1, 0, "W_Q", one, 0, -gain*(float32(need)-0.5))
	w.Head(1, 0, "W_K", pos+1, 0, 1)
	w.Head(1, 0, "W_V", pos+1, 0, 1)
	w.Head(1, 0, "W_O", out, 0, 1)
	for token, from := range []int{out, first, second} {
		w.Add("unembed.W_U", 1, token, from)
	}
	return w.Dir()
}
