package lens_test

import (
	"testing"

	"github.com/golens/golens/interp/lens"
)

// A file in the layout that Jacobian lenses are published in, made by torch.save
// (testdata/make_jacobian_lens.py): J by layer in float16, and the number of prompts.
func TestPublishedJacobianLens(t *testing.T) {
	j, err := lens.OpenJacobian("testdata/jacobian_lens.pt", 3)
	if err != nil {
		t.Fatal(err)
	}
	if j.Prompts != 7 || j.J[2] != nil {
		t.Errorf("%d prompts, layer 2 %v; want 7 and none", j.Prompts, j.J[2])
	}
	for l := range 2 {
		for i, v := range j.J[l].Values() {
			if want := float32(i)/8 + float32(l); v != want {
				t.Fatalf("layer %d at %d is %g, want %g", l, i, v, want)
			}
		}
	}
}
