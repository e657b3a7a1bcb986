package model_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/weights"
)

// Every mistake is found before anything runs, and the error says what exists.
func TestWrongRequests(t *testing.T) {
	m := open(t)
	p := m.Rows([][]int32{{1, 2, 3}, {4, 5}})
	vec := hook.Vec
	for _, c := range []struct {
		name    string
		request model.Request
		want    []string
	}{
		{"no rows", model.Request{}, []string{"no rows"}},
		{"empty prompt", model.Request{Rows: [][]int32{{1}, {}}}, []string{"row 1 is empty"}},
		{"token out of range", model.Request{Rows: [][]int32{{1, 97}}}, []string{"row 0 position 1", "token 97", "vocabulary of 97"}},
		{"negative token", model.Request{Rows: [][]int32{{-1}}}, []string{"token -1"}},
		{"too long", model.Request{Rows: [][]int32{make([]int32, 65)}}, []string{"65 tokens", "context holds 64"}},
		{"layer", p.Capture(hook.Z(3)), []string{"blocks.3.attn.hook_z", "layers 0 to 2"}},
		{"negative layer", p.Capture(hook.Z(-1)), []string{"layers 0 to 2"}},
		{"head", p.Capture(hook.Z(0).Head(4)), []string{"head 4 does not exist", "there are 4 (0 to 3)"}},
		{"head twice", p.Capture(hook.Z(0).Head(1, 1)), []string{"listed twice"}},
		{"no heads there", p.Capture(hook.ResidPre(0).Head(1)), []string{"has no heads"}},
		{"empty selection", p.Capture(hook.Z(0).Head([]int{}...)), []string{"selection of nothing"}},
		{"row", p.Capture(hook.Z(0).Row(2)), []string{"row 2 does not exist"}},
		{"position", p.Capture(hook.Z(0).At(2)), []string{"position 2", "row 1 of 2 tokens"}},
		{"negative position", p.Capture(hook.Z(0).At(-3)), []string{"position -3", "row 1"}},
		{"positions of other rows", p.Capture(hook.Z(0).AtEach([]int{0, 0, 0})), []string{"positions of 3 rows for a batch of 2"}},
		{"coordinate", p.Capture(hook.Z(0).Coord(8)), []string{"d_head 8 does not exist"}},
		{"unknown kind", p.Capture(hook.Point{ID: hook.ID{Kind: "attn.hook_zz"}}), []string{"attn.hook_zz", "attn.hook_z"}},
		{"hook of other families", p.Capture(hook.RotQ(0)), []string{"no such activation"}},
		{"values do not fit", p.Edit(hook.Z(0).Replace(vec(1, 2, 3))), []string{"[3]", "[2 3 4 8]"}},
		{"no values", p.Edit(hook.Z(0).Replace(vec())), []string{"0 values"}},
		{"direction of other length", p.Edit(hook.ResidPre(0).ProjectOut(vec(1, 2))), []string{"one vector of length 32"}},
		{"zero direction", p.Edit(hook.Z(0).ProjectOut(vec(make([]float32, 8)...))), []string{"direction is zero"}},
		{"bounds", p.Edit(hook.Z(0).Clamp(2, 1)), []string{"lower bound"}},
		{"unknown operation", p.Edit(hook.Edit{Point: hook.Z(0), Op: "twist"}), []string{`"twist" is not known`}},
		{"answer out of range", p.Metric(model.LogProbOf(97)), []string{"token 97"}},
		{"answers for other rows", p.Metric(model.LogProbOf(1, 2, 3)), []string{"3 tokens for a batch of 2"}},
		{"no answer", p.Metric(model.Metric{Kind: model.KindLogProb}), []string{"0 tokens"}},
		{"no tokenizer", p.Metric(model.LogProb(" cat")), []string{"without a tokenizer"}},
		{"metric position", p.Metric(model.LogProbOf(1).AtPositions(2)), []string{"position 2", "row 1"}},
		{"NLL of the last", p.Metric(model.NLL().AtPositions(1)), []string{"position 1 of row 1 is the last"}},
		{"NLL of one token", model.Request{Rows: [][]int32{{1}}}.Metric(model.NLL()), []string{"no next one"}},
		{"KL reference", p.Metric(model.KL(array.New(array.Dim("x", 3)))), []string{"reference has shape [3]", "[2 1 97]"}},
		{"no KL reference", p.Metric(model.KL(nil)), []string{"nil array"}},
		{"unknown metric", p.Metric(model.Metric{Kind: "joy"}), []string{"joy is not known"}},
		{"gradient of nothing", p.Request().Grad(hook.Z(0)), []string{"need a metric"}},
		{"gradient of top-1", p.Metric(model.Top1(model.IDs(1))).Grad(hook.Z(0)), []string{"has no gradient"}},
		{"gradient of the rank", p.Metric(model.Rank(model.IDs(1))).Grad(hook.Z(0)), []string{"has no gradient"}},
		{"a set for one token", p.Metric(model.Prob(model.Sets([]int32{1}))), []string{"one token per row, not sets"}},
		{"sets of other rows", p.Metric(model.Margin(model.IDs(1), model.Sets([]int32{1}, []int32{2}, []int32{3}))), []string{"3 sets for a batch of 2"}},
		{"empty set", p.Metric(model.ProbDiff(model.IDs(1), model.Sets(nil))), []string{"set of row 0 is empty"}},
		{"set out of range", p.Metric(model.ProbDiff(model.IDs(1), model.Sets([]int32{97}))), []string{"token 97"}},
		{"sets and ids", p.Metric(model.Margin(model.IDs(1), model.Choice{IDs: []int32{1}, Sets: [][]int32{{1}}})), []string{"give one of them"}},
		{"two answers", p.Metric(model.Accuracy(model.Sets([]int32{1, 2}), model.IDs(3))), []string{"row 0 has 2 answers"}},
		{"start without residual", p.Start(1, nil), []string{"start at layer 1"}},
		{"start beyond", p.Start(4, nil), []string{"cannot start at layer 4"}},
		{"residual of other shape", p.Start(1, array.New(array.Dim("x", 2))), []string{"[2 3 32]"}},
		{"capture before the start", p.Start(1, array.New(array.Dim("b", 2), array.Dim("p", 3), array.Dim("d", 32))).Capture(hook.Z(0)), []string{"starts at layer 1"}},
		{"capture behind the stop", p.Capture(hook.Z(2)).Stop(2), []string{"stops before layer 2"}},
		{"mask of other rows", model.Request{Rows: p.IDs, Mask: [][]bool{{true}}}, []string{"mask of 1"}},
		{"mask of other length", model.Request{Rows: [][]int32{{1, 2}}, Mask: [][]bool{{true}}}, []string{"mask of 1"}},
		{"padding inside", model.Request{Rows: [][]int32{{1, 2, 3}}, Mask: [][]bool{{true, false, true}}}, []string{"between its tokens"}},
		{"nothing but padding", model.Request{Rows: [][]int32{{1}}, Mask: [][]bool{{false}}}, []string{"row 0 is empty"}},
		{"over budget", model.Request{Rows: p.IDs, Budget: 100}.Capture(hook.Z(0)), []string{"over the budget"}},
		{"prompts that failed", m.Tokens("text").Capture(hook.Z(0)), []string{"without a tokenizer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := m.Run(c.request)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q; it should say %q", err, want)
				}
			}
		})
	}
	if _, err := m.Run(p.Metric(model.NLL())); err != nil {
		t.Errorf("after all these errors a good request fails: %v", err)
	}
}

func TestWrongReadings(t *testing.T) {
	m := open(t)
	res := run(t, m, m.Rows([][]int32{{1, 2, 3}}).Capture(hook.Z(0).Head(1)))
	for name, a := range map[string]*array.Array{
		"never captured": res.At(hook.Z(1)), "another part": res.At(hook.Z(0).Head(2)), "no gradient": res.Grad(hook.Z(0)), "no metric": res.PerRow(0),
	} {
		if a.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := res.Row(3).At(hook.Z(0)).Err(); err == nil {
		t.Error("row 3 of 1: no error")
	}
}

// A model folder that cannot be right is refused, with the reason.
func TestWrongFolders(t *testing.T) {
	good := func(t *testing.T) (dir string) {
		dir = t.TempDir()
		for _, name := range []string{"config.json", "model.safetensors"} {
			data, err := os.ReadFile(filepath.Join(modeltest.Dir(), name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	config := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, "config.json")
			data, _ := os.ReadFile(path)
			if !strings.Contains(string(data), from) {
				t.Fatalf("%q is not in the config", from)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	tensors := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, "model.safetensors")
			data, _ := os.ReadFile(path)
			if err := os.WriteFile(path, change(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	rewrite := func(t *testing.T, dir string, change func(weights.Tensor) (weights.Tensor, bool)) {
		store, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []weights.Tensor
		for _, name := range store.Names() {
			shape, values, err := store.Float32(name)
			if err != nil {
				t.Fatal(err)
			}
			w, keep := change(weights.Tensor{Name: name, Shape: shape, Values: append([]float32(nil), values...)})
			if keep {
				all = append(all, w)
			}
		}
		if err := weights.Write(filepath.Join(dir, "model.safetensors"), "F32", all); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string
	}{
		{"no config", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "config.json")) }, "config.json"},
		{"no weights", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "model.safetensors")) }, "model.safetensors"},
		{"config is no JSON", config("{", "["), "config.json"},
		{"unknown family", config(`"gpt2"`, `"gpt17"`), "gpt17"},
		{"no layers", config(`"n_layer": 3`, `"n_layer": 0`), "number of layers is 0"},
		{"huge layers", config(`"n_layer": 3`, `"n_layer": 900000000`), "number of layers"},
		{"more layers than tensors", config(`"n_layer": 3`, `"n_layer": 4`), "h.3."},
		{"fewer layers than tensors", config(`"n_layer": 3`, `"n_layer": 2`), "h.2."},
		{"another width", config(`"n_embd": 32`, `"n_embd": 64`), "64"},
		{"heads do not divide", config(`"n_head": 4`, `"n_head": 5`), "5"},
		{"another vocabulary", config(`"vocab_size": 97`, `"vocab_size": 98`), "98"},
		{"unknown activation", config(`"gelu_new"`, `"swish9"`), "swish9"},
		{"truncated", tensors(func(b []byte) []byte { return b[:len(b)-4] }), "4 bytes are missing"},
		{"empty", tensors(func([]byte) []byte { return nil }), "model.safetensors"},
		{"header too long", tensors(func(b []byte) []byte { binary.LittleEndian.PutUint64(b, 1<<60); return b }), "not a safetensors file"},
		{"NaN", func(t *testing.T, dir string) {
			rewrite(t, dir, func(w weights.Tensor) (weights.Tensor, bool) {
				if w.Name == "transformer.h.1.mlp.c_fc.weight" {
					w.Values[7] /= 0 * w.Values[7]
				}
				return w, true
			})
		}, "transformer.h.1.mlp.c_fc.weight"},
		{"tensor missing", func(t *testing.T, dir string) {
			rewrite(t, dir, func(w weights.Tensor) (weights.Tensor, bool) { return w, w.Name != "transformer.h.2.mlp.c_proj.weight" })
		}, "transformer.h.2.mlp.c_proj.weight"},
		{"tensor of other shape", func(t *testing.T, dir string) {
			rewrite(t, dir, func(w weights.Tensor) (weights.Tensor, bool) {
				if w.Name == "transformer.h.0.attn.c_attn.weight" {
					w.Shape = []int{w.Shape[1], w.Shape[0]}
				}
				return w, true
			})
		}, "transformer.h.0.attn.c_attn.weight"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := good(t)
			c.damage(t, dir)
			_, err := model.Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; it should say %q", err, c.want)
			}
			t.Log(err)
		})
	}
	for name, want := range map[string]string{"/no/such/folder": "zoo:induction", "zoo:nothing": "induction", "zoo:induction@5": "no checkpoints"} {
		if _, err := model.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; it should say %q", name, err, want)
		}
	}
	if _, err := model.Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

// A run whose context ends stops early.
func TestCancel(t *testing.T) {
	m, err := model.Open(modeltest.Random(t, modeltest.Tiny, 1))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]int32, 20000) // a minute of work
	for i := range rows {
		rows[i] = make([]int32, 64)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	done := make(chan error, 1)
	go func() {
		_, err := m.RunContext(ctx, model.Request{Rows: rows}.Metric(model.NLL()))
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(2 * time.Minute): // a chunk takes a tenth of a second; a busy machine longer
		t.Error("the run goes on after its context has ended")
	}
}

func TestProgressIsTold(t *testing.T) {
	m := open(t)
	last, calls := 0, 0
	ctx := model.WithProgress(context.Background(), func(done, total int) {
		if calls++; done < last || total != 3 {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if _, err := m.RunContext(ctx, model.Request{Rows: [][]int32{{1}, {2}, {3}}}.Metric(model.LogProbOf(1))); err != nil {
		t.Fatal(err)
	}
	if last != 3 {
		t.Errorf("progress ends at %d of 3", last)
	}
}
