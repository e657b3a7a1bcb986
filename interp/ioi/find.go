package ioi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Options are the thresholds of [Find].
type Options struct {
	// Effect is by how much of the logit difference a path must move it for its
	// sender to belong to the circuit; 0 means 0.02. It must also be two standard
	// errors from nothing.
	Effect float64
	// Attention is the least mean attention to the position that a class of heads
	// is known by; 0 means 0.1.
	Attention float64
	// Edge is by how much of the logit difference a path between two heads must
	// move it to be an edge; 0 means 0.005.
	Edge float64
}

// A Found is the circuit that [Find] found, and how.
type Found struct {
	*circuit.Circuit
	Options Options
	Steps   []discover.Step // in the order in which they were taken
}

// Find finds the circuit of indirect object identification as Wang et al. 2022
// did, by path patching from the corrupted (ABC) prompts, backwards from the
// logits:
//
//  1. heads at END to the logits: name movers, if the logit difference falls,
//     and negative ones, if it rises; END attends to IO
//  2. the same with the name movers knocked out by template means: backup name
//     movers are those whose path matters only now, and which now attend to IO
//  3. heads at END to the queries of the name movers: S-inhibition heads; END
//     attends to S2
//  4. heads at S2 to the keys and values of S-inhibition heads: induction heads,
//     if S2 attends more to S1+1, duplicate-token heads, if to S1
//  5. heads at S1+1 to the keys of the induction heads: previous-token heads;
//     S1+1 attends to S1
//
// Then every path between two heads of following stages is patched alone, for
// the edges. Those of backups are measured with the name movers knocked out, and
// with them there if that shows more: movers may hold them back.
//
// It finds heads of these classes if they are there, not heads that do the task
// in another way; those are listed as Others of a step. Whether what was found
// does the task is for [circuit.Test] to say.
//
// About 1 + 5 senders passes, of what each changes, twice for paths to heads.
func Find(m *model.Model, t *task.IOITask, o Options) (*Found, error) {
	f, err := find(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("IOI circuit: %w", err)
	}
	return f, nil
}

// A finder is what the steps share.
type finder struct {
	*Found
	m       *model.Model
	task    *task.IOITask
	walk    *discover.Walk // with all heads there
	without *discover.Walk // with the name movers knocked out
	senders []graph.Part
	looks   map[[2]string]*interp.Result // attention by the two positions
	now     *interp.Result               // from END to IO with the name movers gone
}

func find(m *model.Model, t *task.IOITask, o Options) (*Found, error) {
	if err := discover.Defaults(map[*float64]float64{&o.Effect: 0.02, &o.Attention: 0.1, &o.Edge: 0.005}); err != nil {
		return nil, err
	}
	if t == nil || t.Task == nil {
		return nil, fmt.Errorf("no task")
	}
	s := &finder{m: m, task: t, senders: graph.AllHeads(m.Config()), looks: map[[2]string]*interp.Result{}}
	s.Found = &Found{Options: o, Circuit: &circuit.Circuit{
		Name: "IOI", Model: m.Info().Name, Task: t.Name, Source: wang, Positions: t.Places(), Unit: "%",
		Method: fmt.Sprintf("path patching on %d prompts, paths of at least %g%%, attention of at least %g, edges of at least %g%%",
			t.Len(), 100*o.Effect, o.Attention, 100*o.Edge),
	}}
	var err error
	if s.walk, err = discover.NewWalk(m, t.Task); err != nil {
		return nil, err
	}
	if err := s.walk.Done(); err != nil {
		return nil, err
	}
	pairs := [][2]string{{"END", "IO"}, {"END", "S1"}, {"END", "S2"}, {"S2", "S1"}, {"S2", "S1+1"}, {"S1+1", "S1"}}
	looks, err := heads.BetweenPairs(m, t.Task, nil, pairs...)
	if err != nil {
		return nil, err
	}
	for i, pair := range pairs {
		s.looks[pair] = looks[i]
	}
	for _, step := range []func() error{s.movers, s.backups, s.inhibition, s.duplicates, s.previous, s.edges} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	s.order()
	return s.Found, s.Check(m)
}

// look is the mean attention of a head between two positions.
func (s *finder) look(p graph.Part, from, to string) float64 {
	return s.looks[[2]string{from, to}].At(p.Layer, p.Index)
}

func (s *finder) sees(p graph.Part, from, to string) bool {
	return s.look(p, from, to) >= s.Options.Attention
}

// take makes the senders of a step that matter nodes of the circuit, those of
// one class with the largest effect first. Class says what a sender is, "" for
// none of the classes.
func (s *finder) take(step discover.Step, effects []discover.Effect, at string, class func(p graph.Part, sign int) string) {
	for _, e := range discover.Strongest(effects) {
		sign := s.walk.Matters(e, s.Options.Effect)
		if sign == 0 || s.Has(e.Sender) {
			continue
		}
		if c := class(e.Sender, sign); c != "" {
			s.Nodes = append(s.Nodes, circuit.Node{Part: e.Sender, At: []string{at}, Class: c})
			step.Found = append(step.Found, e.Sender)
		} else {
			step.Others = append(step.Others, e.Sender)
		}
	}
	s.Steps = append(s.Steps, step)
}

func (s *finder) movers() error {
	effects, err := s.walk.ToLogits(s.senders, s.task.End)
	if err != nil {
		return err
	}
	s.take(s.walk.Step("END to the logits", effects), effects, "END", func(p graph.Part, sign int) string {
		switch {
		case !s.sees(p, "END", "IO") || s.look(p, "END", "IO") < s.look(p, "END", "S2"):
			return ""
		case sign < 0:
			return NameMover
		}
		return NegativeNameMover
	})
	return nil
}

// backups compares the direct paths without the name movers with those with
// them.
func (s *finder) backups() error {
	movers := s.Of(NameMover)
	if len(movers) == 0 {
		return nil
	}
	var points []hook.Point
	for _, p := range movers {
		points = append(points, hook.Z(p.Layer).Head(p.Index).In(s.task.End))
	}
	out, err := ablate.Ablation{}.Edits(s.m, s.task, points...)
	if err != nil {
		return err
	}
	if s.without, err = discover.NewWalk(s.m, s.task.Task, out...); err != nil {
		return err
	}
	looks, err := heads.BetweenPairs(s.m, s.task.Task, out, [2]string{"END", "IO"})
	if err != nil {
		return err
	}
	s.now = looks[0]
	senders := slices.DeleteFunc(slices.Clone(s.senders), func(p graph.Part) bool { return slices.Contains(movers, p) })
	before, err := s.walk.ToLogits(senders, s.task.End)
	if err != nil {
		return err
	}
	after, err := s.without.ToLogits(senders, s.task.End)
	if err != nil {
		return err
	}
	for i := range after {
		for row := range after[i].Change {
			after[i].Change[row] -= before[i].Change[row]
		}
	}
	const name = "END to the logits, more than before the name movers were knocked out"
	s.take(s.walk.Step(name, after), after, "END", func(p graph.Part, sign int) string {
		if sign < 0 && s.now.At(p.Layer, p.Index) >= s.Options.Attention {
			return BackupNameMover
		}
		return ""
	})
	return nil
}

// stage patches the paths from all heads at a position to inputs of heads of a
// class at another.
func (s *finder) stage(at, to string, of string, inputs []graph.Input, class func(p graph.Part) string) error {
	into := discover.Inputs(s.Of(of), inputs...)
	if len(into) == 0 {
		return nil
	}
	effects, err := s.between(s.walk, s.senders, at, into, to, false)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s to the %s of %s heads", at, words(inputs), of)
	s.take(s.walk.Step(name, effects), effects, at, func(p graph.Part, sign int) string {
		if sign > 0 {
			return ""
		}
		return class(p)
	})
	return nil
}

func (s *finder) between(w *discover.Walk, senders []graph.Part, at string, inputs []graph.Receiver, to string, apart bool) ([]discover.Effect, error) {
	from, err := s.task.At(at)
	if err != nil {
		return nil, err
	}
	target, err := s.task.At(to)
	if err != nil {
		return nil, err
	}
	return w.ToInputs(senders, from, inputs, target, apart)
}

func words(inputs []graph.Input) string {
	names := make([]string, len(inputs))
	for i, input := range inputs {
		names[i] = map[graph.Input]string{graph.ToQuery: "queries", graph.ToKey: "keys", graph.ToValue: "values"}[input]
	}
	return strings.Join(names, " and ")
}

func (s *finder) inhibition() error {
	return s.stage("END", "END", NameMover, []graph.Input{graph.ToQuery}, func(p graph.Part) string {
		if s.sees(p, "END", "S2") && s.look(p, "END", "S2") > s.look(p, "END", "IO") {
			return SInhibition
		}
		return ""
	})
}

func (s *finder) duplicates() error {
	return s.stage("S2", "S2", SInhibition, []graph.Input{graph.ToKey, graph.ToValue}, func(p graph.Part) string {
		switch after, first := s.look(p, "S2", "S1+1"), s.look(p, "S2", "S1"); {
		case max(after, first) < s.Options.Attention:
			return ""
		case after > first:
			return Induction
		}
		return DuplicateToken
	})
}

func (s *finder) previous() error {
	return s.stage("S1+1", "S1+1", Induction, []graph.Input{graph.ToKey}, func(p graph.Part) string {
		if s.sees(p, "S1+1", "S1") {
			return PreviousToken
		}
		return ""
	})
}

// String is the circuit, and what each step added.
func (f *Found) String() string { return discover.Describe(f.Circuit, f.Steps) }
