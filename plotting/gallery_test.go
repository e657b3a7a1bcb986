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

func gauss(n int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
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

func checkpoints() (mean, lo, hi fake) {
	steps := []string{"0", "50", "100", "200", "400", "800", "1600", "3200"}
	n := len(steps)
	mk := func(d float64) fake {
		f := fake{shape: []int{3, n}, names: []string{"head", "step"}, labels: [][]string{{"head 1.3", "head 1.6", "head 0.2 (previous token)"}, steps}, title: "induction score while training", unit: "attention"}
		for s := range 3 {
			for i := range n {
				x := float64(i) - 2 - float64(s)
				f.vals = append(f.vals, float32((0.95-0.2*float64(s))/(1+math.Exp(-1.8*x))+d))
			}
		}
		return f
	}
	return mk(0), mk(-0.06), mk(0.06)
}

func components() fake {
	f := fake{shape: []int{9}, vals: []float32{2.31, 1.4, 0.9, 0.32, 0.05, -0.1, -0.4, -1.2, -1.9}, names: []string{"component"}, title: "direct logit attribution", unit: "logits"}
	f.labels = [][]string{{"head 9.6 (name mover)", "head 10.0 (name mover)", "mlp 9", "embedding", "positional embedding", "mlp 0", "mlp 11", "head 10.7 (negative)", "head 11.10 (negative)"}}
	return f
}

// scores are what attention patterns are made of, with a mask.
func scores() fake {
	inf := float32(math.Inf(-1))
	return fake{shape: []int{1, 3, 3}, vals: []float32{1.5, inf, inf, -2, 0.5, inf, 0.3, 1, 4}, names: []string{"head", "query", "key"}, labels: [][]string{{"0.0"}, sentence[:3], sentence[:3]}, title: "attention scores"}
}

// negative are scores of the size of induction's, below zero.
func negative() fake {
	f := induction()
	f.title, f.vals = "the other way round", noise(16, -0.4, 0)
	return f
}

// named are two groups of values.
func named(groups int, at float64) fake {
	f := fake{shape: []int{groups, 40}, names: []string{"name", "prompt"}, labels: [][]string{{"IO", "S"}, nil}, title: "logit difference", unit: "logits"}
	for i, v := range gauss(40 * groups) {
		f.vals = append(f.vals, v*float32(at)+float32(2*(i/40)))
	}
	return f
}

// gallery is one figure of every kind, by name.
func gallery() map[string]*Figure {
	mean, lo, hi := checkpoints()
	late := func(f fake) fake { // without step 0, which has no logarithm
		n := f.shape[1]
		g := f
		g.shape, g.vals, g.labels = []int{3, n - 1}, nil, [][]string{f.labels[0], f.labels[1][1:]}
		for s := range 3 {
			g.vals = append(g.vals, f.vals[s*n+1:(s+1)*n]...)
		}
		return g
	}
	other := headScores()
	other.title, other.unit, other.vals = "copying score", "", gauss(144)
	other.vals[9*12+6] = 0.97
	groups := fake{shape: []int{2, 5}, vals: []float32{3.1, 1.2, -0.4, 0.8, 2, 2.8, 0.4, 0.3, -0.9, 1.1}, names: []string{"run", "layer"}, labels: [][]string{{"clean", "corrupted"}, nil}, title: "mean logit difference by layer", unit: "logits"}
	return map[string]*Figure{
		"lines":            Lines(mean, Band(lo, hi)),
		"lines_log":        Lines(late(mean), Band(late(lo), late(hi)), LogX(), Caption("Shaded: two standard errors over 10 seeds.")),
		"lines_small":      Lines(mean, Band(lo, hi), Size(300, 200), Title("small")),
		"attention_raster": Attention(fake{shape: []int{64, 64}, vals: pattern(2, words(64)).vals[64*64:], names: []string{"query", "key"}}, Size(300, 300)),
		"lines_one":        Lines(fake{shape: []int{12}, vals: noise(12, -1, 2), names: []string{"layer"}, title: "logit lens", unit: "nats"}),
		"lines_heads":      Lines(fake{shape: []int{2, 2, 6}, vals: noise(24, 0, 1), names: []string{"layer", "head", "step"}, title: "prefix matching"}),
		"lines_tokens":     Lines(fake{shape: []int{12}, vals: noise(12, 0, 9), names: []string{"token"}, labels: [][]string{sentence}, title: "loss per token", unit: "nats"}),
		"bars":             Bars(groups),
		"bars_long":        Bars(components(), Sorted()),
		"scatter":          Scatter(headScores(), other, Annotate(5), Title("name movers copy")),
		"scatter_groups":   Scatter(named(2, 0.4), named(2, 0.5), Grouped(), Diagonal()),
		"circuit_small":    Circuit(smallCircuit(), Caption("Effects on the loss, by path patching.")),
		"circuit_26":       Circuit(largeCircuit()),
		"circuit_across":   Circuit(smallCircuit(), Horizontal()),
		"hist_marked":      Hist(fake{shape: []int{300}, vals: gauss(300), title: "recovered by random circuits", unit: "of the model"}, 0, Mark("the circuit", 3.4), Mark("half of it", 0.5)),
		"tokens":           ColouredTokens(fake{shape: []int{2, 12}, vals: gauss(24), names: []string{"head", "position"}, labels: [][]string{nil, sentence}, title: "direct logit attribution", unit: "logits"}),
		"scores":           Attention(scores()),
		"grid":             Grid([]*Figure{HeadMap(induction(), Title("a title that is far too long for so small a map, and is broken into lines, never cut")), HeadMap(negative()), Attention(pattern(1, sentence[:5]))}, Title("three figures"), Caption("Two of them have one range of colours.")),
		"hist":             Hist(fake{shape: []int{4000}, vals: gauss(4000), title: "activation of feature 12", unit: "activation"}, 0),
		"headmap_12x12":    HeadMap(headScores()),
		"headmap_2x8":      HeadMap(induction()),
		"heatmap":          Heatmap(residual()),
		"heatmap_wide":     Heatmap(fake{shape: []int{12, 60}, vals: noise(720, -1, 1), names: []string{"layer", "position"}, labels: [][]string{nil, words(60)}, title: "wide", unit: "nats"}),
		"heatmap_panels":   Heatmap(fake{shape: []int{3, 12, 15}, vals: noise(540, 0, 5), names: []string{"component", "layer", "position"}, labels: [][]string{{"resid_pre", "attn_out", "mlp_out"}, nil, nil}, title: "activation patching by component", unit: "%"}),
		"attention":        Attention(pattern(8, sentence)),
		"attention_one":    Attention(fake{shape: []int{12, 12}, vals: pattern(1, sentence).vals, names: []string{"query", "key"}}, Tokens(sentence...), Title("head 1.0")),
		"attention_64":     Attention(pattern(12, words(64))),
	}
}
