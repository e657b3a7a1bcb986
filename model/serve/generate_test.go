package serve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func TestHostGeneratesAsTheProcessDoes(t *testing.T) {
	local, remote, _ := sides(t)
	g := local.Rows([][]int32{{5, 9, 11, 4}, {7}}).Complete(8).Sample(1.2, 3).Until(50).
		Edit(hook.Z(0).Head(1).Zero(), hook.ResidPre(1).At(-1).Scale(0.5)).Capture(hook.Pattern(1), hook.Logits().At(-1))
	g.TopK, g.TopP = 40, 0.9
	want, err := local.Complete(g)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	count := model.WithProgress(t.Context(), func(int, int) { steps++ })
	got, err := remote.CompleteContext(count, g)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(got.Prompts) != fmt.Sprint(want.Prompts) || fmt.Sprint(got.LogProbs) != fmt.Sprint(want.LogProbs) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for i, c := range want.Captures {
		if d := modeltest.MaxDiff(c.Array, got.Captures[i].Array); d != 0 {
			t.Errorf("%s differs by %g", c.Point, d)
		}
	}
	if steps == 0 {
		t.Error("no progress was told")
	}
	steps = 0
	if again, err := remote.CompleteContext(count, g); err != nil || fmt.Sprint(again) != fmt.Sprint(got) || steps > 0 {
		t.Errorf("asked again: %v, %d tokens were generated anew", err, steps)
	}
	g.Seed++
	if other, err := remote.Complete(g); err != nil || fmt.Sprint(other.Prompts) == fmt.Sprint(got.Prompts) {
		t.Errorf("another seed: %v, %v", err, other)
	}
	if _, err := remote.Complete(g.Until(1000)); err == nil || !strings.Contains(err.Error(), "stop token 1000") {
		t.Errorf("a stop token that does not exist: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = remote.CompleteContext(model.WithProgress(ctx, func(int, int) { cancel() }), local.Rows([][]int32{{5}}).Complete(60))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled after a token: %v", err)
	}
}
