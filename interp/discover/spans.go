package discover

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Elsewhere is the span of all positions that no name of a task covers.
const Elsewhere = "elsewhere"

// Placed is a task whose positions have names, such as task.Task or what embeds one.
type Placed interface {
	Places() []string
	At(name string) (hook.Positions, error)
}

// A SpanScores is scores of edges tied to named positions.
type SpanScores struct {
	Spans []string // the task's names, and Elsewhere
	// Same are edges of the residual stream at the positions of a span [span, sender,
	// receiver].
	Same *interp.Result
	// Across are edges inside heads, from what is read at the positions of one span to
	// what is written at those of another [to, from, head, input]: through the key or
	// the value there. Attention is computed anew with the other run's key, and all
	// behind the head is linear.
	Across *interp.Result
	Graph  *graph.Graph
}

// Spans scores edges at each named position of the task, whose Table or the like
// must be there, and edges inside heads that cross from one to another. With sizes,
// sizes of positions are added up instead of values. Source: Haklay et al. 2025
// (PEAP).
//
// What the gradient method runs, and three passes.
func (s *Search) Spans(o Scoring, sizes bool) (*SpanScores, error) {
	r, err := s.spans(o, sizes)
	if err != nil {
		return nil, fmt.Errorf("scores by position: %w", err)
	}
	return r, nil
}

// spansOf tells of each position of each row which span it belongs to.
func spansOf(t Placed, rows [][]int32) (names []string, at [][]int, err error) {
	names = append(slices.Clone(t.Places()), Elsewhere)
	at = make([][]int, len(rows))
	for row, ids := range rows {
		at[row] = slices.Repeat([]int{len(names) - 1}, len(ids))
	}
	for i, name := range names[:len(names)-1] {
		place, err := t.At(name)
		if err != nil {
			return nil, nil, err
		}
		for row, ids := range rows {
			here, err := place.Within(row, len(ids))
			if err != nil {
				return nil, nil, fmt.Errorf("%s stands at %w", name, err)
			}
			for _, pos := range here {
				at[row][pos] = i
			}
		}
	}
	return names, at, nil
}

func (s *Search) spans(o Scoring, sizes bool) (*SpanScores, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	placed, ok := s.Task.(Placed)
	if !ok {
		return nil, errors.New("the task has no named positions; give a task.Task with a Table")
	}
	by, ok := scorers[o.Method]
	if !ok {
		return nil, fmt.Errorf("%s knows no positions", o.Method)
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	if w.reference.Source.Rows == nil {
		return nil, errors.New("edges across positions take keys and values from another run; zero is none")
	}
	names, at, err := spansOf(placed, w.Clean.IDs)
	if err != nil {
		return nil, err
	}
	got, runs, err := w.edgeScores(by, o, true)
	if err != nil {
		return nil, err
	}
	r := &SpanScores{Spans: names, Graph: w.graph}
	about := func(a *array.Array, title string) *interp.Result {
		return &interp.Result{Array: a.Mean("sample").Named(title, "change of the metric"), Samples: a, Source: "Haklay et al. 2025", Provenance: got.Provenance,
			Method: fmt.Sprintf("%s at named positions on %d prompts, %s in place of what is cut", o, len(at), w.instead)}
	}
	add := func(to *float32, v float64) {
		if sizes {
			v = math.Abs(v)
		}
		*to += float32(v)
	}
	r.Same = about(w.same(got.PerRow, names, at, add), "scores of edges at positions")
	across, err := w.across(runs, names, at, add)
	if err != nil {
		return nil, err
	}
	r.Across = about(across, "scores of edges inside heads")
	return r, nil
}

// same adds up scores [batch, pos, receiver, sender] by spans [sample, span, sender,
// receiver].
func (s *search) same(scores *array.Array, names []string, at [][]int, add func(*float32, float64)) *array.Array {
	axes := s.graph.Scores().Axes()
	out := array.New(array.Dim("sample", len(at)), array.Labels("span", names), axes[0], axes[1])
	S, R, longest := len(s.graph.Senders), len(s.graph.Receivers), scores.Shape()[1]
	for row, spans := range at {
		for pos, span := range spans {
			for v := range R {
				for u := range S {
					x := scores.Values()[((row*longest+pos)*R+v)*S+u]
					add(&out.Values()[((row*len(names)+span)*S+u)*R+v], float64(x))
				}
			}
		}
	}
	return out
}

// across scores edges inside heads.
func (s *search) across(runs [][]hook.Edit, names []string, at [][]int, add func(*float32, float64)) (*array.Array, error) {
	c := s.Model.Config()
	var points, given []hook.Point
	keys := model.Variant{Name: "keys of the reference"}
	for l := range c.Layers {
		points = append(points, hook.Z(l), hook.Pattern(l))
		given = append(given, hook.V(l), hook.Scores(l))
		// Heads give what they gave, so that later layers see nothing of it.
		keys.Edits = append(keys.Edits, hook.K(l).FromSource(), hook.Z(l).Freeze())
	}
	grads, err := s.gradients(runs, points)
	if err != nil {
		return nil, err
	}
	sweep := model.Sweep{Base: s.Clean.Request().Capture(given...), Source: s.reference.Source, Variants: []model.Variant{keys}}
	for l := range c.Layers {
		sweep.Captures = append(sweep.Captures, hook.Scores(l))
	}
	run, err := s.Model.Sweep(sweep)
	if err != nil {
		return nil, err
	}
	var values []hook.Point
	for l := range c.Layers {
		values = append(values, hook.V(l))
	}
	other, err := s.Model.Run(s.reference.Source.Capture(values...))
	if err != nil {
		return nil, err
	}
	var heads []string
	for _, p := range graph.AllHeads(c) {
		heads = append(heads, p.String())
	}
	out := array.New(array.Dim("sample", len(at)), array.Labels("to", names), array.Labels("from", names),
		array.Labels("head", heads), array.Labels("input", []string{string(graph.ToKey), string(graph.ToValue)}))
	for l := range c.Layers {
		was, now := run.Base.At(hook.Scores(l)), run.At(hook.Scores(l)).Select(hook.Variant, 0)
		v, instead := run.Base.At(hook.V(l)), other.At(hook.V(l))
		if err := errors.Join(was.Err(), now.Err(), v.Err(), instead.Err()); err != nil {
			return nil, err
		}
		h := inside{heads: c.Heads, kv: c.KVHeads, d: c.DHead, longest: was.Shape()[3], was: was.Values(), now: now.Values(),
			v: interp.Finite(v.Values()), instead: interp.Finite(instead.Values()), byZ: grads[hook.Z(l).ID], byPattern: grads[hook.Pattern(l).ID]}
		for row, spans := range at {
			for head := range c.Heads {
				for q, to := range spans {
					h.each(row, head, c.KVHead(head), q, func(k int, byKey, byValue float64) {
						i := (((row*len(names)+to)*len(names)+spans[k])*len(heads) + l*c.Heads + head) * 2
						add(&out.Values()[i], byKey)
						add(&out.Values()[i+1], byValue)
					})
				}
			}
		}
	}
	return out, nil
}

// inside is what a layer's edges inside heads are made of, as captured.
type inside struct {
	heads, kv, d, longest int
	was, now              []float32 // scores [batch, head, query, key], now with all keys the reference's
	v, instead, byZ       []float32 // [batch, pos, head or key head, d_head]
	byPattern             []float32 // gradient [batch, head, query, key]
}

// each gives, for each key that a query may see, what another key or value there
// would change.
func (h *inside) each(row, head, kv, q int, visit func(key int, byKey, byValue float64)) {
	first := ((row*h.heads+head)*h.longest + q) * h.longest
	top := math.Inf(-1)
	for k := range q + 1 {
		top = max(top, float64(h.was[first+k]), float64(h.now[first+k]))
	}
	e := func(x float32) float64 { return math.Exp(float64(x) - top) }
	sum, weighted := 0., 0.
	for k := range q + 1 {
		w := e(h.was[first+k])
		sum, weighted = sum+w, weighted+w*float64(h.byPattern[first+k])
	}
	z := ((row*h.longest+q)*h.heads + head) * h.d
	for k := range q + 1 {
		g, was, now := float64(h.byPattern[first+k]), e(h.was[first+k]), e(h.now[first+k])
		byKey := (weighted+(now-was)*g)/(sum+now-was) - weighted/sum
		v, byValue := ((row*h.longest+k)*h.kv+kv)*h.d, 0.
		for j := range h.d {
			byValue += float64(h.instead[v+j]-h.v[v+j]) * float64(h.byZ[z+j])
		}
		visit(k, byKey, byValue*was/sum)
	}
}
