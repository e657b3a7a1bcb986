package handmade

import (
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/zoo/internal/ship"
)

// Files are all files of a shipped network by their names.
func Files(c config.Config, words []string, params arch.Params, card []byte) (map[string][]byte, error) {
	raw, err := ship.Config(c)
	if err != nil {
		return nil, err
	}
	t, err := Tokenizer(words)
	if err != nil {
		return nil, err
	}
	w, err := ship.Weights(params)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"config.json": raw, "tokenizer.json": t, "model.safetensors": w, "MODEL_CARD.md": card}, nil
}
