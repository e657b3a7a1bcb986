package modeltest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model/weights"
)

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
	w := map[string]*weights.Tensor{}
	put := func(name string, rows, cols, row, col int, v float32) {
		if w[name] == nil {
			w[name] = &weights.Tensor{Name: name, Shape: []int{rows, cols}, Values: make([]float32, rows*cols)}
		}
		w[name].Values[row*cols+col] += v
	}
	read := func(layer, head int, matrix string, from int, v float32) {
		put([]string{"blocks.0.attn.", "blocks.1.attn."}[layer]+matrix, dModel, heads*dHead, from, head, v)
	}
	write := func(layer, head, to int, v float32) {
		put([]string{"blocks.0.attn.W_O", "blocks.1.attn.W_O"}[layer], heads*dHead, dModel, head, to, v)
	}
	for token := range vocab {
		put("embed.W_E", vocab, dModel, token, value, float32(max(0, token-1)))
		put("embed.W_E", vocab, dModel, token, one, 1)
	}
	for p := range context {
		put("pos_embed.W_pos", context, dModel, p, pos+p, 1)
	}
	for h, to := range []int{first, second} {
		read(0, h, "W_Q", one, gain)
		read(0, h, "W_K", pos+1, 1)
		read(0, h, "W_V", value, 1)
		write(0, h, to, 1)
		read(1, 0, "W_Q", to, gain)
	}
	read(1, 0, "W_Q", one, -gain*(float32(need)-0.5))
	read(1, 0, "W_K", pos+1, 1)
	read(1, 0, "W_V", pos+1, 1)
	write(1, 0, out, 1)
	for token, from := range []int{out, first, second} {
		put("unembed.W_U", vocab, dModel, token, from, 1)
	}
	var tensors []weights.Tensor
	for _, tensor := range w {
		tensors = append(tensors, *tensor)
	}
	dir := t.TempDir()
	config, err := json.Marshal(map[string]any{
		"model_type": "attn_only", "n_layer": 2, "n_head": heads, "d_head": dHead, "n_embd": dModel,
		"vocab_size": vocab, "n_positions": context, "norm": "none", "attn_scale": 1,
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
	}
	if err == nil {
		err = weights.Write(filepath.Join(dir, "model.safetensors"), "F32", tensors)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
