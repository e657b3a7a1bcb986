package model_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// near is what float32 sums in another order may differ by on tiny models, for
// values of size 1.
const near = 2e-5

// apart is the largest difference, in units of the values' size if that is
// above 1: a residual stream of size 8 carries 8 times the noise.
func apart(got, want *array.Array) float64 {
	return modeltest.MaxDiff(got, want) / max(1, size(want))
}

// models are those on which what must always hold is tested: every family. Left
// out are fixtures that differ from another only in the rotary table or in how
// the weights lie in files. XLA compiles a graph for each hook point, a fifth of
// a second each, so there, and in short tests, three stand for the rest: the
// graphs are built by the same code.
func models(t *testing.T) map[string]*model.Model {
	t.Helper()
	all := map[string]*model.Model{}
	paths := modeltest.Families(t)
	paths["random"], paths["attention only"] = modeltest.Random(t, modeltest.Tiny, 3), "zoo:induction"
	for _, name := range []string{"llama_linear", "llama_dynamic", "llama_yarn", "qwen3_yarn", "llama_bf16", "gpt_neox_f16", "gpt2_untied", "mistral_full"} {
		delete(paths, name)
	}
	for name, path := range few(paths, "gpt2", "llama_gqa", "bert") {
		m, err := model.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = m
	}
	return all
}

// few are of families those named, on XLA and in short tests, which the race detector's
// are: neither graphs nor races hang on the family.
func few(families map[string]string, names ...string) map[string]string {
	if strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla") || testing.Short() {
		maps.DeleteFunc(families, func(name, _ string) bool { return !slices.Contains(names, name) })
	}
	return families
}

func run(t *testing.T, m *model.Model, r model.Request) *model.Result {
	t.Helper()
	res, err := m.Run(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// exists tells whether a model has an activation, without running anything: a
// request for one that exists is refused because no budget holds it.
func exists(m *model.Model, p hook.Point) bool {
	_, err := m.Run(model.Request{Rows: [][]int32{{1}}, Budget: 1}.Capture(p))
	return err != nil && strings.Contains(err.Error(), "over the budget")
}

// points are all activations of a model's block, and the ends.
func points(t *testing.T, m *model.Model, layer int) []hook.Point {
	t.Helper()
	var all []hook.Point
	for _, k := range hook.Kinds() {
		p := hook.Point{ID: hook.ID{Kind: k, Layer: layer}}
		if k.Global() {
			p.Layer = 0
		}
		if exists(m, p) {
			all = append(all, p)
		}
	}
	if len(all) < 15 {
		t.Fatalf("only %d activations exist", len(all))
	}
	return all
}

var ragged = [][]int32{{1, 2, 3, 4, 5, 6}, {9, 8, 7}, {60}, {5, 5, 5, 5, 5}}

// A row's results do not depend on what stands beside it.
func TestBatchEqualsSingle(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			all := points(t, m, 1)
			batch := run(t, m, model.Request{Rows: ragged}.Capture(all...).Metric(model.LogProbOf(4)))
			for i, row := range ragged {
				alone := run(t, m, model.Request{Rows: [][]int32{row}}.Capture(all...).Metric(model.LogProbOf(4)))
				one := batch.Row(i)
				for k, p := range all {
					if d := apart(one.Captures[k].Array, alone.Captures[k].Array); !(d <= near) {
						t.Errorf("%s of row %d differs by %g", p, i, d)
					}
				}
				if d := batch.PerRow(0).At(i) - alone.Metric(); math.Abs(d) > near {
					t.Errorf("metric of row %d differs by %g", i, d)
				}
			}
		})
	}
}

// Many rows, cut into chunks, are the rows one by one.
func TestChunksDoNotShow(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([][]int32, 150)
	for i := range rows {
		rows[i] = make([]int32, 1+rng.IntN(60))
		for j := range rows[i] {
			rows[i][j] = rng.Int32N(97)
		}
	}
	all := run(t, m, model.Request{Rows: rows}.Metric(model.LogProbOf(4)).Edit(hook.Z(1).Head(2).Row(3, 149).Zero()).Grad(hook.ResidPre(1).At(-1)))
	for _, i := range []int{0, 3, 77, 149} {
		r := model.Request{Rows: rows[i : i+1]}.Metric(model.LogProbOf(4)).Grad(hook.ResidPre(1).At(-1))
		if i == 3 || i == 149 {
			r = r.Edit(hook.Z(1).Head(2).Zero())
		}
		alone := run(t, m, r)
		if d := math.Abs(all.PerRow(0).At(i) - alone.Metric()); d > near {
			t.Errorf("metric of row %d differs by %g", i, d)
		}
		if d := modeltest.MaxDiff(all.Grads[0].Array.Select("batch", i), alone.Grads[0].Array); !(d <= near) {
			t.Errorf("gradient of row %d differs by %g", i, d)
		}
	}
}

// Padding on either side is as if it were not there.
func TestPaddingIsNotSeen(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			plain := run(t, m, model.Request{Rows: ragged}.Metric(model.LogProbOf(4)).Capture(hook.ResidPost(1).At(-1)).Grad(hook.ResidPre(0).At(-1)))
			for _, left := range []bool{true, false} {
				r := model.Request{}
				for _, row := range ragged {
					padded, mask := make([]int32, 8), make([]bool, 8)
					at := 0
					if left {
						at = 8 - len(row)
					}
					copy(padded[at:], row)
					for i := range row {
						mask[at+i] = true
					}
					r.Rows, r.Mask = append(r.Rows, padded), append(r.Mask, mask)
				}
				got := run(t, m, r.Metric(model.LogProbOf(4)).Capture(hook.ResidPost(1).At(-1)).Grad(hook.ResidPre(0).At(-1)))
				for what, d := range map[string]float64{
					"metric":   apart(got.PerRow(0), plain.PerRow(0)),
					"capture":  apart(got.Captures[0].Array, plain.Captures[0].Array),
					"gradient": apart(got.Grads[0].Array, plain.Grads[0].Array),
				} {
					if !(d <= near) {
						t.Errorf("padding on the left %t: %s differs by %g", left, what, d)
					}
				}
			}
		})
	}
}

// A run that resumes from a captured residual stream ends where the whole does.
func TestResumeEqualsWhole(t *testing.T) {
	for name, m := range models(t) {
		n := m.Config().Layers
		whole := model.Request{Rows: ragged}.Capture(hook.Logits())
		for l := range n {
			whole = whole.Capture(hook.ResidPre(l))
		}
		whole = whole.Capture(hook.ResidPost(n - 1))
		w := run(t, m, whole)
		for l := 1; l <= n; l++ {
			from := hook.ResidPost(n - 1)
			if l < n {
				from = hook.ResidPre(l)
			}
			got := run(t, m, model.Request{Rows: ragged}.Start(l, w.At(from)).Capture(hook.Logits()))
			if d := apart(got.At(hook.Logits()), w.At(hook.Logits())); !(d <= near) {
				t.Errorf("%s: resumed at layer %d: logits differ by %g", name, l, d)
			}
		}
	}
}

// Putting an activation back where it was changes nothing: each in a row of its own.
func TestPatchWithItselfChangesNothing(t *testing.T) {
	for name, m := range models(t) {
		all := points(t, m, 1)
		base := run(t, m, model.Request{Rows: ragged[:1]}.Capture(all...))
		back := model.Request{}.Capture(hook.Logits())
		for i, p := range all {
			back.Rows = append(back.Rows, ragged[0])
			back = back.Edit(p.Row(i).Replace(base.At(p)))
		}
		logits, want := run(t, m, back).At(hook.Logits()), base.At(hook.Logits())
		for i, p := range all {
			if d := apart(logits.Select(hook.Batch, i), want); !(d <= near) {
				t.Errorf("%s: %s put back: logits differ by %g", name, p, d)
			}
		}
	}
}

// Every operation at every activation, each on a random part of a row of its own: what
// is captured there must be the operation done by hand, and nothing else of the row's
// activation may change.
func TestEditsAtEveryPoint(t *testing.T) {
	const seed = 11
	rng := rand.New(rand.NewPCG(seed, 0))
	prompts := [][]int32{{1, 2, 3, 4, 5, 6}, {9, 8, 7, 6, 5, 4}}
	type edited struct {
		hook.Edit
		row  []int32
		dims []int // of its activation
		was  []float32
		want func(i int, v float64) float64
	}
	for name, m := range models(t) {
		all := points(t, m, 1)
		before := run(t, m, model.Request{Rows: prompts}.Capture(all...))
		edits := map[hook.Op][]edited{} // in a run for each: a graph's edits all look at all rows
		for _, whole := range all {
			dims := before.At(whole).Shape()[1:]
			value := array.New(array.Dim("x", dims[len(dims)-1]))
			norm := 0.0
			for i := range value.Values() {
				value.Values()[i] = rng.Float32()
				norm += float64(value.Values()[i]) * float64(value.Values()[i])
			}
			part := whole.At(rng.IntN(len(prompts[0])))
			if axis := whole.Kind.HeadAxis(); axis >= 0 {
				part = part.Head(rng.IntN(dims[axis-1]))
			}
			prompt := rng.IntN(len(prompts))
			was := before.At(whole).Select(hook.Batch, prompt).Values()
			along := 0.0
			for i, v := range selected(part, dims, was) {
				along += float64(v) * float64(value.Values()[i]) / norm
			}
			for _, e := range []edited{
				{Edit: part.Replace(value), want: func(i int, _ float64) float64 { return float64(value.Values()[i]) }},
				{Edit: part.Add(value), want: func(i int, v float64) float64 { return v + float64(value.Values()[i]) }},
				{Edit: part.Scale(-0.5), want: func(_ int, v float64) float64 { return -0.5 * v }},
				{Edit: part.Zero(), want: func(int, float64) float64 { return 0 }},
				{Edit: part.Clamp(-0.1, 0.2), want: func(_ int, v float64) float64 { return min(0.2, max(-0.1, v)) }},
				{Edit: part.ProjectOut(value), want: func(i int, v float64) float64 { return v - along*float64(value.Values()[i]) }},
			} {
				if whole.Kind == hook.KindScores && (e.Op == hook.OpScale || e.Op == hook.OpProject) {
					continue // minus infinity times a number, or along a direction, is not one
				}
				e.Point, e.dims, e.was, e.row = part.Row(len(edits[e.Op])), dims, was, prompts[prompt]
				edits[e.Op] = append(edits[e.Op], e)
			}
		}
		for _, edits := range edits {
			request := model.Request{}.Capture(all...)
			for _, e := range edits {
				request.Rows = append(request.Rows, e.row)
				request = request.Edit(e.Edit).Capture(e.Point)
			}
			got := run(t, m, request)
			for row, e := range edits {
				old := selected(e.Point, e.dims, e.was)
				bound := near // of values of size 1; XLA sums otherwise in another batch
				for _, v := range e.was {
					if x := abs(float64(v)); !math.IsInf(x, 0) {
						bound = max(bound, near*x)
					}
				}
				for i, v := range got.At(e.Point).Values() {
					want := e.want(i, float64(old[i]))
					if d := math.Abs(float64(v) - want); float64(v) != want && !(d <= bound) {
						t.Fatalf("%s, seed %d: %s: value %d is %g, by hand %g", name, seed, e.Edit, i, v, want)
					}
				}
				changed := 0
				for i, v := range got.At(e.Whole()).Select(hook.Batch, row).Values() {
					if d := math.Abs(float64(v - e.was[i])); d > bound {
						changed++
					}
				}
				if changed > len(old) {
					t.Errorf("%s, seed %d: %s changed %d values, it selects %d", name, seed, e.Edit, changed, len(old))
				}
			}
		}
	}
}

// selected are the values of a row's activation that a point selects.
func selected(p hook.Point, dims []int, row []float32) (values []float32) {
	n := dims[p.Kind.PositionAxis()-1]
	p.Batch = nil
	p.Offsets(dims, 0, n, func(offset int) { values = append(values, row[offset]) })
	return values
}

// slopes are how metrics of a row, each with tokens that are the same in all rows, rise
// with one value of each point, by small steps in rows of their own, beside the gradients
// there. other is a row beside them, of another length.
func slopes(t *testing.T, m *model.Model, row, other []int32, at []hook.Point, rng *rand.Rand, step float32, metrics func(rows int) []model.Metric, see func(p hook.Point, metric model.Metric, gradient, slope float64)) {
	t.Helper()
	of := metrics(2)
	for i := range at {
		at[i] = at[i].Row(0)
	}
	grads := run(t, m, model.Request{Rows: [][]int32{row, other}}.Metric(of...).GradEach(at...))
	moved, index := model.Request{}, make([]int, len(at))
	for k, p := range at {
		delta := array.New(grads.GradOf(0, p).Axes()...)
		index[k] = rng.IntN(len(delta.Values()))
		for _, by := range []float32{step, -step} {
			value := array.New(delta.Axes()...)
			value.Values()[index[k]] = by
			moved = moved.Edit(p.Row(len(moved.Rows)).Add(value))
			moved.Rows = append(moved.Rows, row)
		}
	}
	moved.Rows = append(moved.Rows, other)
	got := run(t, m, moved.Metric(metrics(len(moved.Rows))...))
	for i, metric := range of {
		for k, p := range at {
			slope := (got.PerRow(i).At(2*k) - got.PerRow(i).At(2*k+1)) / (2 * float64(step))
			see(p, metric, float64(grads.GradOf(i, p).Values()[index[k]]), slope)
		}
	}
}

// Gradients at every activation are the slopes that small steps see.
func TestGradientsAgainstFiniteDifferences(t *testing.T) {
	const (
		step = 2e-2 // large enough that float32 sees the change, small enough that curvature does not
		// Central differences err by step² times the third derivative, and by
		// float32's 1e-7 of a metric of size 10 over the step.
		tolerance = 3e-3
	)
	m, err := model.Open(modeltest.Random(t, modeltest.Tiny, 5))
	if err != nil {
		t.Fatal(err)
	}
	reference := run(t, m, model.Request{Rows: [][]int32{{4, 4, 4}}}.Capture(hook.Logits().At(-1))).Captures[0].Array
	direction := array.New(array.Dim("d_model", 32))
	for i := range direction.Values() {
		direction.Values()[i] = float32(i%5) - 2
	}
	metrics := func(rows int) []model.Metric {
		return []model.Metric{
			model.LogitDiff(model.IDs(4), model.IDs(9)), model.LogProbOf(3), model.Logit(model.IDs(3)), model.Prob(model.IDs(3)),
			model.NLL(), model.KL(reference.Select(hook.Batch, make([]int, rows)...)), model.Linear(hook.ResidPost(1).At(-1), direction),
			model.Margin(model.IDs(4), model.Sets([]int32{9, 2})), model.ProbDiff(model.Sets([]int32{1, 2}), model.Sets([]int32{5, 6, 7})),
		}
	}
	var at []hook.Point
	for _, p := range points(t, m, 1) {
		if p.Kind != hook.KindScores { // masked scores are infinite; they are tested through the pattern
			at = append(at, p.At(1))
		}
	}
	most, where := map[string]float64{}, map[string]string{}
	slopes(t, m, []int32{1, 2, 3, 4}, []int32{9, 8, 7}, at, rand.New(rand.NewPCG(2, 0)), step, metrics, func(p hook.Point, metric model.Metric, gradient, slope float64) {
		kind := string(metric.Kind)
		if d := math.Abs(slope-gradient) / (1 + math.Abs(slope)); d >= most[kind] {
			most[kind], where[kind] = d, fmt.Sprintf("%s: gradient %g, slope %g", p, gradient, slope)
		}
	})
	for kind, d := range most {
		t.Logf("%-24s largest relative difference %.1e at %s", kind, d, where[kind])
		if !(d < tolerance) {
			t.Errorf("%s: %s", kind, where[kind])
		}
	}
}

// Metrics are what their names say, computed by hand from the logits.
func TestMetricsByHand(t *testing.T) {
	m := open(t)
	rows := [][]int32{{1, 2, 3, 4}, {9, 8, 7}}
	reference := run(t, m, model.Request{Rows: [][]int32{{4}, {5, 5}}}.Capture(hook.Logits().At(-1))).Captures[0].Array
	got := run(t, m, model.Request{Rows: rows}.Capture(hook.Logits(), hook.Z(1)).Metric(
		model.Logit(model.IDs(3)), model.LogitDiff(model.IDs(3, 4), model.IDs(9)), model.LogProbOf(3), model.Prob(model.IDs(3)),
		model.Top1(model.IDs(3)), model.NLL(), model.KL(reference), model.Linear(hook.Z(1).Head(2).At(0, 1), hook.Vec(2)), model.LogProbOf(3).AtPositions(0),
		model.Rank(model.IDs(3)), model.Margin(model.IDs(3), model.Sets([]int32{9, 4, 5})), model.Accuracy(model.IDs(3), model.Sets([]int32{9, 4, 5})),
		model.ProbDiff(model.Sets([]int32{1, 2}, []int32{3}), model.IDs(5))))
	logits := got.At(hook.Logits())
	for row, ids := range rows {
		last := len(ids) - 1
		at := func(pos, id int) float64 { return logits.At(row, pos, id) }
		z := func(pos int) float64 {
			sum := 0.0
			for id := range 97 {
				sum += math.Exp(at(pos, id))
			}
			return math.Log(sum)
		}
		top, rank, nll, kl, linear := 1.0, 1.0, 0.0, 0.0, 0.0
		refZ := 0.0
		for id := range 97 {
			if at(last, id) > at(last, 3) {
				top = 0
				rank++
			}
			refZ += math.Exp(reference.At(row, 0, id))
		}
		for id := range 97 {
			lp := reference.At(row, 0, id) - math.Log(refZ)
			kl += math.Exp(lp) * (lp - at(last, id) + z(last))
		}
		for pos := range last {
			nll += (z(pos) - at(pos, int(ids[pos+1]))) / float64(last)
		}
		for pos := range 2 {
			for d := range 8 {
				linear += 2 * got.At(hook.Z(1)).At(row, pos, 2, d)
			}
		}
		margin, right := at(last, 3)-max(at(last, 9), at(last, 4), at(last, 5)), 0.0
		if margin > 0 {
			right = 1
		}
		p := func(id int) float64 { return math.Exp(at(last, id) - z(last)) }
		diff := []float64{p(1) + p(2) - p(5), p(3) - p(5)}[row]
		for i, want := range []float64{
			at(last, 3), at(last, 3+row) - at(last, 9), at(last, 3) - z(last), math.Exp(at(last, 3) - z(last)),
			top, nll, kl, linear, at(0, 3) - z(0),
			rank, margin, right, diff,
		} {
			if have := got.PerRow(i).At(row); math.Abs(have-want) > near {
				t.Errorf("row %d: %s is %g, by hand %g", row, got.PerRow(i).Title(), have, want)
			}
		}
	}
}

// Processing the weights leaves what the model says as it was.
func TestProcessingKeepsLogProbabilities(t *testing.T) {
	rows := [][]int32{{1, 2, 3, 4}, {9, 8, 7}}
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			request := model.Request{Rows: rows}.Capture(hook.Logits())
			raw := run(t, m, request)
			can := model.StandardFor(m.Config())
			for bits := range 64 {
				p := model.Processing{FoldNorm: bits&1 > 0, CenterWriting: bits&2 > 0, CenterUnembed: bits&4 > 0, FoldValues: bits&8 > 0,
					RefactorQK: bits&16 > 0, RefactorOV: bits&32 > 0}
				others := p
				others.RefactorQK, others.RefactorOV = false, false
				if others != p && others != (model.Processing{}) && others != can {
					continue // what is refactored is either raw or all that the family allows
				}
				refused := p.FoldNorm && !can.FoldNorm || p.CenterWriting && !can.CenterWriting || p.CenterUnembed && !can.CenterUnembed ||
					p.RefactorQK && m.Config().CanRefactorQK() != nil || p.RefactorOV && m.Config().CanRefactorOV() != nil
				view, err := m.Process(p)
				if refused != (err != nil) {
					t.Fatalf("%s: refused %t, yet the error is %v", p, refused, err)
				}
				if err != nil {
					continue
				}
				got := run(t, view, request)
				for row, ids := range rows {
					for pos := range ids {
						a := logProbs(got.At(hook.Logits()), row, pos)
						b := logProbs(raw.At(hook.Logits()), row, pos)
						for id := range a {
							// Logits before their mean is taken out may be of size 10 in
							// unprocessed models; two roundings of each.
							if d := abs(a[id] - b[id]); !(d <= 2*near) {
								t.Fatalf("%s: log-probability of %d at row %d position %d differs by %g", p, id, row, pos, d)
							}
						}
					}
				}
				if got.Processing != p || raw.Processing != (model.Processing{}) {
					t.Errorf("results say %s and %s", got.Processing, raw.Processing)
				}
			}
		})
	}
}

// logProbs is the logarithm of the softmax of one position.
func logProbs(logits *array.Array, row, pos int) []float64 {
	out := make([]float64, logits.Dim("vocab"))
	sum := 0.0
	for id := range out {
		out[id] = logits.At(row, pos, id)
		sum += math.Exp(out[id])
	}
	for id := range out {
		out[id] -= math.Log(sum)
	}
	return out
}

// What is captured does not change what comes out, at any hook point of any
// family, all at once.
func TestCaptureChangesNothing(t *testing.T) {
	for name, m := range models(t) {
		plain := run(t, m, model.Request{Rows: ragged}.Capture(hook.Logits()))
		all := model.Request{Rows: ragged}.Capture(hook.Logits())
		for l := range m.Config().Layers {
			for _, p := range points(t, m, l) {
				if !p.Kind.Global() {
					all = all.Capture(p)
				}
			}
		}
		if d := apart(run(t, m, all).At(hook.Logits()), plain.At(hook.Logits())); !(d <= near) {
			t.Errorf("%s: logits differ by %g when %d activations are captured", name, d, len(all.Captures))
		}
	}
}

// Gradients of every family at every kind of activation, against small steps.
func TestFamiliesGradients(t *testing.T) {
	const (
		// Embeddings are of size 0.3 in front of a norm, so that steps of a hundredth
		// already see its curvature; smaller ones see less of it and meet fewer kinks.
		step = 2e-3
		// float32's noise of 1e-5 in a metric of size 5, over two steps.
		tolerance = 5e-3
	)
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			var at []hook.Point
			for _, p := range points(t, m, 0) {
				if p.Kind == hook.KindLogits {
					continue
				}
				q := p.At(-1)
				if p.Kind == hook.KindScores || p.Kind == hook.KindPattern {
					q = q.Coord(0, 1) // keys that the last query sees in every family, so that scores are finite
					if m.Config().IsLocal(0) {
						q = q.Coord(2, 3)
					}
				}
				at = append(at, q)
			}
			metric := func(int) []model.Metric { return []model.Metric{model.LogProbOf(3)} }
			slopes(t, m, []int32{1, 2, 3, 4}, []int32{9, 8, 7}, at, rand.New(rand.NewPCG(7, 0)), step, metric, func(p hook.Point, _ model.Metric, gradient, slope float64) {
				if d := abs(slope-gradient) / (1 + abs(slope)); !(d < tolerance) {
					t.Errorf("%s: gradient %g, slope %g", p, gradient, slope)
				}
			})
		})
	}
}

// Greedy generation is the likeliest token, again and again, with the edits.
func TestGenerate(t *testing.T) {
	m := open(t)
	p := m.Rows([][]int32{{1, 2, 3}, {9}})
	edit := hook.Z(0).Head(1).Zero()
	got, err := m.Generate(p, 4, edit)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range p.IDs {
		for range 4 {
			res := run(t, m, model.Request{Rows: [][]int32{row}}.Edit(edit).Capture(hook.Logits().At(-1)))
			_, best := res.Captures[0].Array.Max()
			row = append(row[:len(row):len(row)], int32(best[2]))
		}
		if fmt.Sprint(row) != fmt.Sprint(got.IDs[i]) {
			t.Errorf("row %d is %v, step by step %v", i, got.IDs[i], row)
		}
	}
	if len(p.IDs[0]) != 3 {
		t.Error("the prompt was changed")
	}
}
