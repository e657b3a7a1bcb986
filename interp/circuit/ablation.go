package circuit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Components says which parts a knock-out can take away.
type Components int

// The components.
const (
	Heads        Components = iota // attention heads; MLPs, norms and embeddings are untouched
	HeadsAndMLPs                   // MLPs outside of the circuit are taken away too
)

// A Value says what takes the place of what a part writes.
type Value int

// The values.
const (
	TemplateMean Value = iota // its mean at that position over the reference prompts of the same template
	Mean                      // its mean over all tokens of the reference prompts
	Zero                      // nothing
	Resample                  // what it is on a reference prompt of the same template
)

// Positions says where the nodes of a circuit that name positions belong to it.
type Positions int

// The positions.
const (
	Listed     Positions = iota // where they say; elsewhere they are knocked out too
	Everywhere                  // everywhere
)

// Aggregation says how a ratio of metrics is taken over prompts.
type Aggregation int

// The aggregations.
const (
	RatioOfMeans Aggregation = iota
	MeanOfRatios
)

// A Side says what is knocked out when a circuit is tested.
type Side int

// The sides.
const (
	Kept    Side = iota // all but the circuit
	Removed             // the circuit
)

// An Ablation says how parts are knocked out, and how a circuit is held against
// the model. How faithful a circuit looks depends on every one of these
// choices, so they are part of each result. The zero value is that of Wang et
// al. 2022.
type Ablation struct {
	Components  Components
	Value       Value
	Positions   Positions
	Aggregation Aggregation
	Side        Side // of [Faithfulness]
	// Reference is the task whose corrupted prompts means are taken over, of the
	// same templates; nil means the task itself. Resampling takes each prompt's
	// own corruption from the task itself, and a drawn prompt from another.
	Reference *task.Task
	Seed      uint64 // of draws for Resample from another task
}

var (
	componentNames   = []string{"heads", "heads and MLPs"}
	valueNames       = []string{"mean within its template", "mean over all tokens", "zero", "resample"}
	positionNames    = []string{"positions as listed", "all positions"}
	aggregationNames = []string{"ratio of means", "mean of ratios"}
	sideNames        = []string{"circuit kept", "circuit removed"}
)

func name[T ~int](names []string, v T) string {
	if int(v) < 0 || int(v) >= len(names) {
		return fmt.Sprintf("unknown (%d)", int(v))
	}
	return names[v]
}

func (c Components) String() string  { return name(componentNames, c) }
func (v Value) String() string       { return name(valueNames, v) }
func (p Positions) String() string   { return name(positionNames, p) }
func (a Aggregation) String() string { return name(aggregationNames, a) }
func (s Side) String() string        { return name(sideNames, s) }

// String names all choices; the number of reference prompts is added where they
// are known.
func (a Ablation) String() string {
	return fmt.Sprintf("nodes (%s), %s, %s, %s, %s", a.Components, a.Value, a.Positions, a.Aggregation, a.Side)
}

func (a Ablation) check() error {
	for _, c := range []struct {
		what  string
		v, of int
	}{
		{"components", int(a.Components), len(componentNames)}, {"value", int(a.Value), len(valueNames)},
		{"positions", int(a.Positions), len(positionNames)}, {"aggregation", int(a.Aggregation), len(aggregationNames)},
		{"side", int(a.Side), len(sideNames)},
	} {
		if c.v < 0 || c.v >= c.of {
			return fmt.Errorf("ablation: %s %d is not known", c.what, c.v)
		}
	}
	return nil
}

// point is where what a part writes is replaced.
func (p Part) point() hook.Point {
	if p.Kind == KindMLP {
		return hook.MLPOut(p.Layer)
	}
	return hook.Z(p.Layer)
}

// parts are all that the ablation can take away.
func (a Ablation) parts(m *model.Model) []Part {
	c := m.Config()
	all := heads(c)
	if a.Components == HeadsAndMLPs && !c.AttnOnly() {
		for l := range c.Layers {
			all = append(all, MLP(l))
		}
	}
	return all
}

// points are the activations of all parts.
func (a Ablation) points(m *model.Model) []hook.Point {
	var points []hook.Point
	for _, p := range a.parts(m) {
		if p.point().Find(points) < 0 {
			points = append(points, p.point())
		}
	}
	return points
}

// A stock is what takes the place of what parts write. Rows of the prompts that
// are in one group get the same.
type stock struct {
	group     []int                   // of each row
	values    map[hook.ID][][]float32 // [group][pos, width], nil for zero
	uniform   bool                    // one position stands for all
	reference int                     // how many prompts the values are of
	drawn     []int                   // for Resample: the reference prompt of each row
	from      model.Prompts           // the reference prompts
}

// alike groups rows whose tokens stand for each other position by position:
// those of one template and one length.
type alike struct{ template, length int }

func kinds(t *task.Task, prompts model.Prompts) []alike {
	all := make([]alike, len(prompts.IDs))
	for i, row := range prompts.IDs {
		all[i].length = len(row)
		if i < len(t.Templates) {
			all[i].template = t.Templates[i]
		}
	}
	return all
}

// stockOf runs the reference prompts, once.
func (a Ablation) stockOf(m *model.Model, t *task.Task) (*stock, error) {
	s := &stock{group: make([]int, t.Len())}
	if a.Value == Zero {
		return s, nil
	}
	reference := t
	if a.Reference != nil {
		reference = a.Reference
	}
	s.from, s.reference = reference.Corrupted, len(reference.Corrupted.IDs)
	if err := s.from.Err(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	if s.reference == 0 {
		return nil, errors.New("reference: there are no corrupted prompts to take what parts write from")
	}
	members, err := s.assign(a, t, reference)
	if err != nil {
		return nil, err
	}
	points := a.points(m)
	run, err := m.Run(s.from.Capture(points...))
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	s.values = map[hook.ID][][]float32{}
	for _, p := range points {
		values := run.At(p)
		if err := values.Err(); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		for _, rows := range members {
			s.values[p.ID] = append(s.values[p.ID], average(values, rows, s.from, a.Value == Mean))
		}
	}
	return s, nil
}

// assign puts the rows of the task into groups, and gives the reference prompts
// of each group.
func (s *stock) assign(a Ablation, t, reference *task.Task) (members [][]int, err error) {
	if a.Value == Mean {
		s.uniform = true
		all := make([]int, s.reference)
		for i := range all {
			all[i] = i
		}
		return [][]int{all}, nil
	}
	byKind := map[alike][]int{}
	for i, k := range kinds(reference, s.from) {
		byKind[k] = append(byKind[k], i)
	}
	if a.Value == Resample {
		s.drawn = make([]int, t.Len())
		rng := newRand(a.Seed)
		for i, k := range kinds(t, t.Clean) {
			switch rows := byKind[k]; {
			case a.Reference == nil && len(s.from.IDs[i]) == k.length:
				s.drawn[i] = i
			case a.Reference == nil || len(rows) == 0:
				return nil, k.missing(i)
			default:
				s.drawn[i] = rows[rng.IntN(len(rows))]
			}
			s.group[i] = i
			members = append(members, []int{s.drawn[i]})
		}
		return members, nil
	}
	numbers := map[alike]int{}
	for i, k := range kinds(t, t.Clean) {
		rows := byKind[k]
		if len(rows) == 0 {
			return nil, k.missing(i)
		}
		if _, known := numbers[k]; !known {
			numbers[k] = len(members)
			members = append(members, rows)
		}
		s.group[i] = numbers[k]
	}
	return members, nil
}

func (k alike) missing(row int) error {
	return fmt.Errorf("reference: no prompt of template %d has the %d tokens of row %d; take a reference with the same templates, or another value than a mean at each position",
		k.template, k.length, row)
}

// average is the mean of an activation over rows [pos, width], or over all their
// tokens [1, width].
func average(a *array.Array, rows []int, prompts model.Prompts, tokens bool) []float32 {
	shape := a.Shape()
	width := 1
	for _, n := range shape[2:] {
		width *= n
	}
	positions := 1
	if !tokens {
		positions = len(prompts.IDs[rows[0]])
	}
	sums, count := make([]float64, positions*width), make([]float64, positions)
	for _, row := range rows {
		for pos := range prompts.IDs[row] {
			to := pos
			if tokens {
				to = 0
			}
			count[to]++
			for i, v := range a.Values()[(row*shape[1]+pos)*width:][:width] {
				sums[to*width+i] += float64(v)
			}
		}
	}
	mean := make([]float32, len(sums))
	for i, v := range sums {
		mean[i] = float32(v / count[i/width])
	}
	return mean
}

// groups are the rows of each group.
func (s *stock) groups() [][]int {
	all := make([][]int, 1+slices.Max(s.group))
	for row, g := range s.group {
		all[g] = append(all[g], row)
	}
	return all
}
