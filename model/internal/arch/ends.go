package arch

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Embed is the residual stream before the first block [batch, pos, d_model],
// from token ids [batch, pos]. places are their positions in the row
// [batch, pos]; nil means that every row begins at 0.
func Embed(c config.Config, w Nodes, tap Tap, tokens, places *Node) *Node {
	d := tokens.Shape().Dimensions
	x := Gather(w["embed.W_E"], ExpandAxes(tokens, -1))
	if c.EmbedScale != 0 {
		x = MulScalar(x, c.EmbedScale)
	}
	x = tap.At(hook.KindEmbed, x)
	if c.Position == config.PosLearned {
		var pos *Node
		if places != nil {
			pos = Gather(w["pos_embed.W_pos"], ExpandAxes(places, -1))
		} else {
			pos = Slice(w["pos_embed.W_pos"], AxisRange(0, d[1]))
			pos = BroadcastToDims(ExpandAxes(pos, 0), d[0], d[1], c.DModel)
		}
		x = Add(x, tap.At(hook.KindPosEmbed, pos))
	}
	if c.EmbedNorm {
		b := &builder{c, w, NoTap{}}
		x = b.norm(x, "embed.ln", "", "")
	}
	return x
}

// Unembed is the logits [rows, vocab] of rows of the residual stream
// [rows, d_model].
func Unembed(c config.Config, w Nodes, tap Tap, x *Node) *Node {
	x = Normalize(c, w, tap, x)
	y := DotGeneral(x, []int{1}, nil, w["unembed.W_U"], []int{1}, nil)
	return tap.At(hook.KindLogits, softCap(affine(y, nil, w["unembed.b_U"]), c.LogitCap))
}

// UnembedTokens is the logits [rows, k] of k tokens of each row, ids [rows, k].
func UnembedTokens(c config.Config, w Nodes, tap Tap, x, ids *Node) *Node {
	x = Normalize(c, w, tap, x)
	at := ExpandAxes(ids, -1)
	columns := Gather(w["unembed.W_U"], at) // [rows, k, d_model]
	y := DotGeneral(columns, []int{2}, []int{0}, x, []int{1}, []int{0})
	if bias := w["unembed.b_U"]; bias != nil {
		y = Add(y, Squeeze(Gather(ExpandAxes(bias, -1), at), -1))
	}
	return softCap(y, c.LogitCap)
}

// Normalize is the final norm of rows of the residual stream. Before it, the
// head for masked words maps the stream once more.
func Normalize(c config.Config, w Nodes, tap Tap, x *Node) *Node {
	b := &builder{c, w, tap}
	if c.Encoder {
		x = Activate(c.Act, affine(dense(x, w["head.W"]), nil, w["head.b"]))
	}
	if c.NoFinal {
		return x
	}
	return b.norm(x, "ln_final", hook.KindLNFinal, hook.KindLNFinalNorm)
}
