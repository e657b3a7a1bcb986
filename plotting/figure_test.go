package plotting

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// panicky is data whose methods fail.
type panicky struct{ fake }

func (panicky) Values() []float32 { panic("no values today") }

// figures draws x with every function that takes one array.
func figures(x Labeled, opts ...Option) map[string]*Figure {
	return map[string]*Figure{
		"HeadMap":   HeadMap(x, opts...),
		"Heatmap":   Heatmap(x, opts...),
		"Attention": Attention(x, opts...),
		"Lines":     Lines(x, opts...),
		"Bars":      Bars(x, opts...),
		"Scatter":   Scatter(x, x, opts...),
		"Hist":      Hist(x, 0, opts...),
	}
}

func TestBadInput(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	two := []string{"layer", "head"}
	var nilFake *fake
	cause := errors.New("model host went away")
	for _, c := range []struct {
		name string
		x    Labeled
		want string // in the error of every figure
	}{
		{"nil", nil, "got nil"},
		{"typed nil", nilFake, "cannot draw"},
		{"rank 0", fake{}, "got shape []"},
		{"rank 5", fake{shape: []int{1, 1, 1, 1, 1}, vals: []float32{1}}, "got shape [1 1 1 1 1]"},
		{"empty axis", fake{shape: []int{3, 0}, names: two}, `axis 1 ("head") is empty: got shape [3 0]`},
		{"negative axis", fake{shape: []int{3, -1}, names: two}, `axis 1 ("head") is empty`},
		{"overflowing shape", fake{shape: []int{math.MaxInt, math.MaxInt}, names: two}, "too many values"},
		{"values missing", fake{shape: []int{2, 2}, vals: []float32{1, 2, 3}, names: two}, "shape [2 2] wants 4 values, got 3"},
		{"labels missing", fake{shape: []int{2, 2}, vals: make([]float32, 4), names: two, labels: [][]string{nil, {"a"}}}, `axis 1 ("head") has 1 labels, want 2`},
		{"all NaN", fake{shape: []int{1, 2}, vals: []float32{nan, nan}, names: two}, "every value is NaN"},
		{"infinite", fake{shape: []int{1, 2}, vals: []float32{0, inf}, names: two}, "value at layer 0, head 1 is +Inf"},
		{"failed", fake{err: cause}, "model host went away"},
		{"panics", panicky{fake{shape: []int{2, 2}}}, "no values today"},
	} {
		for fn, f := range figures(c.x) {
			t.Run(c.name+"/"+fn, func(t *testing.T) {
				err := f.Err()
				if err == nil {
					t.Fatal("no error")
				}
				if msg := err.Error(); !strings.HasPrefix(msg, "plotting."+fn+": ") || !strings.Contains(msg, c.want) {
					t.Errorf("got %q, want plotting.%s and %q", msg, fn, c.want)
				}
				if m, e := f.MIME(); m != nil || !errors.Is(e, err) {
					t.Errorf("MIME: got %v, %v, want the error", m, e)
				}
				if f.Text() != err.Error() {
					t.Errorf("Text: got %q", f.Text())
				}
				if c.x != nil && c.name == "failed" && !errors.Is(err, cause) {
					t.Error("the cause is lost")
				}
			})
		}
	}
}

func TestWrongFigure(t *testing.T) {
	cube := fake{shape: []int{2, 2, 2}, vals: make([]float32, 8), names: []string{"head", "query", "key"}}
	row := fake{shape: []int{3}, vals: []float32{1, 2, 3}, names: []string{"step"}, labels: [][]string{{"0", "1", "2"}}}
	word := row
	word.labels = [][]string{{"a", "b", "c"}}
	many := fake{shape: []int{300, 2, 2}, vals: make([]float32, 1200), names: cube.names}
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		f    *Figure
		want string
	}{
		{"head map of a cube", HeadMap(cube), "got shape [2 2 2] [head query key], want [layer head]"},
		{"bars of a cube", Bars(cube), "want [category] or [group category]"},
		{"attention of a row", Attention(row), "want [query key] or [head query key]"},
		{"attention of too many heads", Attention(many), "300 heads, at most 256"},
		{"too many panels", Heatmap(many), "300 panels, at most 256"},
		{"tokens of another length", Attention(cube, Tokens("a")), `Tokens has 1 labels, axis "query" has 2`},
		{"logarithm of zero", Lines(row, LogX()), `axis "step" has position 0 at index 0`},
		{"logarithm of words", Lines(word, LogX()), `labels of axis "step" are not all numbers`},
		{"band of another shape", Lines(row, Band(cube, cube)), "Band: got shape [2 2 2]"},
		{"half a band", Lines(row, Band(row, nil)), "Band: no data"},
		{"scatter of two shapes", Scatter(row, cube), "x has shape [3], y has [2 2 2]"},
		{"scatter without pairs", Scatter(fake{shape: []int{2}, vals: []float32{1, nan}}, fake{shape: []int{2}, vals: []float32{nan, 1}}), "no point has both"},
		{"negative bins", Hist(row, -1), "got -1 bins"},
		{"range upside down", HeadMap(cube, Range(1, 0)), "Range(1, 0)"},
		{"range without number", HeadMap(cube, Range(math.NaN(), 0)), "Range(NaN, 0)"},
		{"size of a stamp", HeadMap(cube, Size(10, 10)), "Size(10, 10)"},
		{"bars without end", Bars(fake{shape: []int{500}, vals: make([]float32, 500)}), "500 bars, at most 400"},
		{"nil figure", nil, "nil Figure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.f.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := c.f.PNG(); err == nil {
				t.Error("PNG: no error")
			}
			if err := c.f.Save(filepath.Join(t.TempDir(), "x.svg")); err == nil {
				t.Error("Save: no error")
			}
		})
	}
}

// TestZeroFigure checks that a Figure that nobody drew fails, not panics.
func TestZeroFigure(t *testing.T) {
	var f Figure
	if _, err := f.MIME(); err == nil {
		t.Error("no error")
	}
}

// odd is data at the edge of what can be drawn.
func odd() map[string]fake {
	nan := float32(math.NaN())
	return map[string]fake{
		"one cell":      {shape: []int{1, 1}, vals: []float32{3}},
		"zeros":         {shape: []int{2, 3}, vals: make([]float32, 6)},
		"constant":      {shape: []int{2, 2}, vals: []float32{-7, -7, -7, -7}},
		"huge":          {shape: []int{1, 2}, vals: []float32{math.MaxFloat32, -math.MaxFloat32}},
		"tiny":          {shape: []int{1, 2}, vals: []float32{math.SmallestNonzeroFloat32, 0}},
		"holes":         {shape: []int{2, 2}, vals: []float32{nan, 1, 2, nan}},
		"tall":          {shape: []int{300, 1}, vals: noise(300, -1, 1)},
		"wide":          {shape: []int{1, 300}, vals: noise(300, 0, 1)},
		"big":           {shape: []int{700, 300}, vals: noise(210_000, -1, 1)},
		"empty labels":  {shape: []int{2, 2}, vals: []float32{1, 2, 3, 4}, labels: [][]string{{"", ""}, {}}},
		"hostile words": {shape: []int{2, 8}, vals: noise(16, -1, 1), names: []string{"<b>", "\x00&\""}, labels: [][]string{{"]]>", "\xff\xfe"}, words(8)}, title: "<script>alert(1)</script>\n\x1b[31m", unit: "a<b & c"},
		"endless words": {shape: []int{1, 2}, vals: []float32{1, 2}, names: []string{strings.Repeat("x", 5000)}, labels: [][]string{nil, {strings.Repeat("日", 9000), strings.Repeat("w ", 9000)}}, title: strings.Repeat("long title ", 900), unit: strings.Repeat("u", 900)},
	}
}

var embedded = regexp.MustCompile(`base64,[^"]*`)

func TestOddInput(t *testing.T) {
	// 3 MB is far above any of them: it catches a picture that grows with the data.
	const limit = 3 << 20
	for name, x := range odd() {
		for fn, f := range figures(x, Annotate(3), Values(true), Caption(x.title)) {
			t.Run(name+"/"+fn, func(t *testing.T) {
				if f.Err() != nil {
					if name == "big" || name == "wide" { // more bars or points than are drawn
						return
					}
					t.Fatal(f.Err())
				}
				svg, err := f.SVG()
				if err != nil {
					t.Fatal(err)
				}
				wellFormed(t, svg)
				if len(svg) > limit {
					t.Errorf("SVG has %d bytes", len(svg))
				}
				svg = embedded.ReplaceAll(svg, nil)
				for _, bad := range []string{"NaN", "Inf", "<script"} {
					if bytes.Contains(svg, []byte(bad)) {
						t.Errorf("SVG contains %q", bad)
					}
				}
				if _, err := f.PDF(); err != nil {
					t.Error(err)
				}
				if strings.ContainsAny(f.Text(), "\x00\x1b") {
					t.Errorf("Text has control characters: %q", f.Text())
				}
			})
		}
	}
}

// wellFormed parses the document and checks its frame.
func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	var first []string
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("SVG is not well-formed: %v", err)
		}
		if e, ok := tok.(xml.StartElement); ok && len(first) < 3 {
			first = append(first, e.Name.Local)
		}
	}
	if fmt.Sprint(first) != "[svg title desc]" {
		t.Errorf("SVG starts with %v", first)
	}
}

func TestFormats(t *testing.T) {
	dir := t.TempDir()
	for name, f := range gallery() {
		t.Run(name, func(t *testing.T) {
			m, err := f.MIME()
			if err != nil {
				t.Fatal(err)
			}
			svg := m["image/svg+xml"]
			wellFormed(t, svg)
			for _, want := range []string{`role="img"`, "viewBox=", "max-width:100%", "sans-serif", "<desc>" + string(svg[bytes.Index(svg, []byte("<desc>"))+6:])[:20]} {
				if !bytes.Contains(svg, []byte(want)) {
					t.Errorf("SVG lacks %s", want)
				}
			}
			// A notebook holds under a megabyte: eight figures.
			if len(svg) > 128<<10 {
				t.Errorf("SVG has %d bytes", len(svg))
			}
			if f.Alt() == "" || !strings.Contains(string(m["text/plain"]), "\n") {
				t.Errorf("no text alternative: %q", f.Alt())
			}
			b, err := f.PNG()
			if err != nil {
				t.Fatal(err)
			}
			c, err := png.DecodeConfig(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if want := int(f.scene.w * 2); c.Width != want {
				t.Errorf("PNG is %d pixels wide, want %d", c.Width, want)
			}
			for ext, start := range map[string]string{".svg": "<svg", ".png": "\x89PNG", ".pdf": "%PDF", ".html": "<!DOCTYPE", ".TXT": string(f.Text()[:5])} {
				path := filepath.Join(dir, name+ext)
				if err := f.Save(path); err != nil {
					t.Fatal(err)
				}
				if b, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(b, []byte(start)) {
					t.Errorf("%s starts with %q, %v", path, b[:min(8, len(b))], err)
				}
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestSaveRefuses(t *testing.T) {
	f := HeadMap(induction())
	for name, path := range map[string]string{
		"unknown extension": filepath.Join(t.TempDir(), "x.bmp"),
		"no extension":      filepath.Join(t.TempDir(), "x"),
		"no folder":         filepath.Join(t.TempDir(), "none", "x.svg"),
	} {
		if err := f.Save(path); err == nil || !strings.Contains(err.Error(), "plotting: cannot save") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
