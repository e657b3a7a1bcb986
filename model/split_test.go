package model_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

// An edit of a norm that all heads share reaches also those that were given an
// input of their own: an edit that changes nothing there changes nothing.
func TestNormEditsReachSplitInputs(t *testing.T) {
	families := []string{"gpt2", "phi", "gpt_neox", "llama_gqa"}
	if strings.HasPrefix(os.Getenv("GOLENS_BACKEND"), "xla") { // where each edit compiles
		families = families[1:2]
	}
	for _, family := range families {
		m, err := model.Open(filepath.Join(filepath.Dir(modeltest.Dir()), family))
		if err != nil {
			t.Fatal(err)
		}
		rows := m.Rows([][]int32{{5, 9, 11, 4}, {7, 7, 2}}).Capture(hook.Logits())
		for _, norm := range []hook.Edit{
			hook.LN1Normalized(1).At(-1).Scale(0.5), hook.LN1Normalized(1).Row(0).Zero(), hook.LN1Scale(1).Add(hook.Vec(0.5)),
		} {
			want := run(t, m, rows.Edit(norm)).At(hook.Logits())
			for _, own := range []hook.Point{hook.QInput(1), hook.KInput(1), hook.VInput(1), hook.MLPIn(1)} {
				got := run(t, m, rows.Edit(norm, own.Scale(1))).At(hook.Logits())
				if d := modeltest.MaxDiff(got, want); !(d <= near) {
					t.Errorf("%s: %s with an own %s: differs by %g", family, norm, own, d)
				}
			}
		}
	}
}
