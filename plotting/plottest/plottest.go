package plottest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot/cmpimg"
)

const (
	// Tolerance is how far two coordinates may lie apart, in CSS pixels: they
	// are written in hundredths, and an architecture that fuses multiply and
	// add may round the last digit the other way.
	Tolerance = 0.021
	// Delta is how different two pixels may be, from 0 (equal) to 1: the same
	// fusing moves the shades of smoothed edges, by far less than this; a
	// changed colour or a moved letter is beyond it.
	Delta = 0.1
)

// Figure is what is compared: any plotting.Figure.
type Figure interface {
	Err() error
	SVG() ([]byte, error)
	PNG() ([]byte, error)
}

// SVG compares the figure with testdata/NAME.svg.
func SVG(t testing.TB, name string, f Figure) {
	t.Helper()
	got, want, ok := load(t, name+".svg", f.SVG)
	if !ok {
		return
	}
	if err := sameText(string(got), string(want)); err != nil {
		t.Errorf("figure %s differs from %s: %v; got is in %s (run with -regen to accept it)",
			name, golden(name+".svg"), err, leave(t, name+".got.svg", got))
	}
}

// PNG compares the figure with testdata/NAME.png.
func PNG(t testing.TB, name string, f Figure) {
	t.Helper()
	got, want, ok := load(t, name+".png", f.PNG)
	if !ok {
		return
	}
	same, err := cmpimg.EqualApprox("png", got, want, Delta)
	if err == nil && same {
		return
	}
	t.Errorf("figure %s differs from %s by more than %v (%s); got is in %s (run with -regen to accept it)",
		name, golden(name+".png"), Delta, difference(t, name, got, want, err), leave(t, name+".got.png", got))
}

func golden(file string) string { return filepath.Join("testdata", file) }

// load makes the figure and reads its golden file; with -regen it writes the
// file and there is nothing to compare.
func load(t testing.TB, file string, write func() ([]byte, error)) (got, want []byte, ok bool) {
	t.Helper()
	got, err := write()
	if err != nil {
		t.Errorf("figure %s: %v", file, err)
		return nil, nil, false
	}
	// The flag is cmpimg's own, so that packages using both have one.
	if *cmpimg.GenerateTestData {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden(file), got, 0o644)); err != nil {
			t.Errorf("figure %s: %v", file, err)
		}
		return nil, nil, false
	}
	want, err = os.ReadFile(golden(file))
	if err != nil {
		t.Errorf("figure %s has no golden file (run with -regen to make it): %v", file, err)
		return nil, nil, false
	}
	return got, want, true
}

// leave writes what a failed comparison leaves behind and names it.
func leave(t testing.TB, file string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(golden(file), b, 0o644); err != nil {
		return err.Error()
	}
	return golden(file)
}

// difference draws where two images differ and says where the picture is.
func difference(t testing.TB, name string, got, want []byte, err error) string {
	t.Helper()
	if err != nil {
		return err.Error()
	}
	a, errA := png.Decode(bytes.NewReader(got))
	b, errB := png.Decode(bytes.NewReader(want))
	if err := errors.Join(errA, errB); err != nil {
		return err.Error()
	}
	var dst draw.Image = image.NewRGBA64(a.Bounds().Union(b.Bounds()))
	cmpimg.Diff(dst, a, b)
	var out bytes.Buffer
	if err := png.Encode(&out, dst); err != nil {
		return err.Error()
	}
	return "difference in " + leave(t, name+".diff.png", out.Bytes())
}

var (
	number = regexp.MustCompile(`-?\d+(\.\d+)?`)
	spaces = regexp.MustCompile(`\s+`)
)

// sameText compares two documents: equal text between the numbers, white space
// apart, and numbers within Tolerance.
func sameText(got, want string) error {
	got, want = spaces.ReplaceAllString(got, " "), spaces.ReplaceAllString(want, " ")
	ng, nw := number.FindAllStringIndex(got, -1), number.FindAllStringIndex(want, -1)
	pg, pw := 0, 0
	for i := range min(len(ng), len(nw)) {
		if got[pg:ng[i][0]] != want[pw:nw[i][0]] {
			return differ(got[pg:], want[pw:])
		}
		a, errA := strconv.ParseFloat(got[ng[i][0]:ng[i][1]], 64)
		b, errB := strconv.ParseFloat(want[nw[i][0]:nw[i][1]], 64)
		if errors.Join(errA, errB) != nil || math.Abs(a-b) > Tolerance {
			return differ(got[pg:], want[pw:])
		}
		pg, pw = ng[i][1], nw[i][1]
	}
	if got[pg:] != want[pw:] {
		return differ(got[pg:], want[pw:])
	}
	return nil
}

// differ quotes the start of two differing texts.
func differ(got, want string) error {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	from := max(0, i-30) // enough before the difference to find it
	quote := func(s string) string {
		return strings.ToValidUTF8(s[min(from, len(s)):min(i+50, len(s))], "")
	}
	return fmt.Errorf("got …%s…, want …%s…", quote(got), quote(want))
}
