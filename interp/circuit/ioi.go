package circuit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

// IOIOptions are the thresholds of [IOI].
type IOIOptions struct {
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

// An IOIFound is the circuit that [IOI] found, and how.
type IOIFound struct {
	*Circuit
	Options IOIOptions
	Steps   []Step // in the order in which they were taken
}

// IOI finds the circuit of indirect object identification as Wang et al. 2022
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
// does the task is for [Faithfulness] and its companions to say.
//
// About 1 + 5 senders passes, of what each changes, twice for paths to heads.
func IOI(m *model.Model, t *task.IOITask, o IOIOptions) (*IOIFound, error) {
	f, err := findIOI(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("IOI circuit: %w", err)
	}
	return f, nil
}

// A finder is what the steps share.
type finder struct {
	*IOIFound
	m       *model.Model
	task    *task.IOITask
	tr      *tracer // with all heads there
	gone    *tracer // with the name movers knocked out
	senders []Part
	looks   map[[2]string]*interp.Result // attention by the two positions
	now     *interp.Result               // from END to IO with the name movers gone
}

func findIOI(m *model.Model, t *task.IOITask, o IOIOptions) (*IOIFound, error) {
	if err := defaults(map[*float64]float64{&o.Effect: 0.02, &o.Attention: 0.1, &o.Edge: 0.005}); err != nil {
		return nil, err
	}
	if t == nil || t.Task == nil {
		return nil, fmt.Errorf("no task")
	}
	s := &finder{m: m, task: t, senders: heads(m.Config()), looks: map[[2]string]*interp.Result{}}
	s.IOIFound = &IOIFound{Options: o, Circuit: &Circuit{
		Name: "IOI", Model: m.Info().Name, Task: t.Name, Source: wang, Positions: t.Places(), Unit: "%",
		Method: fmt.Sprintf("path patching on %d prompts, paths of at least %g%%, attention of at least %g, edges of at least %g%%",
			t.Len(), 100*o.Effect, o.Attention, 100*o.Edge),
	}}
	var err error
	if s.tr, err = newTracer(m, t.Task); err != nil {
		return nil, err
	}
	if err := does(s.tr.left, t.Metric); err != nil {
		return nil, err
	}
	pairs := [][2]string{{"END", "IO"}, {"END", "S1"}, {"END", "S2"}, {"S2", "S1"}, {"S2", "S1+1"}, {"S1+1", "S1"}}
	looks, err := attention(m, t.Task, nil, pairs)
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
	return s.IOIFound, s.Check(m)
}

// look is the mean attention of a head between two positions.
func (s *finder) look(p Part, from, to string) float64 {
	return s.looks[[2]string{from, to}].At(p.Layer, p.Index)
}

func (s *finder) sees(p Part, from, to string) bool {
	return s.look(p, from, to) >= s.Options.Attention
}

// take makes the senders of a step that matter nodes of the circuit, those of
// one class with the largest effect first. Class says what a sender is, "" for
// none of the classes.
func (s *finder) take(step Step, effects []effect, at string, class func(p Part, sign int) string) {
	for _, e := range strongest(effects) {
		sign := s.tr.matters(e.change, s.Options.Effect)
		if sign == 0 || s.find(e.sender) != nil {
			continue
		}
		if c := class(e.sender, sign); c != "" {
			s.Nodes = append(s.Nodes, Node{Part: e.sender, At: []string{at}, Class: c})
			step.Found = append(step.Found, e.sender)
		} else {
			step.Others = append(step.Others, e.sender)
		}
	}
	s.Steps = append(s.Steps, step)
}

func (s *finder) movers() error {
	effects, err := s.tr.toLogits(s.senders, s.task.End)
	if err != nil {
		return err
	}
	const name = "END to the logits"
	s.take(Step{Result: s.tr.grid(effects, name), Name: name}, effects, "END", func(p Part, sign int) string {
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
	b, err := newBench(s.m, s.task.Task, Ablation{})
	if err != nil {
		return err
	}
	out, err := b.replaced(b.inside(s.Circuit, movers))
	if err != nil {
		return err
	}
	if s.gone, err = newTracer(s.m, s.task.Task, out...); err != nil {
		return err
	}
	looks, err := attention(s.m, s.task.Task, out, [][2]string{{"END", "IO"}})
	if err != nil {
		return err
	}
	s.now = looks[0]
	senders := slices.DeleteFunc(slices.Clone(s.senders), func(p Part) bool { return slices.Contains(movers, p) })
	before, err := s.tr.toLogits(senders, s.task.End)
	if err != nil {
		return err
	}
	after, err := s.gone.toLogits(senders, s.task.End)
	if err != nil {
		return err
	}
	for i := range after {
		for row := range after[i].change {
			after[i].change[row] -= before[i].change[row]
		}
	}
	const name = "END to the logits, more than before the name movers were knocked out"
	s.take(Step{Result: s.tr.grid(after, name), Name: name}, after, "END", func(p Part, sign int) string {
		if sign < 0 && s.now.At(p.Layer, p.Index) >= s.Options.Attention {
			return BackupNameMover
		}
		return ""
	})
	return nil
}

// stage patches the paths from all heads at a position to inputs of heads of a
// class at another.
func (s *finder) stage(at, to string, of string, inputs []Input, class func(p Part) string) error {
	receivers := receivers(s.Of(of), inputs)
	if len(receivers) == 0 {
		return nil
	}
	effects, err := s.between(s.tr, s.senders, at, receivers, to, false)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s to the %s of %s heads", at, words(inputs), of)
	s.take(Step{Result: s.tr.grid(effects, name), Name: name}, effects, at, func(p Part, sign int) string {
		if sign > 0 {
			return ""
		}
		return class(p)
	})
	return nil
}

func (s *finder) between(tr *tracer, senders []Part, at string, receivers []receiver, to string, apart bool) ([]effect, error) {
	from, err := s.task.At(at)
	if err != nil {
		return nil, err
	}
	target, err := s.task.At(to)
	if err != nil {
		return nil, err
	}
	return tr.toHeads(senders, from, receivers, target, apart)
}

func receivers(heads []Part, inputs []Input) []receiver {
	var all []receiver
	for _, p := range heads {
		for _, input := range inputs {
			all = append(all, receiver{p, input})
		}
	}
	return all
}

func words(inputs []Input) string {
	names := make([]string, len(inputs))
	for i, input := range inputs {
		names[i] = map[Input]string{ToQuery: "queries", ToKey: "keys", ToValue: "values"}[input]
	}
	return strings.Join(names, " and ")
}

func (s *finder) inhibition() error {
	return s.stage("END", "END", NameMover, []Input{ToQuery}, func(p Part) string {
		if s.sees(p, "END", "S2") && s.look(p, "END", "S2") > s.look(p, "END", "IO") {
			return SInhibition
		}
		return ""
	})
}

func (s *finder) duplicates() error {
	return s.stage("S2", "S2", SInhibition, []Input{ToKey, ToValue}, func(p Part) string {
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
	return s.stage("S1+1", "S1+1", Induction, []Input{ToKey}, func(p Part) string {
		if s.sees(p, "S1+1", "S1") {
			return PreviousToken
		}
		return ""
	})
}

// String is the circuit, and what each step added.
func (f *IOIFound) String() string { return explain(f.Circuit, f.Steps) }
