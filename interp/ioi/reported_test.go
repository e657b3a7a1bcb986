package ioi_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ioi"
)

func TestReportedNumbers(t *testing.T) {
	all := ioi.PaperNumbers()
	names := map[string]float64{}
	for _, n := range all {
		if _, twice := names[n.Name]; twice || n.Name == "" || n.Where == "" || n.Value == 0 {
			t.Errorf("%+v", n)
		}
		if n.Bound == "" {
			names[n.Name] = n.Value
		}
	}
	// The paper beside itself.
	r, err := all.Beside(names)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Numbers {
		if r.Difference(i) != 0 {
			t.Errorf("%s differs from itself by %g", r.Numbers[i].Name, r.Difference(i))
		}
	}
	if len(r.Numbers) != len(names) {
		t.Errorf("%d of %d", len(r.Numbers), len(names))
	}
	at := func(name string) float64 {
		return all[slices.IndexFunc(all, func(n ioi.Reported) bool { return n.Name == name })].Value
	}
	// The paper's own fit, of its own table: appendix A.
	var position, token float64
	for i, p := range []string{"kept", "inverted"} {
		for j, k := range []string{"kept", "random", "inverted"} {
			v := at("position " + p + ", token " + k)
			position, token = position+v*float64(1-2*i)/6, token+v*float64(1-j)/4
		}
	}
	// Its digits are two.
	if math.Abs(position-at("weight of the position signal")) > 0.01 || math.Abs(token-at("weight of the token signal")) > 0.01 {
		t.Errorf("the table has %g and %g", position, token)
	}
	if got := at("|F(M) − F(C)|") / at("logit difference"); math.Abs(1-got-at("F(C) / F(M)")/100) > 0.01 {
		t.Errorf("the gap is %g of the logit difference", got)
	}
}

func TestBeside(t *testing.T) {
	all := ioi.PaperNumbers()
	r, err := all.Beside(map[string]float64{
		"logit difference": 3, "copy score of name movers": 90, "copy score of an average head": 10, "F(C) / F(M)": 90,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"logit difference": -0.56, "copy score of name movers": -5, "copy score of an average head": 0, "F(C) / F(M)": 3,
	} {
		i := slices.IndexFunc(r.Numbers, func(n ioi.Reported) bool { return n.Name == name })
		if got := r.Difference(i); math.Abs(got-want) > 1e-9 { // rounding of float64
			t.Errorf("%s differs by %g, want %g", name, got, want)
		}
	}
	for _, want := range []string{"3.56", "3.00", "-0.56", ">95.00", "<20.00"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in\n%s", want, r)
		}
	}
	if _, err := all.Beside(map[string]float64{"logit differenz": 1}); err == nil || !strings.Contains(err.Error(), `no number is called "logit differenz"; there are logit difference; `) {
		t.Errorf("error %v", err)
	}
}
