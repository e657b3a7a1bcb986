package circuit

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp/graph"
)

// A Comparison holds one circuit against another.
type Comparison struct {
	Circuit, Truth string // their names
	Nodes          Overlap
	Edges          Overlap
	// Classes counts the parts in both that are of the same class in both.
	Classes int
}

// An Overlap is what two circuits have in common.
type Overlap struct {
	Both    []string // in both
	Extra   []string // in the circuit alone
	Missing []string // in the truth alone
}

// Compare holds the circuit against another that is taken for the truth: nodes
// by their parts, edges by both ends and the input.
func (c *Circuit) Compare(truth *Circuit) (*Comparison, error) {
	for _, one := range []*Circuit{c, truth} {
		if err := one.Check(nil); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
	}
	r := &Comparison{Circuit: c.Title(), Truth: truth.Title()}
	r.Nodes = overlap(c.Parts(), truth.Parts(), graph.Part.String)
	r.Edges = overlap(c.ends(), truth.ends(), graph.Edge.String)
	for _, n := range c.Nodes {
		if other := truth.find(n.Part); other != nil && other.Class == n.Class {
			r.Classes++
		}
	}
	return r, nil
}

// overlap compares two lists without repetitions.
func overlap[T comparable](a, b []T, text func(T) string) (o Overlap) {
	inA, inB := map[T]bool{}, map[T]bool{}
	for _, x := range a {
		inA[x] = true
	}
	for _, y := range b {
		inB[y] = true
	}
	for _, x := range a {
		if inB[x] {
			o.Both = append(o.Both, text(x))
		} else {
			o.Extra = append(o.Extra, text(x))
		}
	}
	for _, y := range b {
		if !inA[y] {
			o.Missing = append(o.Missing, text(y))
		}
	}
	return o
}

// Precision is the share of the circuit that is in the truth, NaN if the
// circuit is empty.
func (o Overlap) Precision() float64 { return share(len(o.Both), len(o.Extra)) }

// Recall is the share of the truth that is in the circuit, NaN if the truth is
// empty.
func (o Overlap) Recall() float64 { return share(len(o.Both), len(o.Missing)) }

func share(n, rest int) float64 {
	if n+rest == 0 {
		return math.NaN()
	}
	return float64(n) / float64(n+rest)
}

// String is a small table, and what differs.
func (r *Comparison) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against %s\n", r.Circuit, r.Truth)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tboth\textra\tmissing\tprecision\trecall\t")
	for _, line := range []struct {
		name string
		Overlap
	}{{"nodes", r.Nodes}, {"edges", r.Edges}} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t\n", line.name, len(line.Both), len(line.Extra), len(line.Missing),
			fraction(line.Precision()), fraction(line.Recall()))
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%d of the %d nodes in both are of the same class\n", r.Classes, len(r.Nodes.Both))
	for _, line := range []struct {
		name string
		list []string
	}{{"extra nodes", r.Nodes.Extra}, {"missing nodes", r.Nodes.Missing}, {"extra edges", r.Edges.Extra}, {"missing edges", r.Edges.Missing}} {
		if n := len(line.list); n > shown {
			fmt.Fprintf(&b, "%s: %s and %d more\n", line.name, strings.Join(line.list[:shown], ", "), n-shown)
		} else if n > 0 {
			fmt.Fprintf(&b, "%s: %s\n", line.name, strings.Join(line.list, ", "))
		}
	}
	return b.String()
}

func fraction(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}
