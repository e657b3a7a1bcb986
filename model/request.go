package model

import (
	"errors"
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Request is one run of a batch. The zero value of every field but Rows
// means that nothing of the sort is wanted.
type Request struct {
	Rows [][]int32 // token ids, one row per prompt, of any lengths

	// Mask is false at padding tokens, which must stand at the left or right
	// end of their row. Nil means that no row is padded. Padding is not seen
	// and has no position: positions in captures, edits and metrics count the
	// tokens that are left.
	Mask [][]bool `json:",omitempty"`

	Captures []hook.Point `json:",omitempty"` // activations to give back
	Edits    []hook.Edit  `json:",omitempty"` // changes, in order
	Metrics  []Metric     `json:",omitempty"` // numbers per row
	Grads    []hook.Point `json:",omitempty"` // gradients of a metric, summed over rows
	GradOf   []int        `json:",omitempty"` // metrics whose gradients are taken; nil means the first

	// From is the first block to run; if it is not 0, Resid is the residual
	// stream into it [batch, pos, d_model]. The number of layers means that
	// only the final norm and the unembedding run.
	From  int          `json:",omitempty"`
	Resid *array.Array `json:",omitempty"`
	// Until is the block before which the run stops; 0 means that it runs as
	// far as something is wanted.
	Until int `json:",omitempty"`

	// Budget bounds the bytes given back; 0 means 4 GiB.
	Budget int64 `json:",omitempty"`

	err error // of the prompts that it was made from
}

func init() { asks[Request, *Result]() }

// Verb implements [Ask].
func (Request) Verb() string { return "run" }

func (r Request) check(c config.Config) error {
	_, _, err := r.job(c, nil)
	return err
}

// Hash identifies the request: requests of equal content have equal hashes.
func (r Request) Hash() string { return hashOf(r) }

var errNoRows = errors.New("request: no rows; give at least one prompt")

var errHeadless = errors.New("these weights have no unembedding, as they were saved for their hidden states: there are no logits, and nothing that is read off them")

// defaultBudget is the size of captures beyond which a request is refused
// unless it says so itself: about what a laptop can spare.
const defaultBudget = 4 << 30

// Capture also gives back the activations.
func (r Request) Capture(points ...hook.Point) Request {
	r.Captures = slices.Concat(r.Captures, points)
	return r
}

// Edit also makes the edits, after those already there.
func (r Request) Edit(edits ...hook.Edit) Request {
	r.Edits = slices.Concat(r.Edits, edits)
	return r
}

// Metric also reads the metrics.
func (r Request) Metric(metrics ...Metric) Request {
	r.Metrics = slices.Concat(r.Metrics, metrics)
	return r
}

// Grad also takes the gradient of the first metric, summed over rows, at the
// points. A row's gradient is that of its own metric, since rows do not meet.
func (r Request) Grad(points ...hook.Point) Request {
	r.Grads = slices.Concat(r.Grads, points)
	return r
}

// GradEach takes the gradients of all metrics given so far, each by itself, at
// the points. They share one pass forwards, and each block is computed once on
// the way back.
func (r Request) GradEach(points ...hook.Point) Request {
	r.GradOf = make([]int, len(r.Metrics))
	for i := range r.GradOf {
		r.GradOf[i] = i
	}
	return r.Grad(points...)
}

// gradOf are the metrics whose gradients are taken.
func (r Request) gradOf() []int {
	if len(r.Grads) > 0 && r.GradOf == nil {
		return []int{0}
	}
	return r.GradOf
}

// Start resumes at a block, with the residual stream into it [batch, pos, d_model].
func (r Request) Start(layer int, resid *array.Array) Request {
	r.From, r.Resid = layer, resid
	return r
}

// Stop ends the run before a block.
func (r Request) Stop(layer int) Request {
	r.Until = layer
	return r
}
