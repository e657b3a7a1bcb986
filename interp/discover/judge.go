package discover

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
)

// Shares are the sizes of circuits that MIB judges scores by, as shares of all
// edges.
func Shares() []float64 { return []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1} }

// Judgement says how scores are judged. The zero value is MIB's, by the best
// edges.
type Judgement struct {
	Shares []float64 // rising; nil means [Shares]
	Greedy bool      // take edges backwards from the logits, instead of the best
}

// A Curve is how faithful circuits of growing size are whose edges one ranking took.
type Curve struct {
	By     graph.Rank
	Sets   []*graph.Set // without what hangs in the air
	Result *interp.Result
}

// A Judged is how good scores of edges are. CPR alone can be made as large as one
// likes, by circuits that do the task better than the model; so both are there, and
// the curves.
type Judged struct {
	Shares        []float64
	Signed, Sized Curve // edges by the score as it is, and by its size

	// CPR is the area under the faithfulness of the circuits by signed scores, CMD
	// that between 1 and the faithfulness of those by size: large and small are good.
	CPR, CMD float64

	Full, Empty float64 // the metric of the model, and with every edge cut
	Passes      int     // of the batch that it took
	Method      string
	model.Provenance
}

// Judge runs circuits of growing size and finds how faithful each is: its metric
// less that with every edge cut, over what the whole model has more. Edges are taken
// by the sign that helps the metric and by size, pruned, and each circuit is counted
// at the share that was asked for. Source: Mueller et al. 2025 (MIB).
//
// One run for each size and ranking.
func (s *Search) Judge(scores *Scores, j Judgement) (*Judged, error) {
	r, err := s.judge(scores, j)
	if err != nil {
		return nil, fmt.Errorf("judgement: %w", err)
	}
	return r, nil
}

func (s *Search) judge(scores *Scores, j Judgement) (*Judged, error) {
	if j.Shares == nil {
		j.Shares = Shares()
	}
	for i, share := range j.Shares {
		if !(share >= 0 && share <= 1) || i > 0 && share <= j.Shares[i-1] {
			return nil, fmt.Errorf("shares %v; they rise from 0 to 1", j.Shares)
		}
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	r := &Judged{Shares: j.Shares, Signed: Curve{By: graph.Signed}, Sized: Curve{By: graph.Size}, Method: scores.Method}
	full, empty, _, _, err := w.measure(nil)
	if err != nil {
		return nil, err
	}
	if r.Full, r.Empty = mean(full), mean(empty); r.Full == r.Empty {
		return nil, fmt.Errorf("with every edge cut the metric is %g, as it is in the model: there is nothing to be faithful to", r.Full)
	}
	if r.Full < r.Empty { // what helps is what makes the metric small
		flipped := *scores
		inner := *scores.Result
		inner.Array, flipped.Result = scores.helping(), &inner
		scores = &flipped
	}
	var cuts []edge.Cut
	for _, c := range []*Curve{&r.Signed, &r.Sized} {
		if c.Sets, err = scores.sets(j, c.By); err != nil {
			return nil, err
		}
		for _, set := range c.Sets {
			cuts = append(cuts, set.Cut(""))
		}
	}
	_, _, each, p, err := w.measure(cuts)
	if err != nil {
		return nil, err
	}
	r.Provenance, r.Passes = p, w.passes
	for i, c := range []*Curve{&r.Signed, &r.Sized} {
		c.Result = faithfulness(full, empty, each[i*len(j.Shares):][:len(j.Shares)], j.Shares)
		c.Result.Method, c.Result.Source, c.Result.Provenance = scores.Method+", edges "+c.By.String(), "Mueller et al. 2025", p
	}
	r.CPR = area(j.Shares, r.Signed.Result.Array, func(f float64) float64 { return f })
	r.CMD = area(j.Shares, r.Sized.Result.Array, func(f float64) float64 { return math.Abs(1 - f) })
	return r, nil
}

// judging is how many passes a judgement of circuits of so many sizes takes.
func judging(sizes int) int { return 6 + 2*sizes }

// helping are the scores so that large is good for the metric: what a cut would take
// from it.
func (s *Scores) helping() *array.Array {
	out := slices.Clone(s.Values())
	for i := range out {
		out[i] = -out[i]
	}
	return array.Of(out, s.Axes()...)
}

// Best is the n best edges by a ranking, without what hangs in the air. Signed, the
// best are those without which the metric would fall the most.
func (s *Scores) Best(n int, by graph.Rank) (*graph.Set, error) {
	set, err := s.Graph.Top(s.helping(), n, by)
	if err != nil {
		return nil, err
	}
	return set.Prune(), nil
}

// Above is the edges whose scores are at least as large as a threshold, likewise.
func (s *Scores) Above(threshold float64, by graph.Rank) (*graph.Set, error) {
	set, err := s.Graph.Above(s.helping(), threshold, by)
	if err != nil {
		return nil, err
	}
	return set.Prune(), nil
}

// Greedy is n edges taken one by one backwards from the logits, likewise.
func (s *Scores) Greedy(n int, by graph.Rank) (*graph.Set, error) {
	set, err := s.Graph.Greedy(s.helping(), n, by)
	if err != nil {
		return nil, err
	}
	return set.Prune(), nil
}

// sets are the circuits of a judgement.
func (s *Scores) sets(j Judgement, by graph.Rank) (sets []*graph.Set, err error) {
	take := s.Best
	if j.Greedy {
		take = s.Greedy
	}
	for _, share := range j.Shares {
		set, err := take(int(share*float64(s.Graph.Len())), by)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// measure is the task's metric of each prompt for the model, with every edge cut,
// and for cuts.
func (s *search) measure(cuts []edge.Cut) (full, empty []float64, each [][]float64, p model.Provenance, err error) {
	all := append([]edge.Cut{s.graph.None().Cut("empty")}, cuts...)
	n := len(s.Clean.IDs)
	for at := 0; at < len(all); at += together {
		got, err := s.Model.Subgraphs(model.Subgraphs{Base: s.base(s.Metric), Reference: s.reference, Cuts: all[at:min(at+together, len(all))]})
		if err != nil {
			return nil, nil, nil, p, err
		}
		p, full = got.Provenance, float64s(got.Base[0].Values())
		for values := got.PerRow(0).Values(); len(values) > 0; values = values[n:] {
			each = append(each, float64s(values[:n]))
		}
	}
	return full, each[0], each[1:], p, nil
}

// faithfulness is (m - empty) / (full - empty) of means over prompts; samples are of
// each prompt over the mean of the denominator, so that their mean is the value.
func faithfulness(full, empty []float64, each [][]float64, shares []float64) *interp.Result {
	labels := make([]string, len(shares))
	for i, s := range shares {
		labels[i] = fmt.Sprint(s)
	}
	samples := array.New(array.Dim("sample", len(full)), array.Labels("share of edges", labels))
	gap := mean(full) - mean(empty)
	for i, run := range each {
		for row, v := range run {
			samples.Set((v-empty[row])/gap, row, i)
		}
	}
	return &interp.Result{Array: samples.Mean("sample").Named("faithfulness", "of the model"), Samples: samples}
}

// area is that under a function of a curve, by trapezoids.
func area(x []float64, y *array.Array, f func(float64) float64) (sum float64) {
	for i := 1; i < len(x); i++ {
		sum += (x[i] - x[i-1]) * (f(y.At(i-1)) + f(y.At(i))) / 2
	}
	return sum
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// String is both areas and the curves, with the edges that are left after pruning.
func (r *Judged) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CPR %.3f, CMD %.3f; the metric is %.4g with all edges, %.4g with none\n", r.CPR, r.CMD, r.Full, r.Empty)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "share\tedges signed\tfaithfulness\tedges by size\tfaithfulness\t")
	for i, share := range r.Shares {
		fmt.Fprintf(w, "%g\t%d\t%.3f\t%d\t%.3f\t\n", share, r.Signed.Sets[i].Len(), r.Signed.Result.At(i), r.Sized.Sets[i].Len(), r.Sized.Result.At(i))
	}
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s\n%s", r.Method, r.Provenance)
	return b.String()
}
