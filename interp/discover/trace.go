package discover

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// TraceOptions are the thresholds of [Trace].
type TraceOptions struct {
	// Effect is by how much paths must move the metric for their sender to belong
	// to the circuit, as a share of what the clean prompts have above the corrupted
	// ones; 0 means 0.05. It must also be two standard errors from nothing.
	Effect float64
	// Edge is the same for a path between two heads to be an edge; 0 means 0.01.
	Edge float64
	// Depth is how many steps back from the logits are taken; 0 means as many as
	// find something.
	Depth int
}

// The classes of [Trace].
const (
	Writer  = "writes the answer"
	Opposer = "writes against it"
	FeedsQ  = "feeds queries"
	FeedsK  = "feeds keys"
	FeedsV  = "feeds values"
)

// A Traced is the circuit that [Trace] found, and how.
type Traced struct {
	*circuit.Circuit
	Options TraceOptions
	Steps   []Step // in the order in which they were taken
}

// Trace finds a circuit of heads for any task by path patching from the
// corrupted prompts, backwards from the logits: first the heads whose own path
// to the logits matters, then those whose paths to the queries, keys or values
// of the heads just found matter, and so on until no head is new. Heads are
// patched at all positions, and classed by the input that they matter to most;
// what a head does there is left to look at.
//
// Unlike package ioi it expects nothing of how a model does the task. It does not find
// heads that stand in for others (they matter only once those are gone), nor
// heads that matter only through MLPs.
//
// One pass for each head and step, twice for the inputs of heads, and twice for
// each pair of heads found. Source: after Wang et al. 2022, with all positions.
func Trace(m *model.Model, t *task.Task, o TraceOptions) (*Traced, error) {
	r, err := trace(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return r, nil
}

func trace(m *model.Model, t *task.Task, o TraceOptions) (*Traced, error) {
	if err := Defaults(map[*float64]float64{&o.Effect: 0.05, &o.Edge: 0.01}); err != nil {
		return nil, err
	}
	w, err := NewWalk(m, t)
	if err != nil {
		return nil, err
	}
	if err := w.Done(); err != nil {
		return nil, err
	}
	r := &Traced{Options: o, Circuit: &circuit.Circuit{
		Name: t.Name, Model: m.Info().Name, Task: t.Name, Source: "after " + wang, Unit: "%",
		Method: fmt.Sprintf("path patching at all positions on %d prompts, paths of at least %g%%, edges of at least %g%% of what clean prompts have above corrupted ones of %s",
			t.Len(), 100*o.Effect, 100*o.Edge, t.Metric),
	}}
	all, anywhere := graph.AllHeads(m.Config()), hook.Positions{}
	effects, err := w.ToLogits(all, anywhere)
	if err != nil {
		return nil, err
	}
	found := r.take(w, "all to the logits", effects, func(e Effect) string {
		if w.Matters(e, o.Effect) < 0 {
			return Writer
		}
		return Opposer
	})
	for depth := 1; len(found) > 0 && depth != o.Depth; depth++ {
		next, into, err := w.strongestInputs(all, found)
		if err != nil {
			return nil, err
		}
		found = r.take(w, "all to the inputs of "+circuit.Join(found), next, func(e Effect) string { return into[e.Sender] })
	}
	if err := r.edges(w); err != nil {
		return nil, err
	}
	return r, r.Check(m)
}

// strongestInputs patches the paths of all heads to the queries, keys and values of
// those found. Of each head it gives the strongest effect and its class.
func (w *Walk) strongestInputs(all, found []graph.Part) (next []Effect, class map[graph.Part]string, err error) {
	class = map[graph.Part]string{}
	for _, in := range []struct {
		input graph.Input
		class string
	}{{graph.ToQuery, FeedsQ}, {graph.ToKey, FeedsK}, {graph.ToValue, FeedsV}} {
		effects, err := w.ToInputs(all, hook.Positions{}, Inputs(found, in.input), hook.Positions{}, false)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range effects {
			i := slices.IndexFunc(next, func(o Effect) bool { return o.Sender == e.Sender })
			switch {
			case i < 0:
				next, class[e.Sender] = append(next, e), in.class
			case e.Size() > next[i].Size():
				next[i], class[e.Sender] = e, in.class
			}
		}
	}
	return next, class, nil
}

// take makes the senders that matter and are new nodes of the circuit.
func (r *Traced) take(w *Walk, what string, effects []Effect, class func(Effect) string) []graph.Part {
	step := w.Step(what, effects)
	for _, e := range Strongest(effects) {
		if w.Matters(e, r.Options.Effect) != 0 && !r.Has(e.Sender) {
			r.Nodes = append(r.Nodes, circuit.Node{Part: e.Sender, Class: class(e)})
			step.Found = append(step.Found, e.Sender)
		}
	}
	r.Steps = append(r.Steps, step)
	return step.Found
}

// edges patches every path between two heads of the circuit, and from each to
// the logits, alone.
func (r *Traced) edges(w *Walk) error {
	anywhere := hook.Positions{}
	if len(r.Nodes) == 0 {
		return nil
	}
	direct, err := w.ToLogits(r.Parts(), anywhere)
	if err != nil {
		return err
	}
	between, err := w.ToInputs(r.Parts(), anywhere, Inputs(r.Parts(), graph.ToQuery, graph.ToKey, graph.ToValue), anywhere, true)
	if err != nil {
		return err
	}
	r.Edges = w.Edges(append(direct, between...), r.Options.Edge)
	return nil
}

// Defaults fills in thresholds that are 0.
func Defaults(thresholds map[*float64]float64) error {
	for v, def := range thresholds {
		if *v == 0 {
			*v = def
		}
		if !(*v > 0) {
			return fmt.Errorf("the threshold %g must be above 0", *v)
		}
	}
	return nil
}

// String is the circuit, and what each step added.
func (r *Traced) String() string { return Describe(r.Circuit, r.Steps) }

// Describe is a circuit with the steps that found it, as text.
func Describe(c *circuit.Circuit, steps []Step) string {
	var b strings.Builder
	b.WriteString(c.String())
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "paths\tfound")
	for _, s := range steps {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, circuit.Join(s.Found))
	}
	_ = w.Flush() // a strings.Builder takes everything
	if len(c.Edges) > 0 && len(steps) > 0 {
		b.WriteString("an effect, here and in the maps of the steps, is by how much the metric falls when the path is patched\n")
	}
	fmt.Fprintf(&b, "%s (%s)\n", c.Method, c.Source)
	if len(steps) > 0 {
		fmt.Fprintf(&b, "%s\n", steps[0].Provenance)
	}
	return b.String()
}
