package zoo_test

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/golens/golens/model/zoo/internal/bilingual"
	"github.com/golens/golens/model/zoo/internal/ship"
)

// The card and the config of the model of two languages are those that its recipe and
// training.json give.
func TestBilingual(t *testing.T) {
	dir := files(t, bilingual.Name)
	read := func(name string) []byte {
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	r, err := bilingual.ParseReport(read("training.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]func() ([]byte, error){
		"MODEL_CARD.md": r.Card,
		"config.json":   func() ([]byte, error) { return bilingual.ConfigJSON(bilingual.Config()) },
	}
	for name, of := range want {
		raw, err := of()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, read(name)) {
			t.Errorf("%s differs from what the recipe gives; run `go run ./model/zoo/cmd/train -card -model %s`", name, bilingual.Name)
		}
	}
	recipe, err := ship.JSON(bilingual.Settings(r.Settings.Seed, bilingual.Steps))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ship.JSON(r.Settings); err != nil || !bytes.Equal(got, recipe) {
		t.Errorf("the shipped model was made with\n%s\nand the recipe says\n%s (%v)", got, recipe, err)
	}
}
