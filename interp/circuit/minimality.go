package circuit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A Choice says which set K of other nodes is taken out beside a node v when
// its part in the circuit is measured.
type Choice struct {
	// Of are sets for single nodes; nil leaves all to the rule.
	Of map[Part][]Part
	// Cumulative are the classes whose nodes stand in for each other in order:
	// K is the nodes of the class before v. Nil means "name mover"; an empty list
	// means none.
	Cumulative []string
	// Beside are classes that are taken out too with a node of a class, such as
	// the movers of backup movers. Nil means "backup name mover": "name mover",
	// "negative name mover".
	Beside map[string][]string
	// Best also tries the empty set, every other node by itself, v's own class,
	// and every other class with and without it, and keeps the largest change.
	// That is biased upwards.
	Best bool
}

// k is the rule's set for a node.
func (h Choice) k(c *Circuit, n Node) []Part {
	if k, given := h.Of[n.Part]; given {
		return without(k, n.Part)
	}
	class := c.Of(n.Class)
	cumulative := h.Cumulative
	if cumulative == nil {
		cumulative = []string{NameMover}
	}
	if slices.Contains(cumulative, n.Class) {
		class = class[:slices.Index(class, n.Part)]
	}
	beside := h.Beside
	if beside == nil {
		beside = map[string][]string{BackupNameMover: {NameMover, NegativeNameMover}}
	}
	k := without(class, n.Part)
	for _, other := range beside[n.Class] {
		k = append(k, without(c.Of(other), n.Part)...)
	}
	return k
}

// sets are all that are tried for a node, the rule's first.
func (h Choice) sets(c *Circuit, n Node) [][]Part {
	sets := [][]Part{h.k(c, n)}
	if !h.Best {
		return sets
	}
	own := without(c.Of(n.Class), n.Part)
	sets = append(sets, nil, own)
	for _, p := range without(c.Parts(), n.Part) {
		sets = append(sets, []Part{p})
	}
	for _, class := range c.Classes() {
		if class != n.Class {
			sets = append(sets, c.Of(class), slices.Concat(own, c.Of(class)))
		}
	}
	return sets
}

// need measures the circuit without all sets that are tried, each with and
// without its node.
func (h Choice) need(p *pair) error {
	for v, k := range h.Of {
		for _, part := range k {
			if p.c.find(v) != nil && p.c.find(part) == nil {
				return fmt.Errorf("the set for %s has %s, which is no node of circuit %q", v, part, p.c.Name)
			}
		}
	}
	var sets [][]Part
	for _, n := range p.c.Nodes {
		for _, k := range h.sets(p.c, n) {
			sets = append(sets, k, with(k, n.Part))
		}
	}
	return p.needAlone(sets)
}

// most is the set beside which a node changes most, and by how much.
func (h Choice) most(p *pair, n Node) (k []Part, change float64) {
	change = math.Inf(-1)
	for _, set := range h.sets(p.c, n) {
		before, after := p.alone[key(set)], p.alone[key(with(set, n.Part))]
		if d := math.Abs(p.mean(after) - p.mean(before)); d > change {
			k, change = set, d
		}
	}
	return k, change
}

func without(parts []Part, p Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(q Part) bool { return q == p })
}

// A Needed is how much a node does in the circuit.
type Needed struct {
	Node     Node
	K        []Part
	With     Estimate // F(C\K)
	Without  Estimate // F(C\(K+v))
	Change   Estimate // |F(C\(K+v)) - F(C\K)|
	Share    float64  // of |F(M) - F(∅)|, NaN if the two are not told apart
	Opposing bool     // the metric gets better without the node
}

// A Minimal is how much each node does in a circuit.
type Minimal struct {
	*interp.Result // the changes [node]
	Circuit        string
	Settings       Settings
	Nodes          []Needed
	Whole, Empty   Estimate // F(M), and F(∅) with everything gone
}

// Minimality measures for each node v of the circuit how much it changes when it
// is taken out beside a set K, |F(C\(K+v)) - F(C\K)|. A node that changes
// nothing for any K is idle and makes the circuit larger than need be. That v
// matters for one K is all that is asked: nodes that stand in for each other
// show only without the others.
//
// Shares are of what there is to lose, F(M) - F(∅); Wang et al. give them of F(M).
// Where the change may be none its interval begins at 0.
//
// Two passes per node, of what it changes, and two. Source: Wang et al. 2022,
// section 4.
func Minimality(m *model.Model, t *task.Task, c *Circuit, s Settings, choice Choice) (*Minimal, error) {
	fail := func(err error) (*Minimal, error) { return nil, fmt.Errorf("minimality: %w", err) }
	p, err := newPair(m, t, c, s.Ablation)
	if err != nil {
		return fail(err)
	}
	if err := choice.need(p); err != nil {
		return fail(err)
	}
	whole, empty, err := p.ends()
	if err != nil {
		return fail(err)
	}
	r := &Minimal{Circuit: c.Title(), Settings: s}
	if r.Whole, r.Empty, err = estimateEnds(s.Bootstrap, whole, empty); err != nil {
		return fail(err)
	}
	gap := gapOf(whole, empty)
	names := make([]string, len(c.Nodes))
	values := array.New(array.Dim("node", len(c.Nodes)))
	samples := array.New(array.Dim("sample", t.Len()), array.Dim("node", len(c.Nodes)))
	for i, n := range c.Nodes {
		one, err := p.needed(n, choice, s.Bootstrap)
		if err != nil {
			return fail(err)
		}
		one.Share = one.Change.Value / gap
		r.Nodes = append(r.Nodes, one)
		names[i] = n.Part.String()
		values.Set(one.Change.Value, i)
		before, after := p.alone[key(one.K)], p.alone[key(with(one.K, n.Part))]
		for row := range before {
			samples.Set(after[row]-before[row], row, i)
		}
	}
	r.Result = p.result(nil, "node", names, "", "")
	r.Array, r.Samples = values.Label("node", names).Named(`|F(C\(K+v)) − F(C\K)|`, t.Metric.Unit()), samples
	if choice.Best {
		r.Method += ", the largest of several K"
	}
	return r, r.Err()
}

// needed measures a node by the K with the largest change.
func (p *pair) needed(n Node, choice Choice, b interp.Bootstrap) (Needed, error) {
	best := Needed{Node: n}
	best.K, _ = choice.most(p, n)
	before, after := p.alone[key(best.K)], p.alone[key(with(best.K, n.Part))]
	best.Opposing = p.mean(after) > p.mean(before) != p.t.Metric.LowerIsBetter()
	for e, of := range map[*Estimate]func(rows []int) float64{
		&best.With:    func(rows []int) float64 { return mean(before, rows) },
		&best.Without: func(rows []int) float64 { return mean(after, rows) },
	} {
		var err error
		if *e, err = estimate(b, p.t.Len(), of); err != nil {
			return best, err
		}
	}
	var err error
	best.Change, err = estimateSize(b, p.t.Len(), func(rows []int) float64 { return mean(after, rows) - mean(before, rows) })
	return best, err
}

// String is a table of the nodes, and the settings.
func (r *Minimal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "minimality of %s, F(M) = %s, F(∅) = %s\n", r.Circuit, r.Whole, r.Empty)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "v\tclass\tK\tF(C\\K)\tF(C\\(K+v))\tchange\tof F(M) − F(∅)\t")
	for _, n := range r.Nodes {
		sign := ""
		if n.Opposing {
			sign = "better without it"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\t%.3f\t%s\t%.1f%%\t%s\n", n.Node.Part, n.Node.Class, join(n.K), n.With.Value, n.Without.Value, n.Change, 100*n.Share, sign)
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s (%s)\n%s\n", r.Method, r.Source, r.Provenance)
	return b.String()
}
