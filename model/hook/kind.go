package hook

import "slices"

// A Kind is one sort of activation, named as TransformerLens names it.
type Kind string

// The kinds. The shape of each is given by [Kind.Axes].
const (
	KindEmbed    Kind = "hook_embed"     // token embedding
	KindPosEmbed Kind = "hook_pos_embed" // learned position embedding

	KindResidPre  Kind = "hook_resid_pre"  // residual stream into the block
	KindResidMid  Kind = "hook_resid_mid"  // after attention, before the MLP
	KindResidPost Kind = "hook_resid_post" // out of the block

	KindAttnIn  Kind = "hook_attn_in" // residual as each head reads it
	KindQInput  Kind = "hook_q_input" // residual as each head's query reads it
	KindKInput  Kind = "hook_k_input" // residual as each head's key reads it
	KindVInput  Kind = "hook_v_input" // residual as each head's value reads it
	KindLN1     Kind = "ln1.hook_scale"
	KindLN1Norm Kind = "ln1.hook_normalized" // what the next layer reads: after the norm's weight and bias

	KindQ       Kind = "attn.hook_q"
	KindK       Kind = "attn.hook_k"
	KindV       Kind = "attn.hook_v"
	KindRotQ    Kind = "attn.hook_rot_q"       // query after rotary embedding
	KindRotK    Kind = "attn.hook_rot_k"       // key after rotary embedding
	KindScores  Kind = "attn.hook_attn_scores" // before softmax, -Inf where masked
	KindPattern Kind = "attn.hook_pattern"     // after softmax
	KindZ       Kind = "attn.hook_z"           // mixed values, before W_O
	KindResult  Kind = "attn.hook_result"      // each head's output, without b_O
	KindAttnOut Kind = "hook_attn_out"         // what attention adds to the residual stream

	KindLN1Post     Kind = "ln1_post.hook_scale" // of a norm on the attention's output
	KindLN1PostNorm Kind = "ln1_post.hook_normalized"

	KindMLPIn         Kind = "hook_mlp_in" // residual as the MLP reads it
	KindLN2           Kind = "ln2.hook_scale"
	KindLN2Norm       Kind = "ln2.hook_normalized"
	KindRouter        Kind = "mlp.hook_router"         // what the router gives every expert
	KindExpertWeights Kind = "mlp.hook_expert_weights" // the softmax of that, over all experts
	KindExpertGates   Kind = "mlp.hook_expert_gates"   // what each expert's output is multiplied with; 0 for those not chosen

	KindPre       Kind = "mlp.hook_pre"        // before the activation function
	KindPreLinear Kind = "mlp.hook_pre_linear" // linear branch of a gated MLP
	KindPost      Kind = "mlp.hook_post"       // neuron activations
	KindMLPOut    Kind = "hook_mlp_out"        // what the MLP adds to the residual stream

	KindLN2Post     Kind = "ln2_post.hook_scale" // of a norm on the MLP's output
	KindLN2PostNorm Kind = "ln2_post.hook_normalized"

	KindLNFinal     Kind = "ln_final.hook_scale"
	KindLNFinalNorm Kind = "ln_final.hook_normalized"
	KindLogits      Kind = "logits"
)

// Axis words that package model's glossary explains.
const (
	Batch = "batch"
	Pos   = "pos"
	Head  = "head"
	Query = "query"
	Key   = "key"

	Variant = "variant"
)

var (
	resid  = []string{Batch, Pos, "d_model"}
	split  = []string{Batch, Pos, Head, "d_model"}
	perKV  = []string{Batch, Pos, "kv_head", "d_head"}
	inKV   = []string{Batch, Pos, "kv_head", "d_model"}
	heads  = []string{Batch, Pos, Head, "d_head"}
	square = []string{Batch, Head, Query, Key}
	hidden = []string{Batch, Pos, "d_mlp"}
	expert = []string{Batch, Pos, "expert"}
	scale  = []string{Batch, Pos, "scale"} // of length 1
)

// kinds lists every kind in the order in which a forward pass meets them.
var kinds = []struct {
	kind   Kind
	global bool
	axes   []string
}{
	{KindEmbed, true, resid}, {KindPosEmbed, true, resid},
	{KindResidPre, false, resid}, {KindAttnIn, false, split},
	{KindQInput, false, split}, {KindKInput, false, inKV}, {KindVInput, false, inKV},
	{KindLN1, false, scale}, {KindLN1Norm, false, resid},
	{KindQ, false, heads}, {KindK, false, perKV}, {KindV, false, perKV},
	{KindRotQ, false, heads}, {KindRotK, false, perKV},
	{KindScores, false, square}, {KindPattern, false, square},
	{KindZ, false, heads}, {KindResult, false, split},
	{KindLN1Post, false, scale}, {KindLN1PostNorm, false, resid}, {KindAttnOut, false, resid},
	{KindResidMid, false, resid}, {KindMLPIn, false, resid},
	{KindLN2, false, scale}, {KindLN2Norm, false, resid},
	{KindRouter, false, expert}, {KindExpertWeights, false, expert}, {KindExpertGates, false, expert},
	{KindPre, false, hidden}, {KindPreLinear, false, hidden}, {KindPost, false, hidden},
	{KindLN2Post, false, scale}, {KindLN2PostNorm, false, resid},
	{KindMLPOut, false, resid}, {KindResidPost, false, resid},
	{KindLNFinal, true, scale}, {KindLNFinalNorm, true, resid},
	{KindLogits, true, []string{Batch, Pos, "vocab"}},
}

// Kinds are all kinds, in the order in which a forward pass meets them.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.kind
	}
	return all
}

// Axes are the axis names of the activation, batch first. Head axes of keys
// and values are called head too where the model has one of them per query
// head.
func (k Kind) Axes() []string {
	if i := k.index(); i >= 0 {
		return kinds[i].axes
	}
	return nil
}

// Global tells whether the activation exists once and not once per block.
func (k Kind) Global() bool {
	i := k.index()
	return i >= 0 && kinds[i].global
}

// Valid tells whether the kind exists.
func (k Kind) Valid() bool { return k.index() >= 0 }

func (k Kind) index() int {
	for i := range kinds {
		if kinds[i].kind == k {
			return i
		}
	}
	return -1
}

// PositionAxis is the index of the axis that positions select: pos, or query.
func (k Kind) PositionAxis() int {
	return max(slices.Index(k.Axes(), Pos), slices.Index(k.Axes(), Query))
}

// HeadAxis is the index of the head axis, or -1.
func (k Kind) HeadAxis() int {
	return max(slices.Index(k.Axes(), Head), slices.Index(k.Axes(), "kv_head"))
}
