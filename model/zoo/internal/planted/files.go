package planted

import (
	_ "embed"

	"github.com/golens/golens/model/zoo/internal/ship"
)

//go:embed card.md
var card []byte

// Files are all files of the shipped model by their names.
func Files() (map[string][]byte, error) {
	c, err := ship.Config(Config())
	if err != nil {
		return nil, err
	}
	t, err := Tokenizer()
	if err != nil {
		return nil, err
	}
	w, err := ship.Weights(Weights())
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"config.json": c, "tokenizer.json": t, "model.safetensors": w, "MODEL_CARD.md": card}, nil
}
