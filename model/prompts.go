package model

import (
	"strings"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Prompts are tokenized texts: the rows of a request.
type Prompts struct {
	IDs    [][]int32  // token ids
	Labels [][]string // each token as text, for figures
	BOS    bool       // every row begins with the model's begin token

	err error
}

// Err is the error of tokenizing, or nil. A request made from prompts that
// failed fails with it.
func (p Prompts) Err() error { return p.err }

// Request is an empty request on the prompts.
func (p Prompts) Request() Request { return Request{Rows: p.IDs, err: p.err} }

// Capture is a request that gives back activations.
func (p Prompts) Capture(points ...hook.Point) Request { return p.Request().Capture(points...) }

// Edit is a request with edits.
func (p Prompts) Edit(edits ...hook.Edit) Request { return p.Request().Edit(edits...) }

// Metric is a request that reads metrics.
func (p Prompts) Metric(metrics ...Metric) Request { return p.Request().Metric(metrics...) }

// Start is a request that resumes at a block.
func (p Prompts) Start(layer int, resid *array.Array) Request { return p.Request().Start(layer, resid) }

// Row is one of the prompts.
func (p Prompts) Row(i int) Prompts {
	if p.err == nil && i >= 0 && i < len(p.IDs) {
		p.IDs, p.Labels = p.IDs[i:i+1], p.Labels[i:i+1]
	}
	return p
}

// Find is the position of the n-th token (from 0) of a row that reads as
// label, spaces trimmed, or -1.
func (p Prompts) Find(row int, label string, n int) int {
	if row < 0 || row >= len(p.Labels) {
		return -1
	}
	for i, l := range p.Labels[row] {
		if strings.TrimSpace(l) == strings.TrimSpace(label) {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}

// String shows the tokens of every row, separated by bars.
func (p Prompts) String() string {
	if p.err != nil {
		return p.err.Error()
	}
	rows := make([]string, len(p.Labels))
	for i, labels := range p.Labels {
		rows[i] = strings.Join(labels, "|")
	}
	return strings.Join(rows, "\n")
}
