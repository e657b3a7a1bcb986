package circuit

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A climb is one greedy search.
type climb struct {
	k, best []Part
	gap     float64 // of best
	tried   []Part
	done    bool
}

// search runs all searches side by side: a step of every one of them is one
// sweep. It gives the best set of each search.
func (g Greedy) search(p *pair, rng *rand.Rand) ([][]Part, error) {
	climbs := make([]climb, max(0, g.Runs))
	if len(climbs) == 0 {
		return nil, nil
	}
	if err := p.need([][]Part{nil}); err != nil {
		return nil, err
	}
	for i := range climbs {
		climbs[i].gap = p.gap(nil)
	}
	for range g.Steps {
		var sets [][]Part
		for i := range climbs {
			c := &climbs[i]
			c.tried = nil
			if !c.done {
				c.tried = draft(p.c.Parts(), c.k, g.Sample, rng)
			}
			for _, v := range c.tried {
				sets = append(sets, with(c.k, v))
			}
		}
		if len(sets) == 0 {
			break
		}
		if err := p.need(sets); err != nil {
			return nil, err
		}
		for i := range climbs {
			g.step(p, &climbs[i])
		}
	}
	var found [][]Part
	for _, c := range climbs {
		if len(c.best) > 0 && !slices.ContainsFunc(found, func(k []Part) bool { return key(k) == key(c.best) }) {
			found = append(found, c.best)
		}
	}
	return found, nil
}

// step adds one of the nodes tried.
func (g Greedy) step(p *pair, c *climb) {
	if len(c.tried) == 0 {
		c.done = true
		return
	}
	score := func(v Part) float64 {
		k := with(c.k, v)
		if g.Rule == AsPrinted {
			now, _ := p.of(k)
			before, _ := p.of(c.k)
			return math.Abs(p.mean(now) - p.mean(before))
		}
		return p.gap(k)
	}
	v, most := c.tried[0], math.Inf(-1)
	for _, w := range c.tried {
		if s := score(w); s > most {
			v, most = w, s
		}
	}
	k := with(c.k, v)
	gap := p.gap(k)
	if g.Rule == AsReleased && !(gap > c.gap) {
		return // other nodes may be drawn at the next step
	}
	c.k = k
	if gap > c.gap {
		c.best, c.gap = k, gap
	}
}

// draft draws up to n parts that are not in k.
func draft(parts, k []Part, n int, rng *rand.Rand) []Part {
	var free []Part
	for _, p := range parts {
		if !slices.Contains(k, p) {
			free = append(free, p)
		}
	}
	rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	return free[:min(n, len(free))]
}

// with is k and one part more.
func with(k []Part, v Part) []Part { return append(slices.Clone(k), v) }

// gap is |F(C\K) - F(M\K)| over all prompts.
func (p *pair) gap(k []Part) float64 {
	alone, whole := p.of(k)
	return math.Abs(p.mean(alone) - p.mean(whole))
}

// mean is over all prompts.
func (p *pair) mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
