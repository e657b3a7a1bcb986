package model_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
)

// texts are rows of different lengths for a zoo model.
func texts(m *model.Model, rows int) (all [][]int32) {
	ids := m.Ordinary()
	for r := range rows {
		var row []int32
		for i := range 12 + r%5 {
			row = append(row, ids[(r*31+i*i*7)%len(ids)])
		}
		all = append(all, row)
	}
	return all
}

// TestDictionaryResumed holds a training that was cut, and went on from its
// checkpoint, to one that was not: equal to the last bit.
func TestDictionaryResumed(t *testing.T) {
	m := zooModel(t, "induction")
	d := model.LearnDictionary{Rows: texts(m, 40), Read: hook.ResidPost(0), Leave: 1, Pool: 128, Every: 4,
		Settings: dictionary.Settings{Method: dictionary.LearnTopK, K: 3, Features: 20, Steps: 24, Batch: 50, Rate: 1e-2, Seed: 3, DeadAfter: 6, Resample: 10}}
	for _, read := range []hook.Point{hook.ResidPost(0), hook.Z(0)} {
		d.Read = read
		d.Checkpoint = t.TempDir()
		whole, err := m.LearnDictionary(d)
		if err != nil {
			t.Fatal(err)
		}
		data, err := content.EncodeWhole(whole) // as a model host sends it
		if err != nil {
			t.Fatal(err)
		}
		var sent *model.LearnedDictionary
		if err := content.Decode(data, &sent, nil); err != nil || !reflect.DeepEqual(sent, whole) {
			t.Errorf("sent and read it is another: %v", err)
		}
		if whole.Tokens != 24*50 || whole.Curve[len(whole.Curve)-1].Loss > whole.Curve[0].Loss {
			t.Errorf("%s", whole)
		}
		d.Checkpoint = t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		ctx = model.WithProgress(ctx, func(done, total int) {
			if done == 13 {
				cancel()
			}
		})
		if _, err := m.LearnDictionaryContext(ctx, d); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if c, err := dictionary.LoadCheckpoint(d.Checkpoint); err != nil || c.Step < 13 || c.Step == 24 {
			t.Fatalf("a checkpoint of step %d, %v", c.Step, err)
		}
		cut, err := m.LearnDictionary(d)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(cut.Coder.WEnc, whole.Coder.WEnc) || !slices.Equal(cut.Coder.WDec, whole.Coder.WDec) || cut.Tokens != whole.Tokens || len(cut.Curve) != len(whole.Curve) {
			t.Errorf("%s: the training that was cut ends elsewhere", read)
		}
		other := d
		other.Rate = 1
		if _, err := m.LearnDictionary(other); err == nil || !strings.Contains(err.Error(), "another training") {
			t.Errorf("another training went on from the checkpoint: %v", err)
		}
	}
}

// TestDictionaryRefused names what is wrong with a training.
func TestDictionaryRefused(t *testing.T) {
	m := zooModel(t, "induction")
	good := model.LearnDictionary{Rows: texts(m, 4), Read: hook.ResidPost(0), Settings: dictionary.Settings{Features: 8, Steps: 1, Batch: 4}}
	for want, change := range map[string]func(*model.LearnDictionary){
		"no steps":           func(d *model.LearnDictionary) { d.Steps = 0 },
		"no width":           func(d *model.LearnDictionary) { d.Read = hook.Pattern(0) },
		"selects positions":  func(d *model.LearnDictionary) { d.Read = hook.ResidPost(0).At(3) },
		"no tokens are left": func(d *model.LearnDictionary) { d.Leave = 100 },
		"no method":          func(d *model.LearnDictionary) { d.Method = "sparse" },
		"transcoder":         func(d *model.LearnDictionary) { d.Skip = true },
		"widths":             func(d *model.LearnDictionary) { d.Method, d.K, d.Widths = dictionary.LearnMatryoshka, 2, []int{4} },
	} {
		d := good
		change(&d)
		if _, err := m.LearnDictionary(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func zooModel(t *testing.T, name string) *model.Model {
	t.Helper()
	m, err := model.Open("zoo:" + name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
