package model_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// A model cut into shards, in any type that holds its weights, is the model.
func TestShardsAreTheModel(t *testing.T) {
	store, err := weights.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	nll := func(dir string) float64 {
		t.Helper()
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		run, err := m.Run(m.Rows([][]int32{{5, 9, 11, 4, 60, 2}}).Metric(model.NLL()))
		if err != nil {
			t.Fatal(err)
		}
		return run.Metric()
	}
	want := nll(modeltest.Dir())
	// Half types keep 11 and 8 bits of each weight; the errors of some hundred
	// products average out. The loss is about 5.
	for dtype, allowed := range map[string]float64{"F32": 0, "F16": 5e-3, "BF16": 5e-2} {
		dir := t.TempDir()
		index := map[string]string{}
		shards := map[string][]weights.Tensor{}
		for i, name := range store.Names() {
			shard := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}[i%2]
			shape, values, err := store.Float32(name)
			if err != nil {
				t.Fatal(err)
			}
			index[name] = shard
			shards[shard] = append(shards[shard], weights.Tensor{Name: name, Shape: shape, Values: values})
		}
		for shard, tensors := range shards {
			if err := weights.Write(filepath.Join(dir, shard), dtype, tensors); err != nil {
				t.Fatal(err)
			}
		}
		data, err := json.Marshal(map[string]any{"weight_map": index})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		config, err := os.ReadFile(filepath.Join(modeltest.Dir(), "config.json"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := nll(dir); !(math.Abs(got-want) <= allowed) {
			t.Errorf("%s: loss %g, want %g within %g", dtype, got, want, allowed)
		} else {
			t.Logf("%s: loss differs by %.1e", dtype, math.Abs(got-want))
		}
	}
}
