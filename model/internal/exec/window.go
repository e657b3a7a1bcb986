package exec

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// span is what a window keeps of a row, oldest first: positions in the text, and the
// slots of the cache in which their keys and values lie.
type span struct{ text, slots []int }

// advance makes room for the positions at which rows go on, the last ones of each, and
// gives them slots. Rows that have ended stay as they are.
func (g *growth) advance(rows []plan.Row) {
	if g.spans == nil {
		for _, r := range rows {
			n := r.From // tokens of the prompt
			g.spans = append(g.spans, span{slices.Clone(hook.UpTo(n)), slices.Clone(hook.UpTo(n))})
		}
	}
	for i, r := range rows {
		s := &g.spans[i]
		n := len(s.text)
		if s.text[n-1] == r.From {
			continue
		}
		from := n - g.Window.Kept(n)
		start := min(n, g.Window.Start)
		s.text, s.slots = slices.Delete(s.text, start, from), slices.Delete(s.slots, start, from)
		free := 0
		for slices.Contains(s.slots, free) {
			free++
		}
		s.text, s.slots = append(s.text, r.From), append(s.slots, free)
	}
}

// windowed tells whether what is kept is a window's.
func (c *chunk) windowed() bool { return c.cached() && c.growth.Window != nil }

// slot is where the cache holds the position that the i-th row computes.
func (c *chunk) slot(i int, r plan.Row) int {
	if c.growth.Window == nil {
		return r.From
	}
	slots := c.growth.spans[i].slots
	return slots[len(slots)-1]
}

// places are the positions by which the span turns keys and queries.
func (c *chunk) places(s span) []int {
	if c.growth.Window.InText {
		return s.text
	}
	return plan.Range(0, len(s.text))
}

// placeInWindow is the place of the position that a row computes.
func (c *chunk) placeInWindow(r plan.Row) []int {
	for i := range c.rows {
		if c.rows[i].Index == r.Index {
			at := c.places(c.growth.spans[i])
			return at[len(at)-1:]
		}
	}
	return []int{0}
}

// windowMask lets rows see what is kept [batch, query, key]; in local layers, what is
// nearer than so many places.
func (c *chunk) windowMask(local int) (*tensors.Tensor, error) {
	n := c.keys()
	return reuse(c.scratch, func(m []bool) {
		for i := range c.size {
			to := m[i*n:][:n]
			if i >= len(c.rows) { // rows out of use see all, so that no softmax is empty
				for k := range to {
					to[k] = true
				}
				continue
			}
			s := c.growth.spans[i]
			at := c.places(s)
			for k, slot := range s.slots {
				to[slot] = local == 0 || at[len(at)-1]-at[k] < local
			}
		}
	}, c.size, 1, n)
}

// keyRotation is the cosines (0) or sines (1) by which what is kept turns.
func (c *chunk) keyRotation(layer, which int) (*tensors.Tensor, error) {
	half, n := c.Config.RotaryOf(layer).Dim/2, c.keys()
	most := 0
	for _, s := range c.growth.spans[:len(c.rows)] {
		at := c.places(s)
		most = max(most, at[len(at)-1])
	}
	table := c.rotaryTables(layer, most+1)[which]
	return reuse(c.scratch, func(x []float32) {
		for i := range c.rows {
			s := c.growth.spans[i]
			at := c.places(s)
			for k, slot := range s.slots {
				copy(x[(i*n+slot)*half:], table[at[k]*half:][:half])
			}
		}
	}, c.size, n, half)
}
