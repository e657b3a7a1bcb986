package plan

import "github.com/golens/golens/model/config"

// A Machine is a model on an engine, as far as a plan depends on it.
type Machine struct {
	config.Config
	Exact   bool // graphs compile at once, for every size; else few sizes are used
	Workers int  // chunks that run side by side
	Cores   int  // the same of chunks whose products are too small to be spread
	Vectors bool // the host multiplies vectors where they lie, faster than the engine
}

// A Cut is what decides into which chunks a job is cut. Equal jobs under equal cuts
// have equal chunks on any machine, so that what several processes compute of a job
// fits together and is, on one engine, the same to the last bit.
type Cut struct {
	Exact   bool
	Workers int
}

// Under is the machine with the chunks of a cut, if it is not zero.
func (m Machine) Under(c Cut) Machine {
	if c != (Cut{}) {
		m.Exact, m.Workers = c.Exact, c.Workers
	}
	return m
}

// Tokens of one call of a graph: large enough for the matrix products to reach
// their speed, small enough to stay in fast memory. Beyond about 2,000 XLA's CPU
// engine slows down (480x16 rows in one call ran at 0.8 of the best rate).
const tokensPerCall = 2048

// roundPositions rounds a length up so that lengths share compiled graphs: at
// most an eighth is wasted beyond 64.
func roundPositions(n int) int {
	step := 8
	for n > 8*step {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// roundRows rounds a number of rows up likewise; up to 8 it is exact, and beyond 128
// at most a sixteenth is wasted.
func roundRows(n int) int {
	switch {
	case n <= 8:
		return n
	case n <= 128:
		return roundPositions(n)
	}
	step := 16
	for n > 16*step {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// Padded is a number of rows rounded up where graphs take long to compile.
func (m Machine) Padded(rows int) int {
	if m.Exact {
		return rows
	}
	return roundRows(rows)
}

// passWidth is how many positions a call computes of rows whose longest has so
// many.
func (m Machine) passWidth(longest int) int {
	if m.Exact {
		return longest
	}
	return min(roundPositions(longest), m.Context)
}

// passRows is how many rows of a batch run side by side: on an exact machine an
// equal share for each worker. most bounds them if it is not 0.
func (m Machine) passRows(rows, width, most int) int {
	var n int
	if m.Exact {
		n = min((rows+m.Workers-1)/m.Workers, tokensPerCall/width)
	} else {
		n = min(roundRows(rows), tokensPerCall/width)
	}
	if most > 0 && most < rows {
		n = min(n, most)
	}
	return max(1, n)
}
