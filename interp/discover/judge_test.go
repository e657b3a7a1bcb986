package discover_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// The curves and areas are MIB's, for three methods, both rankings, and both ways to
// take edges, on three models. Its denominator is negative on the first. (On Gemma 2 theirs
// cuts heads otherwise: [TestEveryArrayOfEdges] runs its subgraphs.)
func TestJudgementsAreMIBs(t *testing.T) {
	for _, name := range []string{"gpt2", "llama", "llama_gqa"} {
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
		readJSON(t, testdata("edges")+"/"+name+".json", &o)
		s, _ := recordedModel(t, "gpt2")
		m, err := model.Open(ungrouped(t, name))
		if err != nil {
			t.Fatal(err)
		}
		s.Model = m
		compared := 0
		for method, scoring := range map[string]discover.Scoring{"eap": {}, "eap_ig_inputs_5": {Method: discover.InputsIG}, "exact": {Method: discover.Exact}} {
			scores, err := s.Scores(scoring)
			if err != nil {
				t.Fatal(err)
			}
			for _, greedy := range []bool{false, true} {
				how := map[bool]string{false: "topn", true: "greedy"}[greedy]
				if _, found := o.MIB.Curves[method+".signed."+how]; !found {
					continue
				}
				got, err := s.Judge(scores, discover.Judgement{Greedy: greedy})
				if err != nil {
					t.Fatal(err)
				}
				if got.Full > got.Empty {
					// They rank by the score as it is, of the metric and not of a loss: what helps is
					// last where the metric is to be large.
					if got, err = s.Judge(negated(scores), discover.Judgement{Greedy: greedy}); err != nil {
						t.Fatal(err)
					}
				}
				for by, c := range map[string]discover.Curve{"signed": got.Signed, "abs": got.Sized} {
					want := o.MIB.Curves[method+"."+by+"."+how]
					compared++
					ties := 0.
					if method == "exact" {
						ties = 1 // an edge that does nothing scores what rounding makes of 0
					}
					scale := 0.
					for _, f := range want.Faithful {
						scale = max(scale, math.Abs(f))
					}
					for i, f := range want.Faithful {
						if math.Abs(c.Result.At(i)-f) > 1e-4*scale || math.Abs(float64(c.Sets[i].Len())-want.Edges[i]) > ties {
							t.Errorf("%s %s %s %s at %g: %d edges, faithfulness %.5f; recorded %g and %.5f", name, method, by, how, got.Shares[i], c.Sets[i].Len(), c.Result.At(i), want.Edges[i], f)
						}
					}
				}
				cpr, cmd := o.MIB.Curves[method+".signed."+how].Under, o.MIB.Curves[method+".abs."+how].FromOne
				if math.Abs(got.CPR-cpr) > 1e-4*math.Abs(cpr) || math.Abs(got.CMD-cmd) > 1e-4*math.Abs(cmd) {
					t.Errorf("%s %s %s: CPR %.5f, CMD %.5f; recorded %.5f and %.5f", name, method, how, got.CPR, got.CMD, cpr, cmd)
				}
				if !strings.Contains(got.String(), "CPR") || !strings.Contains(got.String(), "CMD") {
					t.Error("one area is printed without the other")
				}
			}
		}
		if compared != len(o.MIB.Curves) {
			t.Errorf("%s: %d curves are compared, %d recorded", name, compared, len(o.MIB.Curves))
		}
	}
}

// negated are scores of the other sign.
func negated(s *discover.Scores) *discover.Scores {
	out, inner := *s, *s.Result
	values := slices.Clone(s.Values())
	for i := range values {
		values[i] = -values[i]
	}
	inner.Array, out.Result = array.Of(values, s.Axes()...), &inner
	return &out
}
