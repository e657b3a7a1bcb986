package heads

import (
	"fmt"
	"math"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Sinks is how much attention rests on the first tokens [layer, head]: of the queries
// behind the first n, the mean of what they attend to these. In trained models much of
// it does, whatever these tokens are. One pass, and the memory of all attention
// patterns.
//
// It shows where attention goes and not what comes of it: see [SinkValues].
// Source: after Xiao et al. 2023, which shows maps and gives no number.
func Sinks(m *model.Model, prompts model.Prompts, n int) (*interp.Result, error) {
	if n < 1 {
		return nil, fmt.Errorf("attention sinks: the first %d tokens; at least one", n)
	}
	if err := behind(prompts, n); err != nil {
		return nil, fmt.Errorf("attention sinks: %w", err)
	}
	run, patterns, err := attention(m, prompts)
	if err != nil {
		return nil, fmt.Errorf("attention sinks: %w", err)
	}
	return sinks(m, prompts, n, run, patterns)
}

func sinks(m *model.Model, prompts model.Prompts, n int, run *model.Result, patterns []*array.Array) (*interp.Result, error) {
	c := m.Config()
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for i, row := range prompts.IDs {
		for l, pattern := range patterns {
			for h := range c.Heads {
				sum := 0.0
				for q := n; q < len(row); q++ {
					for k := range n {
						sum += pattern.At(i, h, q, k)
					}
				}
				samples.Set(sum/float64(len(row)-n), i, l, h)
			}
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named("attention sink", "attention"), Samples: samples,
		Method: fmt.Sprintf("attention to the first %d tokens of the queries behind them", n), Source: "after Xiao et al. 2023", Provenance: run.Provenance,
	}, samples.Err()
}

// SinkValues is the length of a head's value at the first n tokens, over the mean
// length of those behind [layer, head]. Below 1 a head that rests there takes up little.
// Heads that share values have the same. One pass.
func SinkValues(m *model.Model, prompts model.Prompts, n int) (*interp.Result, error) {
	if n < 1 {
		return nil, fmt.Errorf("values at sinks: the first %d tokens; at least one", n)
	}
	if err := behind(prompts, n); err != nil {
		return nil, fmt.Errorf("values at sinks: %w", err)
	}
	c := m.Config()
	request := prompts.Request()
	for l := range c.Layers {
		request = request.Capture(hook.V(l))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, fmt.Errorf("values at sinks: %w", err)
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("layer", c.Layers), array.Dim("head", c.Heads))
	for l := range c.Layers {
		v := run.At(hook.V(l))
		for i, row := range prompts.IDs {
			for h := range c.Heads {
				first, behind := 0.0, 0.0
				for pos, x := range vectors(v, i, c.KVHead(h))[:len(row)] {
					if sum := norm(x); pos < n {
						first += sum / float64(n)
					} else {
						behind += sum / float64(len(row)-n)
					}
				}
				samples.Set(first/behind, i, l, h)
			}
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named("length of the values at the sink, over those behind", ""), Samples: samples,
		Method: fmt.Sprintf("values at the first %d tokens", n), Source: "after Xiao et al. 2023", Provenance: run.Provenance,
	}, samples.Err()
}

// behind finds rows that have no token behind the first n.
func behind(prompts model.Prompts, n int) error {
	for i, row := range prompts.IDs {
		if len(row) <= n {
			return fmt.Errorf("row %d has %d tokens, and none behind the first %d; give longer rows", i, len(row), n)
		}
	}
	return prompts.Err()
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
