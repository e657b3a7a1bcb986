package plotting

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// noise is n repeatable numbers in [lo, hi).
func noise(n int, lo, hi float64) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(lo + (hi-lo)*r.Float64())
	}
	return out
}

func headScores() fake {
	v := noise(144, -0.3, 0.3)
	v[9*12+6], v[10*12+0], v[5*12+5], v[11*12+10] = 2.31, 1.4, 0.9, -1.9
	v[3] = float32(math.NaN())
	return fake{shape: []int{12, 12}, vals: v, names: []string{"layer", "head"}, title: "direct effect on the logit difference", unit: "logits"}
}

func induction() fake {
	v := noise(16, 0, 0.1)
	v[8+3], v[8+6] = 0.98, 0.71
	return fake{shape: []int{2, 8}, vals: v, names: []string{"layer", "head"}, title: "attention to the token after the last copy"}
}

var sentence = []string{"<bos>", "The", " cat", " sat", ".", " The", " cat", " sat", " on", " the", " mat", "."}

// pattern is a causal attention pattern over tokens, rows summing to one.
func pattern(heads int, tokens []string) fake {
	n := len(tokens)
	f := fake{shape: []int{heads, n, n}, names: []string{"head", "query", "key"}, labels: [][]string{nil, tokens, tokens}, title: "attention pattern, layer 1"}
	w := noise(heads*n*n, 0, 1)
	f.vals = make([]float32, len(w))
	for h := range heads {
		f.labels[0] = append(f.labels[0], fmt.Sprintf("1.%d", h))
		for q := range n {
			row, sum := f.vals[(h*n+q)*n:][:n], float32(0)
			for k := 0; k <= q; k++ {
				x := float64(w[(h*n+q)*n+k])
				if (h == 3 && k == max(0, q-4)) || (h == 5 && k == 0) || (h == 1 && k == max(0, q-1)) {
					x = 3
				}
				row[k] = float32(math.Exp(2 * x))
				sum += row[k]
			}
			for k := 0; k <= q; k++ {
				row[k] /= sum
			}
		}
	}
	return f
}

// words are n tokens, odd ones among them.
func words(n int) []string {
	odd := []string{" the", "Ġcat", "é", "日本", "\n", "<script>alert(1)</script>", " & ", "a very long token that nobody expected"}
	out := make([]string, n)
	for i := range out {
		out[i] = odd[i%len(odd)]
	}
	return out
}

func residual() fake {
	n := len(sentence)
	v := noise(6*n, -0.05, 0.15)
	for l := range 6 {
		v[l*n+6] += float32(0.9 - 0.2*float64(l))
		v[l*n+n-1] += float32(0.18 * float64(l))
	}
	return fake{shape: []int{6, n}, vals: v, names: []string{"layer", "position"}, labels: [][]string{nil, sentence}, title: "patching the residual stream", unit: "fraction of logit difference recovered"}
}

// gallery is one figure of every kind, by name.
func gallery() map[string]*Figure {
	return map[string]*Figure{
		"headmap_12x12":  HeadMap(headScores()),
		"headmap_2x8":    HeadMap(induction()),
		"heatmap":        Heatmap(residual()),
		"heatmap_wide":   Heatmap(fake{shape: []int{12, 60}, vals: noise(720, -1, 1), names: []string{"layer", "position"}, labels: [][]string{nil, words(60)}, title: "wide", unit: "nats"}),
		"heatmap_panels": Heatmap(fake{shape: []int{3, 12, 15}, vals: noise(540, 0, 5), names: []string{"component", "layer", "position"}, labels: [][]string{{"resid_pre", "attn_out", "mlp_out"}, nil, nil}, title: "activation patching by component", unit: "%"}),
		"attention":      Attention(pattern(8, sentence)),
		"attention_one":  Attention(fake{shape: []int{12, 12}, vals: pattern(1, sentence).vals, names: []string{"query", "key"}}, Tokens(sentence...), Title("head 1.0")),
		"attention_64":   Attention(pattern(12, words(64))),
	}
}
