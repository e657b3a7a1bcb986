package lens_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/interp/steer"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// The induction head of the hand-made network says words, each of its singular vectors
// one or some; the direction of one row of the unembedding is that word.
func TestWords(t *testing.T) {
	m := open(t, "zoo:induction")
	u, err := m.Products(model.Chain{model.WU().Of(20).T()})
	if err != nil {
		t.Fatal(err)
	}
	d, err := steer.NewDirection(hook.ResidPost(1), array.Of(u[0].Values(), array.Dim("coordinate", m.Config().DModel)), "a row")
	if err != nil {
		t.Fatal(err)
	}
	words, err := lens.DirectionWords(m, 3, d)
	if err != nil {
		t.Fatal(err)
	}
	label := m.Rows([][]int32{{20}}).Labels[0][0]
	if got := words.Raised[0][0]; got.Text != label || math.Abs(got.Logit-8) > 1e-4 || math.Abs(words.Raised[0][1].Logit) > 1e-5 {
		t.Errorf("%v, want %q by 8", words, label)
	}
	head, err := lens.HeadWords(m, 1, 1, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(head.At(0)-1) > 1e-4 || math.Abs(head.At(3)-1) > 1e-4 {
		t.Errorf("singular values of a copy: %v", head)
	}
	for _, w := range slices.Concat(head.Raised, head.Lowered) {
		if math.Abs(w[0].Logit) > 8+1e-3 {
			t.Errorf("a unit vector adds %g", w[0].Logit)
		}
	}
	if _, err := lens.HeadWords(m, 2, 0, 1, 1); err == nil || !strings.Contains(err.Error(), "2 layers of 3 heads") {
		t.Errorf("%v", err)
	}
	gpt2 := open(t, modeltest.Dir())
	if mlp, err := lens.MLPWords(gpt2, 1, 3, 2); err != nil || mlp.At(0) < mlp.At(2) || len(mlp.Raised) != 3 {
		t.Errorf("%v, %v", mlp, err)
	}
}

// Neurons and b_out are what attribution says of the MLPs.
func TestNeuronsAddUp(t *testing.T) {
	m := open(t, modeltest.Dir())
	rows := m.Rows(modeltest.Rows(modeltest.Oracle(t, "oracle.safetensors")["tokens"]))
	metric := model.LogitDiff(model.IDs(5), model.IDs(7))
	got, err := lens.Neurons(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	all, err := lens.Attribution(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	// b_out alone: all neurons at zero, MLP by MLP.
	_, names := all.Axis(0)
	for l := range m.Config().Layers {
		sum := 0.0
		for n := range m.Config().DMLP {
			sum += got.At(l, n)
		}
		mlp := all.At(slices.Index(names, []string{"0 mlp", "1 mlp", "2 mlp"}[l]))
		// The stream's directions are those of the whole run: so is b_out's part.
		bias := 0.0
		run, err := m.Run(rows.Edit(hook.MLPPost(l).Zero()).Capture(hook.MLPOut(l).At(-1), hook.LNFinalScale().At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := m.Run(rows.Capture(hook.LNFinalScale().At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		w, err := m.Products(model.Chain{model.WU().Of(5, 7).T()}, model.Chain{model.LNFinal()})
		if err != nil {
			t.Fatal(err)
		}
		d := m.Config().DModel
		direction, mean := make([]float64, d), 0.0
		for i := range d {
			direction[i] = (w[0].At(0, i) - w[0].At(1, i)) * float64(w[1].Values()[i])
			mean += direction[i] / float64(d)
		}
		for row := range rows.IDs {
			for i := range d {
				bias += run.At(hook.MLPOut(l).At(-1)).At(row, 0, i) * (direction[i] - mean) / whole.At(hook.LNFinalScale().At(-1)).At(row, 0, 0) / float64(len(rows.IDs))
			}
		}
		if math.Abs(sum+bias-mlp) > 1e-4 {
			t.Errorf("layer %d: neurons %g and b_out %g, the MLP is %g", l, sum, bias, mlp)
		}
	}
}

// Integrated gradients add up to the difference from no embedding, and of a model that is
// linear in it gradient x input is the same.
func TestInputAttributionAddsUp(t *testing.T) {
	m := open(t, modeltest.Dir())
	rows := m.Rows([][]int32{{3, 1, 4, 1, 5}, {9, 2, 6}})
	metric := model.Logit(model.IDs(5))
	got, err := lens.IntegratedGradients(m, rows, metric, 200)
	if err != nil {
		t.Fatal(err)
	}
	with, err := m.Run(rows.Metric(metric))
	if err != nil {
		t.Fatal(err)
	}
	without, err := m.Run(rows.Edit(hook.Embed().Zero()).Metric(metric))
	if err != nil {
		t.Fatal(err)
	}
	for row, tokens := range rows.IDs {
		sum := 0.0
		for pos := range tokens {
			sum += got.At(row, pos)
		}
		if want := with.PerRow(0).At(row) - without.PerRow(0).At(row); math.Abs(sum-want) > 2e-2 {
			t.Errorf("row %d: %g, want %g", row, sum, want)
		}
	}
	if !math.IsNaN(got.At(1, 4)) {
		t.Errorf("past a row's end stands %g", got.At(1, 4))
	}
	one, err := lens.GradientTimesInput(m, rows, metric)
	if err != nil {
		t.Fatal(err)
	}
	run, err := m.Run(rows.Capture(hook.Embed()).Metric(metric).Grad(hook.Embed()))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i := range 32 {
		sum += run.At(hook.Embed()).At(0, 2, i) * run.Grad(hook.Embed()).At(0, 2, i)
	}
	if math.Abs(one.At(0, 2)-sum) > 1e-4 {
		t.Errorf("gradient x input %g, want %g", one.At(0, 2), sum)
	}
}

// The induction head of the last token looks for the word that the state there is of:
// with the state of another prompt's "cat" it says what followed "cat".
func TestPatchscope(t *testing.T) {
	m := open(t, "zoo:induction")
	p := lens.Patchscope{Target: m.Tokens("cat dog the fox"), Layer: 0, Tokens: 1}
	got, err := p.Read(m, m.Tokens("cat sat"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Texts) != 2 || strings.TrimSpace(got.Of) != "cat" || strings.TrimSpace(got.Texts[0]) != "dog" {
		t.Errorf("%v", got)
	}
	if _, err := p.Read(m, m.Tokens("cat", "dog"), 0); err == nil || !strings.Contains(err.Error(), "2 sources") {
		t.Errorf("%v", err)
	}
}
