package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/plotting"
)

// TestFigure holds the figure of CLUSTER.md to the numbers beside it; with
// GOLENS_UPDATE set it draws it anew.
func TestFigure(t *testing.T) {
	data, err := os.ReadFile("testdata/scale.json")
	if err != nil {
		t.Fatal(err)
	}
	var points []struct {
		Workers           int
		Sleep, Efficiency float64
	}
	if err := json.Unmarshal(data, &points); err != nil {
		t.Fatal(err)
	}
	var series, counts []string
	var values []float32
	for _, p := range points {
		if name := fmt.Sprintf("pieces of %g s", p.Sleep); len(series) == 0 || series[len(series)-1] != name {
			series = append(series, name)
		}
		if len(series) == 1 {
			counts = append(counts, fmt.Sprint(p.Workers))
		}
		values = append(values, float32(p.Efficiency))
	}
	a := array.Of(values, array.Labels("", series), array.Labels("workers", counts)).Named("time of all workers that is work", "share")
	svg, err := plotting.Lines(a, plotting.LogX(), plotting.Size(520, 280)).SVG()
	if err != nil {
		t.Fatal(err)
	}
	const path = "../cluster-scale.svg"
	if os.Getenv("GOLENS_UPDATE") != "" {
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, svg) {
		t.Errorf("%s is not what testdata/scale.json gives (%v); run this test with GOLENS_UPDATE=1", path, err)
	}
}
