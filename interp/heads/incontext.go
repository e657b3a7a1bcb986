package heads

import (
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// InContextPositions are where the in-context-learning score reads the loss.
type InContextPositions struct {
	Early  int // 0 means 50, or a tenth of a row that has no 500
	Late   int // 0 means 500, or the last position of a row that has no 500
	Window int // positions averaged, ending at each; 0 means 1
}

// resolve fills in the defaults for rows of n tokens.
func (p InContextPositions) resolve(n int) (InContextPositions, error) {
	last := n - 2 // the last position has no next token
	if p.Early == 0 {
		if p.Early = 50; last < 500 {
			p.Early = n / 10
		}
	}
	if p.Late == 0 {
		p.Late = min(500, last)
	}
	if p.Window == 0 {
		p.Window = 1
	}
	if p.Window < 1 || p.Early-p.Window+1 < 0 || p.Late > last || p.Early >= p.Late {
		return p, fmt.Errorf("in-context learning: positions %d and %d with a window of %d do not fit rows of %d tokens", p.Early, p.Late, p.Window, n)
	}
	return p, nil
}

// window are the positions averaged that end at one.
func (p InContextPositions) window(end int) []int {
	all := make([]int, p.Window)
	for i := range all {
		all[i] = end - p.Window + 1 + i
	}
	return all
}

// InContext is the in-context-learning score: the loss late in the context less
// the loss early in it, in nats, averaged over rows. Negative means that the
// model predicts better for having read. All rows must reach the late position.
//
// Where rows are too short for the paper's positions, or others are given, the
// result is called by what it is, the late loss less the early one: it is no
// score to hold against published ones. Positions are counted from 0.
//
// The score says that the context is used, not how: induction heads are one
// way. One pass, and the loss at a few positions. Source: Olsson et al. 2022,
// section "in-context learning score" (500th less 50th token of 512).
func InContext(m *model.Model, prompts model.Prompts, at InContextPositions) (*interp.Result, error) {
	if err := prompts.Err(); err != nil {
		return nil, err
	}
	shortest := m.Config().Context
	for _, row := range prompts.IDs {
		shortest = min(shortest, len(row))
	}
	at, err := at.resolve(shortest)
	if err != nil {
		return nil, err
	}
	run, err := m.Run(prompts.Metric(
		model.NLL().AtPositions(at.window(at.Late)...),
		model.NLL().AtPositions(at.window(at.Early)...)))
	if err != nil {
		return nil, fmt.Errorf("in-context learning: %w", err)
	}
	late, early := run.PerRow(0).Values(), run.PerRow(1).Values()
	samples := array.New(array.Dim("sample", len(late)))
	for i := range late {
		samples.Values()[i] = late[i] - early[i]
	}
	title, source := "in-context-learning score", olsson
	if at != (InContextPositions{Early: 50, Late: 500, Window: 1}) {
		title, source = fmt.Sprintf("loss at position %d less loss at %d", at.Late, at.Early), "after "+olsson
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(title, "nats"), Samples: samples,
		Method: fmt.Sprintf("loss at position %d less loss at %d, window %d, %d rows", at.Late, at.Early, at.Window, len(late)),
		Source: source, Provenance: run.Provenance,
	}, nil
}

// LossByPosition is the mean loss of predicting the token after each position,
// in nats [pos]. All rows must have equally many tokens. One pass, with the
// logits of every position.
func LossByPosition(m *model.Model, prompts model.Prompts) (*interp.Result, error) {
	if err := prompts.Err(); err != nil {
		return nil, err
	}
	if len(prompts.IDs) == 0 {
		return nil, fmt.Errorf("loss by position: no rows")
	}
	n := len(prompts.IDs[0])
	for i, row := range prompts.IDs {
		if len(row) != n {
			return nil, fmt.Errorf("loss by position: row %d has %d tokens, row 0 has %d", i, len(row), n)
		}
	}
	request := prompts.Request()
	for pos := range n - 1 {
		request = request.Metric(model.NLL().AtPositions(pos))
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, fmt.Errorf("loss by position: %w", err)
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Dim("pos", n-1))
	for pos := range n - 1 {
		for i, v := range run.PerRow(pos).Values() {
			samples.Set(float64(v), i, pos)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named("loss of the next token", "nats"), Samples: samples,
		Method: fmt.Sprintf("loss by position, %d rows", len(prompts.IDs)), Source: "golens", Provenance: run.Provenance,
	}, nil
}
