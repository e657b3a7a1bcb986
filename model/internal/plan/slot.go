package plan

import (
	"github.com/golens/golens/model/hook"
)

// A Slot is a place in a graph where values can be edited. Which values, is an
// input: the same graph serves every head, position and row.
type Slot struct {
	Kind hook.Kind
	Op   hook.Op
}

// Slots are those that a list of edits of one activation needs, and which edits
// fill each. Edits apply in order; neighbours of one sort share a slot.
func Slots(edits []hook.Edit) (slots []Slot, fill [][]hook.Edit) {
	for _, e := range edits {
		last, op := len(slots)-1, e.Op
		if e.Sets() {
			op = hook.OpReplace // wherever the values come from
		}
		merges := op == hook.OpReplace || op == hook.OpAdd || op == hook.OpScale
		if last >= 0 && slots[last].Op == op && merges {
			fill[last] = append(fill[last], e)
			continue
		}
		slots = append(slots, Slot{e.Kind, op})
		fill = append(fill, []hook.Edit{e})
	}
	return slots, fill
}
