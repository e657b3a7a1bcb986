package verify

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/softmax"
)

// A Table is how far a model is from an oracle.
type Table struct {
	Model, Oracle string
	Tokens        int
	Lines         []Line
	Outputs       []Output
}

// A Line is one activation under one processing on one engine.
type Line struct {
	Backend    string
	Processing model.Processing
	Point      hook.Point
	Max, Mean  float64 // absolute difference
	Size       float64 // root mean square of the oracle's values
}

// An Output is how far the predictions are from the oracle's.
type Output struct {
	Backend       string
	Processing    model.Processing
	KL, LargestKL float64 // of the model's output from the oracle's, in nats, over positions
	Top1          float64 // share of positions with the same likeliest token; those within 1e-5 of it count as tied
	LogProb       float64 // largest difference of a log-probability
}

// Views are the processings worth comparing under: none, the standard one, and
// with heads refactored where a model of this config allows that.
func Views(c config.Config) []model.Processing {
	return slices.Compact([]model.Processing{{}, model.StandardFor(c), model.FactoredFor(c)})
}

// Compare runs the model on the oracle's tokens under each processing, or with
// raw weights if none is given; [Views] are those to choose from. Processed
// weights change activations by design: for them only what they keep is
// compared, patterns and the output.
func Compare(m *model.Model, o *Oracle, processings ...model.Processing) (*Table, error) {
	if processings == nil {
		processings = []model.Processing{{}}
	}
	t := &Table{Model: m.Info().Name, Oracle: o.Name}
	for _, row := range o.Rows {
		t.Tokens += len(row)
	}
	for _, p := range processings {
		view, err := m.Process(p)
		if err != nil {
			return nil, err
		}
		var points []hook.Point
		for _, point := range o.Points {
			if p == (model.Processing{}) || point.Kind == hook.KindPattern || point.Kind == hook.KindLogits {
				points = append(points, point)
			}
		}
		run, err := view.Run(view.Rows(o.Rows).Capture(points...))
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		for _, c := range run.Captures {
			want := o.Want[c.Point.ID]
			if fmt.Sprint(c.Array.Shape()) != fmt.Sprint(want.Shape()) {
				return nil, fmt.Errorf("verify: %s has shape %v, the oracle's %v", c.Point, c.Array.Shape(), want.Shape())
			}
			if c.Point.Kind != hook.KindLogits || p == (model.Processing{}) { // logits may be shifted as one
				line := Line{Backend: run.Backend, Processing: p, Point: c.Point}
				line.Max, line.Mean, line.Size = differences(c.Array.Values(), want.Values())
				t.Lines = append(t.Lines, line)
			}
			if c.Point.Kind == hook.KindLogits {
				out := Output{Backend: run.Backend, Processing: p}
				out.measure(c.Array, want)
				t.Outputs = append(t.Outputs, out)
			}
		}
	}
	return t, nil
}

// differences are the largest and the mean absolute difference and the size of
// want. Equal infinities and places that are NaN on both sides do not count; a
// NaN on one side differs by infinity.
func differences(got, want []float32) (most, mean, size float64) {
	n := 0
	for i := range want {
		a, b := float64(got[i]), float64(want[i])
		if math.IsNaN(a) && math.IsNaN(b) || math.IsInf(b, 0) && a == b {
			continue
		}
		d := math.Abs(a - b)
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		most, mean, size, n = max(most, d), mean+d, size+b*b, n+1
	}
	return most, mean / float64(max(n, 1)), math.Sqrt(size / float64(max(n, 1)))
}

// measure compares logits [batch, pos, vocab], in float64.
func (o *Output) measure(got, want *array.Array) {
	vocab := want.Shape()[2]
	positions := 0
	for at := 0; at < len(want.Values()); at += vocab {
		a, b := got.Values()[at:at+vocab], want.Values()[at:at+vocab]
		za, zb := softmax.LogSum(a), softmax.LogSum(b)
		if math.IsNaN(za) && math.IsNaN(zb) {
			continue // padding
		}
		logProb := func(i int) (ours, theirs float64) { return float64(a[i]) - za, float64(b[i]) - zb }
		kl, best, theirBest := 0.0, 0, 0
		softmax.Each(b, zb, func(i int, p float64) {
			ours, theirs := logProb(i)
			kl += p * (theirs - ours)
			if a[i] > a[best] {
				best = i
			}
			if b[i] > b[theirBest] {
				theirBest = i
			}
			o.LogProb = worse(o.LogProb, math.Abs(ours-theirs))
		})
		_, chosen := logProb(best)
		_, most := logProb(theirBest)
		if most-chosen <= tie {
			o.Top1++
		}
		o.KL += kl
		o.LargestKL = worse(o.LargestKL, kl)
		positions++
	}
	o.KL /= float64(max(positions, 1))
	o.Top1 /= float64(max(positions, 1))
}

// tie is how near log-probabilities are that rounding may put in either order:
// small models have many equal logits.
const tie = 1e-5

// worse is the larger of two; NaN is the worst.
func worse(a, b float64) float64 {
	if math.IsNaN(b) {
		return math.Inf(1)
	}
	return max(a, b)
}

// Add appends the lines of another table of the same oracle.
func (t *Table) Add(other *Table) {
	t.Lines, t.Outputs = append(t.Lines, other.Lines...), append(t.Outputs, other.Outputs...)
}

// closeEnough is the KL divergence that float32 noise stays far below (1e-8 on
// models of any size) and a wrong model is far above.
const closeEnough = 1e-4

// Err is nil if every output agrees with the oracle's: KL below 1e-4 nats at
// every position.
func (t *Table) Err() error {
	for _, o := range t.Outputs {
		if !(o.LargestKL < closeEnough) {
			return fmt.Errorf("verify %s: on %s with %s, the output is %.2g nats away from %s", t.Model, o.Backend, o.Processing, o.LargestKL, t.Oracle)
		}
	}
	return nil
}

// engine is an engine's name without advice on how to build it.
func engine(backend string) string {
	name, _, _ := strings.Cut(backend, " (built")
	return name
}

// String is the table, aligned.
func (t *Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s, %d tokens\n", t.Model, t.Oracle, t.Tokens)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	head := ""
	for _, l := range t.Lines {
		if h := engine(l.Backend) + ", " + l.Processing.String(); h != head {
			fmt.Fprintf(w, "\n%s\n  activation\tlargest\tmean\tsize\n", h)
			head = h
		}
		fmt.Fprintf(w, "  %s\t%.1e\t%.1e\t%.2g\n", l.Point, l.Max, l.Mean, l.Size)
	}
	if len(t.Outputs) > 0 {
		fmt.Fprint(w, "\n  KL mean\tKL largest\tlog-prob\ttop-1\toutput with\n")
	}
	for _, o := range t.Outputs {
		// A mean of many terms that cancel may come out as -1e-17.
		fmt.Fprintf(w, "  %.1e\t%.1e\t%.1e\t%.1f%%\t%s, %s\n", max(0, o.KL), max(0, o.LargestKL), o.LogProb, 100*o.Top1, engine(o.Backend), o.Processing)
	}
	w.Flush()
	return b.String()
}
