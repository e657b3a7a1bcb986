package training

import (
	"math/rand/v2"

	"github.com/golens/golens/model/config"
)

// A sampler draws training rows. The same seed draws the same rows.
type sampler struct {
	rng     *rand.Rand
	tokens  []int32 // the text
	bos     int32
	vocab   int
	repeats float64
}

// newSampler draws from a text's tokens; the share repeats of its rows are
// random tokens instead. Streams of one seed are independent.
func newSampler(c config.Config, tokens []int32, repeats float64, seed, stream uint64) *sampler {
	return &sampler{
		rng: rand.New(rand.NewPCG(seed, stream)), tokens: tokens, bos: int32(*c.BOS), vocab: c.Vocab, repeats: repeats,
	}
}

// row fills a row that begins with BOS.
func (s *sampler) row(row []int32) {
	row[0] = s.bos
	body := row[1:]
	if s.rng.Float64() < s.repeats {
		s.repeat(body, 1+s.rng.IntN(len(body)/2))
		return
	}
	from := s.rng.IntN(len(s.tokens) - len(body) + 1)
	copy(body, s.tokens[from:])
}

// repeat fills body with distinct random tokens, none of them BOS, that repeat
// with the given period.
func (s *sampler) repeat(body []int32, period int) {
	order := s.rng.Perm(s.vocab - 1)
	period = min(period, len(order))
	for i := range body {
		if i >= period {
			body[i] = body[i-period]
			continue
		}
		body[i] = int32(order[i])
		if body[i] >= s.bos {
			body[i]++
		}
	}
}

// batch is rows of the given length: inputs [rows*length] and labels, which are
// the inputs one position later.
func batch(draw func(row []int32) error, rows, length int) (inputs, labels []int32, err error) {
	row := make([]int32, length+1)
	for range rows {
		if err := draw(row); err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, row[:length]...)
		labels = append(labels, row[1:]...)
	}
	return inputs, labels, nil
}
