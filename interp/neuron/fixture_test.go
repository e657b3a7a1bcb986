package neuron_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/golens/golens/interp/neuron"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// changed is the tiny OPT with the first matrices and biases of the recording.
func changed(t *testing.T, oracle map[string]*array.Array) *model.Model {
	t.Helper()
	from := modeltest.Families(t)["opt"]
	dir := t.TempDir()
	raw, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	var all []weights.Tensor
	for name, a := range modeltest.OracleIn(t, from, "model.safetensors") {
		for l := range 3 {
			for ours, theirs := range map[string]string{"fc1_weight": "fc1.weight", "fc1_bias": "fc1.bias"} {
				if name == fmt.Sprintf("model.decoder.layers.%d.%s", l, theirs) {
					a = oracle[fmt.Sprintf("%s.%d", ours, l)]
				}
			}
		}
		all = append(all, weights.Tensor{Name: name, Shape: a.Shape(), Values: a.Values()})
	}
	if raw, err = weights.Encode("F32", all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func given(t *testing.T, labels []string, rows [][]int32, of func(i int) int) *corpus.Cut {
	t.Helper()
	var all []model.TallyRow
	for i, row := range rows {
		all = append(all, model.TallyRow{Tokens: row, Label: of(i)})
	}
	cut, err := corpus.Given(labels, all)
	if err != nil {
		t.Fatal(err)
	}
	return cut
}

// The statistics of Voita et al. on a tiny OPT: rates, dead neurons, covering tokens
// and pairs, detectors with what they write on their tokens, positions.
func TestVoita(t *testing.T) {
	want := modeltest.OracleIn(t, "testdata/voita", "statistics.safetensors")
	m := changed(t, want)
	rows := given(t, []string{""}, modeltest.Rows(want["tokens"]), func(int) int { return 0 })
	s, err := neuron.Survey(context.Background(), m, rows, neuron.Settings{Triggers: 4096, Pairs: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Smooth || s.Tokens != 48*32 {
		t.Errorf("%v", s)
	}
	const tolerance = 1e-6 // counts are exact, as no pre-activation is nearer to 0 than 1e-4
	if d := modeltest.MaxDiff(s.Rate.Array, want["frequency"]); d > tolerance {
		t.Errorf("rates are %g off", d)
	}
	if d := modeltest.MaxDiff(s.ByPosition.Transpose("layer", "pos", "neuron"), want["frequency_by_position"]); d > tolerance {
		t.Errorf("rates by position are %g off", d)
	}
	if d := modeltest.MaxDiff(s.Information.Array, want["positional_information"]); d > 5e-6 {
		t.Errorf("positional information is %g off", d)
	}
	for i, n := range s.TokenCount {
		if n != int64(want["token_count"].At(i)) {
			t.Errorf("token %d was seen %d times, want %g", i, n, want["token_count"].At(i))
		}
	}
	dead := 0
	for l := range 3 {
		for n := range 64 {
			u := neuron.Unit{Layer: l, Neuron: n}
			if want["dead"].At(l, n) == 1 {
				dead++
				if !slices.Contains(s.Dead(), u) {
					t.Errorf("neuron %s is not dead", u)
				}
			}
			if a, b := s.Covering(u, false, 0.95), s.Covering(u, true, 0.95); a != int(want["covering_tokens"].At(l, n)) || b != int(want["covering_bigrams"].At(l, n)) {
				t.Errorf("neuron %s: %d tokens and %d pairs cover it, want %g and %g", u, a, b, want["covering_tokens"].At(l, n), want["covering_bigrams"].At(l, n))
			}
			triggers, _ := s.Triggers(u, false)
			for _, tr := range triggers {
				if w := want["fired_per_token"].At(l, n, int(tr.Tokens[0])); tr.Fired != int64(w) {
					t.Errorf("neuron %s fired %d times on token %v, want %g", u, tr.Fired, tr.Tokens, w)
				}
			}
		}
	}
	if len(s.Dead()) != dead || dead == 0 {
		t.Errorf("%d dead neurons, want %d", len(s.Dead()), dead)
	}
	type recorded struct {
		Layer, Neuron int
		Tokens        []int32
		Output        []float64 `json:"output_on_tokens"`
	}
	var detectors map[string][]recorded
	raw, err := os.ReadFile("testdata/voita/detectors.json")
	if err == nil {
		err = json.Unmarshal(raw, &detectors)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, rule := range map[string]neuron.Rule{"paper": {}, "loose": {Most: 12, Fires: 0.5, Share: 0.5}} {
		// The recording covers 95% in its first step under both rules.
		got := s.Detectors(rule)
		for _, w := range detectors[name] {
			i := slices.IndexFunc(got, func(d neuron.Detector) bool { return d.Unit == neuron.Unit{Layer: w.Layer, Neuron: w.Neuron} })
			if i < 0 {
				t.Errorf("%s: neuron %d.%d is no detector", name, w.Layer, w.Neuron)
				continue
			}
			against, err := got[i].Against(m)
			if err != nil {
				t.Fatal(err)
			}
			if name == "paper" && !reflect.DeepEqual(got[i].Tokens, w.Tokens) {
				t.Errorf("%s: neuron %s detects %v, want %v", name, got[i].Unit, got[i].Tokens, w.Tokens)
			}
			for k := range min(len(against), len(w.Output)) {
				if got[i].Tokens[k] == w.Tokens[k] && math.Abs(against[k]-w.Output[k]) > 2e-6 { // recorded to six places
					t.Errorf("%s: neuron %s writes %g on token %d, want %g", name, got[i].Unit, against[k], got[i].Tokens[k], w.Output[k])
				}
			}
		}
		if name == "paper" && len(got) != len(detectors[name]) {
			t.Errorf("%s: %d detectors, want %d", name, len(got), len(detectors[name]))
		}
	}
}

var tongues = []string{"en", "zh", "fr", "es", "vi", "id", "ja"}

// selected is what identify.py saved: [language][layer] -> neurons.
func selected(t *testing.T, name string) (want map[string][]neuron.Unit) {
	t.Helper()
	raw, err := os.ReadFile("testdata/lape/selected.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	var by [][][]int
	if err = json.Unmarshal(raw, &all); err == nil {
		err = json.Unmarshal(all[name], &by)
	}
	if err != nil {
		t.Fatal(err)
	}
	want = map[string][]neuron.Unit{}
	for i, layers := range by {
		for l, neurons := range layers {
			for _, n := range neurons {
				want[tongues[i]] = append(want[tongues[i]], neuron.Unit{Layer: l, Neuron: n})
			}
		}
	}
	return want
}

// counts are recorded counts [layer, neuron, language].
func counts(a *array.Array) (fired [][]int64) {
	size := a.Shape()[1] * a.Shape()[2]
	for l := range a.Shape()[0] {
		var layer []int64
		for _, v := range a.Values()[l*size:][:size] {
			layer = append(layer, int64(v))
		}
		fired = append(fired, layer)
	}
	return fired
}

// LAPE on made-up counts, and on those of a tiny Llama, as the authors' program selects;
// and the losses with neurons switched off.
func TestLAPE(t *testing.T) {
	want := modeltest.OracleIn(t, "testdata/lape", "lape.safetensors")
	check := func(name string, l *neuron.Languages) {
		t.Helper()
		e := l.Entropy()
		for i, v := range want[name+".entropy"].Values() {
			got := e.Values()[i]
			if got != got {
				got = 0 // recorded so where it fires in none
			}
			if math.Abs(float64(got-v)) > 2e-6 {
				t.Fatalf("%s: entropy %d is %g, want %g", name, i, got, v)
			}
		}
		s, err := l.Select(neuron.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Units, selected(t, name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: selected %v, want %v", name, got, want)
		}
	}
	var n []int64
	for _, v := range want["made_up.n"].Values() {
		n = append(n, int64(v))
	}
	made, err := neuron.LanguagesOf(tongues, n, counts(want["made_up.over_zero"]))
	if err != nil {
		t.Fatal(err)
	}
	check("made_up", made)

	m, err := model.Open(modeltest.Families(t)["llama"])
	if err != nil {
		t.Fatal(err)
	}
	a := want["llama.corpora"] // [language, row, pos]
	var rows [][]int32
	for i := range a.Shape()[0] * a.Shape()[1] {
		var row []int32
		for _, v := range a.Values()[i*a.Shape()[2]:][:a.Shape()[2]] {
			row = append(row, int32(v))
		}
		rows = append(rows, row)
	}
	cut := given(t, tongues, rows, func(i int) int { return i / a.Shape()[1] })
	counted, err := neuron.CountLanguages(context.Background(), m, cut)
	if err != nil {
		t.Fatal(err)
	}
	off := 0.0
	for i, v := range want["llama.over_zero"].Values() {
		off += math.Abs(float64(v) - float64(counted.Fired.Values()[i])*float64(counted.N[i%7]))
	}
	if off > 2.5 { // activations nearer to 0 than float32 tells
		t.Errorf("counts are %g off", off)
	}
	theirs, err := neuron.LanguagesOf(tongues, counted.N, counts(want["llama.over_zero"]))
	if err != nil {
		t.Fatal(err)
	}
	check("llama", theirs)

	var all map[string]json.RawMessage
	var switched map[string][][2]int
	raw, err := os.ReadFile("testdata/lape/selected.json")
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err == nil {
		err = json.Unmarshal(all["llama.switched_off"], &switched)
	}
	if err != nil {
		t.Fatal(err)
	}
	edits, units := map[string][]neuron.Unit{}, []string{}
	for i := range 7 {
		name := tongues[i]
		units = append(units, name)
		for _, u := range switched[fmt.Sprint(i)] {
			edits[name] = append(edits[name], neuron.Unit{Layer: u[0], Neuron: u[1]})
		}
	}
	changes := map[string][]hook.Edit{}
	for name, list := range edits {
		changes[name] = neuron.Off(list...)
	}
	losses, err := neuron.Losses(context.Background(), m, cut, units, changes)
	if err != nil {
		t.Fatal(err)
	}
	if d := modeltest.MaxDiff(losses.Array, want["llama.loss"]); d > 5e-5 {
		t.Errorf("losses are %g off:\n%v", d, losses)
	}
}
