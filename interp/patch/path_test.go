package patch_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// Recorded with callummcdougall's definition on TransformerLens: to the final
// residual stream, and to the queries, keys and values of head 2.1.
func TestPathsAgainstPeers(t *testing.T) {
	m, clean, corrupted, metric, o := recorded(t)
	for name, receivers := range map[string][]hook.Point{
		"resid": nil, "q_2_1": {hook.Q(2).Head(1)}, "k_2_1": {hook.K(2).Head(1)}, "v_2_1": {hook.V(2).Head(1)},
	} {
		for mlps, frozen := range map[string]bool{"mlps_recomputed": false, "mlps_frozen": true} {
			p := patch.Paths{Receivers: receivers, FreezeMLPs: frozen}
			r := must(must(p.Patch(m, pairs(clean, corrupted, metric)))(t).In(patch.Raw))(t)
			d := modeltest.MaxDiff(r.Array, o["path."+name+"."+mlps])
			t.Logf("%s, %s: largest difference %.1e", name, mlps, d)
			if !(d <= within) {
				t.Errorf("%s, %s differs by %g", name, mlps, d)
			}
			if plans := must(p.Explain(m, pairs(clean, corrupted, metric)))(t); len(plans) != len(r.Plans) {
				t.Errorf("%s: %d plans, run as %d", name, len(plans), len(r.Plans))
			}
		}
	}
}

// What reads the residual stream can be named by what it reads as well.
func TestReceiversByTheirInputs(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	for _, senders := range []patch.Parts{{}, {Kinds: []hook.Kind{hook.KindMLPOut}}, {Kinds: []hook.Kind{hook.KindEmbed}}} {
		for _, pair := range [][2]hook.Point{
			{hook.Q(2).Head(1).At(-1, 3), hook.QInput(2).Head(1).At(-1, 3)},
			{hook.K(1).Head(0), hook.KInput(1).Head(0)},
			{hook.V(2).Head(3, 0), hook.VInput(2).Head(3, 0)},
		} {
			a := must(patch.Paths{Senders: senders, Receivers: pair[:1]}.Patch(m, pairs(clean, corrupted, metric)))(t)
			b := must(patch.Paths{Senders: senders, Receivers: pair[1:]}.Patch(m, pairs(clean, corrupted, metric)))(t)
			if d := modeltest.MaxDiff(a.Array, b.Array); !(d < 2e-5) { // float32 in another order
				t.Errorf("%s and %s differ by %g", pair[0], pair[1], d)
			}
		}
	}
}

// The final residual stream is a receiver like any other.
func TestFinalResidualAsAReceiver(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	for _, frozen := range []bool{false, true} {
		plain := must(patch.Paths{FreezeMLPs: frozen}.Patch(m, pairs(clean, corrupted, metric)))(t)
		named := must(patch.Paths{FreezeMLPs: frozen, Receivers: []hook.Point{hook.ResidPost(2)}}.Patch(m, pairs(clean, corrupted, metric)))(t)
		if d := modeltest.MaxDiff(plain.Array, named.Array); !(d < 2e-5) {
			t.Errorf("frozen %t: they differ by %g", frozen, d)
		}
	}
}

// Receivers apart are those of calls of their own, in as many pieces as there is
// room for, and under edits that stay throughout.
func TestReceiversApart(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	k := pairs(clean, corrupted, metric)
	receivers := []hook.Point{hook.Q(2).Head(1), hook.K(1).Head(3).At(-1, 2), hook.MLPIn(1), hook.K(1).Head(3).At(-1, 2)}
	p := patch.Paths{Receivers: receivers, Base: []hook.Edit{hook.Z(0).Head(2).Zero()}}
	together := must(p.Patch(m, k))(t)
	p.Apart = true
	apart := must(p.Patch(m, k))(t)
	if plans := must(p.Explain(m, k))(t); len(plans) != 2 || len(apart.Plans) != 2 || plans[0].String() != apart.Plans[0].String() {
		t.Errorf("planned as %v, run as %v", plans, apart.Plans)
	}
	if want := must(m.Run(clean.Edit(p.Base...).Metric(metric)))(t).PerRow(0); modeltest.MaxDiff(apart.Base, want) > within {
		t.Errorf("the base is %v, want %v", apart.Base, want)
	}
	if axis, labels := apart.Axis(0); axis != "receiver" || !slices.Equal(labels, []string{"q of 2.1", "k of 1.3", "mlp_in of 1", "k of 1.3"}) {
		t.Errorf("%s %v", axis, labels)
	}
	for i, r := range receivers {
		alone := must(patch.Paths{Receivers: []hook.Point{r}, Base: p.Base}.Patch(m, k))(t)
		if d := modeltest.MaxDiff(apart.Pick("receiver", i), alone.Array); !(d < 2e-5) {
			t.Errorf("%s: apart and alone differ by %g", r, d)
		}
	}
	defer patch.Hold(patch.Hold(1)) // a sender at a time
	pieces := must(p.Patch(m, k))(t)
	if d := modeltest.MaxDiff(pieces.Array, apart.Array); len(pieces.Plans) < 10 || !(d < 2e-5) {
		t.Errorf("in %d sweeps the effects differ by %g", len(pieces.Plans), d)
	}
	p.Apart = false
	if d := modeltest.MaxDiff(must(p.Patch(m, k))(t).Array, together.Array); !(d < 2e-5) {
		t.Errorf("together and in pieces the effects differ by %g", d)
	}
	if _, err := (patch.Paths{Apart: true}).Patch(m, k); err == nil || !strings.Contains(err.Error(), "no receivers to be apart") {
		t.Errorf("error %v", err)
	}
}

// From the last layer there is only the direct path and its own MLP: it is the
// patch of the activation. All inputs of everything after a sender, MLPs
// frozen, are the whole of it too.
func TestPathsThatAreTheWholePatch(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	path := must(patch.Paths{Senders: patch.Parts{Layers: []int{2}}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	whole := must(patch.Activations{Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}, Layers: []int{2}}, Direction: patch.Noising, Scale: patch.Change}.
		Patch(m, pairs(clean, corrupted, metric)))(t)
	if d := modeltest.MaxDiff(path.Array, whole.Array); !(d < 2e-5) {
		t.Errorf("from the last layer they differ by %g", d)
	}
	path = must(patch.Paths{Senders: patch.Parts{Layers: []int{1}}, Receivers: []hook.Point{hook.ResidMid(1)}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	whole = must(patch.Activations{Parts: patch.Parts{Kinds: []hook.Kind{hook.KindZ}, Layers: []int{1}}, Direction: patch.Noising, Scale: patch.Change}.
		Patch(m, pairs(clean, corrupted, metric)))(t)
	if d := modeltest.MaxDiff(path.Array, whole.Array); !(d < 2e-5) {
		t.Errorf("to the next residual stream they differ by %g", d)
	}
}

// Which senders come before which receivers, in serial and parallel blocks.
func TestSendersThatComeLaterAreNaN(t *testing.T) {
	dirs := modeltest.Families(t)
	for family, parallel := range map[string]bool{"gpt2": false, "gpt_neox": true} {
		m := open(t, dirs[family])
		a, b := m.Rows([][]int32{{1, 2, 3, 4}, {7, 8, 9}}), m.Rows([][]int32{{1, 5, 3, 4}, {7, 6, 9}})
		metric := model.LogProbOf(3)
		heads := must(patch.Paths{Receivers: []hook.Point{hook.MLPIn(1)}}.Patch(m, pairs(a, b, metric)))(t)
		mlps := must(patch.Paths{Senders: patch.Parts{Kinds: []hook.Kind{hook.KindMLPOut}}, Receivers: []hook.Point{hook.MLPIn(1)}}.Patch(m, pairs(a, b, metric)))(t)
		for l := range 3 {
			there := func(v float64) bool { return v == v }
			if want := l == 0 || l == 1 && !parallel; there(heads.At(l, 0)) != want {
				t.Errorf("%s: heads of layer %d to MLP 1: %g", family, l, heads.At(l, 0))
			}
			if want := l == 0; there(mlps.At(l)) != want {
				t.Errorf("%s: MLP %d to MLP 1: %g", family, l, mlps.At(l))
			}
			if there(heads.At(l, 0)) && heads.At(l, 0) == 0 {
				t.Errorf("%s: heads of layer %d have an effect of exactly 0", family, l)
			}
		}
	}
}

// On the hand-made network the previous-token head speaks to the induction
// head's keys and to nothing else.
func TestPlantedPaths(t *testing.T) {
	m := open(t, "zoo:induction")
	clean := m.Rows([][]int32{{0, 5, 6, 7, 8, 9, 10, 5}, {0, 15, 16, 17, 18, 19, 20, 17}})
	// Swapping the first copy of the last token for another one leaves nothing to
	// find.
	corrupted := m.Rows([][]int32{{0, 35, 6, 7, 8, 9, 10, 5}, {0, 15, 16, 37, 18, 19, 20, 17}})
	metric := model.LogProbOf(6, 18)
	to := func(r ...hook.Point) *patch.Effects {
		return must(patch.Paths{Senders: patch.Parts{Layers: []int{0}}, Receivers: r}.Patch(m, pairs(clean, corrupted, metric)))(t)
	}
	keys := to(hook.K(1).Head(1))
	if got := keys.At(0, 0); !(got < -2) {
		t.Errorf("0.0 to the keys of 1.1 changes the log probability by %g; it must be large", got)
	}
	for h := range 3 {
		if got := keys.At(0, h); h > 0 && got != 0 {
			t.Errorf("0.%d to the keys of 1.1: %g, must be exactly 0", h, got)
		}
		for _, r := range []hook.Point{hook.Q(1).Head(1), hook.V(1).Head(1), hook.K(1).Head(0), hook.K(1).Head(2)} {
			if got := to(r).At(0, h); got != 0 {
				t.Errorf("0.%d to %s: %g, must be exactly 0", h, r, got)
			}
		}
	}
	if got := must(keys.In(patch.Normalised))(t).At(0, 0); !(got < 0.2) {
		t.Errorf("on the scale from the corrupted to the clean run the path leaves %g", got)
	}
	// A log probability is negative: a share of it would have the wrong sign.
	if _, err := keys.In(patch.Relative); err == nil || !strings.Contains(err.Error(), "wrong sign") {
		t.Errorf("error %v", err)
	}
}

func TestPathsOfOtherShapes(t *testing.T) {
	m, clean, corrupted, metric, _ := recorded(t)
	sets := patch.Parts{Sets: []patch.Set{patch.Set{Name: "two", Points: []hook.Point{hook.Z(0).Head(1), hook.Z(1).Head(2)}}, {Points: []hook.Point{hook.Z(0).Head(1)}}, {Name: "late", Points: []hook.Point{hook.MLPOut(2)}}}}
	r := must(patch.Paths{Senders: sets, Receivers: []hook.Point{hook.K(2).Head(1), hook.Q(2).Head(1).At(-1)}}.Patch(m, pairs(clean, corrupted, metric)))(t)
	if !slices.Equal(r.Shape(), []int{3}) || math.IsNaN(r.At(0)) || !math.IsNaN(r.At(2)) {
		t.Errorf("sets as senders: %v", r.Values())
	}
	at := patch.Paths{Senders: patch.Parts{ByPosition: true, Layers: []int{0}}}
	by := must(at.Patch(m, pairs(clean, corrupted, metric)))(t)
	if !slices.Equal(by.Shape(), []int{1, 11, 4}) {
		t.Errorf("by position: %v", by.Shape())
	}
	// Without attention what is sent elsewhere than to the position that is read
	// does not get there.
	for pos := range 10 {
		for h := range 4 {
			if v := by.At(0, pos, h); math.Abs(v) > 1e-6 {
				t.Errorf("sent at %d, read at 10: %g", pos, v)
			}
		}
	}
	for want, p := range map[string]patch.Paths{
		"sends nothing":             {Senders: patch.Parts{Kinds: []hook.Kind{hook.KindResidPre}}},
		"is no receiver":            {Receivers: []hook.Point{hook.Pattern(1)}},
		"no sender comes before":    {Receivers: []hook.Point{hook.Q(0)}},
		"layers 0 to 2":             {Receivers: []hook.Point{hook.Q(5)}},
		"selects rows":              {Receivers: []hook.Point{hook.Q(1).Row(0)}},
		"leave them out":            {Receivers: []hook.Point{}},
		"there is no layer 9":       {Senders: patch.Parts{Layers: []int{9}}},
		"there is no head 4":        {Senders: patch.Parts{Heads: [][]int{{4}}}},
		"do not have the same axes": {Senders: patch.Parts{Kinds: []hook.Kind{hook.KindZ, hook.KindMLPOut}}},
	} {
		if _, err := p.Patch(m, pairs(clean, corrupted, metric)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; it should say %q", err, want)
		}
	}
}
