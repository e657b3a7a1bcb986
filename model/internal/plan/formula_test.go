package plan

import (
	"testing"

	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A formula of a layer's own activations is one graph in all layers, one of another
// layer's is not.
func TestFormulasOfTheirOwnLayerShareAGraph(t *testing.T) {
	graph := func(layer int, reads hook.Point) string {
		slots, _ := Slots([]hook.Edit{hook.MLPPost(layer).Compute(formula.Here().Mul(formula.At(reads.String())))})
		return slots[0].String()
	}
	if one, two := graph(1, hook.MLPPre(1)), graph(2, hook.MLPPre(2)); one != two {
		t.Errorf("%s and %s", one, two)
	}
	for name, other := range map[string]string{
		"another layer":      graph(2, hook.MLPPre(1)),
		"another activation": graph(2, hook.ResidMid(2)),
		"of all layers":      graph(2, hook.Embed()),
	} {
		if own := graph(2, hook.MLPPre(2)); own == other {
			t.Errorf("%s: %s", name, own)
		}
	}
	if one, two := graph(1, hook.MLPPre(0)), graph(2, hook.MLPPre(0)); one != two {
		t.Errorf("what is given is given in any layer: %s and %s", one, two)
	}
}
