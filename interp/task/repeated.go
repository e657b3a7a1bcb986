package task

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// RepeatedOptions say which sequences [Repeated] makes.
type RepeatedOptions struct {
	N     int     // sequences; 0 means 100
	Seed  uint64  // of the draw
	Len   int     // different tokens of a period; 0 means 20
	From  []int32 // tokens to draw from; nil means model.Model.Ordinary: all that texts are made of
	NoBOS bool    // leave the model's begin token out
}

// RepeatedTask is what [Repeated] makes.
type RepeatedTask struct {
	*Task
	// Copy is where the last token stood first, Next the token after it, which
	// is the answer; End is the last token.
	Copy, Next, End hook.Positions

	LogProb model.Metric // log probability of the answer
}

// Repeated makes random tokens that begin to repeat: "C A B D C A" goes on with
// B. The second time ends at a random token. In the corrupted sequences the
// first time is of other tokens, so that there is nothing to repeat.
//
// For scores of heads on such sequences see package heads.
//
// Source: Olsson et al. 2022.
func Repeated(m *model.Model, o RepeatedOptions) (*RepeatedTask, error) {
	if o.N == 0 {
		o.N = 100
	}
	if o.Len == 0 {
		o.Len = 20
	}
	c := m.Config()
	from := o.From
	if from == nil {
		from = m.Ordinary()
	}
	var start []int32
	if c.BOS != nil && !o.NoBOS {
		start = []int32{int32(*c.BOS)}
	}
	switch {
	case o.N < 1 || o.Len < 2:
		return nil, fmt.Errorf("task repeated: %d sequences of %d tokens; at least one of two is needed", o.N, o.Len)
	case 2*o.Len > len(from):
		return nil, fmt.Errorf("task repeated: %d different tokens, and as many others, cannot be drawn from %d", o.Len, len(from))
	case len(start)+2*o.Len-1 > c.Context:
		return nil, fmt.Errorf("task repeated: %d tokens twice are longer than the context of %d; make Len smaller", o.Len, c.Context)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	var clean, corrupted [][]int32
	var answers []int32
	copies, nexts, ends := make([]int, o.N), make([]int, o.N), make([]int, o.N)
	for i := range o.N {
		order := rng.Perm(len(from))
		period, other := make([]int32, o.Len), make([]int32, o.Len)
		for k := range period {
			period[k], other[k] = from[order[k]], from[order[o.Len+k]]
		}
		last := rng.IntN(o.Len - 1) // of the period, so that something follows it
		join := func(first []int32) []int32 {
			row := append(append([]int32(nil), start...), first...)
			return append(row, period[:last+1]...)
		}
		clean, corrupted = append(clean, join(period)), append(corrupted, join(other))
		answers = append(answers, period[last+1])
		copies[i], ends[i] = len(start)+last, len(start)+o.Len+last
		nexts[i] = copies[i] + 1
	}
	t := &Task{
		Name: "repeated tokens", Source: "Olsson et al. 2022", Answer: model.IDs(answers...),
		Pairs: Pairs{Clean: m.Rows(clean), Corrupted: m.Rows(corrupted), Templates: make([]int, o.N)},
		Table: []Place{
			{Name: "COPY", Positions: hook.Each(copies)}, {Name: "COPY+1", Positions: hook.Each(nexts)}, {Name: "END", Positions: hook.Each(ends)},
		},
	}
	t.Clean.BOS, t.Corrupted.BOS = start != nil, start != nil
	for _, p := range []model.Prompts{t.Clean, t.Corrupted} {
		if err := p.Err(); err != nil {
			return nil, fmt.Errorf("task repeated: %w", err)
		}
	}
	t.Metric = model.LogProbOf(answers...).In(t.place("END"))
	return &RepeatedTask{Task: t, Copy: t.place("COPY"), Next: t.place("COPY+1"), End: t.place("END"), LogProb: t.Metric}, nil
}
