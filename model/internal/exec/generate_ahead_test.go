package exec_test

import (
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/modeltest"
)

// Prompts that are computed a piece at a time go on as those that are not: with edits,
// captures of every position and of the last, rows of many lengths and local layers.
func TestLongPromptsGoInPieces(t *testing.T) {
	before := plan.Piece
	plan.Piece = 4
	t.Cleanup(func() { plan.Piece = before })
	for _, name := range []string{"gpt2", "llama_gqa", "gemma3_text", "mistral", "olmo2"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		if name != "llama_gqa" && strings.HasPrefix(m.Info().Backend, "xla") {
			continue // each family compiles graphs of its own
		}
		var rows [][]int32
		for _, n := range []int{23, 17, 24, 21} {
			var row []int32
			for i := range n {
				row = append(row, int32((7*n+5*i+i*i)%90+3))
			}
			rows = append(rows, row)
		}
		g := m.Rows(rows).Complete(5).Capture(hook.Pattern(1).At(-1), hook.ResidPost(0), hook.Z(1).At(-1)).
			Edit(hook.Z(0).Head(1).Zero(), hook.ResidPre(1).At(6).Scale(0.5), hook.MLPOut(1).At(-1).Scale(0.5))
		modeltest.SameAsNaive(t, m, g)
		modeltest.SameAsNaive(t, m, m.Rows(rows[:1]).Complete(3).Capture(hook.Pattern(0))) // read whole, and therefore run whole
	}
}
