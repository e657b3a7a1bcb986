package plotting

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/plotting/script"
)

var dataAttr = regexp.MustCompile(script.Data + `="([^"]*)"`)

// liveData is what the script is given.
func liveData(t *testing.T, f *Figure) (d liveHeat, raw map[string]any) {
	t.Helper()
	b, err := f.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := html.UnescapeString(dataAttr.FindStringSubmatch(string(b))[1])
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(text), &d) // of graphs it fits only in part
	return d, raw
}

// TestHTMLHoldsTheValues unpacks the script's data and holds it to the figure's.
func TestHTMLHoldsTheValues(t *testing.T) {
	x := pattern(2, sentence)
	d, _ := liveData(t, Attention(x))
	if d.Kind != "attention" || !d.Causal || len(d.Panels) != 2 || d.Panels[1].Title != "head 1.1" || d.Cols[2] != "·cat" {
		t.Errorf("got %+v", d)
	}
	for i, want := range x.vals {
		u := int(d.Values[2*i]) | int(d.Values[2*i+1])<<8
		if u == 0 {
			t.Fatalf("value %d is missing", i)
		}
		// Half a step of 16 bits.
		if got := d.Low + float64(u-1)/65534*(d.High-d.Low); math.Abs(got-float64(want)) > (d.High-d.Low)/65534 {
			if want != 0 { // above the diagonal
				t.Fatalf("value %d: got %v, want %v", i, got, want)
			}
		}
	}
}

// TestLiveGraph checks that links and nodes are told in the order of their marks.
func TestLiveGraph(t *testing.T) {
	f := Circuit(smallCircuit())
	_, d := liveData(t, f)
	links, texts := d["links"].([]any), d["texts"].([]any)
	titles := tips(t, f)
	if len(titles) != len(links)+len(texts) {
		t.Fatalf("%d hover titles, %d links, %d nodes", len(titles), len(links), len(texts))
	}
	for i, l := range links {
		if effect := l.([]any)[2].(float64); !strings.Contains(titles[i], number(effect)) {
			t.Errorf("link %d has %v, its mark says %q", i, effect, titles[i])
		}
	}
}

func TestNotebookForm(t *testing.T) {
	m, err := Bars(components()).MIME()
	if err != nil {
		t.Fatal(err)
	}
	h := string(m["text/html"])
	if want := `src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString(m["image/svg+xml"]); !strings.Contains(h, want) {
		t.Error("without its script the HTML does not show the SVG")
	}
	if strings.Contains(h, "<svg") || !strings.Contains(h, fmt.Sprintf("<script>%s</script>", script.Source)) {
		t.Error("want an image and the script as it is, whose hash reports allow")
	}
}

// TestNotebookFormIsSmall: the values are in the script's data, and not again as
// titles in the image, which shows none.
func TestNotebookFormIsSmall(t *testing.T) {
	m, err := Attention(pattern(8, sentence)).MIME()
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile(`base64,([^"]*)"`).FindStringSubmatch(string(m["text/html"]))
	svg, err := base64.StdEncoding.DecodeString(image[1])
	if err != nil || strings.Count(string(svg), "<title>") != 1 || len(svg) > len(m["image/svg+xml"])*3/4 {
		t.Errorf("%d bytes for the SVG's %d, %v", len(svg), len(m["image/svg+xml"]), err)
	}
}

func TestHTMLHoldsHostileLabels(t *testing.T) {
	x := induction()
	x.labels = [][]string{{`"><script>alert(1)</script>`, "</script>"}, nil}
	b, err := HeadMap(x).HTML()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.ToLower(string(b)), "<script"); n != 1 {
		t.Errorf("%d scripts, want 1", n)
	}
}
