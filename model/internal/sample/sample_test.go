package sample

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// kept is a rule's tokens and probabilities as Hugging Face's warpers define
// them: logits over temperature; then those below the k-th largest go; then, in
// a stable rising sort, those whose cumulative probability is at most 1-p, but
// never the last.
func kept(r Rule, logits []float32) map[int]float64 {
	x := make([]float64, len(logits))
	for i, v := range logits {
		x[i] = float64(v) / r.Temperature
	}
	gone := math.Inf(-1)
	if r.TopK > 0 {
		falling := slices.Sorted(slices.Values(x))
		slices.Reverse(falling)
		kth := falling[min(r.TopK, len(x))-1]
		for i := range x {
			if x[i] < kth {
				x[i] = gone
			}
		}
	}
	probs := func() map[int]float64 {
		sum, p := 0.0, map[int]float64{}
		for _, v := range x {
			sum += math.Exp(v - slices.Max(x))
		}
		for i, v := range x {
			if v != gone {
				p[i] = math.Exp(v-slices.Max(x)) / sum
			}
		}
		return p
	}
	if r.TopP > 0 && r.TopP < 1 {
		order := make([]int, len(x))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case x[a] < x[b]:
				return -1
			case x[a] > x[b]:
				return 1
			}
			return 0
		})
		p, sum := probs(), 0.0
		for n, i := range order {
			if sum += p[i]; sum <= 1-r.TopP && n < len(order)-1 {
				x[i] = gone
			}
		}
	}
	return probs()
}

func TestKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		logits := make([]float32, 1+rng.IntN(20))
		for i := range logits {
			logits[i] = float32(rng.IntN(12)) / 3 // with ties
			if len(logits) > 3 && i < 2 && rng.IntN(4) == 0 {
				logits[i] = float32(math.Inf(-1))
			}
		}
		r := Rule{Temperature: 0.3 + rng.Float64()*2}
		if rng.IntN(2) == 0 {
			r.TopK = rng.IntN(25)
		}
		if rng.IntN(2) == 0 {
			r.TopP = rng.Float64()
		}
		ids, probs := r.Kept(logits)
		want := kept(r, logits)
		got, sum := map[int]float64{}, 0.0
		for i, id := range ids {
			if probs[i] > 0 { // tokens of -Inf may stay, to no effect
				got[int(id)] = probs[i]
			}
			sum += probs[i]
		}
		for id, p := range want {
			if math.Abs(got[id]-p) > 1e-12 { // rounding of float64
				t.Fatalf("%+v of %v: token %d has %g, want %g", r, logits, id, got[id], p)
			}
			delete(got, id)
		}
		if len(got) > 0 || math.Abs(sum-1) > 1e-12 {
			t.Fatalf("%+v of %v keeps also %v; the sum is %g", r, logits, got, sum)
		}
	}
}

// The tokens that may be chosen and their probabilities are those that Hugging
// Face's warpers leave (testdata/make_warped.py).
func TestKeptEqualsHuggingFace(t *testing.T) {
	data, err := os.ReadFile("testdata/warped.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name        string
		Logits      []*float32 // nil for -Inf
		Temperature float64
		TopK        int     `json:"top_k"`
		TopP        float64 `json:"top_p"`
		Probs       []float64
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 500 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, c := range cases {
		logits := make([]float32, len(c.Logits))
		for i, v := range c.Logits {
			if logits[i] = float32(math.Inf(-1)); v != nil {
				logits[i] = *v
			}
		}
		r := Rule{Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP}
		got := make([]float64, len(logits))
		ids, probs := r.Kept(logits)
		for i, id := range ids {
			got[id] += probs[i]
		}
		for id, want := range c.Probs {
			if (got[id] == 0) != (want == 0) || math.Abs(got[id]-want) > 1e-12 { // rounding of float64
				t.Errorf("%+v of %s: token %d has %g, want %g", r, c.Name, id, got[id], want)
			}
		}
	}
}

// Draws follow the probabilities: chi-squared of each rule lies below its
// 99.9% quantile, with a fixed seed.
func TestDraws(t *testing.T) {
	logits := []float32{1, 0.5, -2, 3, 2.5, float32(math.Inf(-1)), 0, 2.5, -1, 1.5}
	for _, r := range []Rule{{Temperature: 1}, {Temperature: 0.5}, {Temperature: 3}, {Temperature: 1, TopK: 3}, {Temperature: 2, TopP: 0.8}, {Temperature: 1.5, TopK: 6, TopP: 0.9}} {
		const draws = 40000
		counts := make([]float64, len(logits))
		chance := rand.New(rand.NewPCG(5, 6))
		for range draws {
			token, logProb, err := r.Choose(logits, chance)
			if err != nil {
				t.Fatal(err)
			}
			if want := math.Log(kept(Rule{Temperature: 1}, logits)[int(token)]); math.Abs(logProb-want) > 1e-9 {
				t.Fatalf("log-probability of token %d is %g, want %g", token, logProb, want)
			}
			counts[token]++
		}
		want := kept(r, logits)
		chi, n := 0.0, 0
		for i, c := range counts {
			switch p := want[i]; {
			case p > 0:
				chi += (c - draws*p) * (c - draws*p) / (draws * p)
				n++
			case c > 0:
				t.Errorf("%+v: token %d was drawn %g times", r, i, c)
			}
		}
		if most := (distuv.ChiSquared{K: float64(n - 1)}).Quantile(0.999); !(chi < most) {
			t.Errorf("%+v: chi-squared %g of %d tokens, at most %g; counts %v", r, chi, n, most, counts)
		}
	}
}

func TestGreedy(t *testing.T) {
	token, logProb, err := Rule{}.Choose([]float32{1, 4, 4, float32(math.Inf(-1))}, nil)
	if want := -math.Log(2 + math.Exp(-3)); token != 1 || err != nil || math.Abs(logProb-want) > 1e-12 {
		t.Errorf("got token %d, %g (%v); want 1, %g", token, logProb, err, want)
	}
	for _, bad := range [][]float32{{1, float32(math.NaN())}, {float32(math.Inf(1)), 0}, {float32(math.Inf(-1))}} {
		if _, _, err := (Rule{}).Choose(bad, nil); !errors.Is(err, ErrLogits) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestRows(t *testing.T) {
	draw := func(seed uint64, rows ...[]int32) (first []uint64) {
		for _, r := range Rows(seed, rows) {
			first = append(first, r.Uint64())
		}
		return first
	}
	a, b := []int32{1, 2}, []int32{2, 1}
	all, some := draw(3, a, b, a), draw(3, b, a, a)
	if all[0] != some[1] || all[1] != some[0] || all[2] != some[2] {
		t.Errorf("%v, in another order %v", all, some)
	}
	if all[0] == all[2] || all[0] == all[1] || draw(4, a)[0] == all[0] {
		t.Errorf("equal draws: %v, %v", all, draw(4, a))
	}
}
