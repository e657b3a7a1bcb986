package graph_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/interp/graph"
)

func TestPartsInText(t *testing.T) {
	for _, s := range []string{"0.0", "11.10", "mlp 0", "mlp 11", "embed", "logits"} {
		if p, err := graph.ParsePart(s); err != nil || p.String() != s {
			t.Errorf("%q became %q, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "9", "9.", ".9", "09.1", "-1.0", "9.6 ", "mlp", "mlp -1", "mlp 1.0", "Embed", "9.6.1", "9,6"} {
		if p, err := graph.ParsePart(s); err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("%q is read as %q, %v", s, p, err)
		}
	}
}
