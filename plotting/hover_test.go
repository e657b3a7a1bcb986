package plotting

import (
	"encoding/xml"
	"strings"
	"testing"
)

// tips are the hover titles of a figure, by mark.
func tips(t *testing.T, f *Figure) []string {
	t.Helper()
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Marks []struct {
			Title string `xml:"title"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range doc.Marks {
		if m.Title != "" {
			out = append(out, m.Title)
		}
	}
	return out
}

func TestHover(t *testing.T) {
	all := gallery()
	for _, c := range []struct {
		figure string
		n      int // hover titles, those of labels that are cut included
		want   string
	}{
		{"headmap_2x8", 16, "layer 1, head 3: 0.98"},
		{"headmap_12x12", 144, "layer 9, head 6: 2.31 logits"},
		{"headmap_12x12", 144, "layer 0, head 3: no value"},
		{"heatmap", 72, "layer 0, position ·cat: 1.01 fraction of logit difference recovered"},
		{"heatmap_panels", 540, "layer 0, position 0: 3.38%"},
		{"attention", 8 * 12 * 13 / 2, "·sat → The: 0.50"},
		{"attention_one", 12 * 13 / 2, "The → The: 0.75"},
		{"attention_64", 12 + 12, "head 1.0 64 × 64, largest ·the → ·the: 1.00"},
		{"lines", 24, "head 1.3, step 50: 0.13 attention"},
		{"bars", 10, "3, corrupted: −0.90 logits"},
		{"bars_long", 9, "head 9.6 (name mover): 2.31 logits"},
		{"scatter", 143, "layer 9, head 6: 2.31 logits, 0.97"},
		{"scatter_groups", 80, "name IO, prompt 0: 0.32 logits, 0.39 logits"},
		{"circuit_small", 21, "1.1, induction: 4 in, 1 out"},
		{"circuit_small", 21, "0.1 → 1.0 key: 2.10 nats"},
		{"circuit_26", 27 + 77, "10.7, negative name mover, at END: 4 in, 1 out"},
		{"circuit_26", 27 + 77, "11.10 → logits: −9.50%"},
		{"hist_marked", 14, "the circuit: 3.40 of the model, above 300 of 300"},
		{"tokens", 24, "·mat: −2.15 logits"},
		{"scores", 6, "The → <bos>: −2.00"},
		{"hist", 34, "0 to 0.20 activation: 323 of 4000"},
	} {
		t.Run(c.figure, func(t *testing.T) {
			got := tips(t, all[c.figure])
			if len(got) != c.n {
				t.Errorf("%d hover titles, want %d", len(got), c.n)
			}
			if s := "\n" + strings.Join(got, "\n") + "\n"; !strings.Contains(s, "\n"+c.want+"\n") {
				t.Errorf("no hover title %q in %.300s", c.want, s)
			}
		})
	}
}
