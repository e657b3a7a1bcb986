package plottest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/cmpimg"
)

// square is a figure: a square of one colour at a place.
type square struct {
	x, y  float64
	label string
	shade uint8
}

func (s square) Err() error { return nil }

func (s square) SVG() ([]byte, error) {
	return fmt.Appendf(nil, "<svg>\n <rect x=\"%.2f\" y=\"%.2f\"><title>%s</title></rect></svg>", s.x, s.y, s.label), nil
}

func (s square) PNG() ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	for y := range 4 {
		for x := range 4 {
			img.SetGray(x+int(s.x), y+int(s.y), color.Gray{Y: s.shade})
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// recorder catches what a comparison reports.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.said = append(r.said, fmt.Sprintf(f, a...)) }

func TestCompare(t *testing.T) {
	base := square{1, 2, "layer 1", 200}
	for _, c := range []struct {
		name     string
		got      square
		svg, png string // in the report; "" means equal
	}{
		{"same", base, "", ""},
		{"rounded the other way", square{1.01, 2, "layer 1", 201}, "", ""},
		{"moved", square{3, 2, "layer 1", 200}, `got …`, "testdata/fig.diff.png"},
		{"other label", square{1, 2, "layer 2", 200}, "layer 2", ""},
		{"other colour", square{1, 2, "layer 1", 90}, "", "testdata/fig.got.png"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			*cmpimg.GenerateTestData = true
			SVG(t, "fig", base)
			PNG(t, "fig", base)
			*cmpimg.GenerateTestData = false
			for _, k := range []struct {
				want string
				run  func(testing.TB, string, Figure)
			}{{c.svg, SVG}, {c.png, PNG}} {
				r := &recorder{TB: t}
				k.run(r, "fig", c.got)
				said := strings.Join(r.said, "\n")
				if (k.want == "") != (said == "") || !strings.Contains(filepath.ToSlash(said), k.want) {
					t.Errorf("reported %q, want %q", said, k.want)
				}
			}
			_, err := os.Stat("testdata/fig.diff.png")
			if left := err == nil; left != (c.png != "") {
				t.Errorf("difference image left: %v", left)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	r := &recorder{TB: t}
	SVG(r, "none", square{})
	if len(r.said) != 1 || !strings.Contains(r.said[0], "-regen") {
		t.Errorf("reported %q, want a hint at -regen", r.said)
	}
}
