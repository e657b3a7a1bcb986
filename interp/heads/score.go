package heads

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Mean says how attention to several keys becomes one number.
type Mean int

// The ways to average.
const (
	// Mass adds up the attention of a query to all its target keys and averages
	// over queries. A head that attends to nothing else scores 1.
	Mass Mean = iota
	// Entry averages over all pairs of query and target key. On a period that
	// stands four times a perfect induction head scores 0.5.
	Entry
)

// String names the mean.
func (m Mean) String() string {
	if m == Entry {
		return "mean over query-key pairs"
	}
	return "mean over queries"
}

// Induction is the prefix-matching score: on repeated random tokens, the
// attention of each token to the tokens that followed its earlier copies.
//
// It shows that a head looks where induction needs it to; not that it copies
// what it finds there (see [Copying]), nor that anything depends on it.
//
// One pass. Source: Olsson et al. 2022, "In-context learning and induction
// heads", appendix, as corrected in 2022-09 (the tokens that followed, not
// those that preceded).
func Induction(m *model.Model, data Repeated) (*interp.Result, error) {
	return onRepeated(m, data, AfterDuplicates, "prefix-matching score", olsson)
}

// DuplicateToken is the attention of each token to its earlier copies, on
// repeated random tokens. One pass. Source: Wang et al. 2022, section 3.
func DuplicateToken(m *model.Model, data Repeated) (*interp.Result, error) {
	return onRepeated(m, data, Duplicates, "duplicate-token score", wang)
}

// PreviousToken is the attention of each token to the one before it, on
// repeated random tokens. For text use [Score] with [Previous]. One pass.
// Source: Wang et al. 2022, section 3; Olsson et al. 2022 on text.
func PreviousToken(m *model.Model, data Repeated) (*interp.Result, error) {
	return onRepeated(m, data, Previous, "previous-token score", wang)
}

const (
	olsson = "Olsson et al. 2022"
	wang   = "Wang et al. 2022"
)

func onRepeated(m *model.Model, data Repeated, target Target, title, source string) (*interp.Result, error) {
	prompts, err := data.Prompts(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	r, err := Score(m, prompts, target, Mass)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	r.Array, r.Source = r.Named(title, "attention"), source
	r.Method = fmt.Sprintf("%s, %s, %s", title, Mass, data)
	return r, nil
}

// Score is each head's attention to a target [layer, head], with one sample per
// row. Queries without a target do not count; a row without any is NaN. One
// pass, and the memory of all attention patterns.
func Score(m *model.Model, prompts model.Prompts, target Target, mean Mean) (*interp.Result, error) {
	if target == nil {
		return nil, errNoTarget
	}
	run, patterns, err := attention(m, prompts)
	if err != nil {
		return nil, err
	}
	samples := samplesOf(m, prompts, target, mean, patterns)
	if err := samples.Err(); err != nil {
		return nil, err
	}
	return &interp.Result{
		Array:   samples.Mean("sample").Named("attention score", "attention"),
		Samples: samples, Method: "attention to a target, " + mean.String(), Source: "golens", Provenance: run.Provenance,
	}, nil
}

// samplesOf are the scores of each row [sample, layer, head].
func samplesOf(m *model.Model, prompts model.Prompts, target Target, mean Mean, patterns []*array.Array) *array.Array {
	c := m.Config()
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for i, row := range prompts.IDs {
		targets := targetsOf(row, target)
		for l, pattern := range patterns {
			for h := range c.Heads {
				samples.Set(targets.score(mean, func(q, k int) float64 { return pattern.At(i, h, q, k) }), i, l, h)
			}
		}
	}
	return samples
}

// attention runs the prompts and gives the pattern of every layer
// [batch, head, query, key].
func attention(m *model.Model, prompts model.Prompts) (*model.Result, []*array.Array, error) {
	request := prompts.Request()
	for l := range m.Config().Layers {
		request = request.Capture(hook.Pattern(l))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, nil, err
	}
	patterns := make([]*array.Array, m.Config().Layers)
	for l := range patterns {
		patterns[l] = run.At(hook.Pattern(l))
		if err := patterns[l].Err(); err != nil {
			return nil, nil, err
		}
	}
	return run, patterns, nil
}

// targets are the target keys of each query of a row.
type targets [][]int

func targetsOf(row []int32, target Target) targets {
	all := make(targets, len(row))
	for q := range row {
		all[q] = target(row, q)
	}
	return all
}

// score averages; NaN if nothing counts.
func (t targets) score(mean Mean, at func(query, key int) float64) float64 {
	sum, queries, pairs := 0.0, 0, 0
	for q, keys := range t {
		for _, k := range keys {
			sum += at(q, k)
		}
		if len(keys) > 0 {
			queries++
		}
		pairs += len(keys)
	}
	if mean == Entry {
		return sum / float64(pairs)
	}
	return sum / float64(queries)
}
