package circuit

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
)

// A climb is one greedy search.
type climb struct {
	k, best []graph.Part
	gap     float64 // of best
	tried   []graph.Part
	done    bool
}

// search runs all searches side by side: a step of every one of them is one
// sweep. It gives the best set of each search.
func (g Greedy) search(w *withoutSets, rng *rand.Rand) ([][]graph.Part, error) {
	climbs := make([]climb, max(0, g.Runs))
	if len(climbs) == 0 {
		return nil, nil
	}
	if err := w.measure([][]graph.Part{nil}); err != nil {
		return nil, err
	}
	for i := range climbs {
		climbs[i].gap = w.gap(nil)
	}
	for range g.Steps {
		var sets [][]graph.Part
		for i := range climbs {
			c := &climbs[i]
			c.tried = nil
			if !c.done {
				c.tried = draft(w.c.Parts(), c.k, g.Sample, rng)
			}
			for _, v := range c.tried {
				sets = append(sets, with(c.k, v))
			}
		}
		if len(sets) == 0 {
			break
		}
		if err := w.measure(sets); err != nil {
			return nil, err
		}
		for i := range climbs {
			g.step(w, &climbs[i])
		}
	}
	var found [][]graph.Part
	for _, c := range climbs {
		if len(c.best) > 0 && !slices.ContainsFunc(found, func(k []graph.Part) bool { return key(k) == key(c.best) }) {
			found = append(found, c.best)
		}
	}
	return found, nil
}

// step adds one of the nodes tried.
func (g Greedy) step(w *withoutSets, c *climb) {
	if len(c.tried) == 0 {
		c.done = true
		return
	}
	score := func(v graph.Part) float64 {
		k := with(c.k, v)
		if g.Rule == AsPrinted {
			now, _ := w.of(k)
			before, _ := w.of(c.k)
			return math.Abs(meanOf(now) - meanOf(before))
		}
		return w.gap(k)
	}
	v, most := c.tried[0], math.Inf(-1)
	for _, p := range c.tried {
		if s := score(p); s > most {
			v, most = p, s
		}
	}
	k := with(c.k, v)
	gap := w.gap(k)
	if g.Rule == AsReleased && !(gap > c.gap) {
		return // other nodes may be drawn at the next step
	}
	c.k = k
	if gap > c.gap {
		c.best, c.gap = k, gap
	}
}

// draft draws up to n parts that are not in k.
func draft(parts, k []graph.Part, n int, rng *rand.Rand) []graph.Part {
	var free []graph.Part
	for _, p := range parts {
		if !slices.Contains(k, p) {
			free = append(free, p)
		}
	}
	rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	return free[:min(n, len(free))]
}
