package patch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// Plans are how the sweeps behind a result were run, one after the other.
type Plans []model.Plan

// String is each plan; of many alike the first.
func (p Plans) String() string {
	var b strings.Builder
	for i, plan := range p {
		if len(p) > 2 && i == 1 {
			fmt.Fprintf(&b, "\nand %d more sweeps like it", len(p)-1)
			break
		}
		if i > 0 {
			b.WriteString("\nand then\n")
		}
		b.WriteString(plan.String())
	}
	return b.String()
}

// strongest is how many values String lists of a result that is no table.
const strongest = 10

// String is the values as a table, or the strongest if they make none, the
// metric of the runs themselves, and how it came about.
func (e *Effects) String() string {
	var b strings.Builder
	if len(e.Shape()) <= 2 {
		fmt.Fprintln(&b, e.Array)
	} else {
		title, unit := e.title(e.Scale)
		fmt.Fprintf(&b, "%s %v %s\n%s", title, e.Shape(), unit, e.table(e.rank(strongest), nil, nil))
	}
	if e.Other == nil {
		fmt.Fprintf(&b, "%s with nothing changed: %.4g\n", e.metric, e.Base.Mean("sample").Scalar())
	} else {
		fmt.Fprintf(&b, "%s: %.4g in the %s run, %.4g in the %s one; here %s\n", e.metric,
			e.Base.Mean("sample").Scalar(), e.runs[0], e.Other.Mean("sample").Scalar(), e.runs[1], e.Scale)
	}
	fmt.Fprintf(&b, "%s (%s)\n%s\n", e.Method, e.Source, e.Provenance)
	return b.String()
}

// Strongest is a table of the n values furthest from nothing, with 95%
// intervals over prompts from a seeded bootstrap.
func (e *Effects) Strongest(n int, b interp.Bootstrap) (string, error) {
	lo, hi, err := e.Interval(b)
	if err != nil {
		return "", err
	}
	return e.table(e.rank(n), lo, hi), nil
}

// nothing is the value of a part that does not matter.
func (e *Effects) nothing() float64 {
	switch {
	case e.Scale == Raw:
		return e.Base.Mean("sample").Scalar()
	case e.Scale == Normalised && e.direction == Noising:
		return 1
	}
	return 0
}

// rank are the indices of the n values furthest from nothing.
func (e *Effects) rank(n int) []int {
	zero := e.nothing()
	var order []int
	for i, v := range e.Values() {
		if v == v {
			order = append(order, i)
		}
	}
	far := func(i int) float64 { return math.Abs(float64(e.Values()[i]) - zero) }
	slices.SortStableFunc(order, func(i, j int) int {
		switch a, b := far(i), far(j); {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return order[:min(max(0, n), len(order))]
}

func (e *Effects) table(which []int, lo, hi *array.Array) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, i := range which {
		fmt.Fprintf(w, "  %s\t%.4g", label(e.Axes(), i), e.Values()[i])
		if lo != nil {
			fmt.Fprintf(w, "\t[%.4g, %.4g]", lo.Values()[i], hi.Values()[i])
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// label names the i-th value of an array: 9.6 for a head, else its axes.
func label(axes []array.Axis, i int) string {
	words := make([]string, len(axes))
	for k := len(axes) - 1; k >= 0; k-- {
		at := i % axes[k].Len
		i /= axes[k].Len
		words[k] = strconv.Itoa(at)
		if axes[k].Labels != nil {
			words[k] = axes[k].Labels[at]
		}
	}
	var parts []string
	layer := ""
	for k, ax := range axes {
		switch ax.Name {
		case "layer":
			layer = words[k]
			if !slices.ContainsFunc(axes, func(a array.Axis) bool { return a.Name == "head" }) {
				parts = append(parts, "layer "+words[k])
			}
		case "head":
			parts = append(parts, layer+"."+words[k])
		case "pos":
			parts = append(parts, fmt.Sprintf("at %q", words[k]))
		case "neuron":
			parts = append(parts, "neuron "+words[k])
		default:
			parts = append(parts, words[k])
		}
	}
	return strings.Join(parts, " ")
}
