package discover_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// A ledger is the arrays of a recording, and which of them nothing has been held against
// yet.
type ledger struct {
	t    *testing.T
	name string
	all  map[string]*array.Array
	left map[string]bool
}

func openLedger(t *testing.T, dir, file string) *ledger {
	t.Helper()
	l := &ledger{t: t, name: file, all: modeltest.OracleIn(t, dir, file), left: map[string]bool{}}
	for key := range l.all {
		l.left[key] = true
	}
	return l
}

// of is an array that is about to be compared.
func (l *ledger) of(key string) *array.Array {
	l.t.Helper()
	a := l.all[key]
	if a == nil {
		l.t.Fatalf("%s has no %s", l.name, key)
	}
	delete(l.left, key)
	return a
}

// without leaves arrays out, for a reason.
func (l *ledger) without(why string, prefixes ...string) {
	l.t.Helper()
	for _, p := range prefixes {
		n := 0
		for key := range l.all {
			if strings.HasPrefix(key, p) {
				delete(l.left, key)
				n++
			}
		}
		if n == 0 {
			l.t.Errorf("%s: nothing is left out as %s (%s)", l.name, p, why)
		}
	}
}

// near holds values against an array, within 1e-4 of its largest.
func (l *ledger) near(key string, got []float64) {
	l.t.Helper()
	l.within(1e-4, key, got)
}

func (l *ledger) within(bound float64, key string, got []float64) {
	l.t.Helper()
	want := l.of(key).Values()
	if len(got) != len(want) {
		l.t.Fatalf("%s, %s: %d values, recorded %d", l.name, key, len(got), len(want))
	}
	off, scale, at := 0., 0., 0
	for i, w := range want {
		scale = max(scale, math.Abs(float64(w)))
		if d := math.Abs(got[i] - float64(w)); !(d <= off) {
			off, at = d, i
		}
	}
	if !(off <= bound*scale) {
		l.t.Errorf("%s, %s: number %d is %.6g, recorded %.6g; the scale is %.3g", l.name, key, at, got[at], want[at], scale)
	}
}

// done tells which arrays nothing was held against.
func (l *ledger) done() {
	l.t.Helper()
	if len(l.left) > 0 {
		l.t.Errorf("%s: nothing is held against %q", l.name, slices.Sorted(maps.Keys(l.left)))
	}
}

// ungrouped is the folder of a family, or of a copy of it in which every query head has
// the key and the value that it shared to itself: the same model with more receivers, as
// EAP-IG's program takes it.
func ungrouped(t *testing.T, name string) string {
	t.Helper()
	dir := modeltest.Families(t)[name]
	var config map[string]any
	readJSON(t, filepath.Join(dir, "config.json"), &config)
	kv, given := config["num_key_value_heads"].(float64)
	heads, _ := config["num_attention_heads"].(float64)
	if !given || kv == heads {
		return dir
	}
	config["num_key_value_heads"] = heads
	var tensors []weights.Tensor
	for key, a := range modeltest.OracleIn(t, dir, "model.safetensors") {
		w := weights.Tensor{Name: key, Shape: slices.Clone(a.Shape()), Values: a.Values()}
		if strings.Contains(key, ".k_proj.") || strings.Contains(key, ".v_proj.") {
			w.Values = nil
			for block := range slices.Chunk(a.Values(), len(a.Values())/int(kv)) {
				w.Values = append(w.Values, slices.Repeat(block, int(heads/kv))...)
			}
			w.Shape[0] *= int(heads / kv)
		}
		tensors = append(tensors, w)
	}
	out := t.TempDir()
	data, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(out, "config.json"), data, 0o644)
	}
	if err == nil {
		err = weights.Write(filepath.Join(out, "model.safetensors"), "F32", tensors)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
