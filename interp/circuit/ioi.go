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
	Task    *task.IOITask
}

// A Step is one stage of path patching: the change of the logit difference in
// percent for each sender [layer, head].
type Step struct {
	*interp.Result
	Name  string // such as "END to the queries of name movers"
	Found []Part // what the step added to the circuit
	// Others are senders above the threshold that attend to none of the positions
	// that the classes are known by.
	Others []Part
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
// the edges. Those of backups are measured with the name movers knocked out.
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

// A search is what the steps share.
type search struct {
	*IOIFound
	m       *model.Model
	tr      *tracer // with all heads there
	gone    *tracer // with the name movers knocked out
	senders []Part
	looks   map[[2]string]*interp.Result // attention by the two positions
	now     *interp.Result               // from END to IO with the name movers gone
}

func findIOI(m *model.Model, t *task.IOITask, o IOIOptions) (*IOIFound, error) {
	for v, def := range map[*float64]float64{&o.Effect: 0.02, &o.Attention: 0.1, &o.Edge: 0.005} {
		if *v == 0 {
			*v = def
		}
		if !(*v > 0) {
			return nil, fmt.Errorf("the threshold %g must be above 0", *v)
		}
	}
	if t == nil || t.Task == nil {
		return nil, fmt.Errorf("no task")
	}
	s := &search{m: m, senders: heads(m.Config()), looks: map[[2]string]*interp.Result{}}
	s.IOIFound = &IOIFound{Options: o, Task: t, Circuit: &Circuit{
		Name: "IOI", Model: m.Info().Name, Task: t.Name, Source: wang, Positions: t.Places(), Unit: "%",
		Method: fmt.Sprintf("path patching on %d prompts, paths of at least %g%%, attention of at least %g, edges of at least %g%%",
			t.Len(), 100*o.Effect, o.Attention, 100*o.Edge),
	}}
	var err error
	if s.tr, err = newTracer(m, t.Task); err != nil {
		return nil, err
	}
	if err := does(s.tr.left); err != nil {
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

// does finds that a model does not do the task at all.
func does(metric []float64) error {
	m, se := meanError(metric)
	if !(m > 2*se) {
		return fmt.Errorf("the model does not do the task: its logit difference is %.3f ± %.3f (two standard errors)", m, 2*se)
	}
	return nil
}

// meanError is a mean and its standard error, 0 for a single value.
func meanError(values []float64) (m, se float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	if len(values) < 2 {
		return m, 0
	}
	for _, v := range values {
		se += (v - m) * (v - m)
	}
	n := float64(len(values))
	return m, math.Sqrt(se / n / (n - 1))
}

// matters tells which way a path moves the metric: -1 or 1, 0 if by too little.
func (s *search) matters(change []float64, threshold float64) int {
	whole, _ := meanError(s.tr.left)
	m, se := meanError(change)
	switch {
	case math.Abs(m) < threshold*math.Abs(whole) || math.Abs(m) < 2*se:
		return 0
	case m < 0:
		return -1
	}
	return 1
}

// look is the mean attention of a head between two positions.
func (s *search) look(p Part, from, to string) float64 {
	return s.looks[[2]string{from, to}].At(p.Layer, p.Index)
}

func (s *search) sees(p Part, from, to string) bool {
	return s.look(p, from, to) >= s.Options.Attention
}

// take makes the senders of a step that matter nodes of the circuit, those of
// one class with the largest effect first. Class says what a sender is, "" for
// none of the classes.
func (s *search) take(step Step, effects []effect, at string, class func(p Part, sign int) string) {
	effects = slices.Clone(effects)
	size := func(e effect) float64 { m, _ := meanError(e.change); return math.Abs(m) }
	slices.SortStableFunc(effects, func(a, b effect) int {
		switch x, y := size(a), size(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, e := range effects {
		sign := s.matters(e.change, s.Options.Effect)
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

func (s *search) movers() error {
	effects, err := s.tr.toLogits(s.senders, s.Task.End)
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
func (s *search) backups() error {
	movers := s.Of(NameMover)
	if len(movers) == 0 {
		return nil
	}
	b, err := newBench(s.m, s.Task.Task, Ablation{})
	if err != nil {
		return err
	}
	out, err := b.replaced(b.inside(s.Circuit, movers))
	if err != nil {
		return err
	}
	if s.gone, err = newTracer(s.m, s.Task.Task, out...); err != nil {
		return err
	}
	looks, err := attention(s.m, s.Task.Task, out, [][2]string{{"END", "IO"}})
	if err != nil {
		return err
	}
	s.now = looks[0]
	senders := slices.DeleteFunc(slices.Clone(s.senders), func(p Part) bool { return slices.Contains(movers, p) })
	before, err := s.tr.toLogits(senders, s.Task.End)
	if err != nil {
		return err
	}
	after, err := s.gone.toLogits(senders, s.Task.End)
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
func (s *search) stage(at, to string, of string, inputs []Input, class func(p Part) string) error {
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

func (s *search) between(tr *tracer, senders []Part, at string, receivers []receiver, to string, apart bool) ([]effect, error) {
	from, err := s.Task.At(at)
	if err != nil {
		return nil, err
	}
	target, err := s.Task.At(to)
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

func (s *search) inhibition() error {
	return s.stage("END", "END", NameMover, []Input{ToQuery}, func(p Part) string {
		if s.sees(p, "END", "S2") && s.look(p, "END", "S2") > s.look(p, "END", "IO") {
			return SInhibition
		}
		return ""
	})
}

func (s *search) duplicates() error {
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

func (s *search) previous() error {
	return s.stage("S1+1", "S1+1", Induction, []Input{ToKey}, func(p Part) string {
		if s.sees(p, "S1+1", "S1") {
			return PreviousToken
		}
		return ""
	})
}

// edges patches every path between heads of following stages alone.
func (s *search) edges() error {
	for _, class := range []string{NameMover, NegativeNameMover, BackupNameMover} {
		tr := s.with(class)
		if len(s.Of(class)) == 0 {
			continue
		}
		effects, err := tr.toLogits(s.Of(class), s.Task.End)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	for _, path := range []struct {
		from, at, to, into string
		inputs             []Input
	}{
		{SInhibition, "END", NameMover, "END", []Input{ToQuery}},
		{SInhibition, "END", NegativeNameMover, "END", []Input{ToQuery}},
		{SInhibition, "END", BackupNameMover, "END", []Input{ToQuery}},
		{Induction, "S2", SInhibition, "S2", []Input{ToKey, ToValue}},
		{DuplicateToken, "S2", SInhibition, "S2", []Input{ToKey, ToValue}},
		{PreviousToken, "S1+1", Induction, "S1+1", []Input{ToKey}},
	} {
		effects, err := s.between(s.with(path.to), s.Of(path.from), path.at, receivers(s.Of(path.to), path.inputs), path.into, true)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	return nil
}

// with is the tracer under which heads of a class do what they are known for.
func (s *search) with(class string) *tracer {
	if class == BackupNameMover {
		return s.gone
	}
	return s.tr
}

// join makes effects that are large enough edges.
func (s *search) join(effects []effect) {
	whole, _ := meanError(s.tr.left)
	for _, e := range effects {
		if s.matters(e.change, s.Options.Edge) == 0 {
			continue
		}
		m, _ := meanError(e.change)
		edge := Edge{From: e.sender, To: e.to.head, Input: e.to.input, Effect: -100 * m / whole}
		if e.to == (receiver{}) {
			edge.To, edge.Input = Logits(), ToLogits
		}
		s.Edges = append(s.Edges, edge)
	}
}

// order puts the nodes class by class.
func (s *search) order() {
	classes := []string{NameMover, NegativeNameMover, BackupNameMover, SInhibition, Induction, DuplicateToken, PreviousToken}
	slices.SortStableFunc(s.Nodes, func(a, b Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}

// String is the circuit, and what each step added.
func (f *IOIFound) String() string {
	var b strings.Builder
	b.WriteString(f.Circuit.String())
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "path\tfound\tothers")
	for _, s := range f.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, join(s.Found), join(s.Others))
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s (%s)\n", f.Method, f.Source)
	if len(f.Steps) > 0 {
		fmt.Fprintf(&b, "%s\n", f.Steps[0].Provenance)
	}
	return b.String()
}
