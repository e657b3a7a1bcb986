package tally

import "math"

// An Adder adds to a state for as long as nobody reads it, until [Adder.Close]. Counts
// above a threshold are kept in a byte each and moved when one might be full: of
// thousands of units by hundreds of tokens, what has to be read and written for each value
// is an eighth.
type Adder struct {
	r     Reducer
	s     *State
	few   []uint8 // counts that are not in the state yet [group, unit]; nil where all are
	since []uint8 // positions of each group that they are of
}

// Adder is an adder to a state of the reducer.
func (r Reducer) Adder(s *State) *Adder {
	a := &Adder{r: r, s: s}
	if r.Kind == Above {
		a.few, a.since = make([]uint8, len(s.Count)), make([]uint8, s.Groups)
	}
	return a
}

// AdderBytes is what an adder takes beside its state, for so many units and groups.
func (r Reducer) AdderBytes(units, groups int) int64 {
	if r.Kind == Above {
		return int64(groups) * int64(units+1)
	}
	return 0
}

// Add is [Reducer.Add].
func (a *Adder) Add(groups []int, values []float32, row int64, at []int) {
	if a.few == nil {
		a.r.Add(a.s, groups, values, row, at)
		return
	}
	a.r.see(a.s, groups)
	for from, units := 0, a.s.Units; from < len(groups); {
		to := from + a.fit(groups[from:])
		some, own := groups[from:to], values[from*units:to*units]
		none := a.s.share(len(own), func(from, to int) (none bool) {
			for i, group := range some {
				if group >= 0 && above(a.few[group*units:][from:to], own[i*units:][from:to], a.r.Threshold) {
					none = true
				}
			}
			return none
		})
		if none {
			a.s.absentOf(some, own)
		}
		from = to
	}
}

// fit is how many of the positions no count of a byte is too small for, at least one:
// groups that are full are moved.
func (a *Adder) fit(groups []int) int {
	for i, group := range groups {
		switch {
		case group < 0:
		case a.since[group] < math.MaxUint8:
			a.since[group]++
		case i > 0:
			return i
		default:
			a.move(group)
			a.since[group] = 1
		}
	}
	return len(groups)
}

// move takes a group's counts into the state.
func (a *Adder) move(group int) {
	few := a.few[group*a.s.Units:][:a.s.Units]
	for i, n := range few {
		a.s.Count[group*a.s.Units+i] += int64(n)
	}
	clear(few)
	a.since[group] = 0
}

// Close takes the rest into the state.
func (a *Adder) Close() {
	for group, n := range a.since {
		if n > 0 {
			a.move(group)
		}
	}
}
