package zoo_test

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/golens/golens/model/corpus/gotext"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo"
	"github.com/golens/golens/model/zoo/internal/godoc"
	"github.com/golens/golens/model/zoo/internal/ship"
	"github.com/golens/golens/model/zoo/internal/training"
)

const (
	// The shipped weights are BF16, with 8 bits of mantissa, and the card's
	// numbers are of the weights before rounding; measured, the scores moved by
	// at most SCORES and the losses by at most LOSSES.
	scoreTolerance = 0.02
	lossTolerance  = 0.03
)

func report(t *testing.T, dir fs.FS) training.Report {
	t.Helper()
	raw, err := fs.ReadFile(dir, "training.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := training.ParseReport(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func files(t *testing.T, name string) fs.FS {
	t.Helper()
	dir, err := zoo.Files(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The card is training.json in words.
func TestCard(t *testing.T) {
	dir := files(t, godoc.Name)
	want, err := report(t, dir).Card()
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(dir, "MODEL_CARD.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("MODEL_CARD.md differs from what training.json gives; run `go run ./model/zoo/cmd/train -card`")
	}
}

// The recipe in the source is the one that the shipped model was made with.
func TestRecipe(t *testing.T) {
	r := report(t, files(t, godoc.Name))
	want, err := ship.JSON(godoc.Settings(r.Settings.Seed, godoc.Steps))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ship.JSON(r.Settings)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the shipped model was made with\n%s\nand the recipe says\n%s", got, want)
	}
}

// heldOut is the text that the model was not trained on, if the Go release here
// is the one whose text it was; else none.
func heldOut(t *testing.T, r training.Report, dir fs.FS) []int32 {
	t.Helper()
	if testing.Short() {
		return nil
	}
	root, err := gotext.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := gotext.Read(os.DirFS(filepath.Join(root, "src")))
	if err != nil || text.Hash() != r.Text.SHA256 {
		t.Logf("the text of %s is not here (%v): its losses are not checked", r.Text.Go, err)
		return nil
	}
	raw, err := fs.ReadFile(dir, "tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := godoc.Encode(raw, text)
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) != r.Text.Tokens {
		t.Errorf("the text has %d tokens, the card says %d", len(tokens), r.Text.Tokens)
	}
	_, held := training.HoldOut(tokens)
	return held
}

// The numbers in the card are the shipped weights' own, at every checkpoint.
func TestCardReproduces(t *testing.T) {
	r := report(t, files(t, godoc.Name))
	held := heldOut(t, r, files(t, godoc.Name))
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	points := map[int]training.Point{}
	for _, p := range r.Points {
		points[p.Step] = p
	}
	near := func(t *testing.T, name string, got, want, tolerance float64) {
		t.Helper()
		if math.IsNaN(got) || math.Abs(got-want) > tolerance {
			t.Errorf("%s is %.4f; the card says %.4f", name, got, want)
		}
	}
	steps := zoo.Checkpoints(godoc.Name)
	for i, step := range steps {
		name := zoo.At(godoc.Name, step)
		t.Run(name, func(t *testing.T) {
			c, params, err := ship.Load(files(t, name))
			if err != nil {
				t.Fatal(err)
			}
			text := held
			if i < len(steps)-1 {
				text = nil // the text takes seconds; the last is enough
			}
			got, err := training.Measure(b, c, params, text, r.Settings.Seed)
			if err != nil {
				t.Fatal(err)
			}
			want := points[step]
			near(t, "loss on new random tokens", got.First, want.First, lossTolerance)
			near(t, "loss on repeated tokens", got.Repeated, want.Repeated, lossTolerance)
			if text != nil {
				near(t, "loss on held-out text", got.Text, want.Text, lossTolerance)
				near(t, "in-context-learning score", got.InContext, want.InContext, lossTolerance)
			}
			for l := range want.Prefix {
				for h := range want.Prefix[l] {
					near(t, "a prefix-matching score", got.Prefix[l][h], want.Prefix[l][h], scoreTolerance)
					near(t, "a previous-token score", got.Previous[l][h], want.Previous[l][h], scoreTolerance)
				}
			}
		})
	}
}
