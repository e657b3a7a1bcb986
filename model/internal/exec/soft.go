package exec

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
)

// A softTerm is one metric that the graph of the way back measures, with its gradient,
// for each row of logits.
type softTerm struct {
	weight []float32 // of the row in the loss; 0 where the metric does not read it
	tokens []int32   // whose log probability it is; nil if it is a divergence
	refs   [][]float32
	which  []int32 // of refs, at each row
	plain  bool    // each row has the ref at its own place
}

// softRefs are the log probabilities of refs that chunks share, such as a text's for
// every layer's lens.
type softRefs struct {
	mu sync.Mutex
	of map[string]*tensors.Tensor
}

func (s *softRefs) close() {
	for _, t := range s.of {
		free(t)
	}
}

// logProbs are those of some logits [ref, vocab].
func (c *chunk) logProbs(refs [][]float32) (*tensors.Tensor, error) {
	var key strings.Builder
	for _, ref := range refs {
		fmt.Fprintf(&key, "%p ", &ref[0])
	}
	c.soft.mu.Lock()
	defer c.soft.mu.Unlock()
	if t := c.soft.of[key.String()]; t != nil {
		return t, nil
	}
	x, err := reuse(c.scratch, func(x []float32) {
		for i, ref := range refs {
			copy(x[i*len(ref):], ref)
		}
	}, c.Padded(len(refs)), c.Config.Vocab)
	if err != nil {
		return nil, err
	}
	defer free(x)
	p, err := c.program("log softmax", func(in []*Node) []*Node { return []*Node{logSoftmax(in[0])} })
	if err != nil {
		return nil, err
	}
	out, err := call("log softmax", p, []any{x})
	if err != nil {
		return nil, err
	}
	if c.soft.of == nil {
		c.soft.of = map[string]*tensors.Tensor{}
	}
	c.soft.of[key.String()] = out[0]
	return out[0], nil
}

// soften finds what the graph needs to measure every metric that reads logits by
// itself; it may, if nothing else reads or changes them. What it measures comes with the
// way back, so that logits never leave the graph: exponentials are float32, within two
// units of their last place, and sums of them float64, so that a log probability is
// within 1e-6 of the logits' own rounding.
func (c *chunk) soften(t *taps) {
	f, job := c.final, c.Job.Base
	if !c.keeps || !job.Soft || f.tokens != nil || has(t.reads, hook.KindLogits) || t.Writes(hook.KindLogits) || count(f.measured) == 0 {
		return
	}
	for _, p := range job.Grads {
		if p.Kind == hook.KindLogits {
			return
		}
	}
	own := 0
	for _, m := range job.Metrics {
		if m.Linear == nil {
			own++
		}
		if m.Linear == nil && m.Soft == nil {
			return
		}
	}
	if own != count(f.measured) {
		return
	}
	var terms []*softTerm
	for g, is := range f.measured {
		if !is {
			continue
		}
		term, ok := c.softTerm(job.GradOf[g])
		if !ok {
			return
		}
		terms = append(terms, term)
	}
	f.soft = terms
}

// softTerm is the k-th metric; ok is false if a row reads a position twice.
func (c *chunk) softTerm(k int) (*softTerm, bool) {
	f, m := c.final, c.Job.Base.Metrics[k]
	s := &softTerm{weight: make([]float32, f.rows), which: make([]int32, f.rows)}
	if m.Soft.Logits == nil {
		s.tokens = make([]int32, f.rows)
	}
	seen := map[*float32]int32{}
	ok := true
	c.eachSoft(k, func(i, j, at, n int) {
		ok = ok && s.weight[at] == 0
		s.weight[at] = m.Soft.Factor / float32(n)
		if s.tokens != nil {
			s.tokens[at] = m.Soft.Token(c.rows[i].Index, j)
			return
		}
		ref := m.Soft.Logits(c.rows[i].Index, j)
		w, is := seen[&ref[0]]
		if !is {
			w = int32(len(s.refs))
			seen[&ref[0]], s.refs = w, append(s.refs, ref)
		}
		s.which[at] = w
	})
	s.plain = s.tokens == nil && c.Padded(len(s.refs)) == f.rows
	for i, w := range s.which[:len(s.refs)] {
		s.plain = s.plain && int(w) == i
	}
	return s, ok && (s.tokens != nil || len(s.refs) > 0)
}

// eachSoft gives the rows of logits that a metric reads: the j-th of n positions of the
// i-th row of the chunk.
func (c *chunk) eachSoft(k int, use func(i, j, at, n int)) {
	for i, r := range c.rows {
		places := map[int]int{}
		for local, pos := range c.final.lists[i] {
			places[pos] = c.final.starts[i] + local
		}
		list := c.Job.Base.Metrics[k].At(r.Index)
		for j, pos := range list {
			if at, is := places[pos]; is {
				use(i, j, at, len(list))
			}
		}
	}
}

// softArgs are the terms' inputs.
func (c *chunk) softArgs(args *[]any) error {
	f := c.final
	for _, s := range f.soft {
		if err := c.add(args)(c.tensor(s.weight, f.rows)); err != nil {
			return err
		}
		if s.tokens != nil {
			if err := c.add(args)(c.tensor(s.tokens, f.rows)); err != nil {
				return err
			}
			continue
		}
		if !s.plain {
			if err := c.add(args)(c.tensor(s.which, f.rows)); err != nil {
				return err
			}
		}
		t, err := c.logProbs(s.refs)
		if err != nil {
			return err
		}
		*args = append(*args, t) // stays
	}
	return nil
}

// softInputs is how many inputs the terms have.
func (f *final) softInputs() (n int) {
	for _, s := range f.soft {
		n += 2
		if s.tokens == nil && !s.plain {
			n++
		}
	}
	return n
}

func (f *final) softName() string {
	name := ""
	for _, s := range f.soft {
		name += fmt.Sprint(" soft token=", s.tokens != nil, " plain=", s.plain)
	}
	return name
}

// softGraph are the terms at each row of logits, and the derivatives of the loss.
func (f *final) softGraph(logits *Node, in []*Node) (terms, derivatives []*Node) {
	logits = StopGradient(logits)
	own := logSoftmax(logits)
	p := Exp(own)
	shape := own.Shape()
	for _, s := range f.soft {
		weight := ExpandAxes(in[0], -1)
		var term, target *Node
		if s.tokens != nil {
			target = Equal(Iota(logits.Graph(), shapes.Make(dtypes.Int32, shape.Dimensions...), 1), BroadcastToDims(ExpandAxes(in[1], -1), shape.Dimensions...))
			term = sum64(Where(target, own, ZerosLike(own)))
			target = ConvertDType(target, own.DType())
			in = in[2:]
		} else {
			ref := in[1]
			if !s.plain {
				ref, in = Gather(in[2], ExpandAxes(in[1], -1)), in[1:]
			}
			target = Exp(ref)
			term = sum64(Where(GreaterThan(target, ZerosLike(target)), Mul(target, Sub(ref, own)), ZerosLike(own)))
			in = in[2:]
		}
		d := Sub(p, target) // of the divergence
		if s.tokens != nil {
			d = Neg(d)
		}
		terms = append(terms, ConvertDType(term, own.DType()))
		derivatives = append(derivatives, Mul(d, weight))
	}
	return terms, derivatives
}

// sum64 sums the last axis in float64.
func sum64(x *Node) *Node { return ReduceSum(ConvertDType(x, dtypes.Float64), -1) }

// logSoftmax is x [rows, vocab] less the logarithm of the sum of its exponentials.
func logSoftmax(x *Node) *Node {
	x = Sub(x, ReduceAndKeep(x, ReduceMax, -1))
	return Sub(x, ExpandAxes(ConvertDType(Log(sum64(Exp(x))), x.DType()), -1))
}

// measureSoft takes the terms that the graph has measured.
func (c *chunk) measureSoft(out []*tensors.Tensor) error {
	f, job := c.final, c.Job.Base
	defer free(out...)
	for g, is := range f.measured {
		if !is || f.soft == nil {
			continue
		}
		k := job.GradOf[g]
		err := tensors.ConstFlatData(out[0], func(x []float32) {
			terms := make([][]float64, len(c.rows))
			c.eachSoft(k, func(i, j, at, n int) {
				if terms[i] == nil {
					terms[i] = make([]float64, n)
				}
				terms[i][j] = float64(job.Metrics[k].Soft.Factor) * float64(x[at])
			})
			for i, r := range c.rows {
				c.metric(k, r, mean(terms[i]), terms[i])
			}
		})
		if err != nil {
			return err
		}
		out = out[1:]
	}
	return nil
}
