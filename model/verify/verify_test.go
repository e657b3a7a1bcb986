package verify_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/verify"
	"github.com/golens/golens/model/weights"
)

// Every family agrees with Hugging Face, raw and processed.
func TestFamiliesAgree(t *testing.T) {
	for name, dir := range modeltest.Families(t) {
		t.Run(name, func(t *testing.T) {
			m, err := model.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			o, err := verify.Read(filepath.Join(dir, "oracle.safetensors"), m.Config())
			if err != nil {
				t.Fatal(err)
			}
			views := verify.Views(m.Config())
			table, err := verify.Compare(m, o, views...)
			if err != nil {
				t.Fatal(err)
			}
			if err := table.Err(); err != nil {
				t.Errorf("%v\n%s", err, table)
			}
			if len(views) < 2 || len(table.Outputs) != len(views) || len(table.Lines) < 3*m.Config().Layers {
				t.Errorf("too little was compared:\n%s", table)
			}
			for _, out := range table.Outputs {
				// Five times what Hugging Face's own float32 differs by from float64.
				if out.Top1 != 1 || out.LogProb > 5e-5 || out.LargestKL > 1e-8 {
					t.Errorf("%s", table)
				}
			}
			if name == "gemma2" {
				t.Log("\n" + table.String())
			}
		})
	}
}

// A model that computes something else is found out, and the table says where.
func TestWrongModelIsFound(t *testing.T) {
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	o, err := verify.Record(m, [][]int32{{1, 2, 3, 4, 5}, {7, 8, 9}}) // rows of different lengths: NaN past the end
	if err != nil {
		t.Fatal(err)
	}
	same, err := verify.Compare(m, o)
	if err != nil || same.Err() != nil || same.Outputs[0].LargestKL > 1e-12 {
		t.Errorf("against itself: %v %v\n%s", err, same.Err(), same)
	}
	values := o.Want[hook.Logits().ID].Values()
	values[3] += 1
	wrong, err := verify.Compare(m, o)
	if err != nil || wrong.Err() == nil || wrong.Lines[len(wrong.Lines)-1].Max < 0.99 || !strings.Contains(wrong.Err().Error(), "nats") {
		t.Errorf("a changed logit: %v %v\n%s", err, wrong.Err(), wrong)
	}
}

func TestBadOracles(t *testing.T) {
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, tensor, want string }{
		{"no tokens", "logits", "no tensor tokens"},
		{"tokens that are floats", "tokens", "must be I64 or I32"},
	} {
		path := filepath.Join(t.TempDir(), "o.safetensors")
		if err := weights.Write(path, "F32", []weights.Tensor{{Name: c.tensor, Shape: []int{1, 2}, Values: []float32{1, 2}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Read(path, m.Config()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := verify.Read(filepath.Join(filepath.Dir(modeltest.Dir()), "gpt_neo", "oracle.safetensors"), m.Config()); err == nil || !strings.Contains(err.Error(), "3 layers") {
		t.Errorf("an oracle of a deeper model: %v", err)
	}
}
