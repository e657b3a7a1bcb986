package task

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// Scores are metrics of a task's prompts: means [prompts, metric], one sample
// per row, and their intervals.
type Scores struct {
	*interp.Result
	Lo, Hi  *array.Array // where the means mostly fall with other prompts of the kind
	Metrics []model.Metric
}

// Evaluate measures how well a model does the task: the task's metrics and the
// divergence from the clean predictions, on the clean and on the corrupted
// prompts, both held against the clean answers. Rows that are Open do not count
// for the answer's probability and rank. Intervals are 95% by bootstrap
// over rows.
//
// High scores say that the model does the task on these prompts, not how.
// Three passes, and the logits at END.
func (t *Task) Evaluate(m *model.Model) (*Scores, error) {
	fail := func(err error) (*Scores, error) { return nil, fmt.Errorf("task %s: %w", t.Name, err) }
	kl, err := t.KL(m)
	if err != nil {
		return nil, err
	}
	s := &Scores{Metrics: append(t.Metrics(), kl)}
	names := make([]string, len(s.Metrics))
	for i, metric := range s.Metrics {
		names[i] = string(metric.Kind)
	}
	samples := array.New(array.Dim("sample", t.Len()), array.Labels("prompts", []string{"clean", "corrupted"}), array.Labels("metric", names))
	for side, prompts := range []model.Prompts{t.Clean, t.Corrupted} {
		run, err := m.Run(prompts.Metric(s.Metrics...))
		if err != nil {
			return fail(err)
		}
		for k := range s.Metrics {
			alone := s.Metrics[k].Kind == model.KindProb || s.Metrics[k].Kind == model.KindRank // of the answer, among all tokens
			for row, v := range run.PerRow(k).Values() {
				if alone && row < len(t.Open) && t.Open[row] {
					v = float32(math.NaN())
				}
				samples.Set(float64(v), row, side, k)
			}
		}
		s.Result = &interp.Result{Provenance: run.Provenance}
	}
	s.Array, s.Samples = samples.Mean("sample").Named(t.Name, ""), samples
	s.Method, s.Source = fmt.Sprintf("means over %d prompts", t.Len()), orGolens(t.Source)
	if n := t.closed(); n < t.Len() {
		s.Method += fmt.Sprintf(" (probability and rank over the %d that do not invite another answer)", n)
	}
	if s.Lo, s.Hi, err = s.Interval(interp.Bootstrap{}); err != nil {
		return fail(err)
	}
	return s, samples.Err()
}

// Metric is the mean of a metric on the clean prompts, and its interval.
func (s *Scores) Metric(kind model.MetricKind) (mean, lo, hi float64, err error) {
	for k, metric := range s.Metrics {
		if metric.Kind == kind {
			return s.At(0, k), s.Lo.At(0, k), s.Hi.At(0, k), nil
		}
	}
	return 0, 0, 0, fmt.Errorf("scores: no metric is called %q", kind)
}

// String is a table: a row per metric, with intervals.
func (s *Scores) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tclean\t\tcorrupted\t\t\n", s.Title())
	for k, metric := range s.Metrics {
		fmt.Fprintf(w, "%s", metric.Kind)
		for side := range 2 {
			fmt.Fprintf(w, "\t%.3f\t[%.3f, %.3f]", s.At(side, k), s.Lo.At(side, k), s.Hi.At(side, k))
		}
		fmt.Fprintf(w, "\t%s\n", metric.Unit())
	}
	w.Flush()
	fmt.Fprintf(&b, "%s, 95%% intervals by bootstrap (%s)\n%s\n", s.Method, s.Source, s.Provenance)
	return b.String()
}

// closed is how many rows are not Open.
func (t *Task) closed() int {
	n := t.Len()
	for _, open := range t.Open {
		if open {
			n--
		}
	}
	return n
}

func orGolens(source string) string {
	if source == "" {
		return "golens"
	}
	return source
}
