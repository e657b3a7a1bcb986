package zoo_test

import (
	"bytes"
	"io/fs"
	"math"
	"testing"

	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/zoo/internal/ioi"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/syntax"
	"github.com/golens/golens/model/zoo/internal/training"
)

// What stands beside the weights of the syntax models is what their recipe makes,
// their settings are the recipe's, and their cards their reports in words.
func TestSyntaxRecipe(t *testing.T) {
	for _, name := range []string{syntax.Plain, syntax.Suppressed, syntax.Promoted} {
		dir := files(t, name)
		read := func(file string) []byte {
			data, err := fs.ReadFile(dir, file)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		made, err := syntax.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := syntax.ParseReport(read("training.json"))
		if err != nil {
			t.Fatal(err)
		}
		if made["MODEL_CARD.md"], err = r.Card(); err != nil {
			t.Fatal(err)
		}
		for file, want := range made {
			if !bytes.Equal(read(file), want) {
				t.Errorf("%s/%s is not what the recipe makes", name, file)
			}
		}
		want, err := ship.JSON(syntax.Settings(name, r.Settings.Seed, syntax.Steps))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ship.JSON(r.Settings); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s was made with\n%s\nand the recipe says\n%s", name, got, want)
		}
	}
}

// The tokenizer of the files gives the tokens of the recipe.
func TestSyntaxTokens(t *testing.T) {
	words, err := tokenizer.Open(files(t, syntax.Plain))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range syntax.Samples(50) {
		ids, err := words.Encode(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		want := s.IDs()
		if len(ids) != len(want) {
			t.Fatalf("sentence %d, %q: %d tokens, want %d", i, s.Text(), len(ids), len(want))
		}
		for k := range ids {
			if int(ids[k]) != want[k] {
				t.Errorf("sentence %d, %q: token %d is %d, want %d", i, s.Text(), k, ids[k], want[k])
			}
		}
	}
}

// The small models of indirect objects do their tests as their cards say, and their
// settings are the recipe's.
func TestSmallIOIModels(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(ioi.SmallSeeds) {
		for _, dropout := range []bool{false, true} {
			name := ioi.SmallName(dropout, seed+1)
			dir := files(t, name)
			raw, err := fs.ReadFile(dir, "training.json")
			if err != nil {
				t.Fatal(err)
			}
			r, err := ioi.ParseReport(raw)
			if err != nil {
				t.Fatal(err)
			}
			run, err := ioi.NewSmall(dropout, seed+1, ioi.SmallSteps)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ship.JSON(run.Settings)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ship.JSON(r.Settings); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s was made with\n%s\nand the recipe says\n%s", name, got, want)
			}
			c, params, err := ship.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := training.Examine(b, c, params, run.Drill.Tests)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range r.Final() {
				if !(got[i].Accuracy > 0.95) || math.Abs(got[i].Diff-want.Diff) > 0.05 || math.Abs(got[i].Accuracy-want.Accuracy) > 0.004 {
					t.Errorf("%s, %s: %+v; the card says %+v", name, want.Test, got[i], want)
				}
			}
		}
	}
}
