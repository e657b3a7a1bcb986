// Package sample chooses tokens by their logits, as Hugging Face's generation
// does: temperature, then the k likeliest, then a share of the probability.
package sample

import (
	"container/heap"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/golens/golens/model/internal/softmax"
)

// A Rule says how a token is chosen.
type Rule struct {
	Temperature float64 // logits are divided by it; 0 takes the likeliest token
	TopK        int     // only so many of the likeliest may be chosen, and those equal to the last of them; 0 for all
	TopP        float64 // of these, the fewest of the likeliest that have this share of the probability; 0 or 1 for all
}

// Rows are a source of chance for each row. A row's depends on the seed, on its
// tokens, and on how many equal rows come before it: other rows do not matter,
// and copies of a prompt are continued differently.
func Rows(seed uint64, rows [][]int32) []*rand.Rand {
	all := make([]*rand.Rand, len(rows))
	seen := map[uint64]uint64{}
	for i, row := range rows {
		h := fnv.New64a()
		for _, id := range row {
			h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)})
		}
		key := h.Sum64()
		all[i] = rand.New(rand.NewPCG(seed, key+seen[key]))
		seen[key]++
	}
	return all
}

// ErrLogits is the error of logits that give no probabilities.
var ErrLogits = errors.New("the logits are not finite: some are NaN or +Inf, or all are -Inf")

// Choose chooses a token and gives its log-probability in nats by the logits as
// they are, before any rule. Greedy choice takes no chance, and of equals the
// first.
func (r Rule) Choose(logits []float32, chance *rand.Rand) (token int32, logProb float64, err error) {
	best, err := likeliest(logits)
	if err != nil {
		return 0, 0, err
	}
	chosen := best
	if r.Temperature > 0 {
		ids, probs := r.Kept(logits)
		left := chance.Float64()
		for i, p := range probs {
			if p > 0 { // the last one of these, if rounding leaves a rest
				chosen = int(ids[i])
			}
			if left -= p; left < 0 {
				break
			}
		}
	}
	return int32(chosen), float64(logits[chosen]) - softmax.LogSum(logits), nil
}

// LogProb is the log-probability in nats of a token.
func LogProb(logits []float32, token int32) (float64, error) {
	if _, err := likeliest(logits); err != nil {
		return 0, err
	}
	return float64(logits[token]) - softmax.LogSum(logits), nil
}

// likeliest is the first of the largest logits.
func likeliest(logits []float32) (best int, err error) {
	for i, v := range logits {
		if v != v || math.IsInf(float64(v), 1) {
			return 0, ErrLogits
		}
		if v > logits[best] {
			best = i
		}
	}
	if math.IsInf(float64(logits[best]), -1) {
		return 0, ErrLogits
	}
	return best, nil
}

// Kept are the tokens that may be chosen, likeliest first where some are left
// out, and their probabilities, which sum to 1. Temperature must be positive.
func (r Rule) Kept(logits []float32) (ids []int32, probs []float64) {
	most := math.Inf(-1)
	for _, v := range logits {
		most = max(most, float64(v))
	}
	weights := make([]float64, len(logits))
	whole := softmax.Exps(weights, logits, most, 1/r.Temperature)
	all := &queue{logits: logits, ids: make([]int32, len(logits))}
	for i := range all.ids {
		all.ids[i] = int32(i)
	}
	total := 0.0
	add := func(id int32) {
		ids, probs = append(ids, id), append(probs, weights[id])
		total += probs[len(probs)-1]
	}
	cut := r.TopP > 0 && r.TopP < 1
	switch {
	case r.TopK > 0:
		heap.Init(all)
		for all.Len() > 0 && (len(ids) < r.TopK || logits[all.ids[0]] == logits[ids[len(ids)-1]]) {
			add(heap.Pop(all).(int32))
		}
	case !cut:
		for _, id := range all.ids {
			add(id)
		}
	default:
		heap.Init(all)
		total = whole
	}
	if cut {
		// A token is kept if those likelier than it have less than the share.
		before, n := 0.0, 0
		for before < r.TopP*total {
			if n == len(ids) {
				if all.Len() == 0 {
					break
				}
				id := heap.Pop(all).(int32)
				ids, probs = append(ids, id), append(probs, weights[id])
			}
			before += probs[n]
			n++
		}
		ids, probs, total = ids[:n], probs[:n], before
	}
	for i := range probs {
		probs[i] /= total
	}
	return ids, probs
}

// queue gives tokens by falling logit; of equals the last comes first, as
// a stable rising sort has it.
type queue struct {
	logits []float32
	ids    []int32
}

func (q *queue) Len() int { return len(q.ids) }

func (q *queue) Less(i, j int) bool {
	a, b := q.ids[i], q.ids[j]
	if x, y := q.logits[a], q.logits[b]; x != y {
		return x > y
	}
	return a > b
}

func (q *queue) Swap(i, j int) { q.ids[i], q.ids[j] = q.ids[j], q.ids[i] }

func (q *queue) Push(x any) { q.ids = append(q.ids, x.(int32)) }

func (q *queue) Pop() any {
	last := len(q.ids) - 1
	id := q.ids[last]
	q.ids = q.ids[:last]
	return id
}
