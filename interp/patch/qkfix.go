package patch

import (
	"math"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// inSoftmax tells whether QKFix concerns an activation.
func inSoftmax(k hook.Kind) bool { return isQuery(k) || k == hook.KindK || k == hook.KindRotK }

func isQuery(k hook.Kind) bool { return k == hook.KindQ || k == hook.KindRotQ }

// A softmax is the attention of a layer as it is and as it would be with the
// queries, or the keys, of the other run: exponentials of the scores
// [batch, head, query, key], scaled alike within a row of attention.
type softmax struct {
	was, other []float64
	heads, len int
	group      int // query heads that share a key
}

// recompute finds the scores with queries or keys of the other run, for all
// layers in one pass of each: heads give what they gave in the base run all the
// same, so that later layers see nothing of it.
func (r *runs) recompute(m *model.Model, base, source model.Prompts, points []hook.Point) error {
	if len(points) == 0 {
		return nil
	}
	s := model.Sweep{Base: base.Request(), Source: source.Request()}
	variant := map[hook.Kind]int{}
	for _, p := range points {
		if _, ok := variant[p.Kind]; ok {
			continue
		}
		variant[p.Kind] = len(s.Variants)
		v := model.Variant{Name: name(p.Kind)}
		for _, q := range points {
			if q.Kind == p.Kind {
				v.Edits = append(v.Edits, q.FromSource(), hook.Z(q.Layer).Freeze())
			}
		}
		s.Variants = append(s.Variants, v)
	}
	for _, p := range points {
		if at := hook.Scores(p.Layer); at.Find(s.Captures) < 0 {
			s.Captures = append(s.Captures, at)
		}
	}
	s.Base = s.Base.Capture(s.Captures...)
	run, err := m.Sweep(s)
	if err != nil {
		return err
	}
	c := m.Config()
	for _, p := range points {
		at := hook.Scores(p.Layer)
		was, other := run.Base.At(at), run.At(at).Select(hook.Variant, variant[p.Kind])
		if err := was.Err(); err != nil {
			return err
		}
		if err := other.Err(); err != nil {
			return err
		}
		r.softmax[p.ID] = newSoftmax(was.Values(), other.Values(), c.Heads, was.Shape()[3], c.Heads/c.KVHeads)
	}
	return nil
}

func newSoftmax(was, other []float32, heads, n, group int) *softmax {
	s := &softmax{make([]float64, len(was)), make([]float64, len(was)), heads, n, group}
	for row := 0; row < len(was); row += n {
		top := math.Inf(-1)
		for k := row; k < row+n; k++ {
			for _, v := range []float64{float64(was[k]), float64(other[k])} {
				if v > top {
					top = v // NaN, past the end of a row, is not above anything
				}
			}
		}
		for k := row; k < row+n; k++ {
			s.was[k], s.other[k] = exp(float64(was[k])-top), exp(float64(other[k])-top)
		}
	}
	return s
}

// exp is 0 of NaN, which stands past the end of a row.
func exp(x float64) float64 {
	if x != x {
		return 0
	}
	return math.Exp(x)
}

// effect is the change of the attention pattern times its gradient
// [batch, head, query, key], for a row of n tokens.
func (s *softmax) effect(grad []float32, p hook.Point, row, n int) float64 {
	at := make([]bool, s.len)
	for _, pos := range p.Pos.Of(row, n) {
		at[pos] = true
	}
	sum := 0.0
	for _, h := range s.queryHeads(p) {
		for q := range n {
			if isQuery(p.Kind) && !at[q] {
				continue
			}
			first := ((row*s.heads+h)*s.len + q) * s.len
			var was, other, wasG, otherG float64 // sums of exponentials, alone and times the gradient
			for k := range n {
				i := first + k
				g, now := float64(grad[i]), s.was[i]
				if isQuery(p.Kind) || at[k] {
					now = s.other[i]
				}
				was, wasG = was+s.was[i], wasG+s.was[i]*g
				other, otherG = other+now, otherG+now*g
			}
			if was > 0 && other > 0 {
				sum += otherG/other - wasG/was
			}
		}
	}
	return sum
}

// queryHeads are the heads whose attention a point is in.
func (s *softmax) queryHeads(p hook.Point) (heads []int) {
	if isQuery(p.Kind) {
		if p.Heads == nil {
			return upTo(s.heads)
		}
		return p.Heads
	}
	keys := p.Heads
	if keys == nil {
		keys = upTo(s.heads / s.group)
	}
	for _, k := range keys {
		for h := range s.group {
			heads = append(heads, k*s.group+h)
		}
	}
	return heads
}
