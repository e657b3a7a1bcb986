package neuron_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/neuron"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A search by text finds the neurons that stand out at its last token, by deviations from
// all other tokens of the texts, as plain loops over one run of each text have them.
func TestFiringStandsOut(t *testing.T) {
	m, err := model.Open("zoo:bilingual-3l")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"The function returns an error", "if err != nil { return err }", "A reader reads bytes from the file"}
	want := map[neuron.Unit]float64{}
	var others []map[neuron.Unit]float64
	last := map[neuron.Unit]float64{}
	for i, text := range texts {
		r := m.Tokens(text).Request()
		for l := range m.Config().Layers {
			r = r.Capture(hook.MLPPost(l))
		}
		run, err := m.Run(r)
		if err != nil {
			t.Fatal(err)
		}
		n := len(r.Rows[0])
		for pos := range n {
			at := map[neuron.Unit]float64{}
			for l := range m.Config().Layers {
				for k := range m.Config().DMLP {
					at[neuron.Unit{Layer: l, Neuron: k}] = run.At(hook.MLPPost(l)).At(0, pos, k)
				}
			}
			if i == 0 && pos == n-1 {
				last = at
			} else {
				others = append(others, at)
			}
		}
	}
	for u, v := range last {
		mean, variance := 0.0, 0.0
		for _, at := range others {
			mean += at[u] / float64(len(others))
		}
		for _, at := range others {
			variance += (at[u] - mean) * (at[u] - mean) / float64(len(others))
		}
		want[u] = (v - mean) / math.Sqrt(variance)
	}
	for _, n := range []int{7, -7} {
		found, err := neuron.Firing(t.Context(), m, n, texts[0], texts[1:]...)
		if err != nil || len(found) != 7 {
			t.Fatalf("%v (%v)", found, err)
		}
		bound := found[6].Value
		for _, f := range found {
			if math.Abs(f.Value-want[f.Unit]) > 1e-3*math.Abs(want[f.Unit]) {
				t.Errorf("neuron %s stands out by %.4f, want %.4f", f.Unit, f.Value, want[f.Unit])
			}
			delete(want, f.Unit)
		}
		for u, v := range want {
			if n > 0 && v > bound+1e-3 || n < 0 && v < bound-1e-3 {
				t.Errorf("n = %d: neuron %s stands out by %.4f and is not found; the last found is %.4f", n, u, v, bound)
			}
		}
	}
	if _, err := neuron.Firing(t.Context(), m, 3, ""); err == nil || !strings.Contains(err.Error(), "search: ") {
		t.Errorf("an empty text gives the error %v", err)
	}
}
