package model_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/verify"
)

// FAMILIES.md has the features and hook points of every fixture as they are.
// GOLENS_REGEN=1 writes them, and the largest differences of the backend that
// runs; those of the other stay.
func TestFamiliesTable(t *testing.T) {
	const path = "FAMILIES.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, table, found := strings.Cut(string(old), "|---|---|---|---|---|\n")
	if !found {
		t.Fatalf("%s has no table", path)
	}
	had := map[string][]string{} // cells of each fixture's line
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 5 {
			had[strings.TrimPrefix(cells[0], "| ")] = cells
		}
	}
	var b strings.Builder
	families := modeltest.Families(t)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		m, err := model.Open(families[name])
		if err != nil {
			t.Fatal(err)
		}
		cells := had[name]
		if cells == nil {
			cells = []string{"", "", "", "?", "? |\n"}
		}
		cells[0], cells[1], cells[2] = "| "+name, features(m.Config()), lacking(t, m)
		if os.Getenv("GOLENS_REGEN") == "" { // TestFamiliesEqualHuggingFace holds the numbers
			if want := fmt.Sprintf("| %s | %s | %s | ", name, cells[1], cells[2]); !strings.Contains(table, want) {
				t.Errorf("%s is stale (GOLENS_REGEN=1 renews it): no line %s", path, want)
			}
			continue
		}
		if strings.HasPrefix(m.Info().Backend, "xla") {
			cells[4] = measured(t, m, families[name]) + " |\n"
		} else {
			cells[3] = measured(t, m, families[name])
		}
		b.WriteString(strings.Join(cells, " | "))
	}
	if os.Getenv("GOLENS_REGEN") != "" {
		if err := os.WriteFile(path, []byte(head+"|---|---|---|---|---|\n"+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// measured is the largest difference of logits from Hugging Face's, and of all else.
func measured(t *testing.T, m *model.Model, dir string) string {
	t.Helper()
	o, err := verify.Read(filepath.Join(dir, "oracle.safetensors"), m.Config())
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify.Compare(m, o)
	if err != nil {
		t.Fatal(err)
	}
	logits, other := 0.0, 0.0
	for _, line := range got.Lines {
		if line.Point.Kind == hook.KindLogits {
			logits = line.Max
		} else {
			other = max(other, line.Max)
		}
	}
	t.Logf("%-14s %.0e, %.0e on %s", filepath.Base(dir), logits, other, m.Info().Backend)
	return fmt.Sprintf("%.0e, %.0e", logits, other)
}

// features are what a config switches on.
func features(c config.Config) string {
	all := []string{c.Norm}
	add := func(on bool, what string, args ...any) {
		if on {
			all = append(all, fmt.Sprintf(what, args...))
		}
	}
	add(c.NormAt != "", "norm %s", c.NormAt)
	add(c.Position == config.PosRotary && c.Rotary.Dim == c.DHead, "rotary")
	add(c.Position == config.PosRotary && c.Rotary.Dim < c.DHead, "rotary on %d/%d", c.Rotary.Dim, c.DHead)
	add(c.Rotary.Adjacent, "adjacent pairs")
	add(c.Rotary.Scaling.Type != "", "%s scaling", c.Rotary.Scaling.Type)
	add(c.LocalRotary.Dim > 0, "another rotation in local layers")
	add(c.Position == config.PosLearned, "learned positions")
	add(c.KVHeads < c.Heads, "%d heads share %d", c.Heads, c.KVHeads)
	add(c.Heads*c.DHead != c.DModel, "wide or narrow heads")
	add(c.Window > 0, "window %d in %d of %d layers", c.Window, strings.Count(fmt.Sprint(c.Local), "true"), c.Layers)
	add(c.QKNorm != "", "q/k norm (%s)", c.QKNorm)
	add(c.Parallel, "parallel")
	add(c.SharedNorm, "one norm")
	add(c.Gated, "gated")
	add(c.Experts > 0, "%d of %d experts", c.Chosen, c.Experts)
	add(c.Mixed(), "%d of %d layers without", strings.Count(fmt.Sprint(c.DenseLayers), "true"), c.Layers)
	all = append(all, c.Act)
	add(c.AttnCap > 0 || c.LogitCap > 0, "soft caps")
	add(c.EmbedScale != 0, "scaled embedding")
	add(c.EmbedNorm, "embedding norm")
	add(c.NoFinal, "no final norm")
	add(c.Encoder, "encoder")
	add(c.Tied, "tied")
	return strings.Join(all, ", ")
}

// lacking are the hook points that a model does not have.
func lacking(t *testing.T, m *model.Model) string {
	t.Helper()
	var names []string
	for _, k := range hook.Kinds() {
		p := hook.Point{ID: hook.ID{Kind: k}}
		if ofExperts := k.Axes()[len(k.Axes())-1] == "expert"; !ofExperts && !exists(m, p) {
			names = append(names, strings.ReplaceAll(string(k), "hook_", ""))
		}
	}
	return strings.Join(names, ", ")
}
