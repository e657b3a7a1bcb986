package repair_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/repair"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
)

func ioi(t *testing.T, name string, n int) (*model.Model, *task.IOITask) {
	t.Helper()
	m, err := model.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	made, err := task.IOI(m, task.IOIOptions{N: n, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m, made
}

// In the hand-made network 4.0 is the backup of the name mover 3.0, and nothing
// else can take over: there is no norm.
func TestPlantedBackup(t *testing.T) {
	m, made := ioi(t, "zoo:ioi-planted", 20)
	top, err := repair.Movers(m, made, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(top, []repair.Head{{Layer: 3, Head: 0}}) {
		t.Fatalf("the strongest mover is %v, want 3.0", top)
	}
	r, err := repair.KnockOut{Ablation: ablate.Ablation{Value: ablate.Zero}}.Measure(m, made, top...)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	// 3.0 writes its names with weight 1, which is 8 logits: IO with 0.943 of its
	// attention, S with what it pays to S1 and S2.
	if want := 8 * (0.943 - 2*0.0285); math.Abs(r.Lost.Mean-want) > 0.05 {
		t.Errorf("%.3f logits are lost, want %.3f", r.Lost.Mean, want)
	}
	// The backup writes three quarters of IO. Nothing but heads repairs.
	backups, err := r.Backups(0.1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(backups, []repair.Head{{Layer: 4, Head: 0}}) {
		t.Errorf("backups are %v, want 4.0", backups)
	}
	if got := r.At(4, 0); math.Abs(got-6) > 0.1 {
		t.Errorf("4.0 says %.3f more, want 6", got)
	}
	if math.Abs(r.ByRest.Mean) > 1e-4 || math.Abs(r.Share.Mean-r.ByHeads.Mean) > 1e-4 {
		t.Errorf("%v; without a norm all repair is by heads", r)
	}
	if math.Abs(r.Lost.Mean-r.Fell.Mean-r.Share.Mean*r.Lost.Mean) > 1e-4 {
		t.Errorf("%v does not add up", r)
	}
	for says, heads := range map[string][]repair.Head{"no head is named": nil, "named twice": {{Layer: 3}, {Layer: 3}}, "head": {{Layer: 3, Head: 7}}} {
		if _, err := (repair.KnockOut{}).Measure(m, made, heads...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error is %v, want one that says %q", err, says)
		}
	}
}

// The six small models: nothing takes over in any of them, with dropout or without.
// Notebook 12 shows these numbers; prompts and names are the same.
func TestDropoutMakesNoBackups(t *testing.T) {
	// What the strongest mover says, of the metric, and what is made up for once it
	// is gone.
	want := map[string][2]float64{
		"plain-1": {1.017, -0.016}, "plain-2": {1.036, 0.003}, "plain-3": {0.829, -0.025},
		"dropout-1": {0.424, -0.083}, "dropout-2": {0.735, -0.045}, "dropout-3": {1.021, 0.011},
	}
	for _, kind := range []string{"plain", "dropout"} {
		for seed := 1; seed <= 3; seed++ {
			name := fmt.Sprintf("zoo:ioi-%s-%d", kind, seed)
			m, made := ioi(t, name, 100)
			top, err := repair.Movers(m, made, 1)
			if err != nil {
				t.Fatal(err)
			}
			r, err := repair.KnockOut{Bootstrap: interp.Bootstrap{Resamples: 500}}.Measure(m, made, top...)
			if err != nil {
				t.Fatal(err)
			}
			backups, err := r.Backups(0.05)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %v", name, r)
			got := [2]float64{r.Lost.Mean / r.Metric, r.Share.Mean}
			for i, w := range want[fmt.Sprintf("%s-%d", kind, seed)] {
				if math.Abs(got[i]-w) > 0.01 {
					t.Errorf("%s: %.3f, want %.3f", name, got[i], w)
				}
			}
			if len(backups) > 0 || r.Share.Hi > 0.05 {
				t.Errorf("%s: %v, backups %v", name, r, backups)
			}
		}
	}
}
