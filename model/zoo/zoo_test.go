package zoo_test

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/zoo"
	"github.com/golens/golens/model/zoo/internal/equality"
	"github.com/golens/golens/model/zoo/internal/planted"
	"github.com/golens/golens/model/zoo/internal/plantedioi"
	"github.com/golens/golens/model/zoo/internal/ship"
)

// variants are all names under which something opens.
func variants(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range zoo.Names() {
		all = append(all, name)
		for _, step := range zoo.Checkpoints(name) {
			all = append(all, zoo.At(name, step))
		}
	}
	return all
}

func TestNames(t *testing.T) {
	got := zoo.Names()
	if !slices.IsSorted(got) {
		t.Errorf("zoo.Names() = %q are not sorted", got)
	}
	for _, want := range []string{"bilingual-3l", "equality", "godoc-2l", "induction", "ioi-4l", "ioi-dropout-1", "ioi-plain-1", "ioi-planted", "syntax-3l", "syntax-3l-promoted", "syntax-3l-suppressed"} {
		if !slices.Contains(got, want) {
			t.Errorf("zoo.Names() = %q, without %q", got, want)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	steps := zoo.Checkpoints("godoc-2l")
	if len(steps) < 10 || !slices.IsSorted(steps) || steps[0] != 0 {
		t.Errorf("checkpoints of godoc-2l are %v; want ten or more, rising from 0", steps)
	}
	for _, name := range []string{"induction", "ioi-4l", "none", "", "..", "godoc-2l/steps"} {
		if got := zoo.Checkpoints(name); got != nil {
			t.Errorf("checkpoints of %q are %v, want none", name, got)
		}
	}
}

func TestBadNamesAreErrors(t *testing.T) {
	for _, c := range []struct{ name, says string }{
		{"", "there are " + strings.Join(zoo.Names(), ", ")},
		{"gpt-5", "there are " + strings.Join(zoo.Names(), ", ")},
		{"..", "there is no model"},
		{"../zoo", "there is no model"},
		{"godoc-2l/steps", "there is no model"},
		{"induction@1", "has no checkpoints"},
		{"godoc-2l@", "has no checkpoint at step"},
		{"godoc-2l@1", "there are 0, "},
		{"godoc-2l@last", "has no checkpoint at step"},
		{"godoc-2l@100@100", "has no checkpoint at step"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := zoo.Files(c.name); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}

// Every model's files are ones that the family reads: the tensors have the
// shapes that the config asks for, and nothing is left over or missing.
func TestModelsLoad(t *testing.T) {
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			dir, err := zoo.Files(name)
			if err != nil {
				t.Fatal(err)
			}
			c, _, err := ship.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			words, err := tokenizer.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if words.Size() != c.Vocab {
				t.Errorf("the tokenizer has %d tokens and the model %d", words.Size(), c.Vocab)
			}
			if _, err := fs.Stat(dir, "MODEL_CARD.md"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A name without a step is the last checkpoint.
func TestLastCheckpointIsTheModel(t *testing.T) {
	steps := zoo.Checkpoints("godoc-2l")
	read := func(name string) []byte {
		dir, err := zoo.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := fs.ReadFile(dir, "model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	model := read("godoc-2l")
	if !bytes.Equal(model, read(zoo.At("godoc-2l", steps[len(steps)-1]))) {
		t.Error("godoc-2l is not its last checkpoint")
	}
	if bytes.Equal(model, read(zoo.At("godoc-2l", steps[0]))) {
		t.Error("godoc-2l is its initial weights")
	}
}

// handmade are the networks that no training made.
var handmade = map[string]struct {
	files   func() (map[string][]byte, error)
	weights func() arch.Params
}{
	"equality":         {equality.Files, equality.Weights},
	"equality-rotated": {equality.RotatedFiles, equality.RotatedWeights},
	"induction":        {planted.Files, planted.Weights},
	"ioi-planted":      {plantedioi.Files, plantedioi.Weights},
}

// The hand-made networks in files/ are those that their command makes.
func TestHandmadeAreReproduced(t *testing.T) {
	for name, made := range handmade {
		want, err := made.files()
		if err != nil {
			t.Fatal(err)
		}
		dir := files(t, name)
		entries, err := fs.ReadDir(dir, ".")
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(want) {
			t.Errorf("%s: %d files are shipped and %d are made", name, len(entries), len(want))
		}
		for file, data := range want {
			if got, err := fs.ReadFile(dir, file); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s/%s differs from what `go run ./model/zoo/cmd/planted` makes (%v)", name, file, err)
			}
		}
	}
}

// The hand-made networks' weights lose nothing in the file's type.
func TestHandmadeAreExact(t *testing.T) {
	for name, made := range handmade {
		_, got, err := ship.Load(files(t, name))
		if err != nil {
			t.Fatal(err)
		}
		want := made.weights()
		for _, w := range want.Names() {
			if !slices.Equal(got[w].Data, want[w].Data) {
				t.Errorf("%s: %s differs", name, w)
			}
		}
	}
}

// All models together stay small enough to live in the repository and in every
// program that links them.
func TestSize(t *testing.T) {
	const most = 16 << 20
	size := int64(0)
	for _, name := range zoo.Names() {
		dir, err := zoo.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		models, err := fs.Glob(dir, "*.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		checkpoints, err := fs.Glob(dir, "*/*.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		if len(models)+len(checkpoints) == 0 {
			t.Errorf("%s has no weights", name)
		}
		for _, file := range slices.Concat(models, checkpoints) {
			info, err := fs.Stat(dir, file)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
	}
	if size > most {
		t.Errorf("the weights take %d bytes; at most %d", size, most)
	}
}
