package model

import (
	"context"
	"fmt"
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
)

// A Factor is a weight matrix in a product, in TransformerLens' orientation:
// row vectors are multiplied from the left, so W_Q is [d_model, d_head], W_O
// [d_head, d_model], W_E [vocab, d_model], W_U [d_model, vocab].
type Factor struct {
	Name      string  // such as blocks.0.attn.W_Q
	Heads     []int   // of attention weights, side by side; nil means all
	Tokens    []int32 // of W_E, W_U or W_pos; nil means all
	Mean      bool    // the mean over all tokens in place of each
	Neurons   []int   // of W_in, W_gate and W_out; nil means all
	Normed    bool    // of W_O and W_out: times the weight of the norm behind the attention or the MLP
	Folded    bool    // of what reads the residual stream: with the norm before it
	Transpose bool

	// Values are rows that are given, in place of a weight of the model's; all are
	// of one length.
	Values [][]float32 `json:",omitempty"`
}

// Given is a matrix whose rows are given, such as the directions of a dictionary.
func Given(rows ...[]float32) Factor { return Factor{Name: "given", Values: rows} }

func block(layer int, local string) Factor {
	return Factor{Name: fmt.Sprintf("blocks.%d.%s", layer, local)}
}

// WQ is the query matrix of all heads of a block [d_model, head*d_head].
func WQ(layer int) Factor { return block(layer, "attn.W_Q") }

// WK is the key matrix of all heads of a block [d_model, head*d_head].
func WK(layer int) Factor { return block(layer, "attn.W_K") }

// WV is the value matrix of all heads of a block [d_model, head*d_head].
func WV(layer int) Factor { return block(layer, "attn.W_V") }

// WO is the output matrix of all heads of a block [head*d_head, d_model].
func WO(layer int) Factor { return block(layer, "attn.W_O") }

// WIn is the first matrix of a block's MLP [d_model, d_mlp].
func WIn(layer int) Factor { return block(layer, "mlp.W_in") }

// WGate is the matrix of a block's gated MLP that the activation function takes
// [d_model, d_mlp].
func WGate(layer int) Factor { return block(layer, "mlp.W_gate") }

// WOut is the second matrix of a block's MLP [d_mlp, d_model].
func WOut(layer int) Factor { return block(layer, "mlp.W_out") }

// WE is the token embedding [vocab, d_model].
func WE() Factor { return Factor{Name: "embed.W_E"} }

// WPos is the position embedding [context, d_model].
func WPos() Factor { return Factor{Name: "pos_embed.W_pos"} }

// WU is the unembedding [d_model, vocab].
func WU() Factor { return Factor{Name: "unembed.W_U"} }

// LN1 is the weight of a block's first norm [1, d_model]; ones where it was
// folded into the matrices that read it.
func LN1(layer int) Factor { return block(layer, "ln1.w") }

// LN1Post is the weight of the norm on the attention's output [1, d_model], in
// families with a norm on both sides, such as Gemma 2 and 3.
func LN1Post(layer int) Factor { return block(layer, "ln1_post.w") }

// LNFinal is the weight of the final norm [1, d_model], likewise.
func LNFinal() Factor { return Factor{Name: "ln_final.w"} }

// AfterNorm is W_O or W_out with the weight of the norm that stands behind the
// attention or the MLP multiplied in, in families that have one (Gemma 2 and 3, OLMo
// 2); in others it is the matrix. The norm's divisor, which depends on the input, is left out.
func (f Factor) AfterNorm() Factor { f.Normed = true; return f }

// Neuron is the part of neurons: WIn(1).Neuron(3) is [d_model, 1], WOut(1).Neuron(3)
// [1, d_model].
func (f Factor) Neuron(neurons ...int) Factor { f.Neurons = neurons; return f }

// BehindNorm is a matrix that reads the residual stream with the norm before it folded
// in: rows times the norm's weight, and for a LayerNorm, which takes the mean away,
// columns that sum to 0. The norm's divisor, which depends on the input, is left out.
func (f Factor) BehindNorm() Factor { f.Folded = true; return f }

// Head is the part of heads, side by side: WQ(1).Head(3) is [d_model, d_head].
// WK and WV have the heads of keys and values, which groups of query heads share.
func (f Factor) Head(heads ...int) Factor { f.Heads = heads; return f }

// Of is the part of some tokens, or positions: WE().Of(3, 5) is [2, d_model],
// WU().Of(3, 5) is [d_model, 2].
func (f Factor) Of(tokens ...int32) Factor { f.Tokens = tokens; return f }

// Average is the mean over all tokens: WU().Average() is [d_model, 1].
func (f Factor) Average() Factor { f.Mean = true; return f }

// T is the transpose.
func (f Factor) T() Factor { f.Transpose = !f.Transpose; return f }

// String is the name with the head and the transposition.
func (f Factor) String() string {
	s := f.Name
	if f.Heads != nil {
		s += strings.ReplaceAll(fmt.Sprint(f.Heads), " ", ",")
	}
	if f.Neurons != nil {
		s += strings.ReplaceAll(fmt.Sprint(f.Neurons), " ", ",")
	}
	if f.Normed {
		s += "[normed]"
	}
	if f.Folded {
		s += "[folded]"
	}
	switch {
	case f.Mean:
		s += "[mean]"
	case f.Tokens != nil:
		s += fmt.Sprintf("[%d tokens]", len(f.Tokens))
	}
	if f.Transpose {
		s += "ᵀ"
	}
	return s
}

// A Chain is a product of weight matrices, from left to right. The model host
// multiplies it, in the cheapest order, so that weights never travel: only the
// product, small at both ends, comes back.
type Chain []Factor

// String joins the factors.
func (c Chain) String() string {
	parts := make([]string, len(c))
	for i, f := range c {
		parts[i] = f.String()
	}
	return strings.Join(parts, " ")
}

// Products asks for products of weight matrices. The answer is an array for each
// chain.
type Products struct{ Chains []Chain }

func init() { asks[Products, []*array.Array]() }

// Verb implements [Ask].
func (Products) Verb() string { return "products" }

func (p Products) check(config.Config) error {
	for i, chain := range p.Chains {
		if len(chain) == 0 {
			return fmt.Errorf("product %d has no factors", i)
		}
		for _, f := range chain {
			if f.Tokens != nil && len(f.Tokens) == 0 {
				return fmt.Errorf("product %s: no tokens are selected of %s", chain, f.Name)
			}
			if f.Neurons != nil && len(f.Neurons) == 0 {
				return fmt.Errorf("product %s: no neurons are selected of %s", chain, f.Name)
			}
			for _, row := range f.Values {
				if len(row) == 0 || len(row) != len(f.Values[0]) {
					return fmt.Errorf("product %s: given rows of %d and %d values; all are as long as the first, and not empty", chain, len(f.Values[0]), len(row))
				}
			}
			if f.Heads != nil && len(f.Heads) == 0 {
				return fmt.Errorf("product %s: no heads are selected of %s", chain, f.Name)
			}
		}
	}
	return nil
}

// Products are products of weight matrices.
func (m *Model) Products(chains ...Chain) ([]*array.Array, error) {
	return do[[]*array.Array](context.Background(), m, Products{chains})
}

// Product is one product of weight matrices.
func (m *Model) Product(factors ...Factor) (*array.Array, error) {
	out, err := m.Products(Chain(factors))
	if err != nil {
		return nil, err
	}
	return out[0], nil
}
