package circuit_test

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/zoo"
)

// planted is the hand-made IOI network and its task. What its heads do is said
// in the model's card.
var planted = sync.OnceValues(func() (*task.IOITask, error) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		return nil, err
	}
	return task.IOI(m, task.IOIOptions{N: 20, Seed: 1})
})

// truth is the planted circuit.
func truth() *circuit.Circuit {
	return &circuit.Circuit{
		Name: "planted", Positions: []string{"IO", "S1", "S1+1", "S2", "END"},
		Nodes: []circuit.Node{
			{Part: circuit.Head(3, 0), At: []string{"END"}, Class: circuit.NameMover},
			{Part: circuit.Head(3, 1), At: []string{"END"}, Class: circuit.NegativeNameMover},
			{Part: circuit.Head(4, 0), At: []string{"END"}, Class: circuit.BackupNameMover},
			{Part: circuit.Head(2, 0), At: []string{"END"}, Class: circuit.SInhibition},
			{Part: circuit.Head(1, 0), At: []string{"S2"}, Class: circuit.Induction},
			{Part: circuit.Head(0, 0), At: []string{"S2"}, Class: circuit.DuplicateToken},
			{Part: circuit.Head(0, 1), At: []string{"S1+1"}, Class: circuit.PreviousToken},
		},
		Edges: []circuit.Edge{
			{From: circuit.Head(3, 0), To: circuit.Logits(), Input: circuit.ToLogits},
			{From: circuit.Head(3, 1), To: circuit.Logits(), Input: circuit.ToLogits},
			{From: circuit.Head(4, 0), To: circuit.Logits(), Input: circuit.ToLogits},
			{From: circuit.Head(2, 0), To: circuit.Head(3, 0), Input: circuit.ToQuery},
			{From: circuit.Head(2, 0), To: circuit.Head(3, 1), Input: circuit.ToQuery},
			{From: circuit.Head(2, 0), To: circuit.Head(4, 0), Input: circuit.ToQuery},
			{From: circuit.Head(3, 0), To: circuit.Head(4, 0), Input: circuit.ToQuery}, // the gate
			{From: circuit.Head(1, 0), To: circuit.Head(2, 0), Input: circuit.ToValue},
			{From: circuit.Head(0, 0), To: circuit.Head(2, 0), Input: circuit.ToValue},
			{From: circuit.Head(0, 1), To: circuit.Head(1, 0), Input: circuit.ToKey},
			{From: circuit.Head(0, 1), To: circuit.Head(1, 0), Input: circuit.ToValue},
		},
	}
}

func ioiTask(t testing.TB) (*model.Model, *task.IOITask) {
	t.Helper()
	ioi, err := planted()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "zoo:ioi-planted"), ioi
}

// Every head of the hand-made network is found and put into its class, and no
// decoy is.
func TestIOIFindsThePlantedCircuit(t *testing.T) {
	m, ioi := ioiTask(t)
	c, err := circuit.IOI(m, ioi, circuit.IOIOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Compare(truth())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c)
	if r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 || r.Edges.Precision() != 1 || r.Edges.Recall() != 1 || r.Classes != 7 {
		t.Errorf("%s", r)
	}
	for i, n := range truth().Nodes {
		if got := c.Nodes[i]; got.Part != n.Part || !slices.Equal(got.At, n.At) {
			t.Errorf("node %d is %v, want %v", i, got, n)
		}
	}
	// By the card: without half of the signals 3.81 of 5.317 are left, and with
	// the mover's queries blind all names look alike.
	effects := map[string]float64{}
	for _, e := range c.Edges {
		effects[e.String()] = e.Effect
	}
	for edge, want := range map[string]float64{
		"0.0 → 2.0 v": 100 * (5.317 - 3.808) / 5.317, "1.0 → 2.0 v": 100 * (5.317 - 3.808) / 5.317, "0.1 → 1.0 k": 100 * (5.317 - 3.808) / 5.317,
		"3.0 → logits": 100 * (8 * (0.943 - 0.028)) / 5.317 * 0.968, "3.1 → logits": -100 * 2 * (0.943 - 0.028) / 5.317 * 0.968,
	} {
		// The card has three digits. Corrupted names are often the clean ones, as
		// there are but twelve: movers lose a little less than all.
		if tolerance := map[bool]float64{true: 6, false: 0.1}[strings.HasSuffix(edge, "logits")]; !(math.Abs(effects[edge]-want) < tolerance) {
			t.Errorf("%s has effect %g, want %g", edge, effects[edge], want)
		}
	}
	if len(c.Steps) != 6 {
		t.Errorf("steps: %s", c)
	}
	// The change of the difference is that of IO's logit less that of S's.
	for i, change := range c.Steps[0].Values() {
		io, s := c.Steps[0].Answer.Values()[i], c.Steps[0].Wrong.Values()[i]
		if gap := 5.317; math.Abs(float64(change)*gap/100-float64(io-s)) > 0.02 { // corrupted names are at times the clean ones
			t.Errorf("head %d: %g%% of %g, but the logits change by %g and %g", i, change, gap, io, s)
		}
	}
	after, err := circuit.IOI(m, ioi, circuit.IOIOptions{BackupsAfter: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := after.Compare(c.Circuit); err != nil || r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 {
		t.Errorf("backups by the effect after: %s, %v", after, err)
	}
}

// One head attends from END to S2 and writes against the token there. It is all
// there is: a node, and a circuit that recovers everything.
func TestIOIOfOneHeadThatWritesAgainstS(t *testing.T) {
	m, ioi := suppressor(t, 4)
	c, err := circuit.IOI(m, ioi, circuit.IOIOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Nodes) != 1 || c.Nodes[0].Part != circuit.Head(0, 1) || c.Nodes[0].Class != circuit.SSuppressor || !slices.Equal(c.Nodes[0].At, []string{"END"}) {
		t.Fatalf("%s", c)
	}
	if len(c.Edges) != 1 || math.Abs(c.Edges[0].Effect-100) > 1e-3 {
		t.Errorf("edges %v", c.Edges)
	}
	if io, s := c.Steps[0].Answer.At(0, 1), c.Steps[0].Wrong.At(0, 1); math.Abs(io) > 1e-4 || math.Abs(s-4) > 1e-4 {
		t.Errorf("without its path IO changes by %g and S by %g; want 0 and 4", io, s)
	}
	f, err := circuit.Faithfulness(m, ioi.Task, c.Circuit, circuit.Settings{Random: -1, Ablation: circuit.Ablation{Value: circuit.Resample}})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(f.Recovered.Value-1) > 1e-5 || math.Abs(f.Alone.Value-f.Model.Value) > 1e-5 || math.Abs(f.Model.Value-4) > 1e-4 {
		t.Errorf("%s", f)
	}
}

// suppressor is a model of one layer on the words of zoo:ioi-planted. Head 0.1
// attends from END to S2 and lowers the logit of the token there by a gain; head
// 0.0 does nothing.
func suppressor(t *testing.T, gain float32) (*model.Model, *task.IOITask) {
	t.Helper()
	donor := open(t, "zoo:ioi-planted")
	names, err := task.IOI(donor, task.IOIOptions{N: 20, Seed: 1, Templates: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	vocab, end, s2 := donor.Config().Vocab, names.End.In(0)[0], names.S2.In(0)[0]
	h := modeltest.ByHand(t, map[string]any{
		"n_head": 2, "d_head": vocab + 1, "n_embd": vocab + 2, "vocab_size": vocab, "n_positions": 40, "bos_token_id": *donor.Config().BOS,
	})
	h.Add("pos_embed.W_pos", 1, end, vocab).Add("pos_embed.W_pos", 1, s2, vocab+1)
	h.Head(0, 1, "W_Q", vocab, vocab, 30).Head(0, 1, "W_K", vocab+1, vocab, 1)
	for id := range vocab {
		h.Add("embed.W_E", 1, id, id).Add("unembed.W_U", 1, id, id)
		h.Head(0, 1, "W_V", id, id, 1).Head(0, 1, "W_O", id, id, -gain)
	}
	dir := h.Dir()
	files, err := zoo.Files("ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := fs.ReadFile(files, "tokenizer.json")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokenizer, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := open(t, dir)
	made, err := task.IOI(m, task.IOIOptions{N: 20, Seed: 1, Templates: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	return m, made
}

// Tracing finds what is on the paths to the answer without being told what to
// look for; not the backup, which is silent, and no decoy.
func TestTraceFindsThePlantedCircuit(t *testing.T) {
	m, ioi := ioiTask(t)
	c, err := circuit.Trace(m, ioi.Task, circuit.TraceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Compare(truth().Without(circuit.Head(4, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 || r.Edges.Precision() != 1 || r.Edges.Recall() != 1 {
		t.Errorf("%s", r)
	}
	for class, want := range map[string]string{
		circuit.Writer: "[3.0]", circuit.Opposer: "[3.1]", circuit.FeedsQ: "[2.0]", circuit.FeedsV: "[0.0 1.0]", circuit.FeedsK: "[0.1]",
	} {
		if got := c.Of(class); fmt.Sprint(got) != want && class != circuit.FeedsV || len(got) != len(strings.Fields(want)) {
			t.Errorf("%s: %v, want %s", class, got, want)
		}
	}
	if len(c.Steps) != 5 {
		t.Errorf("%s", c)
	}
	shallow, err := circuit.Trace(m, ioi.Task, circuit.TraceOptions{Depth: 1})
	if err != nil || len(shallow.Nodes) != 2 {
		t.Errorf("one step back: %s, %v", shallow, err)
	}
	if _, err := circuit.Trace(m, ioi.Task, circuit.TraceOptions{Edge: -1}); err == nil {
		t.Error("a threshold below 0 is no error")
	}
	if _, err := circuit.Trace(m, nil, circuit.TraceOptions{}); err == nil {
		t.Error("no task is no error")
	}
}

func TestIOIRefuses(t *testing.T) {
	m, ioi := ioiTask(t)
	blind, backwards := *ioi, *ioi.Task
	backwards.Metric = model.LogitDiff(ioi.Wrong, ioi.Answer).In(ioi.End)
	blind.Task = &backwards
	for _, c := range []struct {
		name string
		ioi  *task.IOITask
		o    circuit.IOIOptions
		want string
	}{
		{"no task", nil, circuit.IOIOptions{}, "no task"},
		{"a model that does not do it", &blind, circuit.IOIOptions{}, "the model does not do the task: its logit difference is -5.3"},
		{"threshold", ioi, circuit.IOIOptions{Effect: -1}, "must be above 0"},
	} {
		if _, err := circuit.IOI(m, c.ioi, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; it should say %q", c.name, err, c.want)
		}
	}
	// Heads that look nowhere with as much as that are nodes, and of no class.
	c, err := circuit.IOI(m, ioi, circuit.IOIOptions{Attention: 0.99})
	if err != nil || len(c.Steps[0].Found) != 2 || !slices.Equal(c.Of(circuit.OtherHead)[:2], c.Steps[0].Found) || len(c.Of(circuit.NameMover)) > 0 {
		t.Errorf("%s, %v", c, err)
	}
}

func TestPlantedCircuitIsFaithful(t *testing.T) {
	m, ioi := ioiTask(t)
	for _, value := range []circuit.Value{circuit.TemplateMean, circuit.Zero, circuit.Resample, circuit.Mean} {
		f, err := circuit.Faithfulness(m, ioi.Task, truth(), circuit.Settings{Random: 10, Ablation: circuit.Ablation{Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: F(M) %s, F(C) %s", value, f.Model, f.Alone)
		if f.Gap.Value > 1e-3*f.Model.Value && value != circuit.Mean {
			t.Errorf("%s: |F(M) - F(C)| is %g of %g", value, f.Gap.Value, f.Model.Value)
		}
		if f.Without.Value > 0.1*f.Model.Value || f.Empty.Value > 0.1*f.Model.Value {
			t.Errorf("%s: without the circuit %g is left", value, f.Without.Value)
		}
		if better, of := f.Better(); of != 10 || better > 1 {
			t.Errorf("%s: %d of %d random circuits are as good", value, better, of)
		}
	}
}

// The full circuit has no gap where knocked out parts leave nothing behind. Means
// within a template leave the names of the reference prompts, which are the
// prompt's own at times; at all positions on both sides they leave the same.
func TestPlantedCircuitIsComplete(t *testing.T) {
	m, ioi := ioiTask(t)
	search := circuit.Search{Random: 5, Greedy: circuit.Greedy{Runs: 3, Steps: 3, Sample: 5}}
	for _, a := range []circuit.Ablation{{Value: circuit.Zero}, {Positions: circuit.Everywhere}} {
		r, err := circuit.Completeness(m, ioi.Task, truth(), circuit.Settings{Ablation: a}, search)
		if err != nil {
			t.Fatal(err)
		}
		// A decoy that attends writes nothing that is read: only rounding is left.
		if r.Worst.Value > 1e-3 || len(r.Sets) < 13 {
			t.Errorf("%s: %s", a, r)
		}
	}
	// Without the backup, the greedy search finds that the mover has one.
	c := truth().Without(circuit.Head(4, 0))
	r, err := circuit.Completeness(m, ioi.Task, c, circuit.Settings{Ablation: circuit.Ablation{Value: circuit.Zero}},
		circuit.Search{Random: -1, NoClasses: true, Greedy: circuit.Greedy{Runs: 3, Steps: 3, Sample: 6}})
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(r.Sets, func(w circuit.Without) bool {
		return w.Kind == "greedy" && slices.Contains(w.K, circuit.Head(3, 0)) && w.Gap.Value > 5
	})
	if !found || r.Worst.Value < 5 || r.Sets[0].Gap.Value > 1e-3 {
		t.Errorf("%s", r)
	}
}

func TestPlantedCircuitIsMinimal(t *testing.T) {
	m, ioi := ioiTask(t)
	for _, choice := range []circuit.Choice{{}, {Best: true}} {
		r, err := circuit.Minimality(m, ioi.Task, truth(), circuit.Settings{Ablation: circuit.Ablation{Value: circuit.Zero}}, choice)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range r.Nodes {
			if n.Share < 0.01 || n.Change.Lo <= 0 {
				t.Errorf("%s changes %s with K = %v", n.Node.Part, n.Change, n.K)
			}
			if n.Opposing != (n.Node.Class == circuit.NegativeNameMover) {
				t.Errorf("%s: opposing is %t", n.Node.Part, n.Opposing)
			}
		}
		if choice.Best {
			continue
		}
		// The card's numbers.
		for part, want := range map[circuit.Part]float64{circuit.Head(3, 0): 5.317 - 4.23, circuit.Head(2, 0): 5.317 + 1.96, circuit.Head(0, 1): 5.317 - 3.81} {
			i := slices.IndexFunc(r.Nodes, func(n circuit.Needed) bool { return n.Node.Part == part })
			if got := r.Nodes[i].Change.Value; math.Abs(got-want) > 0.01 { // half of the card's last digit
				t.Errorf("%s changes %g, want %g", part, got, want)
			}
		}
	}
	// A decoy in the circuit shows.
	c := truth()
	c.Nodes = append(c.Nodes, circuit.Node{Part: circuit.Head(4, 1), At: []string{"END"}, Class: "decoy"})
	r, err := circuit.Minimality(m, ioi.Task, c, circuit.Settings{}, circuit.Choice{Best: true})
	if err != nil {
		t.Fatal(err)
	}
	if last := r.Nodes[7]; last.Change.Value > 1e-5 {
		t.Errorf("the decoy changes %s", last.Change)
	}
}

func TestCopyScores(t *testing.T) {
	m, ioi := ioiTask(t)
	for sign, want := range map[float64][]string{1: {"3.0", "4.0"}, -1: {"3.1"}} {
		r, err := circuit.CopyScore(m, ioi, circuit.CopyOptions{Sign: sign, Top: 1})
		if err != nil {
			t.Fatal(err)
		}
		for l := range 5 {
			for h := range 2 {
				copies := 0.0
				if slices.Contains(want, fmt.Sprintf("%d.%d", l, h)) {
					copies = 1
				}
				if r.At(l, h) != copies {
					t.Errorf("sign %g: head %d.%d has copy score %g, want %g", sign, l, h, r.At(l, h), copies)
				}
			}
		}
	}
}

func TestSignals(t *testing.T) {
	m, ioi := ioiTask(t)
	s, err := circuit.Signals(m, ioi, truth().Of(circuit.SInhibition))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range [][]float64{{5.32, 4.31, 2.30}, {-3.95, -5.15, -5.67}} { // the card's
		for j, want := range row {
			if math.Abs(s.At(i, j)-want) > 0.01 {
				t.Errorf("position %d, token %d: %g, want %g", i, j, s.At(i, j), want)
			}
		}
	}
	// By hand from the six numbers.
	if math.Abs(s.Position-(5.32+4.31+2.30+3.95+5.15+5.67)/6) > 0.01 || math.Abs(s.Token-(5.32-2.30-3.95+5.67)/4) > 0.01 {
		t.Errorf("%s", s)
	}
	for _, heads := range [][]circuit.Part{nil, {circuit.MLP(0)}, {circuit.Head(9, 0)}} {
		if _, err := circuit.Signals(m, ioi, heads); err == nil {
			t.Errorf("signals of %v are no error", heads)
		}
	}
}

func TestOutputOnNames(t *testing.T) {
	m, ioi := ioiTask(t)
	o, err := circuit.OutputOnNames(m, ioi)
	if err != nil {
		t.Fatal(err)
	}
	for part, size := range map[circuit.Part]float64{circuit.Head(3, 0): 8, circuit.Head(3, 1): -2, circuit.Head(4, 1): 0} {
		x, y := o.Head(part)
		for name, want := range []float64{0.943, 0.057} {
			if part == circuit.Head(4, 0) {
				want = 0
			}
			for prompt := range ioi.Len() {
				// Three digits in the card; what is written is the attention times 8.
				if a, b := x.At(name, prompt), y.At(name, prompt); math.Abs(a-want) > 1e-3 || math.Abs(b-size*a) > 1e-3 {
					t.Errorf("%s, name %d, prompt %d: attention %g, output %g", part, name, prompt, a, b)
				}
			}
		}
	}
	if x, _ := o.Head(circuit.MLP(0)); x.Err() == nil {
		t.Error("the points of an MLP are no error")
	}
}

func TestAttention(t *testing.T) {
	m, ioi := ioiTask(t)
	for _, c := range []struct {
		from, to string
		part     circuit.Part
		want     float64
	}{{"S2", "S1", circuit.Head(0, 0), 1}, {"S1+1", "S1", circuit.Head(0, 1), 1}, {"S2", "S1+1", circuit.Head(1, 0), 1}, {"END", "S2", circuit.Head(2, 0), 1}, {"END", "IO", circuit.Head(3, 0), 0.943}} {
		r, err := circuit.Attention(m, ioi.Task, c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.At(c.part.Layer, c.part.Index); math.Abs(got-c.want) > 1e-3 { // the card has three digits
			t.Errorf("%s attends %g from %s to %s, want %g", c.part, got, c.from, c.to, c.want)
		}
	}
	if _, err := circuit.Attention(m, ioi.Task, "END", "S3"); err == nil || !strings.Contains(err.Error(), "S3") {
		t.Errorf("error %v", err)
	}
}

// The edges of the card alone do all of the task, nothing else between its heads
// is needed. Path by path two of them do not show: either of 0.0 and 1.0 is enough
// for the keys of 2.0.
func TestThePlantedEdgesAreFaithful(t *testing.T) {
	m, ioi := ioiTask(t)
	toKey := func(h circuit.Part) circuit.Edge {
		return circuit.Edge{From: h, To: circuit.Head(2, 0), Input: circuit.ToKey}
	}
	dup, ind, mover := circuit.Head(0, 0), circuit.Head(1, 0), circuit.Head(3, 0)
	card := truth()
	card.Edges = append(card.Edges, toKey(dup), toKey(ind), circuit.Edge{From: circuit.Head(3, 1), To: circuit.Head(4, 0), Input: circuit.ToQuery})
	recovers := func(gone ...circuit.Edge) float64 {
		t.Helper()
		c := *card
		c.Edges = slices.DeleteFunc(slices.Clone(card.Edges), func(e circuit.Edge) bool { return slices.Contains(gone, e) })
		if len(c.Edges) != len(card.Edges)-len(gone) {
			t.Fatalf("%v are no edges", gone)
		}
		f, err := circuit.Faithfulness(m, ioi.Task, &c, circuit.Settings{Ablation: circuit.Ablation{Components: circuit.HeadEdges}, Random: -1})
		if err != nil {
			t.Fatal(err)
		}
		return f.Recovered.Value
	}
	for _, gone := range [][]circuit.Edge{nil, {toKey(dup)}, {toKey(ind)}} {
		if v := recovers(gone...); math.Abs(v-1) > 1e-3 {
			t.Errorf("without %v %g is recovered", gone, v)
		}
	}
	if v := recovers(toKey(dup), toKey(ind)); v > 0 {
		t.Errorf("blind keys recover %g", v)
	}
	gate := circuit.Edge{From: mover, To: circuit.Head(4, 0), Input: circuit.ToQuery}
	if v := recovers(gate); v < 1.5 { // mover and backup write at once
		t.Errorf("without its gate it recovers %g", v)
	}
	f, err := circuit.Faithfulness(m, ioi.Task, card, circuit.Settings{Ablation: circuit.Ablation{Components: circuit.HeadEdges}, Random: 10})
	if err != nil {
		t.Fatal(err)
	}
	if better, of := f.Better(); better > 0 || of != 10 {
		t.Errorf("%s", f)
	}
}
