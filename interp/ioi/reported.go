package ioi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Reported is a number that a paper prints.
type Reported struct {
	Name  string
	Value float64
	Bound string // "<" or ">" if the paper says no more than that
	Unit  string
	Where string // section or figure
}

// Numbers are what a paper prints, in its order.
type Numbers []Reported

// PaperNumbers are the numbers of Wang et al. 2022 on GPT-2 small that a run
// of this package can be held against. The paper's prompts are of its own
// templates, and its means are over many more prompts than one runs here: only
// large differences mean something.
func PaperNumbers() Numbers {
	n := Numbers{
		{"logit difference", 3.56, "", "logits", "2.1"},
		{"IO above S", 99.3, "", "%", "2.1"},
		{"probability of IO", 0.49, "", "", "2.1"},
		{"attention of name movers to IO", 0.59, "", "", "3.1"},
		{"copy score of name movers", 95, ">", "%", "3.1"},
		{"copy score of an average head", 20, "<", "%", "3.1"},
		{"copy score of negative name movers, sign flipped", 98, "", "%", "3.1"},
		{"copy score of an average head, sign flipped", 12, "", "%", "3.1"},
		{"change without the name movers", -5, "", "%", "3.4"},
		{"attention of S-inhibition heads to S2", 0.51, "", "", "3.2"},
	}
	for i, row := range [2][3]float64{{3.55, 2.45, 1.77}, {-0.99, -1.96, -3.16}} {
		for j, v := range row {
			n = append(n, Reported{"position " + [2]string{"kept", "inverted"}[i] + ", token " + [3]string{"kept", "random", "inverted"}[j], v, "", "logits", "A"})
		}
	}
	n = append(n,
		Reported{"weight of the position signal", 2.31, "", "logits", "A"},
		Reported{"weight of the token signal", 0.99, "", "logits", "A"},
		Reported{"|F(M) − F(C)|", 0.46, "", "logits", "4"},
		Reported{"F(C) / F(M)", 87, "", "%", "4"},
		Reported{"|F(M) − F(C)|, naive circuit", 0.1, "", "logits", "4"},
		Reported{"largest gap, greedy, naive circuit", 3.09, "", "logits", "4"},
	)
	for _, v := range []struct {
		head          string
		without, with float64
	}{{"9.9", 2.26, 2.62}, {"10.7", 4.07, 3.13}, {"8.10", 0.24, 1.01}, {"5.5", 0.97, 2.12}, {"0.1", 0.60, 1.90}, {"4.11", 1.31, 2.28}, {"11.9", 0.41, 0.45}} {
		n = append(n,
			Reported{`F(C\K), v = ` + v.head, v.with, "", "logits", "4"},
			Reported{`F(C\(K+v)), v = ` + v.head, v.without, "", "logits", "4"})
	}
	return n
}

// A Replication is what a paper reports beside what was measured.
type Replication struct {
	Numbers  Numbers   // those that were measured
	Measured []float64 // of each
}

// Beside holds measured values against the numbers of their names. A name that
// is not among them is an error.
func (n Numbers) Beside(measured map[string]float64) (*Replication, error) {
	r := &Replication{}
	left := maps.Clone(measured)
	for _, one := range n {
		if v, found := measured[one.Name]; found {
			r.Numbers, r.Measured = append(r.Numbers, one), append(r.Measured, v)
			delete(left, one.Name)
		}
	}
	if len(left) > 0 {
		names := make([]string, len(n))
		for i, one := range n {
			names[i] = one.Name
		}
		return nil, fmt.Errorf("no number is called %q; there are %s", slices.Min(slices.Collect(maps.Keys(left))), strings.Join(names, "; "))
	}
	return r, nil
}

// Difference is by how much the i-th measured value is above the reported one;
// of a bound, by how much it is on the wrong side of it.
func (r *Replication) Difference(i int) float64 {
	if i < 0 || i >= len(r.Numbers) {
		return 0
	}
	d := r.Measured[i] - r.Numbers[i].Value
	if bound := r.Numbers[i].Bound; bound == "<" && d < 0 || bound == ">" && d > 0 {
		return 0
	}
	return d
}

// String is a table.
func (r *Replication) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tpaper\tmeasured\tdifference\t\tsection\t")
	for i, n := range r.Numbers {
		fmt.Fprintf(w, "%s\t%s%.2f\t%.2f\t%+.2f\t%s\t%s\t\n", n.Name, n.Bound, n.Value, r.Measured[i], r.Difference(i), n.Unit, n.Where)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}
