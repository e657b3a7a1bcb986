package plan

import (
	"slices"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Job is a checked request: every id, layer, head and position exists.
type Job struct {
	Tokens   [][]int32    // one row per prompt, of any lengths
	Captures []hook.Point // what to give back
	Edits    []hook.Edit  // in order
	From     int          // first layer to run
	Resid    *array.Array // resid_pre of layer From, if From > 0 [batch, pos, d_model]
	Until    int          // layers From..Until-1 run; logits need all of them
	Metrics  []Objective
	Grads    []hook.Point // of the sum over rows of each of GradOf
	GradOf   []int        // indices of Metrics
	Weigh    []string     // tensors of formulas whose gradients are wanted too
	Most     int          // rows of a chunk; 0 means as many as run well
	Common   bool         // where graphs take long to compile, blocks give all that sweeps read or nothing, so that sweeps share graphs
	Soft     bool         // metrics that graphs can measure are, in float32, where their gradients are taken
	Starts   []int        // first position to run of each row, nil for all; Base has keys and values before it
	Widest   int          // most positions that a row runs in any job like this one, to which widths are not rounded up; 0 is not known
	Done     func(rows int)
	Cut      Cut // how rows are cut into chunks; zero is as suits the engine

	// Base and Source are what formulas read of other runs, Below of blocks before
	// From.
	Base, Source, Below *Left
}

// Left is what a run left of some activations, whole [batch, ...], at rows of
// these lengths.
type Left struct {
	Lens []int
	At   map[hook.ID]*array.Array
}

// Kept are the points whose arrays the job gives back.
func (j Job) Kept() []hook.Point {
	all := slices.Clone(j.Captures)
	for range j.GradOf {
		all = append(all, j.Grads...)
	}
	return all
}

// An Objective is a number per row: a function of logits, or linear in a hook
// point.
type Objective struct {
	// At are the positions of the logits that row reads, none negative.
	At func(row int) []int
	// Tokens are the vocabulary entries that row reads at each position, nil
	// for all of them. Each row names equally many.
	Tokens func(row int) []int32
	// Eval is the metric at the i-th position of At, from the logits there [vocab,
	// or token of Tokens]; if grad is not nil, it is told each derivative. The
	// metric of a row is the mean over its positions.
	Eval func(row, i int, logits []float32, grad func(j int, d float64)) float64

	// Soft, if set, is what a graph needs to measure the metric by itself.
	Soft *Soft

	// Linear, if set, takes the place of the above: the sum of the point's
	// values times the edit's, broadcast as for adding.
	Linear *hook.Edit
}

// Soft is a metric of the softmax over the vocabulary, at the i-th position of At: the
// log probability of a token, or, if Logits is set, the divergence of the softmax from
// that of those logits; times Factor.
type Soft struct {
	Token  func(row, i int) int32
	Logits func(row, i int) []float32
	Factor float32
}

// A Sweep is a checked sweep.
type Sweep struct {
	Base     Job  // captures and gradients are those of the base run alone
	Source   *Job // nil if there is none
	Variants []Variant
	Captures []hook.Point // of every variant
	Budget   int64
	Done     func(rows int) // of variants
}

// A Variant is a list of edits, made after those of the base.
type Variant struct {
	Edits  []hook.Edit
	Rows   []int // nil: all
	Donors []int // row of the source of each row; nil: the same
}

// A Generation is a checked generation: every row has room for New tokens more.
type Generation struct {
	Tokens   [][]int32    // prompts, of any lengths
	New      int          // tokens to add to each row, at least 1
	Edits    []hook.Edit  // in order, each made where a position is computed
	Captures []hook.Point // of what is computed; see [EachStep]
	Window   *Window      // nil keeps all keys and values

	// Choose gives a row's next token by its logits [vocab], and tells whether
	// the row ends with it. A row's tokens are chosen one after the other;
	// different rows may be asked for at the same time.
	Choose func(row int, logits []float32) (token int32, end bool, err error)
	Done   func(tokens int) // of all rows
}

// A Window says which keys and values are kept: the first Start, and the last
// Recent. Ahead 0 cuts to these after each token, which so sees itself and them;
// otherwise room is made for so many tokens whenever one more would not fit.
type Window struct {
	Start, Recent, Ahead int
	InText               bool // positions are those in the text, not the places among what is kept
}

// Most is how many positions are seen at once.
func (w Window) Most() int {
	if w.Ahead > 0 {
		return w.Start + w.Recent
	}
	return w.Start + w.Recent + 1
}

// Kept is how many of the last positions stay, of n, before one more is computed.
// The first Start stay always.
func (w Window) Kept(n int) int {
	if n < w.Most() {
		return n - min(n, w.Start)
	}
	return w.Recent - w.Ahead
}

// EachStep tells whether a capture takes, in every step, the position whose
// logits choose the next token: its position axis counts the steps.
func EachStep(p hook.Point) bool {
	return len(p.Pos.Rows) == 1 && slices.Equal(p.Pos.Rows[0], []int{-1})
}

// Generated is the shape of a capture of a generation with these edits, for prompts
// the longest of which has so many tokens.
func Generated(c config.Config, p hook.Point, edits []hook.Edit, rows, longest, steps int) []int {
	longest += steps - 1 // nothing runs on the last token
	shape, axis := []int(nil), p.Kind.PositionAxis()
	if p.Value == "" {
		shape = c.Selected(p, rows, longest)
	} else {
		dims, _ := c.LabelDims(p, edits) // it was checked
		shape, axis = config.SelectedOf(p, dims, rows, longest), 1
	}
	if EachStep(p) {
		shape[axis] = steps
	}
	return shape
}
