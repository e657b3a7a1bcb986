package equality

import (
	"strings"

	"github.com/golens/golens/model/zoo/internal/handmade"
)

// The tokens that are no entities, and the first entity.
const (
	ask   = 1
	yes   = 2
	no    = 3
	first = 4
)

func words() []string {
	return append([]string{handmade.BOS, "same", "yes", "no"},
		strings.Fields("apple bell cup door egg fan gate hat ink jar key lamp map nest oar pin")...)
}
