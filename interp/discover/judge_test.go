package discover_test

import (
	"math"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
)

// The curves and areas are MIB's, for three methods, both rankings, and both ways to
// take edges. Its denominator is negative here.
func TestJudgementsAreMIBs(t *testing.T) {
	var o struct {
		MIB struct {
			Curves map[string]struct {
				Edges    []float64 `json:"weighted_edge_counts"`
				Under    float64   `json:"area_under"`
				FromOne  float64   `json:"area_from_1"`
				Faithful []float64 `json:"faithfulnesses"`
			}
		}
	}
	readJSON(t, testdata("edges")+"/gpt2.json", &o)
	s, _ := recorded(t, "gpt2")
	for method, scoring := range map[string]discover.Scoring{"eap": {}, "eap_ig_inputs_5": {Method: discover.InputsIG}, "exact": {Method: discover.Exact}} {
		scores, err := s.Scores(scoring)
		if err != nil {
			t.Fatal(err)
		}
		for _, greedy := range []bool{false, true} {
			got, err := s.Judge(scores, discover.Judgement{Greedy: greedy})
			if err != nil {
				t.Fatal(err)
			}
			how := map[bool]string{false: "topn", true: "greedy"}[greedy]
			for name, c := range map[string]discover.Curve{"signed": got.Signed, "abs": got.Sized} {
				want, found := o.MIB.Curves[method+"."+name+"."+how]
				if !found {
					t.Fatal("no such curve")
				}
				ties := 0.
				if method == "exact" {
					ties = 1 // an edge that does nothing scores what rounding makes of 0
				}
				for i, f := range want.Faithful {
					if math.Abs(c.Result.At(i)-f) > 1e-3 || math.Abs(float64(c.Sets[i].Len())-want.Edges[i]) > ties {
						t.Errorf("%s %s %s at %g: %d edges, faithfulness %.4f; recorded %g and %.4f", method, name, how, got.Shares[i], c.Sets[i].Len(), c.Result.At(i), want.Edges[i], f)
					}
				}
			}
			cpr, cmd := o.MIB.Curves[method+".signed."+how].Under, o.MIB.Curves[method+".abs."+how].FromOne
			if math.Abs(got.CPR-cpr) > 1e-3 || math.Abs(got.CMD-cmd) > 1e-3 {
				t.Errorf("%s %s: CPR %.4f, CMD %.4f; recorded %.4f and %.4f", method, how, got.CPR, got.CMD, cpr, cmd)
			}
			if !strings.Contains(got.String(), "CPR") || !strings.Contains(got.String(), "CMD") {
				t.Error("one area is printed without the other")
			}
		}
	}
}
