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
	// Effect is by how much a path must move the logit difference for its sender to
	// belong to the circuit, as a share of what the clean prompts have above the
	// corrupted ones; 0 means 0.02. It must also be two standard errors from
	// nothing.
	Effect float64
	// Attention is the least mean attention to the position that a class of heads
	// is known by; 0 means 0.1.
	Attention float64
	// Edge is by how much a path between two heads must move the logit difference
	// to be an edge, likewise; 0 means 0.005.
	Edge float64
	// BackupsAfter finds backups by their path to the logits once the name movers
	// are knocked out, as Wang et al. do. Otherwise it must matter more than
	// before. Both are among the steps.
	BackupsAfter bool
}

// A Found is the circuit that [Find] found, and how.
type Found struct {
	*circuit.Circuit
	Options Options
	Steps   []discover.Step // in the order in which they were taken
}

// Find finds the circuit of indirect object identification as Wang et al. 2022
// did, by path patching from the corrupted (ABC) prompts, backwards from the
// logits. Every head whose path matters is a node, whatever it does; its class
// says what that is:
//
//  1. heads at END to the logits. Those that attend to IO more than to S1 and S2
//     together, and move the logit of IO: name movers, and negative ones, which
//     lower it. Those that attend to S, and move its logit: S suppressors lower it,
//     S movers raise it
//  2. the same with the name movers knocked out by means within the template, over
//     twenty prompts of each: backup name movers are those whose path helps only
//     now, and which now attend to IO
//  3. heads at END to the queries of the name movers and S suppressors:
//     S-inhibition heads; END attends to S2
//  4. heads at S2 to the keys and values of heads that END uses to look at S2:
//     induction heads, if S2 attends more to S1+1, duplicate-token heads, if to S1
//  5. heads at S1+1 to the keys of the induction heads: previous-token heads;
//     S1+1 attends to S1
//
// A head that matters and fits no class is "other". Steps go on from what was
// found: where there is no name mover, from the heads that help, whatever they
// are. Then every path between two heads of following steps is patched alone, for
// the edges. Those of backups are measured with the name movers knocked out, and
// with them there if that shows more: movers may hold them back.
//
// Whether what was found does the task is for [circuit.Test] to
// say. Wang et al. have neither S suppressors, S movers nor others: of GPT-2's
// heads they name those that fit.
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
	without *discover.Walk // with the leaders knocked out
	senders []graph.Part
	looks   map[[2]string]*interp.Result // attention by the two positions
	now     map[[2]string]*interp.Result // the same with the leaders gone

	spoken  []discover.Effect // of all senders to the logits, with all heads there
	instead []discover.Effect // the same with the leaders gone

	stages [5][]graph.Part // what each step found, also if another one had found it before
}

// The steps.
const (
	toLogits = iota
	instead  // to the logits once the leaders are gone
	toQueries
	toSubject
	toBefore
)

func find(m *model.Model, t *task.IOITask, o Options) (*Found, error) {
	if err := discover.Defaults(map[*float64]float64{&o.Effect: 0.02, &o.Attention: 0.1, &o.Edge: 0.005}); err != nil {
		return nil, err
	}
	if t == nil || t.Task == nil {
		return nil, fmt.Errorf("no task")
	}
	s := &finder{m: m, task: t, senders: graph.AllHeads(m.Config())}
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
	if s.looks, err = s.attention(nil); err != nil {
		return nil, err
	}
	for _, step := range []func() error{s.speakers, s.backups, s.inhibition, s.duplicates, s.previous, s.edges} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	s.order()
	return s.Found, s.Check(m)
}

// attention is where all heads look, with parts knocked out.
func (s *finder) attention(out []hook.Edit) (map[[2]string]*interp.Result, error) {
	pairs := [][2]string{{"END", "IO"}, {"END", "S1"}, {"END", "S2"}, {"S2", "S1"}, {"S2", "S1+1"}, {"S1+1", "S1"}}
	looks, err := heads.BetweenPairs(s.m, s.task.Task, out, pairs...)
	if err != nil {
		return nil, err
	}
	all := map[[2]string]*interp.Result{}
	for i, pair := range pairs {
		all[pair] = looks[i]
	}
	return all, nil
}

// look is the mean attention of a head between two positions.
func (s *finder) look(p graph.Part, from, to string) float64 {
	return s.looks[[2]string{from, to}].At(p.Layer, p.Index)
}

func (s *finder) sees(p graph.Part, from, to string) bool {
	return s.look(p, from, to) >= s.Options.Attention
}

// step makes the senders that matter nodes of the circuit, those with the largest
// effect first, and names their class. A node that an earlier step found acts here
// too.
func (s *finder) step(stage int, name, at string, effects []discover.Effect, class func(e discover.Effect, sign int) string) {
	step := s.walk.Step(name, effects)
	for _, e := range discover.Strongest(effects) {
		sign := s.walk.Matters(e, s.Options.Effect)
		if sign == 0 {
			continue
		}
		s.stages[stage] = append(s.stages[stage], e.Sender)
		if i := slices.IndexFunc(s.Nodes, func(n circuit.Node) bool { return n.Part == e.Sender }); i >= 0 {
			if n := &s.Nodes[i]; !slices.Contains(n.At, at) {
				n.At = append(n.At, at)
			}
			continue
		}
		s.Nodes = append(s.Nodes, circuit.Node{Part: e.Sender, At: []string{at}, Class: class(e, sign)})
		step.Found = append(step.Found, e.Sender)
	}
	s.Steps = append(s.Steps, step)
}

// says is what a head adds to the logits of IO and S, less what it adds on
// corrupted prompts.
func says(e discover.Effect) (io, s float64) {
	for row := range e.Answer {
		io, s = io-e.Answer[row]/float64(len(e.Answer)), s-e.Wrong[row]/float64(len(e.Wrong))
	}
	return io, s
}

func (s *finder) speakers() (err error) {
	if s.spoken, err = s.walk.Spoken(s.senders, s.task.End); err != nil {
		return err
	}
	s.step(toLogits, "END to the logits", "END", s.spoken, func(e discover.Effect, _ int) string {
		io, subject := says(e)
		return speaker(s.look(e.Sender, "END", "IO"), s.look(e.Sender, "END", "S1")+s.look(e.Sender, "END", "S2"), s.Options.Attention, io, subject)
	})
	return nil
}

// helpers are the heads that help by their own path to the logits: name movers
// and S suppressors, or, if there are none, all others that help.
func (s *finder) helpers() []graph.Part {
	if known := append(s.Of(NameMover), s.Of(SSuppressor)...); len(known) > 0 {
		return known
	}
	var all []graph.Part
	for _, p := range s.stages[toLogits] {
		if s.Steps[0].At(p.Layer, p.Index) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// leaders are the heads that others may stand in for.
func (s *finder) leaders() []graph.Part {
	if movers := s.Of(NameMover); len(movers) > 0 {
		return movers
	}
	return s.helpers()
}

// perTemplate is how many corrupted prompts of each template means are taken over.
const perTemplate = 20

// backups compares the direct paths without the leaders with those with them.
func (s *finder) backups() error {
	leaders := s.leaders()
	if len(leaders) == 0 {
		return nil
	}
	var points []hook.Point
	for _, p := range leaders {
		points = append(points, hook.Z(p.Layer).Head(p.Index).In(s.task.End))
	}
	reference, err := s.task.Reference(perTemplate, 0)
	if err != nil {
		return err
	}
	out, err := ablate.Ablation{Reference: ablate.Corrupted(reference)}.Edits(s.m, s.task, points...)
	if err != nil {
		return err
	}
	if s.without, err = s.walk.Without(out...); err != nil {
		return err
	}
	if s.now, err = s.attention(out); err != nil {
		return err
	}
	before := slices.DeleteFunc(slices.Clone(s.spoken), func(e discover.Effect) bool { return slices.Contains(leaders, e.Sender) })
	senders := make([]graph.Part, len(before))
	for i, e := range before {
		senders[i] = e.Sender
	}
	after, err := s.without.Spoken(senders, s.task.End)
	if err != nil {
		return err
	}
	s.instead = after
	more := slices.Clone(after)
	for i := range more {
		more[i].Change = discover.Less(after[i].Change, before[i].Change)
		more[i].Answer, more[i].Wrong = discover.Less(after[i].Answer, before[i].Answer), discover.Less(after[i].Wrong, before[i].Wrong)
	}
	who := "the name movers"
	if len(s.Of(NameMover)) == 0 {
		who = circuit.Join(leaders)
	}
	class := func(e discover.Effect, sign int) string {
		look := func(to string) float64 { return s.now[[2]string{"END", to}].At(e.Sender.Layer, e.Sender.Index) }
		io, subject := says(e)
		if c := speaker(look("IO"), look("S1")+look("S2"), s.Options.Attention, io, subject); c == NameMover && sign < 0 {
			return BackupNameMover
		}
		return OtherHead
	}
	found, beside := more, after
	names := []string{"END to the logits, more without " + who + " than with", "END to the logits, without " + who}
	if s.Options.BackupsAfter {
		found, beside = after, more
		slices.Reverse(names)
	}
	s.step(instead, names[0], "END", found, class)
	other := s.walk.Step(names[1], beside)
	for _, e := range discover.Strongest(beside) {
		if sign := s.walk.Matters(e, s.Options.Effect); sign != 0 && class(e, sign) == BackupNameMover {
			other.Found = append(other.Found, e.Sender)
		}
	}
	s.Steps = append(s.Steps, other)
	return nil
}

// stage patches the paths from all heads at a position to inputs of some heads at
// another, and classes those that help.
func (s *finder) stage(stage int, at, to, whose string, parts []graph.Part, inputs []graph.Input, class func(p graph.Part) string) error {
	into := discover.Inputs(parts, inputs...)
	if len(into) == 0 {
		return nil
	}
	effects, err := s.between(s.walk, s.senders, at, into, to, false)
	if err != nil {
		return err
	}
	s.step(stage, fmt.Sprintf("%s to the %s of %s", at, words(inputs), whose), at, effects, func(e discover.Effect, sign int) string {
		if sign > 0 {
			return OtherHead
		}
		return class(e.Sender)
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
	return s.stage(toQueries, "END", "END", "heads that help", s.helpers(), []graph.Input{graph.ToQuery}, func(p graph.Part) string {
		if s.sees(p, "END", "S2") && s.look(p, "END", "S2") > s.look(p, "END", "IO") {
			return SInhibition
		}
		return OtherHead
	})
}

// lookers are the heads at END that help and look at S2.
func (s *finder) lookers() []graph.Part {
	all := s.Of(SInhibition)
	for _, p := range s.helpers() {
		if s.sees(p, "END", "S2") && s.look(p, "END", "S2") > s.look(p, "END", "IO") {
			all = append(all, p)
		}
	}
	return all
}

func (s *finder) duplicates() error {
	return s.stage(toSubject, "S2", "S2", "heads by which END looks at S2", s.lookers(), []graph.Input{graph.ToKey, graph.ToValue}, func(p graph.Part) string {
		switch after, first := s.look(p, "S2", "S1+1"), s.look(p, "S2", "S1"); {
		case max(after, first) < s.Options.Attention:
			return OtherHead
		case after > first:
			return Induction
		}
		return DuplicateToken
	})
}

func (s *finder) previous() error {
	return s.stage(toBefore, "S1+1", "S1+1", "induction heads", s.Of(Induction), []graph.Input{graph.ToKey}, func(p graph.Part) string {
		if s.sees(p, "S1+1", "S1") {
			return PreviousToken
		}
		return OtherHead
	})
}

// String is the circuit, and what each step added.
func (f *Found) String() string { return discover.Describe(f.Circuit, f.Steps) }
