package plotting

import (
	"os"
	"testing"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("LOOK")
	if dir == "" {
		t.Skip("LOOK unset")
	}
	all := gallery()
	all["z_144"] = Attention(fake{shape: []int{12, 12, 16, 16}, vals: pattern(144, words(16)).vals, names: []string{"layer", "head", "query", "key"}, title: "all heads"})
	all["z_wide"] = Heatmap(odd()["wide"], Title("wide"))
	all["z_hostile"] = Heatmap(odd()["hostile words"])
	all["z_endless"] = Heatmap(odd()["endless words"])
	all["z_cloud"] = Scatter(fake{shape: []int{20000}, vals: gauss(20000), title: "x"}, fake{shape: []int{20000}, vals: noise(20000, 0, 1e-5), title: "y", unit: "nats"})
	all["z_series"] = Lines(fake{shape: []int{12, 100}, vals: noise(1200, 1e6, 5e6), names: []string{"head", "step"}, title: "many"}, Range(2e6, 4e6))
	all["z_holes"] = Bars(odd()["holes"], Horizontal())
	all["z_many"] = Bars(fake{shape: []int{48}, vals: noise(48, 0, 1), names: []string{"layer"}, title: "many bars"})
	all["z_big"] = Heatmap(odd()["big"], Title("700 × 300"))
	all["z_tall"] = Heatmap(odd()["tall"], Title("300 × 1"))
	all["z_cell"] = HeadMap(odd()["one cell"], Title("one cell of a long title that should wrap somewhere"))
	for n, f := range all {
		if f.Err() != nil {
			t.Error(n, f.Err())
			continue
		}
		for _, e := range []string{".svg", ".png", ".pdf", ".txt", ".html"} {
			if err := f.Save(dir + "/" + n + e); err != nil {
				t.Error(n, err)
			}
		}
	}
}
