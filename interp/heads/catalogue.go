package heads

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
)

// A Trait is something that heads may do.
type Trait struct {
	Name       string
	Definition string
}

// The traits of a catalogue, each from 0 to 1.
var traits = []Trait{
	{"previous token", "attention to the token before, mean over the rows' queries"},
	{"duplicate token", "attention to earlier copies of the query's token, of queries that have some"},
	{"induction", "attention to the tokens behind earlier copies of the query's token, of queries that have some"},
	{"sink", "attention to the first token of the queries behind it"},
	{"positional", "share of how far attention is from uniform that is the same in every row: 1 is a head that looks at positions whatever the tokens"},
	{"copying", "share of tokens whose own logit the head's OV circuit raises most of all tokens of the sample, by the embedding as it is"},
	{"copy suppression", "share of tokens whose own logit the head's OV circuit lowers most of all tokens of the sample"},
	{"successor", "share of words of the sequences whose successor the head's OV circuit raises most of the sequence's words"},
	{"retrieval", "retrieval score in haystacks"},
}

// Traits are the traits of a catalogue and what each is.
func Traits() []Trait { return slices.Clone(traits) }

// Sequences are words in an order, in which successors are looked for.
var sequences = [][]string{
	{" one", " two", " three", " four", " five", " six", " seven", " eight", " nine", " ten"},
	{" Monday", " Tuesday", " Wednesday", " Thursday", " Friday", " Saturday", " Sunday"},
	{" January", " February", " March", " April", " May", " June", " July", " August", " September", " October", " November", " December"},
	{" first", " second", " third", " fourth", " fifth", " sixth"},
	{"1", "2", "3", "4", "5", "6", "7", "8", "9"},
	{"a", "b", "c", "d", "e", "f", "g", "h"},
}

// Catalogue says what is looked at.
type Catalogue struct {
	Rows      model.Prompts  // of a corpus, all of one length and at least two
	Tokens    []int32        // of the sample for what weights copy; nil for those of the rows
	Sequences [][]int32      // tokens in an order; nil for numbers, days, months, ordinals, digits and letters, as far as they are single tokens
	Retrieval *interp.Result // of a haystack; nil leaves that trait out
	Bootstrap interp.Bootstrap
}

// Catalogued is a table of heads.
type Catalogued struct {
	*interp.Result              // [trait, layer, head]; NaN where the model cannot be asked
	Lo, Hi         *array.Array // intervals by bootstrap over rows, or over tokens for what weights do
}

// Of makes the catalogue: what each head does, by attention over rows of a corpus and by
// its weights. One pass and the memory of all attention patterns; products of weights.
//
// A trait says what a head does on these rows, or what its weights would do alone. None
// says that the model needs it.
func (c Catalogue) Of(ctx context.Context, m *model.Model) (*Catalogued, error) {
	if err := c.Rows.Err(); err != nil {
		return nil, err
	}
	width := 0
	for i, row := range c.Rows.IDs {
		if i == 0 {
			width = len(row)
		}
		if len(row) != width || width < 3 {
			return nil, fmt.Errorf("catalogue: row %d has %d tokens, row 0 has %d; all are of one length, of at least 3", i, len(row), width)
		}
	}
	if len(c.Rows.IDs) < 2 {
		return nil, fmt.Errorf("catalogue: %d rows; at least two", len(c.Rows.IDs))
	}
	run, patterns, err := attention(m, c.Rows)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	var all []*interp.Result
	for _, target := range []Target{Previous, Duplicates, AfterDuplicates} {
		samples := samplesOf(m, c.Rows, target, Mass, patterns)
		all = append(all, &interp.Result{Array: samples.Mean("sample"), Samples: samples})
	}
	sink, err := sinks(m, c.Rows, 1, run, patterns)
	if err != nil {
		return nil, err
	}
	all = append(all, sink, positionalOf(m, len(c.Rows.IDs), width, patterns))
	weights, err := c.weights(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	all = append(all, weights...)
	shown := traits[:len(traits)-1]
	if c.Retrieval != nil {
		all, shown = append(all, c.Retrieval), traits
	}
	names := make([]string, len(shown))
	for i, t := range shown {
		names[i] = t.Name
	}
	var values, lo, hi []float32
	for i, r := range all {
		l, h := r.Array, r.Array
		if r.Samples != nil {
			if l, h, err = r.Interval(c.Bootstrap); err != nil {
				return nil, fmt.Errorf("catalogue: %s: %w", names[i], err)
			}
		}
		values, lo, hi = append(values, r.Values()...), append(lo, l.Values()...), append(hi, h.Values()...)
	}
	cfg := m.Config()
	of := func(x []float32) *array.Array {
		return array.Of(x, array.Labels("trait", names), array.Dim("layer", cfg.Layers), array.Dim("head", cfg.Heads)).Named("what heads do", "")
	}
	var defs strings.Builder
	fmt.Fprintf(&defs, "catalogue over %d rows of %d tokens", len(c.Rows.IDs), width)
	for _, t := range shown {
		fmt.Fprintf(&defs, "\n%s: %s", t.Name, t.Definition)
	}
	return &Catalogued{Result: &interp.Result{Array: of(values), Method: defs.String(), Source: "golens", Provenance: run.Provenance}, Lo: of(lo), Hi: of(hi)}, nil
}

// positionalOf is how much of a head's attention is the same in every row. A sample is
// how far one row's is from the mean of the others', so that few rows do not flatter.
func positionalOf(m *model.Model, rows, width int, patterns []*array.Array) *interp.Result {
	c := m.Config()
	samples := array.New(array.Dim("sample", rows), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	size := width * width
	for l, pattern := range patterns {
		for h := range c.Heads {
			at := func(i int) []float32 { return pattern.Values()[(i*c.Heads+h)*size:][:size] }
			sum := make([]float64, size)
			for i := range rows {
				for k, v := range at(i) {
					sum[k] += float64(v)
				}
			}
			for i := range rows {
				off, far := 0.0, 0.0
				for q := 1; q < width; q++ {
					for k := range q + 1 {
						v := float64(at(i)[q*width+k])
						rest := (sum[q*width+k] - v) / float64(rows-1)
						even := 1 / float64(q+1)
						off, far = off+(v-rest)*(v-rest), far+(v-even)*(v-even)
					}
				}
				samples.Set(math.Max(0, 1-off/far), i, l, h)
			}
		}
	}
	return &interp.Result{Array: samples.Mean("sample"), Samples: samples}
}

// mostTokens bounds the sample of tokens.
const mostTokens = 200

// weights are copying, copy suppression and successors by the OV circuits, with a sample
// for each token.
func (c Catalogue) weights(ctx context.Context, m *model.Model) ([]*interp.Result, error) {
	cfg := m.Config()
	tokens := c.Tokens
	if tokens == nil {
		tokens, _ = distinct(c.Rows.IDs)
		special := append(slices.Clone(m.Info().Special), m.Info().Begin...)
		tokens = slices.DeleteFunc(tokens, func(id int32) bool { return slices.Contains(special, id) })
		if n := len(tokens); n > mostTokens { // spread over the ids
			for i := range mostTokens {
				tokens[i] = tokens[i*n/mostTokens]
			}
			tokens = tokens[:mostTokens]
		}
	}
	lists := c.Sequences
	if lists == nil {
		lists = single(m, sequences)
	}
	words := 0
	for _, list := range lists {
		words += len(list) - 1
	}
	layers, heads := array.Dim("layer", cfg.Layers), array.Dim("head", cfg.Heads)
	samples := []*array.Array{array.New(array.Dim("sample", len(tokens)), layers, heads), array.New(array.Dim("sample", len(tokens)), layers, heads), array.New(array.Dim("sample", max(1, words)), layers, heads)}
	if words == 0 {
		for i := range samples[2].Values() {
			samples[2].Values()[i] = float32(math.NaN())
		}
	}
	for l := range cfg.Layers {
		for h := range cfg.Heads {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var chains []model.Chain
			for _, list := range append([][]int32{tokens}, lists...) {
				chains = append(chains, ov(cfg, l, h, list))
			}
			products, err := m.Products(chains...)
			if err != nil {
				return nil, err
			}
			means := make([][]float64, len(products))
			for k, p := range products {
				means[k] = columnMeans(p)
			}
			for i := range tokens {
				first, last := ends(products[0], means[0], i)
				if first == i {
					samples[0].Set(1, i, l, h)
				}
				if last == i {
					samples[1].Set(1, i, l, h)
				}
			}
			at := 0
			for k, list := range lists {
				for i := range list[1:] {
					if first, _ := ends(products[1+k], means[1+k], i); first == i+1 {
						samples[2].Set(1, at, l, h)
					}
					at++
				}
			}
		}
	}
	var all []*interp.Result
	for _, s := range samples {
		all = append(all, &interp.Result{Array: s.Mean("sample"), Samples: s})
	}
	return all, nil
}

// ov is what a head's OV circuit adds to the logits of tokens when it attends to one of
// them, by their embeddings as they are and the norm's weight.
func ov(c config.Config, l, h int, tokens []int32) model.Chain {
	return model.Chain{model.WE().Of(tokens...), model.WV(l).Head(c.KVHead(h)).BehindNorm(), model.WO(l).Head(h).AfterNorm(), model.WU().Of(tokens...).BehindNorm()}
}

// columnMeans are the means of a matrix's columns.
func columnMeans(a *array.Array) []float64 {
	rows, n := a.Shape()[0], a.Shape()[1]
	mean := make([]float64, n)
	for i, v := range a.Values() {
		mean[i%n] += float64(v) / float64(rows)
	}
	return mean
}

// ends are the columns of the largest and of the smallest value of a row, relative to the
// columns' means, which favour no token; -1 where all are equal.
func ends(a *array.Array, mean []float64, row int) (first, last int) {
	most, least := math.Inf(-1), math.Inf(1)
	for j, m := range mean {
		v := float64(a.Values()[row*len(mean)+j]) - m
		if v > most {
			most, first = v, j
		}
		if v < least {
			least, last = v, j
		}
	}
	if most == least {
		return -1, -1
	}
	return first, last
}

// single are the sequences' runs of words that are single tokens, at least three.
func single(m *model.Model, given [][]string) (all [][]int32) {
	for _, words := range given {
		ids, err := m.Encode(words...)
		if err != nil {
			return nil // a model without a tokenizer
		}
		var list []int32
		end := func() {
			if len(list) >= 3 {
				all = append(all, list)
			}
			list = nil
		}
		for _, id := range ids {
			if len(id) != 1 || slices.Contains(m.Info().Special, id[0]) || slices.Contains(list, id[0]) {
				end()
				continue
			}
			list = append(list, id[0])
		}
		end()
	}
	return all
}

// Table is the heads whose interval for some trait lies above a bound, with all their
// traits.
func (c *Catalogued) Table(bound float64) string {
	var b strings.Builder
	_, names := c.Axis(0)
	for l := range c.Dim("layer") {
		for h := range c.Dim("head") {
			var has []string
			for t, name := range names {
				if c.Lo.At(t, l, h) > bound {
					has = append(has, fmt.Sprintf("%s %.2f [%.2f, %.2f]", name, c.At(t, l, h), c.Lo.At(t, l, h), c.Hi.At(t, l, h)))
				}
			}
			if has != nil {
				fmt.Fprintf(&b, "%d.%d  %s\n", l, h, strings.Join(has, ", "))
			}
		}
	}
	return b.String()
}

// ByHead is the same with a row for each head [head, trait], which reads well as one
// figure.
func (c *Catalogued) ByHead() *array.Array {
	_, names := c.Axis(0)
	layers, heads := c.Dim("layer"), c.Dim("head")
	rows := make([]string, 0, layers*heads)
	for l := range layers {
		for h := range heads {
			rows = append(rows, fmt.Sprintf("%d.%d", l, h))
		}
	}
	out := array.New(array.Labels("head", rows), array.Labels("trait", names)).Named(c.Title(), "")
	for t := range names {
		for i := range rows {
			out.Set(c.At(t, i/heads, i%heads), i, t)
		}
	}
	return out
}
