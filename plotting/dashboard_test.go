package plotting_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/plotting"
)

type fakePage struct{}

func (fakePage) PageTitle() string      { return `feature 3 ("<b>")` }
func (fakePage) PageFacts() [][2]string { return [][2]string{{"fires at", "1%"}} }
func (fakePage) PageLists() ([]string, [][]string, [][]float64) {
	return []string{"raises"}, [][]string{{" cat"}}, [][]float64{{1.5}}
}
func (fakePage) PageHistogram() ([]float64, []int) { return []float64{0, 1, 2}, []int{3, 1} }
func (fakePage) PageGroups() []string              { return []string{"largest", "none"} }
func (fakePage) PageExamples(g int) ([][]string, [][]float32) {
	if g == 1 {
		return nil, nil
	}
	return [][]string{{"</p><script>alert(1)</script>", " sat"}}, [][]float32{{float32(math.NaN()), 2}}
}

// TestDashboard holds that texts cannot become part of the page, and that nothing is
// fetched.
func TestDashboard(t *testing.T) {
	d := plotting.Dashboard{Title: "features", Pages: []plotting.DashboardPage{fakePage{}, fakePage{}}}
	page, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	s := string(page)
	for _, want := range []string{"·cat", "&#43;1.50", "rgba(214,96,60,0.90)", "&lt;/p&gt;&lt;script&gt;", `id="page-1"`, "<rect"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, not := range []string{"<script>alert", "http://", "https://", "src="} {
		if strings.Contains(s, not) {
			t.Errorf("%q in the page", not)
		}
	}
	if forms, err := d.MIME(); err != nil || !strings.Contains(string(forms["text/html"]), "sandbox") || !strings.Contains(string(forms["text/plain"]), "feature 3") {
		t.Errorf("%v %v", forms, err)
	}
}
