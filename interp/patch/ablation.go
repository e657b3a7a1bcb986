package patch

import (
	"fmt"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Value says what takes the place of a head's output.
type Value int

// The values.
const (
	Zero         Value = iota // nothing
	Mean                      // its mean over all rows and positions of the reference
	PositionMean              // its mean over the rows of the reference, at each position; rows of equal length
)

// String names the value.
func (v Value) String() string {
	switch v {
	case Zero:
		return "zero"
	case Mean:
		return "mean"
	case PositionMean:
		return "mean at each position"
	}
	return fmt.Sprintf("value %d", int(v))
}

// An Ablation says how parts are taken away.
type Ablation struct {
	Value     Value
	Reference model.Prompts // what means are taken over; none means the prompts themselves
}

// String names the settings.
func (a Ablation) String() string {
	if a.Value == Zero {
		return "replaced by zero"
	}
	of := "the prompts"
	if n := len(a.Reference.IDs); n > 0 {
		of = fmt.Sprintf("%d reference prompts", n)
	}
	return fmt.Sprintf("replaced by the %s of %s", a.Value, of)
}

// replacements are, for every layer, what each head's z becomes:
// [pos or 1, head, d_head], or nil for zero.
func (a Ablation) replacements(m *model.Model, prompts model.Prompts) ([]*array.Array, error) {
	all := make([]*array.Array, m.Config().Layers)
	if a.Value == Zero {
		return all, nil
	}
	if a.Value != Mean && a.Value != PositionMean {
		return nil, fmt.Errorf("ablation: %s is not known", a.Value)
	}
	from := prompts
	if len(a.Reference.IDs) > 0 || a.Reference.Err() != nil {
		from = a.Reference
	}
	request := from.Request()
	for l := range all {
		request = request.Capture(hook.Z(l))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, fmt.Errorf("ablation: reference: %w", err)
	}
	if a.Value == PositionMean {
		if err := sameLengths(from, prompts); err != nil {
			return nil, err
		}
	}
	for l := range all {
		z := run.At(hook.Z(l))
		if a.Value == Mean {
			all[l] = overTokens(z)
		} else {
			all[l] = z.Mean(hook.Batch)
		}
	}
	return all, nil
}

// overTokens is the mean over all tokens of all rows, each counted once
// [1, head, d_head].
func overTokens(z *array.Array) *array.Array {
	shape := z.Shape()
	width := shape[2] * shape[3]
	sums, n := make([]float64, width), 0
	for at := 0; at < len(z.Values()); at += width {
		token := z.Values()[at : at+width]
		if token[0] != token[0] { // NaN: past the end of its row
			continue
		}
		for i, v := range token {
			sums[i] += float64(v)
		}
		n++
	}
	mean := array.New(array.Dim(hook.Pos, 1), array.Dim(hook.Head, shape[2]), array.Dim("d_head", shape[3]))
	for i, s := range sums {
		mean.Values()[i] = float32(s / float64(n))
	}
	return mean
}

func sameLengths(sets ...model.Prompts) error {
	n := len(sets[0].IDs[0])
	for _, set := range sets {
		for i, row := range set.IDs {
			if len(row) != n {
				return fmt.Errorf("ablation by position: row %d has %d tokens, another %d; rows must be equally long", i, len(row), n)
			}
		}
	}
	return nil
}

// edit takes the output of a head away in some rows.
func edit(layer, head int, replacement *array.Array, rows ...int) hook.Edit {
	at := hook.Z(layer).Head(head).Row(rows...)
	if replacement == nil {
		return at.Zero()
	}
	return at.Replace(replacement.Select(hook.Head, head))
}

// Edits take heads, written [layer, head], away together in all rows: for
// runs of one's own, such as generation without a head.
func (a Ablation) Edits(m *model.Model, prompts model.Prompts, heads ...[2]int) ([]hook.Edit, error) {
	values, err := a.replacements(m, prompts)
	if err != nil {
		return nil, err
	}
	var edits []hook.Edit
	for _, h := range heads {
		if h[0] < 0 || h[0] >= len(values) || h[1] < 0 || h[1] >= m.Config().Heads {
			return nil, fmt.Errorf("ablation: there is no head %d.%d", h[0], h[1])
		}
		edits = append(edits, edit(h[0], h[1], values[h[0]]))
	}
	return edits, nil
}
