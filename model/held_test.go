package model_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// What says how weights are held is understood, or refused.
func TestHeldIsSaid(t *testing.T) {
	for env, held := range map[string]bool{"published": true, "published:3MB": true, "float32": false, "": false} {
		t.Setenv(model.WeightsEnv, env)
		m, err := model.Open(modeltest.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if (m.Info().Held != "") != held {
			t.Errorf("%s=%s: held %q", model.WeightsEnv, env, m.Info().Held)
		}
	}
	for _, env := range []string{"f16", "published:many", "float32:3MB"} {
		t.Setenv(model.WeightsEnv, env)
		if _, err := model.Open(modeltest.Dir()); err == nil || !strings.Contains(err.Error(), env) {
			t.Errorf("%s=%s: %v", model.WeightsEnv, env, err)
		}
	}
}

// A processed view reads only what it changes: with norms of RMS folded, the rest is
// the raw view's, and closing the model gives back both.
func TestViewsShareWeights(t *testing.T) {
	m, err := model.Open(modeltest.Families(t)["llama"])
	if err != nil {
		t.Fatal(err)
	}
	view, err := m.Process(model.Processing{FoldNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	request := m.Rows([][]int32{{5, 9, 11}}).Metric(model.NLL())
	for range 2 { // the raw view is whole after the other was made and used
		for _, m := range []*model.Model{m, view} {
			run(t, m, request)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// Weights held as published give the same numbers, to the last bit, in everything
// that a model can be asked.
func TestHeldWeightsAreTheSame(t *testing.T) {
	names := []string{"llama_bf16", "gpt2", "gpt_neox_f16", "gemma2"}
	if strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla") { // which compiles the graphs of each
		names = names[:1]
	}
	for _, name := range names {
		dir := modeltest.Families(t)[name]
		plain, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(model.WeightsEnv, "published")
		held, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(model.WeightsEnv, "")
		if plain.Info().Held != "" || held.Info().Held == "" {
			t.Errorf("%s: weights are held %q and %q", name, plain.Info().Held, held.Info().Held)
		}
		sameViews(t, name, plain, held)
		ids := [][]int32{{5, 9, 11, 4, 8}, {7, 7, 2, 1, 3}}
		metric := model.LogitDiff(model.IDs(3), model.IDs(8))
		same := func(what string, ask func(m *model.Model) ([]float32, error)) {
			t.Helper()
			a, err := ask(plain)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			b, err := ask(held)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			if len(a) == 0 || len(a) != len(b) {
				t.Fatalf("%s, %s: %d and %d values", name, what, len(a), len(b))
			}
			for i := range a {
				if a[i] != b[i] {
					t.Errorf("%s, %s: value %d is %g, held as published %g", name, what, i, a[i], b[i])
					return
				}
			}
		}
		same("gradients", func(m *model.Model) ([]float32, error) {
			r, err := m.Run(m.Rows(ids).Metric(metric).Grad(hook.ResidPre(0)).Capture(hook.Logits()))
			if err != nil {
				return nil, err
			}
			return append(r.Grad(hook.ResidPre(0)).Values(), r.At(hook.Logits()).Values()...), nil
		})
		same("sweep", func(m *model.Model) ([]float32, error) {
			s := model.Sweep{Base: m.Rows(ids).Metric(metric)}
			for l := range m.Config().Layers {
				for h := range m.Config().Heads {
					s.Variants = append(s.Variants, model.Variant{Edits: []hook.Edit{hook.Z(l).Head(h).Zero()}})
				}
			}
			r, err := m.Sweep(s)
			if err != nil {
				return nil, err
			}
			return r.PerRow(0).Values(), nil
		})
		same("generation", func(m *model.Model) ([]float32, error) {
			g, err := m.Complete(m.Rows(ids).Complete(6))
			if err != nil {
				return nil, err
			}
			var all []float32
			for _, row := range g.Prompts.IDs {
				for _, id := range row {
					all = append(all, float32(id))
				}
			}
			return all, nil
		})
		same("subgraph", func(m *model.Model) ([]float32, error) {
			g, err := m.Edges()
			if err != nil {
				return nil, err
			}
			r, err := m.Subgraphs(model.Subgraphs{Base: m.Rows(ids).Metric(metric), Cuts: []edge.Cut{g.All()}})
			if err != nil {
				return nil, err
			}
			return r.PerRow(0).Values(), nil
		})
		same("product", func(m *model.Model) ([]float32, error) {
			p, err := m.Products(model.Chain{{Name: "blocks.1.mlp.W_in"}, {Name: "blocks.1.mlp.W_out"}})
			if err != nil {
				return nil, err
			}
			return p[0].Values(), nil
		})
	}
}

// sameViews holds processed views of both against each other.
func sameViews(t *testing.T, name string, plain, held *model.Model) {
	t.Helper()
	var losses [2][]float32
	for i, m := range []*model.Model{plain, held} {
		p := model.StandardFor(m.Config())
		view, err := m.Process(p)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 && view.Info().Held == "" {
			t.Errorf("%s: with %s nothing is held as published", name, p)
		}
		losses[i] = run(t, view, m.Rows([][]int32{{5, 9, 11, 4, 8}}).Metric(model.NLL())).Metrics[0].Values()
	}
	if !slices.Equal(losses[0], losses[1]) {
		t.Errorf("%s: processed, the losses are %v and %v", name, losses[0], losses[1])
	}
}
