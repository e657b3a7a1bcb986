package equality

import (
	_ "embed"
	"strings"

	"github.com/golens/golens/model/zoo/internal/handmade"
)

//go:embed card.md
var card string

// Files are all files of the shipped network by their names.
func Files() (map[string][]byte, error) {
	return handmade.Files(Config(), words(), Weights(), []byte(strings.ReplaceAll(card, "{NAME}", "equality")))
}

// RotatedFiles are those of the network whose h is rotated.
func RotatedFiles() (map[string][]byte, error) {
	return handmade.Files(Config(), words(), RotatedWeights(), []byte(strings.ReplaceAll(card, "{NAME}", "equality-rotated")))
}
