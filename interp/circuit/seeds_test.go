package circuit_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/task"
)

var seeds = flag.String("seeds", "", "folder of models like zoo:ioi-4l, named by the seeds of their training: makes the table of SEEDS.md")

// TestTrainingSeeds looks for the circuit of models that were trained alike but
// for the seed, and holds its three scores against random circuits.
func TestTrainingSeeds(t *testing.T) {
	if *seeds == "" {
		t.Skip("no -seeds")
	}
	dirs, err := filepath.Glob(filepath.Join(*seeds, "*", "model.safetensors"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no models in %s: %v", *seeds, err)
	}
	var table strings.Builder
	table.WriteString("| seed | accuracy | logit difference | heads | recovered | random circuits: median, highest, as good | by its edges alone | largest gap | random: lowest, median, as good | least change | random: median, highest, as good |\n" +
		"|--:|--:|--:|:--|--:|:--|--:|--:|:--|--:|:--|\n")
	for _, file := range dirs {
		row, err := seedRow(t, filepath.Dir(file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		table.WriteString(row)
		t.Log(row)
	}
	if err := os.WriteFile(filepath.Join(*seeds, "table.md"), []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func seedRow(t *testing.T, dir string) (string, error) {
	m := open(t, dir)
	defer m.Close()
	prompts, err := task.IOI(m, task.IOIOptions{N: 100})
	if err != nil {
		return "", err
	}
	run, err := m.Run(prompts.Clean.Metric(prompts.Accuracy, prompts.Metric))
	if err != nil {
		return "", err
	}
	accuracy := run.PerRow(0).Mean("batch").Scalar()
	if accuracy <= 0.98 {
		t.Errorf("%s: accuracy %g", dir, accuracy)
	}
	c, err := discover.Trace(m, prompts.Task, discover.TraceOptions{})
	if err != nil {
		return "", err
	}
	few := circuit.Settings{Random: 20, Search: circuit.Search{Random: 10, Greedy: circuit.Greedy{Runs: -1}}, Beside: circuit.Beside{Best: true}}
	faithful, err := faithfulness(m, prompts.Task, c.Circuit, circuit.Settings{})
	if err != nil {
		return "", err
	}
	edges := circuit.Settings{Random: -1, Components: circuit.HeadEdges}
	byEdges, err := faithfulness(m, prompts.Task, c.Circuit, edges)
	if err != nil {
		return "", err
	}
	gap, err := held(m, prompts, few).RandomCompleteness(c.Circuit)
	if err != nil {
		return "", err
	}
	least, err := held(m, prompts, few).RandomMinimality(c.Circuit)
	if err != nil {
		return "", err
	}
	against := func(b *circuit.Baseline, low, high float64) string {
		good, of := b.AsGood()
		return fmt.Sprintf("%.2f, %.2f, %d of %d", b.Quantile(low), b.Quantile(high), good, of)
	}
	var heads []string
	for _, p := range c.Parts() {
		heads = append(heads, p.String())
	}
	slices.Sort(heads)
	return fmt.Sprintf("| %s | %.1f%% | %.2f | %d: %s | %s | %s | %s | %.2f | %s | %.3f | %s |\n", filepath.Base(dir), 100*accuracy, faithful.Model.Value,
		len(heads), strings.Join(heads, " "), faithful.Recovered.Percent(), against(faithful.Baseline(), 0.5, 1), byEdges.Recovered.Percent(),
		gap.Own, against(gap, 0, 0.5), least.Own, against(least, 0.5, 1)), nil
}
