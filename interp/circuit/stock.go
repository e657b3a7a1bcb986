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

func kindsOf(t *task.Task, prompts model.Prompts) []alike {
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
	for i, k := range kindsOf(reference, s.from) {
		byKind[k] = append(byKind[k], i)
	}
	if a.Value == Resample {
		s.drawn = make([]int, t.Len())
		rng := newRand(a.Seed)
		for i, k := range kindsOf(t, t.Clean) {
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
	for i, k := range kindsOf(t, t.Clean) {
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
