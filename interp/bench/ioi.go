package bench

import (
	"fmt"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	replication "github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tokenizer"
)

// Options say how large an analysis is.
type Options struct {
	Prompts int    // 0 means 100
	Seed    uint64 // of the prompts and of what is drawn
	// Random is how many random circuits and sets of nodes are knocked out; 0
	// means 10, a negative number none.
	Random int
	// Greedy is the search for an incomplete circuit; without runs there is none.
	// That of Wang et al. 2022 has 10 runs of up to 200 passes each, more than all
	// else together.
	Greedy circuit.Greedy
	// Progress is called with each stage when it has run; nil means that none is.
	Progress func(Stage)
}

// Tokenizer makes a tokenizer.json that keeps each word of the IOI prompts
// whole, as GPT-2's nearly does: for models with random weights and a vocabulary
// of at most size tokens.
func Tokenizer(size int) ([]byte, error) { return tokenizer.Train(task.IOITexts(), size, nil) }

// pathStages is how the names of the stages of path patching begin.
const pathStages = "paths"

// IOI runs the analysis of Wang et al. 2022 and says what each stage cost: the
// prompts; path patching of every head to the logits, from there to the queries
// of name movers, the keys and values of S-inhibition heads and the keys of
// induction heads; what single heads do; knock-outs with the three tests.
//
// The circuit that the stages go along is the published one in a model of GPT-2
// small's layers and heads, whatever its weights, and in others what
// [replication.Find] finds, which is then a stage of its own, and an error if there
// are none of these classes. What is measured is cost alone: nothing here says
// whether the model does the task.
func IOI(m *model.Model, o Options) (*Report, error) {
	r, err := ioi(m, o)
	if err != nil {
		return nil, fmt.Errorf("bench ioi: %w", err)
	}
	return r, nil
}

func ioi(m *model.Model, o Options) (*Report, error) {
	if o.Prompts == 0 {
		o.Prompts = 100
	}
	if o.Random == 0 {
		o.Random = 10
	}
	if o.Greedy.Runs == 0 {
		o.Greedy.Runs = -1
	}
	b := &ioiBench{o: o, meter: &meter{Runner: m.Runner()}, report: &Report{
		Analysis: "IOI", Model: m.Info().Name, Config: m.Config().String(), Machine: machine(m.Info()),
	}}
	b.m = model.New(b.meter)
	if err := b.stage("prompts, and how the model does on them", b.prompts); err != nil {
		return nil, err
	}
	if err := b.choose(); err != nil {
		return nil, err
	}
	for _, s := range b.stages() {
		if err := b.stage(s.name, s.run); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.report, nil
}

// An ioiBench is what the stages share.
type ioiBench struct {
	o      Options
	m      *model.Model
	meter  *meter
	report *Report
	ioi    *task.IOITask
	c      *circuit.Circuit
	beside circuit.Beside
}

func (b *ioiBench) stage(name string, run func() error) error {
	s, err := b.meter.measure(name, run)
	if err != nil {
		return err
	}
	b.report.Stages = append(b.report.Stages, s)
	if b.o.Progress != nil {
		b.o.Progress(s)
	}
	return nil
}

func (b *ioiBench) prompts() (err error) {
	if b.ioi, err = task.IOI(b.m, task.IOIOptions{N: b.o.Prompts, Seed: b.o.Seed}); err != nil {
		return err
	}
	b.report.Prompts = b.ioi.Len()
	for _, row := range b.ioi.Clean.IDs {
		b.report.Tokens = max(b.report.Tokens, len(row))
	}
	_, err = b.ioi.Evaluate(b.m)
	return err
}

// choose says which circuit the stages go along.
func (b *ioiBench) choose() error {
	if c := b.m.Config(); c.Layers == 12 && c.Heads == 12 {
		b.c, b.beside = replication.GPT2(), replication.GPT2Beside()
		return nil
	}
	err := b.stage("the search for the circuit", func() error {
		found, err := replication.Find(b.m, b.ioi, replication.Options{})
		if err == nil {
			b.c = found.Circuit
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, class := range []string{replication.NameMover, replication.SInhibition, replication.Induction} {
		if len(b.c.Of(class)) == 0 {
			return fmt.Errorf("%s has no %s heads to go back from; it does the task in another way, if at all. Take a model with 12 layers of 12 heads, or one that does it as GPT-2 does", b.m.Info().Name, class)
		}
	}
	return nil
}

// A step is a stage to be run.
type step struct {
	name string
	run  func() error
}

func (b *ioiBench) stages() []step {
	ioi, c := b.ioi, b.c
	test := &circuit.Test{Model: b.m, Task: ioi.Task, Settings: circuit.Settings{
		Random: b.o.Random, Seed: b.o.Seed, Beside: b.beside, Search: circuit.Search{Random: b.o.Random, Greedy: b.o.Greedy},
	}}
	inhibition := c.Of(replication.SInhibition)
	return []step{
		{pathStages + " to the logits", func() error { return b.paths(ioi.End, nil) }},
		{pathStages + " to name movers' queries", func() error {
			return b.paths(ioi.End, b.inputs(replication.NameMover, graph.ToQuery))
		}},
		{pathStages + " to S-inhibition's keys and values", func() error {
			return b.paths(ioi.S2, b.inputs(replication.SInhibition, graph.ToKey, graph.ToValue))
		}},
		{pathStages + " to induction heads' keys", func() error {
			return b.paths(ioi.S1Next, b.inputs(replication.Induction, graph.ToKey))
		}},
		{"outputs on names", func() error { _, err := replication.OutputOnNames(b.m, ioi); return err }},
		{"copy scores", func() error { _, err := replication.CopyScore(b.m, ioi, replication.CopyOptions{}); return err }},
		{"signals", func() error { _, err := replication.Signals(b.m, ioi, inhibition); return err }},
		{"faithfulness", func() error { _, err := test.Faithfulness(c); return err }},
		{"completeness", func() error { _, err := test.Completeness(c); return err }},
		{"minimality", func() error { _, err := test.Minimality(c); return err }},
	}
}

// paths patches the paths of every head at a position to inputs of heads there, nil
// for the final residual stream.
func (b *ioiBench) paths(at hook.Positions, inputs []graph.Receiver) error {
	paths := patch.Paths{Senders: patch.Parts{Places: []task.Place{{Name: "at", Positions: at}}}}
	if inputs != nil {
		paths.Receivers, paths.Readers = discover.Points(b.m, inputs, at), discover.Readers(b.m, inputs)
	}
	_, err := paths.Patch(b.m, b.ioi)
	return err
}

// inputs are inputs of the heads of a class.
func (b *ioiBench) inputs(class string, inputs ...graph.Input) []graph.Receiver {
	return discover.Inputs(b.c.Of(class), inputs...)
}
