package circuit

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

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
	*Circuit
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
// Unlike [IOI] it expects nothing of how a model does the task. It does not find
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
	if err := defaults(map[*float64]float64{&o.Effect: 0.05, &o.Edge: 0.01}); err != nil {
		return nil, err
	}
	if t == nil || t.Len() == 0 {
		return nil, fmt.Errorf("the task has no prompts")
	}
	tr, err := newTracer(m, t)
	if err != nil {
		return nil, err
	}
	if err := tr.does(); err != nil {
		return nil, err
	}
	r := &Traced{Options: o, Circuit: &Circuit{
		Name: t.Name, Model: m.Info().Name, Task: t.Name, Source: "after " + wang, Unit: "%",
		Method: fmt.Sprintf("path patching at all positions on %d prompts, paths of at least %g%%, edges of at least %g%% of what clean prompts have above corrupted ones of %s",
			t.Len(), 100*o.Effect, 100*o.Edge, t.Metric),
	}}
	all, anywhere := heads(m.Config()), hook.Positions{}
	effects, err := tr.toLogits(all, anywhere)
	if err != nil {
		return nil, err
	}
	found := r.take(tr, "all to the logits", effects, func(e effect) string {
		if tr.matters(e.change, o.Effect) < 0 {
			return Writer
		}
		return Opposer
	})
	for depth := 1; len(found) > 0 && depth != o.Depth; depth++ {
		var next []effect
		into := map[Part]string{}
		for _, in := range []struct {
			input Input
			class string
		}{{ToQuery, FeedsQ}, {ToKey, FeedsK}, {ToValue, FeedsV}} {
			effects, err := tr.toHeads(all, anywhere, receivers(found, []Input{in.input}), anywhere, false)
			if err != nil {
				return nil, err
			}
			for _, e := range effects {
				i := slices.IndexFunc(next, func(o effect) bool { return o.sender == e.sender })
				switch {
				case i < 0:
					next, into[e.sender] = append(next, e), in.class
				case size(e.change) > size(next[i].change):
					next[i], into[e.sender] = e, in.class
				}
			}
		}
		found = r.take(tr, "all to the inputs of "+join(found), next, func(e effect) string { return into[e.sender] })
	}
	if err := r.edges(tr); err != nil {
		return nil, err
	}
	return r, r.Check(m)
}

// take makes the senders that matter and are new nodes of the circuit.
func (r *Traced) take(tr *tracer, what string, effects []effect, class func(effect) string) []Part {
	step := Step{Result: tr.grid(effects, what), Name: what}
	for _, e := range strongest(effects) {
		if tr.matters(e.change, r.Options.Effect) != 0 && r.find(e.sender) == nil {
			r.Nodes = append(r.Nodes, Node{Part: e.sender, Class: class(e)})
			step.Found = append(step.Found, e.sender)
		}
	}
	r.Steps = append(r.Steps, step)
	return step.Found
}

// edges patches every path between two heads of the circuit, and from each to
// the logits, alone.
func (r *Traced) edges(tr *tracer) error {
	anywhere := hook.Positions{}
	if len(r.Nodes) == 0 {
		return nil
	}
	direct, err := tr.toLogits(r.Parts(), anywhere)
	if err != nil {
		return err
	}
	between, err := tr.toHeads(r.Parts(), anywhere, receivers(r.Parts(), []Input{ToQuery, ToKey, ToValue}), anywhere, true)
	if err != nil {
		return err
	}
	r.Edges = tr.edges(append(direct, between...), r.Options.Edge)
	return nil
}

// String is the circuit, and what each step added.
func (r *Traced) String() string { return explain(r.Circuit, r.Steps) }

// explain is a circuit with the steps that found it.
func explain(c *Circuit, steps []Step) string {
	var b strings.Builder
	b.WriteString(c.String())
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "paths\tfound")
	for _, s := range steps {
		fmt.Fprintf(w, "%s\t%s\n", s.Name, join(s.Found))
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s (%s)\n", c.Method, c.Source)
	if len(steps) > 0 {
		fmt.Fprintf(&b, "%s\n", steps[0].Provenance)
	}
	return b.String()
}
