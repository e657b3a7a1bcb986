package causal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// sided is a network that says of eight tokens on which side they are: by the stream
// alone. Its MLP has a neuron that knows the side and is read by nothing, and one that
// would say it and never fires. The data asks it with another token before. Coordinates
// of the stream above the ninth hold nothing.
func sided(t *testing.T, width int) (*model.Model, *causal.Data) {
	t.Helper()
	const tokens, out, yes, no = 8, 8, 8, 9
	h := modeltest.ByHand(t, map[string]any{
		"n_embd": width, "d_head": 2, "vocab_size": no + 1, "n_positions": 2, "n_inner": 6, "activation_function": "relu",
	})
	var names []string
	for v := range tokens {
		names = append(names, fmt.Sprint(v))
		h.Add("embed.W_E", 1, v, v)
		if v < tokens/2 {
			h.Add("unembed.W_U", 1, yes, v).Add("blocks.0.mlp.W_in", 1, v, 0)
		} else {
			h.Add("unembed.W_U", 1, no, v)
		}
	}
	h.Add("blocks.0.mlp.W_out", 1, 1, out).Add("unembed.W_U", 4, yes, out).Add("unembed.W_U", -4, no, out)
	m := open(t, h.Dir())
	sides := []string{"yes", "no"}
	cause, err := causal.New("side",
		causal.Variable{Name: "x", Values: names},
		causal.Variable{Name: "side", Values: sides, Parents: []string{"x"}, Of: func(s causal.Setting) string {
			if s["x"] < "4" {
				return "yes"
			}
			return "no"
		}},
		causal.Variable{Name: "answer", Values: sides, Parents: []string{"side"}, Of: func(s causal.Setting) string { return s["side"] }})
	if err != nil {
		t.Fatal(err)
	}
	d := &causal.Data{Model: cause, Answers: map[string]int32{"yes": yes, "no": no}}
	var rows [][]int32
	for before := range int32(tokens) {
		for x := range int32(tokens) {
			d.Inputs = append(d.Inputs, causal.Setting{"x": names[x]})
			d.Options, rows = append(d.Options, sides), append(rows, []int32{before, x})
		}
	}
	d.Prompts = m.Rows(rows)
	d.Table = []interp.Place{{Name: "END", Positions: hook.Positions{Rows: [][]int{{-1}}}}}
	return m, d
}

func warned(f *causal.Found, way, what string) bool {
	return slices.ContainsFunc(f.Scores.Warnings, func(w string) bool {
		return strings.HasPrefix(w, way+": ") && strings.Contains(w, what)
	})
}

// A direction of a neuron that is read by nothing and one that never fires moves the
// answer, though the model has no such path: the part that W_out reads moves nothing, and
// the result says so (Makelov et al. 2023).
func TestIllusionIsFlagged(t *testing.T) {
	m, d := sided(t, 9)
	got, err := causal.DAS{Steps: 150, Rate: .05, Split: causal.Split{Seed: 1}}.Find(m, d, "side", causal.Site{Point: hook.MLPPost(0), At: d.End()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", got)
	_, part := got.Scores.Of(causal.WayEffective)
	if got.HeldOut() < .95 || part > .7 {
		t.Errorf("found %.3f, of which the part that is read %.3f", got.HeldOut(), part)
	}
	if !warned(got, causal.WayEffective, "does not read") {
		t.Errorf("no warning: %q", got.Scores.Warnings)
	}
}

// A model that has learned nothing may tell a few tokens apart too (this draw of it does),
// and of nearly all directions any do: the result says of both that they have nearly what
// was found. Of arbitrary labels nothing is found on other pairs.
func TestControlsThatSucceedAreFlagged(t *testing.T) {
	for way, c := range map[string]struct {
		width, k int
		at       hook.Point
		seed     uint64
	}{causal.WayUntrained: {32, 4, hook.ResidPre(0), 3}, causal.WayRandom: {9, 8, hook.ResidPost(0), 1}} {
		m, d := sided(t, c.width)
		got, err := causal.DAS{K: c.k, Steps: 100, Rate: .1, Split: causal.Split{Seed: c.seed}}.Find(m, d, "side", causal.Site{Point: c.at, At: d.End()})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v", got)
		if _, control := got.Scores.Of(way); got.HeldOut() < .95 || control < .95 {
			t.Errorf("%d directions: found %.3f, %s %.3f", c.k, got.HeldOut(), way, control)
		}
		if !warned(got, way, "nearly what was found") {
			t.Errorf("%d directions: no warning of %s: %q", c.k, way, got.Scores.Warnings)
		}
		if _, held := got.Scores.Of(causal.WayLabels); held > .7 {
			t.Errorf("arbitrary labels: %.3f on held-out pairs", held)
		}
	}
}
