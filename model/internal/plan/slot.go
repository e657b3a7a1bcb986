package plan

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model/hook"
)

// A Slot is a place in a graph where values can be edited. Which values, is an
// input: the same graph serves every head, position and row.
type Slot struct {
	Kind hook.Kind
	Op   hook.Op

	// Of a formula: equal where the same graph serves, and where the same tensors do.
	Graph, Tensors string
}

// OpWhole sets an activation whose every value is given, so that the graph need not
// compute it.
const OpWhole hook.Op = "replace all"

// String is equal for slots that the same graph serves.
func (s Slot) String() string { return fmt.Sprint(s.Kind, " ", s.Op, s.Graph) }

// key is equal for slots that the same call serves.
func key(slots []Slot) string {
	var all strings.Builder
	for _, s := range slots {
		fmt.Fprint(&all, s, s.Tensors, ";")
	}
	return all.String()
}

// Slots are those that a list of edits of one activation needs, and which edits
// fill each. Edits apply in order; neighbours of one sort share a slot.
func Slots(edits []hook.Edit) (slots []Slot, fill [][]hook.Edit) {
	for _, e := range edits {
		last, op := len(slots)-1, e.Op
		if e.Sets() {
			op = hook.OpReplace // wherever the values come from
			if p := e.Point; p.Pos.All() && p.Heads == nil && p.Coords == nil && p.Batch == nil && p.Value == "" && p.Kind != hook.KindScores {
				op = OpWhole
			}
		}
		merges := op == hook.OpReplace || op == hook.OpAdd || op == hook.OpScale
		if last >= 0 && slots[last].Op == op && merges {
			fill[last] = append(fill[last], e)
			continue
		}
		s := Slot{Kind: e.Kind, Op: op}
		if op == hook.OpCompute {
			s.Graph, s.Tensors = formulaKeys(e)
		}
		slots = append(slots, s)
		fill = append(fill, []hook.Edit{e})
	}
	return slots, fill
}
