package neuron_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/neuron"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// near is what float32 sums of few terms are off by.
const near = 1e-5

func TestInformationByHand(t *testing.T) {
	const positions = 2048
	first := func(n int) []float64 {
		rates := make([]float64, positions)
		for i := range n {
			rates[i] = 1
		}
		return rates
	}
	flat := slices.Repeat([]float64{0.3}, positions)
	for _, c := range []struct {
		name  string
		rates []float64
		want  float64
	}{{"half", first(positions / 2), math.Ln2}, {"constant", flat, 0}, {"one", first(1), 0.0042}, {"sixteen", first(16), 0.0457}, {"twenty", first(20), 0.0549}, {"dead", first(0), 0}} {
		if got := neuron.Information(c.rates); math.Abs(got-c.want) > 5e-5 {
			t.Errorf("%s: %.4f nats, want %.4f", c.name, got, c.want)
		}
	}
}

func TestPatternsByHand(t *testing.T) {
	rates := func(f func(x float64) float64) []float64 {
		all := make([]float64, 256)
		for i := range all {
			all[i] = f(float64(i) / 256)
		}
		return all
	}
	for _, c := range []struct {
		f      func(x float64) float64
		want   neuron.Pattern
		strong bool
	}{
		{func(x float64) float64 { return 0.5 + 0.5*math.Sin(2*math.Pi*4*x) }, neuron.Oscillatory, true},
		{func(x float64) float64 { return 0.5 + 0.2*math.Sin(2*math.Pi*4*x) }, neuron.Oscillatory, false},
		{func(x float64) float64 { return min(1, max(0, 2*x-0.5)) }, neuron.BothExtremes, true},
		{func(x float64) float64 { return 0.15 + 0.7*x }, neuron.BothExtremes, false},
		{func(x float64) float64 { return 0.5 * x }, neuron.OneExtreme, true},
		{func(x float64) float64 { return 0.4 + 0.2*x }, neuron.OtherPattern, false},
	} {
		if got, strong := neuron.PatternOf(rates(c.f)); got != c.want || strong != c.strong {
			t.Errorf("%s, strong: %t; want %s, %t", got, strong, c.want, c.strong)
		}
	}
}

func TestEntropyByHand(t *testing.T) {
	for _, c := range []struct {
		rates []float64
		want  float64
	}{{[]float64{0.45, 0.01, 0.01, 0.01, 0.02}, 0.4583}, {[]float64{0.18, 0.18, 0.02, 0.01, 0.01}, 1.0529}, {[]float64{0.1, 0.1, 0.1, 0.1, 0.1}, 1.6094}, {[]float64{0.3, 0.3, 0, 0}, math.Ln2}} {
		if got := neuron.Entropy(c.rates); math.Abs(got-c.want) > 5e-5 {
			t.Errorf("%v: %.4f, want %.4f", c.rates, got, c.want)
		}
	}
	if got := neuron.Entropy([]float64{0, 0}); got == got {
		t.Errorf("a neuron that never fires has entropy %g", got)
	}
}

// The planted network: one layer without attention to speak of, a vocabulary of 20. Tokens
// 1 to 9 are of language a, 10 to 18 of b, 19 of both. Neurons, all of which write the
// logit of a token:
//
//	0 fires on token 5 alone, and takes from token 5
//	1 is dead
//	2 fires before position 4
//	3 fires on all tokens of a, 4 on all of b, 5 on all
const (
	vocab, width                                     = 20, 8
	detector, dead, early, ofA, ofB, always, neurons = 0, 1, 2, 3, 4, 5, 6
)

func planted(t *testing.T) *model.Model {
	t.Helper()
	const at, ones = vocab, vocab + width // coordinates of positions, and of 1; then the logits'
	h := modeltest.ByHand(t, map[string]any{"n_embd": 2*vocab + width + 1, "d_head": 1, "vocab_size": vocab, "n_positions": width, "n_inner": neurons})
	for id := range vocab {
		h.Add("embed.W_E", 1, id, id).Add("embed.W_E", 1, id, ones).Add("unembed.W_U", 1, id, ones+1+id-id/vocab)
	}
	for p := range width {
		h.Add("pos_embed.W_pos", 1, p, at+p)
		if p < 4 {
			h.Add("blocks.0.mlp.W_in", 1, at+p, early)
		}
	}
	h.Add("blocks.0.mlp.W_in", 1, 5, detector).Add("blocks.0.mlp.b_in", -0.5, detector)
	h.Add("blocks.0.mlp.b_in", -1e3, dead).Add("blocks.0.mlp.b_in", -0.5, early).Add("blocks.0.mlp.b_in", 1, always)
	for id := 1; id < 19; id++ {
		h.Add("blocks.0.mlp.W_in", 1, id, ofA+(id-1)/9)
	}
	write := func(n, token int, v float32) { h.Add("blocks.0.mlp.W_out", v, n, ones+1+token) }
	write(detector, 5, -2)
	write(early, 3, 0.1)
	for id := 1; id < 10; id++ {
		write(ofA, id, 3)
		write(ofB, id+9, 2)
	}
	write(always, 19, 0.1)
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// speech is rows of a language.
func speech(language, rows int) (all [][]int32) {
	rng := rand.New(rand.NewPCG(uint64(language), 7))
	for range rows {
		row := make([]int32, width)
		for i := range row {
			row[i] = int32(1 + 9*language + rng.IntN(9))
		}
		all = append(all, row)
	}
	return all
}

func TestPlantedNeurons(t *testing.T) {
	m := planted(t)
	cut := given(t, []string{"a", "b"}, slices.Concat(speech(0, 40), speech(1, 40)), func(i int) int { return i / 40 })
	s, err := neuron.Survey(t.Context(), m, cut, neuron.Settings{Pairs: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Dead(); !reflect.DeepEqual(got, []neuron.Unit{{Layer: 0, Neuron: dead}}) {
		t.Errorf("dead are %v", got)
	}
	if got := s.Detectors(neuron.Rule{}); len(got) != 1 || got[0].Neuron != detector || !slices.Equal(got[0].Tokens, []int32{5}) {
		t.Errorf("detectors are %v", got)
	} else if w, err := got[0].Against(m); err != nil || math.Abs(w[0]+2) > near {
		t.Errorf("it writes %v on its token (%v), want -2", w, err)
	}
	if got := s.Positional(0); len(got) != 1 || got[0].Neuron != early || math.Abs(got[0].Information-math.Ln2) > near || got[0].Pattern != neuron.BothExtremes || !got[0].Strong {
		t.Errorf("positional are %v", got)
	}
	if got := s.Covering(neuron.Unit{Neuron: ofA}, false, 1); got != 9 {
		t.Errorf("the neuron of a is covered by %d tokens, want 9", got)
	}
	few, err := neuron.Survey(t.Context(), m, cut, neuron.Settings{Triggers: 8})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := few.Triggers(neuron.Unit{Neuron: ofA}, false); got != nil || few.Covering(neuron.Unit{Neuron: ofA}, false, 1) != -1 {
		t.Errorf("with eight triggers at most it has %v", got)
	}
	for _, want := range []string{"dead: 1", "token detectors: 1", "positional (I > 0.05): 1"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("%q is not in\n%s", want, s)
		}
	}
}

// Each language has its planted neuron and no other, and what is switched off costs its
// own language alone: the other's loss is the same to the last digit.
func TestPlantedLanguages(t *testing.T) {
	m := planted(t)
	cut := given(t, []string{"a", "b"}, slices.Concat(speech(0, 40), speech(1, 40)), func(i int) int { return i / 40 })
	counts, err := neuron.CountLanguages(t.Context(), m, cut)
	if err != nil {
		t.Fatal(err)
	}
	// 12 rates, of which three are 1 and reach the bar; one below it, two neurons are taken.
	s, err := counts.Select(neuron.Choice{Share: 2. / neurons, Bar: 0.6})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]neuron.Unit{"a": {{Layer: 0, Neuron: ofA}}, "b": {{Layer: 0, Neuron: ofB}}}
	if !reflect.DeepEqual(s.Units, want) {
		t.Fatalf("selected %v, want %v", s.Units, want)
	}
	if e := counts.Entropy(); !math.IsNaN(e.At(0, dead)) || e.At(0, ofA) != 0 || math.Abs(e.At(0, always)-math.Ln2) > near {
		t.Errorf("entropies %v", e.Values())
	}
	edits := map[string][]hook.Edit{"a": neuron.Off(s.Units["a"]...), "b": neuron.Off(s.Units["b"]...)}
	losses, err := neuron.Losses(t.Context(), m, cut, []string{"a", "b"}, edits)
	if err != nil {
		t.Fatal(err)
	}
	rise := neuron.Rise(losses)
	for i := range 2 {
		if own, other := rise.At(i, i), rise.At(i, 1-i); own < 0.1 || other != 0 {
			t.Errorf("without %s its loss rises by %g, the other's by %g", s.Names[i], own, other)
		}
	}
	// In a generation: the model of a, with its neuron off, says nothing of a any more.
	row := m.Rows([][]int32{{1, 2}})
	plain, err := m.Complete(row.Complete(3))
	if err != nil {
		t.Fatal(err)
	}
	off, err := m.Complete(row.Complete(3).Edit(edits["a"]...))
	if err != nil {
		t.Fatal(err)
	}
	if id := plain.New(0)[0]; id < 1 || id > 9 {
		t.Errorf("in a it goes on with %v", plain.New(0))
	}
	if id := off.New(0)[0]; id >= 1 && id <= 9 && id != 3 { // 3 is what the early neuron writes
		t.Errorf("with a switched off it goes on with %v", off.New(0))
	}
	// Held at their means in b, a's neuron gives a language to rows of b.
	on, err := neuron.On(t.Context(), m, cut, "a", s.Units["a"]...)
	if err != nil {
		t.Fatal(err)
	}
	spoken, err := m.Complete(m.Rows([][]int32{{19, 19}}).Complete(1).Edit(on...))
	if err != nil {
		t.Fatal(err)
	}
	if id := spoken.New(0)[0]; id < 1 || id > 9 {
		t.Errorf("with a switched on it goes on with %d", id)
	}
	if _, err := neuron.On(t.Context(), m, cut, "c", s.Units["a"]...); err == nil {
		t.Error("an unknown language gives no error")
	}
}

func TestPages(t *testing.T) {
	m := planted(t)
	rows := slices.Concat(speech(0, 40), speech(1, 40))
	cut := given(t, []string{""}, rows, func(int) int { return 0 })
	pages, err := neuron.Pages{Top: 3, Around: 2}.Of(t.Context(), m, cut, neuron.Unit{Neuron: detector}, neuron.Unit{Neuron: dead})
	if err != nil {
		t.Fatal(err)
	}
	fives := 0
	for _, row := range rows {
		for _, id := range row {
			if id == 5 {
				fives++
			}
		}
	}
	p := pages[0]
	if got, want := p.Positive, float64(fives)/float64(len(rows)*width); math.Abs(got-want) > 1e-9 || len(p.Top) != 3 {
		t.Errorf("above 0 at %g, want %g; %d examples", got, want, len(p.Top))
	}
	for _, e := range p.Top {
		if rows[e.Row][e.Pos] != 5 || e.Value != 0.5 || e.Text.At(e.At) != 0.5 || e.Text.Dim("position") > 5 {
			t.Errorf("example %+v", e)
		}
	}
	if len(p.Suppresses) == 0 || p.Suppresses[0].Value > -1.5 || !strings.Contains(p.Suppresses[0].Label, "5") {
		t.Errorf("it suppresses %v", p.Suppresses)
	}
	// What writes nothing in common has a cosine of 0; ofA writes 3 to nine tokens, 5 among them.
	if n := len(p.Nearest); n != neurons-1 || p.Nearest[n-1].Neuron != ofA || math.Abs(p.Nearest[n-1].Cosine+1./3) > near || math.Abs(p.Nearest[0].Cosine) > near {
		t.Errorf("neurons that write alike: %v", p.Nearest)
	}
	if q := pages[1]; q.Positive != 0 || len(q.Top) != 0 || len(q.Parts) != 0 {
		t.Errorf("the dead neuron's page is %v", q)
	}
	if _, err := (neuron.Pages{}).Of(t.Context(), m, cut, neuron.Unit{Neuron: 99}); err == nil || !strings.Contains(err.Error(), "no neuron 0.99") {
		t.Errorf("error %v", err)
	}
}

func TestSearch(t *testing.T) {
	m := planted(t)
	found, err := neuron.Promoting(m, 1, 12)
	if err != nil || found[0].Neuron != ofB {
		t.Errorf("token 12 is promoted by %v (%v)", found, err)
	}
	if s := found[0].String(); s != fmt.Sprintf("0.%d: %.3g", ofB, found[0].Value) {
		t.Errorf("it is printed as %q", s)
	}
	if found, err = neuron.Promoting(m, -1, 5); err != nil || found[0].Neuron != detector {
		t.Errorf("token 5 is suppressed by %v (%v)", found, err)
	}
}

// A network whose wires are known, drawn as a graph.
func TestWires(t *testing.T) {
	m := planted(t)
	w, err := neuron.Weights(m, []neuron.Port{neuron.Token(m, 5), neuron.Token(m, 6)},
		[]neuron.Port{neuron.Of(m, neuron.Unit{Neuron: detector}), neuron.Of(m, neuron.Unit{Neuron: ofA}), neuron.Token(m, 5)}, neuron.Norms{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 1, 0, 0, 1, 0} {
		if got := float64(w.Values()[i]); math.Abs(got-want) > near {
			t.Errorf("weight %d is %g, want %g", i, got, want)
		}
	}
	in, out, err := neuron.Strongest(m, neuron.Of(m, neuron.Unit{Neuron: detector}), 2, neuron.Norms{})
	if err != nil || in[0].From.Name != neuron.Token(m, 5).Name || in[0].Weight != 1 || out[0].Weight != -2 || out[0].To.Name != neuron.Token(m, 5).Name {
		t.Fatalf("in %v, out %v (%v)", in, out, err)
	}
	g := neuron.NewWiring("detector", append(in[:1], out[:1]...)...)
	if g.Len() != 3 || g.Links() != 2 {
		t.Errorf("%d parts, %d wires", g.Len(), g.Links())
	}
	if from, to, _, v := g.Link(1); v != -2 || from == to {
		t.Errorf("wire from %d to %d of %g", from, to, v)
	}
	back, err := neuron.Weights(m, []neuron.Port{neuron.Of(m, neuron.Unit{Neuron: detector})}, []neuron.Port{neuron.Query(m, 0, 0)}, neuron.Norms{})
	if err != nil || !math.IsNaN(back.At(0, 0)) {
		t.Errorf("from an MLP to the attention before it: %v (%v)", back, err)
	}
	x := make([]float32, m.Config().DModel)
	x[5] = 2
	read, err := neuron.Weights(m, []neuron.Port{neuron.Direction("feature", -1, nil, x)}, []neuron.Port{neuron.Of(m, neuron.Unit{Neuron: ofA})}, neuron.Norms{})
	if err != nil || math.Abs(read.At(0, 0)-2) > near {
		t.Errorf("a feature's weight is %v (%v)", read, err)
	}
	y := make([]float32, len(x))
	y[5] = 3
	features := []neuron.Port{neuron.Direction("early", -1, y, x), neuron.Direction("late", 0, y, x)}
	between, err := neuron.Weights(m, features, features, neuron.Norms{})
	if err != nil || between.At(0, 1) != 6 || !math.IsNaN(between.At(1, 0)) {
		t.Errorf("from feature to feature %v (%v), want 6 forwards and nothing back", between, err)
	}
}

// What there is none of has no answer, or an error that says so.
func TestNothingIsSaid(t *testing.T) {
	m := planted(t)
	if p, strong := neuron.PatternOf(nil); p != neuron.OtherPattern || strong {
		t.Errorf("no rates are %s, strong: %t", p, strong)
	}
	rows := make([]model.TallyRow, 4)
	for i, row := range speech(0, len(rows)) {
		rows[i].Tokens = row
	}
	cut, err := corpus.Given([]string{"a"}, rows)
	if err != nil {
		t.Fatal(err)
	}
	s, err := neuron.Survey(t.Context(), m, cut, neuron.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []neuron.Unit{{Layer: 1}, {Neuron: neurons}, {Layer: -1}} {
		if all, over := s.Triggers(u, false); all != nil || over || s.Covering(u, false, 1) != 0 || s.RatesOf(u) != nil {
			t.Errorf("neuron %s, which does not exist, fires on %v", u, all)
		}
	}
	if _, err := neuron.LanguagesOf([]string{"a", "b"}, []int64{1, 1}, [][]int64{{}}); err == nil || !strings.Contains(err.Error(), "and a neuron") {
		t.Errorf("languages of no neurons: %v", err)
	}
	if _, err := neuron.Losses(t.Context(), m, cut, []string{"a", "b"}, map[string][]hook.Edit{"a": nil}); err == nil || !strings.Contains(err.Error(), `no edits of "b"`) {
		t.Errorf("losses with edits that are missing: %v", err)
	}
	of := &neuron.Specific{Names: []string{"a"}, Units: map[string][]neuron.Unit{"a": {{Layer: 2}}}}
	if got := of.ByLayer(1); got.Dim("layer") != 3 || got.At(0, 2) != 1 {
		t.Errorf("by layer: %v", got)
	}
}

// With the norms folded into the matrices, virtual weights are their plain products; and
// linearised, they are what an activation moves the reader by, where the norm is held.
func TestVirtualWeightsFoldNorms(t *testing.T) {
	for _, name := range []string{"gpt2", "llama_gqa", "gemma2", "gpt_neox", "olmo2"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		from, to := neuron.Of(m, neuron.Unit{Layer: 0, Neuron: 3}), neuron.Of(m, neuron.Unit{Layer: 2, Neuron: 7})
		prompts := m.Rows([][]int32{{5, 9, 3, 7, 11, 2, 8}})
		linear, err := neuron.Weights(m, []neuron.Port{from}, []neuron.Port{to}, neuron.Norms{Prompts: prompts})
		if err != nil {
			t.Fatal(err)
		}
		folded, err := neuron.Weights(m, []neuron.Port{from}, []neuron.Port{to}, neuron.Norms{})
		if err != nil {
			t.Fatal(err)
		}
		// By formulas of activations: what the neuron writes at layer 0, times what layer 2 reads.
		at := hook.MLPPre(2).Coord(7)
		change := hook.MLPOut(0).At(-1)
		wout, err := m.Product(model.WOut(0).Neuron(3).AfterNorm())
		if err != nil {
			t.Fatal(err)
		}
		const step = 1e-2
		moved := make([]float32, len(wout.Values()))
		for i, v := range wout.Values() {
			moved[i] = step * v
		}
		// Only the direct path: everything between is held as it was.
		var hold []hook.Edit
		hold = append(hold, hook.AttnOut(1).Freeze(), hook.MLPOut(1).Freeze(), hook.AttnOut(2).Freeze())
		kv := m.Config().KVHead(1)
		heads := []hook.Point{hook.Q(2).Head(1).At(-1), hook.K(2).Head(kv).At(-1), hook.V(2).Head(kv).At(-1), hook.LN1Scale(2).At(-1)}
		s, err := m.Sweep(model.Sweep{Base: prompts.Request(), Captures: append([]hook.Point{at.At(-1), hook.LN2Scale(2).At(-1)}, heads...),
			Variants: []model.Variant{{Edits: hold}, {Edits: append(slices.Clone(hold), change.Add(hook.Vec(moved...)))}}})
		if err != nil {
			t.Fatal(err)
		}
		pre, scale := s.Captures[0].Array.Values(), s.Captures[1].Array.Values()
		if m.Config().NormAt == "after" { // it reads the stream as it is
			scale = []float32{1, 1}
		}
		// The product with the divisor: the norm moves by what is written, little.
		slope := float64(pre[1]*scale[1]-pre[0]*scale[0]) / step
		if got := folded.At(0, 0); math.Abs(got-slope) > 0.02*(1+math.Abs(slope)) {
			t.Errorf("%s: virtual weight %.4f, the reader moves by %.4f (linearised %.4f)", name, got, slope, linear.At(0, 0))
		}
		ports := []neuron.Port{neuron.Query(m, 2, 1), neuron.Key(m, 2, 1), neuron.Value(m, 2, 1)}
		into, err := neuron.Weights(m, []neuron.Port{from}, ports, neuron.Norms{})
		if err != nil {
			t.Fatal(err)
		}
		if scale = s.Captures[5].Array.Values(); m.Config().NormAt == "after" {
			scale = []float32{1, 1}
		}
		for k, port := range ports {
			x, sum := s.Captures[2+k].Array.Values(), 0.0
			n := len(x) / 2
			for i := range n {
				d := float64(x[n+i]*scale[1]-x[i]*scale[0]) / step
				sum += d * d
			}
			if got := into.At(0, k); math.Abs(got-math.Sqrt(sum)) > 0.03*(1+got) {
				t.Errorf("%s: virtual weight into %s %.4f, it moves by %.4f", name, port.Name, got, math.Sqrt(sum))
			}
		}
		_, out, err := neuron.Strongest(m, from, 1<<20, neuron.Norms{})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(out, func(w neuron.Wire) bool { return w.To.Name == to.Name })
		if i < 0 || math.Abs(out[i].Weight-folded.At(0, 0)) > near {
			t.Errorf("%s: the wire among all is %v, want %g", name, out[max(i, 0)], folded.At(0, 0))
		}
		if in, _, err := neuron.Strongest(m, to, 1<<20, neuron.Norms{}); err != nil || !slices.ContainsFunc(in, func(w neuron.Wire) bool { return w.From.Name == from.Name && math.Abs(w.Weight-folded.At(0, 0)) < near }) {
			t.Errorf("%s: it is not among those that lead in (%v)", name, err)
		}
		if ratio := folded.At(0, 0) / linear.At(0, 0); m.Config().NormAt != "after" && !(ratio > 0) {
			t.Errorf("%s: divisor %g", name, ratio)
		}
	}
}

func ExampleEntropy() {
	fmt.Printf("%.4f\n", neuron.Entropy([]float64{0.45, 0.01, 0.01, 0.01, 0.02}))
	// Output: 0.4583
}
