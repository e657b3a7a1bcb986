package sae_test

import (
	"testing"

	"github.com/golens/golens/interp/causal"
	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
)

// A mask over a dictionary's features finds the variable that they hold, with the
// dictionary's error kept: the features are the neurons of a network made by hand, each
// with its opposite, so that those of the first pair are known to be few.
func TestFeaturesHoldVariable(t *testing.T) {
	m, err := model.Open("zoo:equality")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d, err := causal.HierarchicalEquality().Data(m, 120, 1)
	if err != nil {
		t.Fatal(err)
	}
	n := m.Config().DMLP
	c := &dictionary.Coder{Kind: dictionary.Standard, In: n, Features: 2 * n, Out: n,
		WEnc: make([]float32, n*2*n), WDec: make([]float32, 2*n*n), BDec: make([]float32, n), BEnc: make([]float32, 2*n)}
	for i := range n {
		c.WEnc[i*2*n+i], c.WEnc[i*2*n+n+i] = 1, -1
		c.WDec[i*n+i], c.WDec[(n+i)*n+i], c.BDec[i] = 1, -1, .3 // an error
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	at := hook.MLPPost(0)
	features := &sae.Dictionary{Coder: c, Read: at, Write: at}
	found, err := causal.DAS{Kind: causal.Mask, Code: features, Split: causal.Split{Seed: 2}, NoControls: true}.
		Find(m, d, "first pair", causal.Site{Point: at, At: d.End()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", found)
	if found.HeldOut() < .95 || len(found.Coords) == 0 || len(found.Coords) > 6 {
		t.Errorf("features: %v", found)
	}
	if _, err := (causal.DAS{Code: features}).Find(m, d, "first pair", causal.Site{Point: at, At: d.End()}); err == nil {
		t.Error("a rotation of features is no error")
	}
	wide := *c
	wide.In = n + 1
	if _, err := (causal.DAS{Kind: causal.Mask, Code: &sae.Dictionary{Coder: &wide, Read: at, Write: at}}).Find(m, d, "first pair", causal.Site{Point: at, At: d.End()}); err == nil {
		t.Error("a dictionary of another width is no error")
	}
}
