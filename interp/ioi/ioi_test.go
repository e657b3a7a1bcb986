package ioi_test

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

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/ioi"
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

func open(t testing.TB, name string) *model.Model {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ioiTask(t testing.TB) (*model.Model, *task.IOITask) {
	t.Helper()
	prompts, err := planted()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "zoo:ioi-planted"), prompts
}

// Every head of the hand-made network is found and put into its class, and no
// decoy is.
func TestFindFindsThePlantedCircuit(t *testing.T) {
	m, prompts := ioiTask(t)
	c, err := ioi.Find(m, prompts, ioi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Compare(ioi.Planted())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(c)
	if r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 || r.Edges.Precision() != 1 || r.Edges.Recall() != 1 || r.Classes != 7 {
		t.Errorf("%s", r)
	}
	for i, n := range ioi.Planted().Nodes {
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
	// Ours and the paper's way to find backups agree here.
	backup := []graph.Part{graph.Head(4, 0)}
	if len(c.Steps) != 6 || !slices.Equal(c.Steps[1].Found, backup) || !slices.Equal(c.Steps[2].Found, backup) {
		t.Errorf("steps: %s", c)
	}
	// The effect on the difference is that on IO's logit less that on S's.
	for i, effect := range c.Steps[0].Values() {
		io, s := c.Steps[0].Answer.Values()[i], c.Steps[0].Wrong.Values()[i]
		if gap := 5.317; math.Abs(float64(effect)*gap/100-float64(io-s)) > 0.02 { // corrupted names are at times the clean ones
			t.Errorf("head %d: %g%% of %g, but %g and %g on the logits", i, effect, gap, io, s)
		}
	}
	// The map and the table agree, sign and all: the name mover helps and the
	// negative one hurts. What an effect is stands beneath.
	told := 0
	for _, e := range c.Edges {
		if e.To != graph.Logits() || !slices.Contains(c.Steps[0].Found, e.From) {
			continue
		}
		shown := float64(c.Steps[0].At(e.From.Layer, e.From.Index))
		if math.Abs(shown-e.Effect) > 1e-3 || (shown > 0) != (e.From == graph.Head(3, 0)) {
			t.Errorf("%s: the map shows %g, the table %g", e, shown, e.Effect)
		}
		told++
	}
	if told != 2 || !strings.Contains(c.String(), "an effect, here and in the maps of the steps, is by how much the metric falls when the path is patched") {
		t.Errorf("%d edges to the logits; %s", told, c)
	}
	after, err := ioi.Find(m, prompts, ioi.Options{BackupsAfter: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := after.Compare(c.Circuit); err != nil || r.Nodes.Precision() != 1 || r.Nodes.Recall() != 1 {
		t.Errorf("backups by the effect after: %s, %v", after, err)
	}
}

// One head attends from END to S2 and writes against the token there. It is all
// there is: a node, and a circuit that recovers everything.
func TestFindOfOneHeadThatWritesAgainstS(t *testing.T) {
	m, prompts := suppressor(t, 4)
	c, err := ioi.Find(m, prompts, ioi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Nodes) != 1 || c.Nodes[0].Part != graph.Head(0, 1) || c.Nodes[0].Class != ioi.SSuppressor || !slices.Equal(c.Nodes[0].At, []string{"END"}) {
		t.Fatalf("%s", c)
	}
	if len(c.Edges) != 1 || math.Abs(c.Edges[0].Effect-100) > 1e-3 {
		t.Errorf("edges %v", c.Edges)
	}
	if io, s := c.Steps[0].Answer.At(0, 1), c.Steps[0].Wrong.At(0, 1); math.Abs(io) > 1e-4 || math.Abs(s+4) > 1e-4 {
		t.Errorf("its path does %g for IO and %g for S; want 0 and -4", io, s)
	}
	f, err := (&circuit.Test{Model: m, Task: prompts.Task, Settings: circuit.Settings{Random: -1, Ablation: ablate.Ablation{Value: ablate.Resample}}}).Faithfulness(c.Circuit)
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

func TestFindRefuses(t *testing.T) {
	m, prompts := ioiTask(t)
	blind, backwards := *prompts, *prompts.Task
	backwards.Metric = model.LogitDiff(prompts.Wrong, prompts.Answer).In(prompts.End)
	blind.Task = &backwards
	for _, c := range []struct {
		name    string
		prompts *task.IOITask
		o       ioi.Options
		want    string
	}{
		{"no task", nil, ioi.Options{}, "no task"},
		{"a model that does not do it", &blind, ioi.Options{}, "the model does not do the task: its logit difference is -5.3"},
		{"threshold", prompts, ioi.Options{Effect: -1}, "must be above 0"},
	} {
		if _, err := ioi.Find(m, c.prompts, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; it should say %q", c.name, err, c.want)
		}
	}
	// Heads that look nowhere with as much as that are nodes, and of no class.
	c, err := ioi.Find(m, prompts, ioi.Options{Attention: 0.99})
	if err != nil || len(c.Steps[0].Found) != 2 || !slices.Equal(c.Of(ioi.OtherHead)[:2], c.Steps[0].Found) || len(c.Of(ioi.NameMover)) > 0 {
		t.Errorf("%s, %v", c, err)
	}
}

func TestCopyScores(t *testing.T) {
	m, prompts := ioiTask(t)
	for sign, want := range map[float64][]string{1: {"3.0", "4.0"}, -1: {"3.1"}} {
		r, err := ioi.CopyScore(m, prompts, ioi.CopyOptions{Sign: sign, Top: 1})
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
	m, prompts := ioiTask(t)
	s, err := ioi.Signals(m, prompts, ioi.Planted().Of(ioi.SInhibition))
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
	for _, heads := range [][]graph.Part{nil, {graph.MLP(0)}, {graph.Head(9, 0)}} {
		if _, err := ioi.Signals(m, prompts, heads); err == nil {
			t.Errorf("signals of %v are no error", heads)
		}
	}
}

func TestOutputOnNames(t *testing.T) {
	m, prompts := ioiTask(t)
	o, err := ioi.OutputOnNames(m, prompts)
	if err != nil {
		t.Fatal(err)
	}
	for part, size := range map[graph.Part]float64{graph.Head(3, 0): 8, graph.Head(3, 1): -2, graph.Head(4, 1): 0} {
		x, y := o.Head(part)
		for name, want := range []float64{0.943, 0.057} {
			if part == graph.Head(4, 0) {
				want = 0
			}
			for prompt := range prompts.Len() {
				// Three digits in the card; what is written is the attention times 8.
				if a, b := x.At(name, prompt), y.At(name, prompt); math.Abs(a-want) > 1e-3 || math.Abs(b-size*a) > 1e-3 {
					t.Errorf("%s, name %d, prompt %d: attention %g, output %g", part, name, prompt, a, b)
				}
			}
		}
	}
	if x, _ := o.Head(graph.MLP(0)); x.Err() == nil {
		t.Error("the points of an MLP are no error")
	}
}
