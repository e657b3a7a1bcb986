package hook

func at(k Kind, layer int) Point { return Point{ID: ID{k, layer}} }

// Layers are the points of the first n layers, such as Layers(12, Pattern), or
// those that a function selects of each.
func Layers(n int, at func(layer int) Point) []Point {
	all := make([]Point, n)
	for l := range all {
		all[l] = at(l)
	}
	return all
}

// Embed is the token embedding [batch, pos, d_model].
func Embed() Point { return at(KindEmbed, 0) }

// PosEmbed is the learned position embedding [batch, pos, d_model].
func PosEmbed() Point { return at(KindPosEmbed, 0) }

// ResidPre is the residual stream into a block [batch, pos, d_model].
func ResidPre(layer int) Point { return at(KindResidPre, layer) }

// ResidMid is the residual stream between attention and MLP [batch, pos, d_model].
func ResidMid(layer int) Point { return at(KindResidMid, layer) }

// ResidPost is the residual stream out of a block [batch, pos, d_model].
func ResidPost(layer int) Point { return at(KindResidPost, layer) }

// AttnIn is the residual stream as each head reads it [batch, pos, head,
// d_model]. Grouped-query models have none, as heads share their keys there; use
// [QInput], [KInput] and [VInput].
func AttnIn(layer int) Point { return at(KindAttnIn, layer) }

// QInput is the residual stream as each query reads it [batch, pos, head, d_model].
func QInput(layer int) Point { return at(KindQInput, layer) }

// KInput is the residual stream as each key reads it [batch, pos, kv_head, d_model].
func KInput(layer int) Point { return at(KindKInput, layer) }

// VInput is the residual stream as each value reads it [batch, pos, kv_head, d_model].
func VInput(layer int) Point { return at(KindVInput, layer) }

// LN1Scale is the divisor of the norm before attention [batch, pos, 1].
func LN1Scale(layer int) Point { return at(KindLN1, layer) }

// LN1Normalized is the output of the norm before attention, after its weight
// and bias [batch, pos, d_model].
func LN1Normalized(layer int) Point { return at(KindLN1Norm, layer) }

// Q is the queries [batch, pos, head, d_head].
func Q(layer int) Point { return at(KindQ, layer) }

// K is the keys [batch, pos, kv_head, d_head].
func K(layer int) Point { return at(KindK, layer) }

// V is the values [batch, pos, kv_head, d_head].
func V(layer int) Point { return at(KindV, layer) }

// RotQ is the queries after rotary embedding [batch, pos, head, d_head].
func RotQ(layer int) Point { return at(KindRotQ, layer) }

// RotK is the keys after rotary embedding [batch, pos, kv_head, d_head].
func RotK(layer int) Point { return at(KindRotK, layer) }

// Scores is the attention scores before softmax [batch, head, query, key].
func Scores(layer int) Point { return at(KindScores, layer) }

// Pattern is the attention pattern [batch, head, query, key].
func Pattern(layer int) Point { return at(KindPattern, layer) }

// Z is the mixed values of each head, before W_O [batch, pos, head, d_head].
func Z(layer int) Point { return at(KindZ, layer) }

// HeadResult is each head's output without b_O [batch, pos, head, d_model].
func HeadResult(layer int) Point { return at(KindResult, layer) }

// LN1PostScale is the divisor of a norm on the attention's output, in families
// that have one [batch, pos, 1].
func LN1PostScale(layer int) Point { return at(KindLN1Post, layer) }

// LN1PostNormalized is the result of that norm [batch, pos, d_model].
func LN1PostNormalized(layer int) Point { return at(KindLN1PostNorm, layer) }

// AttnOut is what attention adds to the residual stream [batch, pos, d_model].
func AttnOut(layer int) Point { return at(KindAttnOut, layer) }

// MLPIn is the residual stream as the MLP reads it [batch, pos, d_model].
func MLPIn(layer int) Point { return at(KindMLPIn, layer) }

// LN2Scale is the divisor of the norm before the MLP [batch, pos, 1].
func LN2Scale(layer int) Point { return at(KindLN2, layer) }

// LN2Normalized is the output of the norm before the MLP, after its weight and
// bias [batch, pos, d_model].
func LN2Normalized(layer int) Point { return at(KindLN2Norm, layer) }

// Router is what the router gives every expert, in layers that have experts
// [batch, pos, expert].
func Router(layer int) Point { return at(KindRouter, layer) }

// ExpertWeights is the softmax of that over all experts, of which the largest are
// chosen [batch, pos, expert].
func ExpertWeights(layer int) Point { return at(KindExpertWeights, layer) }

// ExpertGates is what each expert's output is multiplied with: 0 for experts that
// are not chosen [batch, pos, expert]. An expert without its gate, by
// ExpertGates(l).Coord(e).Zero(), says nothing, and nobody speaks in its place; with
// Router(l).Coord(e) far below the others it is never chosen, and another one is.
func ExpertGates(layer int) Point { return at(KindExpertGates, layer) }

// MLPPre is the neurons before the activation function [batch, pos, d_mlp].
func MLPPre(layer int) Point { return at(KindPre, layer) }

// MLPPreLinear is the linear branch of a gated MLP [batch, pos, d_mlp].
func MLPPreLinear(layer int) Point { return at(KindPreLinear, layer) }

// MLPPost is the neurons' activations [batch, pos, d_mlp]; those of experts one
// expert after another, times the expert's gate.
func MLPPost(layer int) Point { return at(KindPost, layer) }

// LN2PostScale is the divisor of a norm on the MLP's output, in families that
// have one [batch, pos, 1].
func LN2PostScale(layer int) Point { return at(KindLN2Post, layer) }

// LN2PostNormalized is the result of that norm [batch, pos, d_model].
func LN2PostNormalized(layer int) Point { return at(KindLN2PostNorm, layer) }

// MLPOut is what the MLP adds to the residual stream [batch, pos, d_model].
func MLPOut(layer int) Point { return at(KindMLPOut, layer) }

// LNFinalScale is the divisor of the final norm [batch, pos, 1].
func LNFinalScale() Point { return at(KindLNFinal, 0) }

// LNFinalNormalized is the output of the final norm [batch, pos, d_model].
func LNFinalNormalized() Point { return at(KindLNFinalNorm, 0) }

// Logits is the logits [batch, pos, vocab].
func Logits() Point { return at(KindLogits, 0) }
