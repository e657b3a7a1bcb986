package model

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// An Ending is why a row of a generation ended.
type Ending string

// The endings.
const (
	EndLength Ending = "length" // it has all its new tokens
	EndStop   Ending = "stop"   // a stop token was chosen, which is its last
)

// A Generated is what a generation gave.
type Generated struct {
	Prompts Prompts  // the rows, prompts included
	Text    []string // of each row
	Begin   []int    // tokens of each row's prompt
	Ended   []Ending // why each row has no more tokens

	// LogProbs are the log-probabilities in nats of each row's new tokens, by the
	// model's logits, edits included, before temperature, TopK and TopP.
	LogProbs [][]float64

	// Captures are in the order of the generation's. Position axes are as in a
	// run on the rows without their last tokens, which were not run, and values
	// past a row's end are NaN. A query sees no key that came after it was
	// computed: its pattern there is 0, its score -Inf.
	Captures []Captured

	Provenance
}

// At is the activation captured at a point. If more was captured, the part that
// the point selects is cut out; positions must then be the same in every row and
// counted from the start.
func (g *Generated) At(p hook.Point) *array.Array { return find(g.Captures, p, "capture") }

// Stack is what was captured at several points of one shape, such as one hook of
// all layers [layer, batch, ...].
func (g *Generated) Stack(points ...hook.Point) *array.Array { return stack(g.At, points) }

// New are the new tokens of a row, none if there is no such row.
func (g *Generated) New(row int) []int32 {
	if row < 0 || row >= len(g.Begin) {
		return nil
	}
	return g.Prompts.IDs[row][g.Begin[row]:]
}

// LogProb is the log-probability in nats of all new tokens of a row together,
// NaN if there is no such row.
func (g *Generated) LogProb(row int) float64 {
	if row < 0 || row >= len(g.LogProbs) {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range g.LogProbs[row] {
		sum += v
	}
	return sum
}

// String is a table with a line for each row.
func (g *Generated) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tnew\tended by\tlog p (nats)\ttext")
	for i, text := range g.Text {
		fmt.Fprintf(w, "%d\t%d\t%s\t%.4g\t%q\n", i, len(g.New(i)), g.Ended[i], g.LogProb(i), text)
	}
	_ = w.Flush() // a strings.Builder takes everything
	for _, c := range g.Captures {
		fmt.Fprintf(&b, "capture %s %v\n", c.Point, c.Array.Shape())
	}
	fmt.Fprintf(&b, "%s", g.Provenance)
	return b.String()
}
