package syntax

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Pair is two sentences of which one is acceptable.
type Pair struct {
	Good     string `json:"sentence_good"`
	Bad      string `json:"sentence_bad"`
	Paradigm string `json:"UID"`
	ID       any    `json:"pairID"`
}

// ReadPairs reads minimal pairs in BLiMP's format, one JSON object a line. name is
// the file's, for errors.
func ReadPairs(name string, r io.Reader) ([]Pair, error) {
	var all []Pair
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var p Pair
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if p.Good == "" || p.Bad == "" || p.Good == p.Bad {
			return nil, fmt.Errorf("%s:%d: a pair has two different sentences, sentence_good and sentence_bad", name, n)
		}
		all = append(all, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there are no pairs in it", name)
	}
	return all, nil
}

// Probability scores pairs by the probability of their sentences. Its zero value is
// usable.
type Probability struct {
	// Mask is the token that hides another in a masked model; "" means [MASK] or
	// <mask>, whichever is one token.
	Mask string
	Rows int // how many rows run at once; 0 means 64
}

// Score is the share of pairs whose acceptable sentence is the likelier
// [paradigm], equal ones counting half, with each pair as a sample.
//
// In a causal model a sentence's log probability is the sum over its tokens, but
// for the first where no token begins a row. In a masked model it is the sum of
// what each token has when it alone is hidden (Salazar et al. 2020).
//
// Source: Warstadt et al. 2020, BLiMP.
func (x Probability) Score(m *model.Model, pairs []Pair) (*interp.Result, error) {
	if len(pairs) == 0 {
		return nil, fmt.Errorf("minimal pairs: there are none")
	}
	var texts []string
	for _, p := range pairs {
		texts = append(texts, p.Good, p.Bad)
	}
	scores, prov, err := x.sentences(m, texts)
	if err != nil {
		return nil, fmt.Errorf("minimal pairs: %w", err)
	}
	var names []string
	for _, p := range pairs {
		if !slices.Contains(names, p.Paradigm) {
			names = append(names, p.Paradigm)
		}
	}
	values := make([]float32, len(names))
	counts := make([]float32, len(names))
	samples := slices.Repeat([]float32{float32(math.NaN())}, len(pairs)*len(names))
	for i, p := range pairs {
		k := slices.Index(names, p.Paradigm)
		won := float32(0)
		switch good, bad := scores[2*i], scores[2*i+1]; {
		case good > bad:
			won = 1
		case good == bad:
			won = 0.5
		}
		samples[i*len(names)+k] = won
		values[k] += won
		counts[k]++
	}
	for k := range values {
		values[k] /= counts[k]
	}
	axis := array.Labels("paradigm", names)
	return &interp.Result{
		Array:   array.Of(values, axis).Named("share of pairs told apart", ""),
		Samples: array.Of(samples, array.Dim("sample", len(pairs)), axis),
		Method:  "the likelier sentence of each pair", Source: "Warstadt et al. 2020; Salazar et al. 2020", Provenance: prov,
	}, nil
}

// sentences are the log probabilities of texts.
func (x Probability) sentences(m *model.Model, texts []string) ([]float64, model.Provenance, error) {
	var prov model.Provenance
	if x.Rows == 0 {
		x.Rows = 64
	}
	prompts := m.Tokens(texts...)
	if err := prompts.Err(); err != nil {
		return nil, prov, err
	}
	c, info := m.Config(), m.Info()
	// tell is one token to be told: of which text, in which row, read where.
	type tell struct {
		text int
		row  []int32
		at   int
		id   int32
	}
	var all []tell
	if c.Encoder {
		hidden, err := x.mask(m)
		if err != nil {
			return nil, prov, err
		}
		for t, row := range prompts.IDs {
			for at := len(info.Begin); at < len(row)-len(info.End); at++ {
				masked := slices.Clone(row)
				masked[at] = hidden
				all = append(all, tell{t, masked, at, row[at]})
			}
		}
	}
	sums := make([]float64, len(texts))
	if !c.Encoder {
		for from := 0; from < len(texts); from += x.Rows {
			rows := prompts.IDs[from:min(len(texts), from+x.Rows)]
			run, err := m.Run(m.Rows(rows).Metric(model.NLL()))
			if err != nil {
				return nil, prov, err
			}
			prov = run.Provenance
			for i, v := range run.Metrics[0].Values() {
				sums[from+i] = -float64(v) * float64(len(rows[i])-1)
			}
		}
		return sums, prov, nil
	}
	for from := 0; from < len(all); from += x.Rows {
		some := all[from:min(len(all), from+x.Rows)]
		var rows [][]int32
		var ids []int32
		var at [][]int
		for _, t := range some {
			rows, ids, at = append(rows, t.row), append(ids, t.id), append(at, []int{t.at})
		}
		run, err := m.Run(m.Rows(rows).Metric(model.LogProbOf(ids...).In(hook.Positions{Rows: at})))
		if err != nil {
			return nil, prov, err
		}
		prov = run.Provenance
		for i, v := range run.Metrics[0].Values() {
			sums[some[i].text] += float64(v)
		}
	}
	return sums, prov, nil
}

// mask is the id of the token that hides another.
func (x Probability) mask(m *model.Model) (int32, error) {
	names := []string{"[MASK]", "<mask>"}
	if x.Mask != "" {
		names = []string{x.Mask}
	}
	for _, name := range names {
		if ids, err := m.Encode(name); err == nil && len(ids[0]) == 1 && slices.Contains(m.Info().Special, ids[0][0]) {
			return ids[0][0], nil
		}
	}
	return 0, fmt.Errorf("none of %q is a special token of the model; name its mask in Mask", names)
}
