package plantedioi

import (
	_ "embed"

	"github.com/golens/golens/model/zoo/internal/handmade"
)

//go:embed card.md
var card []byte

// Files are all files of the shipped model by their names.
func Files() (map[string][]byte, error) {
	return handmade.Files(Config(), words(), Weights(), card)
}
