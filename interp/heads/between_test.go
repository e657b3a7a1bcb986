package heads_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

func TestAttentionBetweenPositions(t *testing.T) {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := task.IOI(m, task.IOIOptions{N: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		head     [2]int
		want     float64
	}{{"S2", "S1", [2]int{0, 0}, 1}, {"S1+1", "S1", [2]int{0, 1}, 1}, {"S2", "S1+1", [2]int{1, 0}, 1}, {"END", "S2", [2]int{2, 0}, 1}, {"END", "IO", [2]int{3, 0}, 0.943}} {
		r, err := heads.Between(m, prompts.Task, c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.At(c.head[0], c.head[1]); math.Abs(got-c.want) > 1e-3 { // the card has three digits
			t.Errorf("%v attends %g from %s to %s, want %g", c.head, got, c.from, c.to, c.want)
		}
	}
	if _, err := heads.Between(m, prompts.Task, "END", "S3"); err == nil || !strings.Contains(err.Error(), "S3") {
		t.Errorf("error %v", err)
	}
}
