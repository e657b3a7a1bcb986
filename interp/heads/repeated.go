package heads

import (
	"fmt"
	"math/rand/v2"

	"github.com/golens/golens/model"
)

// Repeated are sequences of random tokens that stand several times in a row:
// what can be predicted in them can be known only from their own past. Within
// one period no token occurs twice.
type Repeated struct {
	Len     int     // tokens of a period; 0 means 25 (Olsson et al. 2022)
	Times   int     // how often the period stands there; 0 means 4
	Samples int     // sequences; 0 means 10
	Seed    uint64  // of the draw
	From    []int32 // tokens to draw from; nil means model.Model.Ordinary: all that texts are made of
	NoBOS   bool    // leave the model's begin token out
}

func (r Repeated) defaults() Repeated {
	if r.Len == 0 {
		r.Len = 25
	}
	if r.Times == 0 {
		r.Times = 4
	}
	if r.Samples == 0 {
		r.Samples = 10
	}
	return r
}

// String names the settings.
func (r Repeated) String() string {
	r = r.defaults()
	return fmt.Sprintf("%d samples of %d random tokens x %d, seed %d", r.Samples, r.Len, r.Times, r.Seed)
}

// Prompts draws the sequences.
func (r Repeated) Prompts(m *model.Model) (model.Prompts, error) {
	rows, err := r.rows(m)
	if err != nil {
		return model.Prompts{}, err
	}
	p := m.Rows(rows)
	p.BOS = r.start(m) > 0
	return p, p.Err()
}

// start is the position of the first random token.
func (r Repeated) start(m *model.Model) int {
	if m.Config().BOS == nil || r.NoBOS {
		return 0
	}
	return 1
}

func (r Repeated) rows(m *model.Model) ([][]int32, error) {
	r = r.defaults()
	c := m.Config()
	from := r.From
	if from == nil {
		from = m.Ordinary()
	}
	switch {
	case r.Len < 1 || r.Times < 1 || r.Samples < 1:
		return nil, fmt.Errorf("repeated tokens: %d samples of %d tokens, %d times: each must be at least 1", r.Samples, r.Len, r.Times)
	case r.Len > len(from):
		return nil, fmt.Errorf("repeated tokens: %d different tokens cannot be drawn from %d", r.Len, len(from))
	case r.start(m)+r.Len*r.Times > c.Context:
		return nil, fmt.Errorf("repeated tokens: %d tokens x %d are longer than the context of %d; make Len or Times smaller", r.Len, r.Times, c.Context)
	}
	rng := rand.New(rand.NewPCG(r.Seed, 0))
	rows := make([][]int32, r.Samples)
	for i := range rows {
		var row []int32
		if r.start(m) > 0 {
			row = append(row, int32(*c.BOS))
		}
		period := make([]int32, r.Len)
		for j, k := range rng.Perm(len(from))[:r.Len] {
			period[j] = from[k]
		}
		for range r.Times {
			row = append(row, period...)
		}
		rows[i] = row
	}
	return rows, nil
}
