package patch_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// In grouped families a path to a shared key is that head's pattern alone, computed
// from the patched key, and to a shared value that head's z; the whole group is the
// receiver if no reader is named.
func TestReadersOfSharedKeysAndValues(t *testing.T) {
	for _, family := range []string{"llama_gqa", "gemma2", "olmo2", "qwen3"} {
		m := open(t, modeltest.Families(t)[family])
		clean, corrupted := m.Rows([][]int32{{5, 9, 3, 7, 11}, {8, 2, 6, 4, 9}}), m.Rows([][]int32{{15, 9, 13, 7, 11}, {8, 12, 6, 14, 9}})
		metric := model.LogitDiff(model.IDs(3), model.IDs(50))
		of := pairs(clean, corrupted, metric)
		sender := patch.Parts{Sets: []patch.Set{patch.Together(hook.Z(0).Head(1))}}
		effect := func(r hook.Point, readers [][]int) float64 {
			return must(patch.Paths{Senders: sender, Receivers: []hook.Point{r}, Readers: readers}.Patch(m, of))(t).At(0)
		}
		base := must(m.Run(clean.Metric(metric)))(t).Metric()
		for _, r := range []hook.Point{hook.K(1).Head(1), hook.V(1).Head(1)} { // read by heads 2 and 3 of 4
			sweep := must(patch.Paths{Senders: sender, Receivers: []hook.Point{r}}.Sweep(m, of))(t)
			message := must(m.Sweep(sweep))(t).At(r).Pick(hook.Variant, 0)
			received := r.Replace(array.Of(message.Values(), message.Axes()...))
			whole := must(m.Run(clean.Edit(received).Metric(metric)))(t).Metric() - base
			if got := effect(r, nil); math.Abs(got-whole) > 2e-5 {
				t.Errorf("%s, %s, the group: %g, by hand %g", family, r, got, whole)
			}
			for _, h := range []int{2, 3} {
				own := hook.Z(1).Head(h)
				if r.Kind == hook.KindK {
					own = hook.Pattern(1).Head(h)
				}
				part := must(m.Run(clean.Edit(received).Capture(own)))(t).At(own)
				want := must(m.Run(clean.Edit(own.Replace(part)).Metric(metric)))(t).Metric() - base
				if got := effect(r, [][]int{{h}}); math.Abs(got-want) > 2e-5 || math.Abs(want-whole) < 1e-6 {
					t.Errorf("%s, %s read by head %d: %g, by hand %g; the group %g", family, r, h, got, want, whole)
				}
			}
		}
		if family == "olmo2" { // queries are normed as one vector
			r, own := hook.Q(1).Head(1), hook.Pattern(1).Head(1)
			sweep := must(patch.Paths{Senders: sender, Receivers: []hook.Point{r}}.Sweep(m, of))(t)
			message := must(m.Sweep(sweep))(t).At(r).Pick(hook.Variant, 0)
			part := must(m.Run(clean.Edit(r.Replace(array.Of(message.Values(), message.Axes()...))).Capture(own)))(t).At(own)
			want := must(m.Run(clean.Edit(own.Replace(part)).Metric(metric)))(t).Metric() - base
			if got := effect(r, [][]int{{1}}); math.Abs(got-want) > 2e-5 {
				t.Errorf("%s, %s: %g, by hand %g", family, r, got, want)
			}
		}
		for want, p := range map[string]patch.Paths{
			"does not read":   {Receivers: []hook.Point{hook.K(1).Head(1)}, Readers: [][]int{{0}}},
			"its own head":    {Receivers: []hook.Point{hook.Q(1).Head(1)}, Readers: [][]int{{1}}},
			"for 1 of 2":      {Receivers: []hook.Point{hook.K(1).Head(1), hook.V(1).Head(1)}, Readers: [][]int{{2}}},
			"receivers Apart": {Receivers: []hook.Point{hook.K(1).Head(1), hook.Q(1).Head(3)}, Readers: [][]int{{2}, nil}},
		} {
			if _, err := p.Patch(m, of); family == "olmo2" && want == "its own head" {
				continue // there a query is read by all
			} else if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v; it should say %q", family, err, want)
			}
		}
	}
}
