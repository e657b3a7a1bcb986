package training

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

const (
	period  = 25 // random tokens that are repeated to score heads
	repeats = 4
	samples = 16 // rows of each measure
	early   = 10 // position of text whose loss the in-context-learning score starts from
)

// Scores are what is measured of a model while it learns.
type Scores struct {
	Prefix    [][]float64 `json:",omitempty"` // [layer][head] attention to the tokens after earlier copies, on repeated random tokens
	Previous  [][]float64 `json:",omitempty"` // [layer][head] attention to the token before, on the same
	First     float64     `json:",omitempty"` // loss in nats on random tokens seen for the first time
	Repeated  float64     `json:",omitempty"` // loss on their repetitions
	Text      float64     `json:",omitempty"` // loss on text held out from training
	InContext float64     `json:",omitempty"` // loss late in held-out text minus loss early in it: negative is better

	Masked     float64 `json:",omitempty"` // loss on held-out sentences of the tokens to be told
	Neighbours float64 `json:",omitempty"` // in them, the mean over syntactic neighbours of the largest attention between the two

	Tests []TestScore `json:",omitempty"` // of a drill, which leaves the others out
}

// Measure scores finished weights. Without text, Text and InContext are 0.
func Measure(b *backend.Backend, c config.Config, params arch.Params, text []int32, seed uint64) (Scores, error) {
	store, err := newStore(params)
	if err != nil {
		return Scores{}, err
	}
	m, err := newMeter(b, store, c, params.Names(), text, seed)
	if err != nil {
		return Scores{}, err
	}
	return m.scores()
}

// Without are the losses on repeated random tokens if head [layer][head] writes
// nothing.
func Without(b *backend.Backend, c config.Config, params arch.Params, seed uint64) ([][]float64, error) {
	all := make([][]float64, c.Layers)
	for l := range all {
		for h := range c.Heads {
			s, err := Measure(b, c, KnockOut(c, params, l, h), nil, seed)
			if err != nil {
				return nil, err
			}
			all[l] = append(all[l], s.Repeated)
		}
	}
	return all, nil
}

// A meter measures the weights that a store holds at the moment, always on the
// same rows, which are of another random stream than training's.
type meter struct {
	run            *model.Exec
	repeated, text rows
}

// rows are token rows and what follows each token.
type rows struct {
	in, out *tensors.Tensor // [row, length]
	length  int
}

func newRows(n int, row func([]int32), length int) rows {
	r := make([]int32, length+1)
	var in, out []int32
	for range n {
		row(r)
		in, out = append(in, r[:length]...), append(out, r[1:]...)
	}
	return rows{tensors.FromFlatDataAndDimensions(in, n, length), tensors.FromFlatDataAndDimensions(out, n, length), length}
}

func newMeter(b *backend.Backend, store *model.Store, c config.Config, names []string, text []int32, seed uint64) (*meter, error) {
	run, err := model.NewExec(b.Backend, store, func(sc *model.Scope, inputs []*Node) []*Node {
		found := make([]*Node, c.Layers)
		w := nodes(sc.Store(), inputs[0].Graph(), names)
		logits := forward(c, w, inputs[0], func(l int) arch.Tap { return patterns{pattern: &found[l]} })
		return append([]*Node{losses(logits, inputs[1])}, found...)
	})
	if err != nil {
		return nil, err
	}
	m := &meter{run: run}
	random := newSampler(c, nil, 1, seed, 2)
	m.repeated = newRows(samples, func(row []int32) {
		row[0] = random.bos
		random.repeat(row[1:], period)
	}, 1+period*repeats)
	if len(text) > c.Context {
		m.text = newRows(4*samples, newSampler(c, text, 0, seed, 3).row, c.Context)
	}
	return m, nil
}

// scores measures the weights as they are now.
func (m *meter) scores() (Scores, error) {
	var s Scores
	results, err := m.run.Call(m.repeated.in, m.repeated.out)
	if err != nil {
		return s, err
	}
	loss, err := tensors.CopyFlatData[float32](results[0])
	if err != nil {
		return s, err
	}
	s.First = meanColumns(loss, m.repeated.length, 0, period)
	s.Repeated = meanColumns(loss, m.repeated.length, period, repeats*period)
	for _, r := range results[1:] {
		pattern, err := tensors.CopyFlatData[float32](r)
		if err != nil {
			return s, err
		}
		heads := r.Shape().Dimensions[1]
		prefix, previous := headScores(pattern, heads, m.repeated.length)
		s.Prefix, s.Previous = append(s.Prefix, prefix), append(s.Previous, previous)
	}
	if m.text.length == 0 {
		return s, nil
	}
	results, err = m.run.Call(m.text.in, m.text.out)
	if err != nil {
		return s, err
	}
	if loss, err = tensors.CopyFlatData[float32](results[0]); err != nil {
		return s, err
	}
	// The last tenth of the context against as many positions early in it.
	n := m.text.length / 10
	s.Text = meanColumns(loss, m.text.length, 0, m.text.length)
	s.InContext = meanColumns(loss, m.text.length, m.text.length-n, m.text.length) - meanColumns(loss, m.text.length, early, early+n)
	return s, nil
}

// meanColumns is the mean over all rows of columns [from, to).
func meanColumns(values []float32, width, from, to int) float64 {
	sum, n := 0.0, 0
	for row := 0; row < len(values); row += width {
		for _, v := range values[row+from : row+to] {
			sum, n = sum+float64(v), n+1
		}
	}
	return sum / float64(n)
}

// headScores are each head's prefix-matching and previous-token scores from
// patterns [samples, head, length, length] of repeated tokens.
func headScores(pattern []float32, heads, length int) (prefix, previous []float64) {
	prefix, previous = make([]float64, heads), make([]float64, heads)
	n := len(pattern) / (heads * length * length)
	for sample := range n {
		for h := range heads {
			at := func(q, k int) float64 {
				return float64(pattern[((sample*heads+h)*length+q)*length+k])
			}
			for q := 1; q < length; q++ {
				previous[h] += at(q, q-1) / float64(n*(length-1))
				for k := q - period + 1; k > 1 && q > period; k -= period {
					prefix[h] += at(q, k) / float64(n*(length-1-period))
				}
			}
		}
	}
	return prefix, previous
}
