package ablate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Values are what takes the place of activations on the clean prompts of a task.
// Made by [Ablation.Values].
type Values struct {
	ablation Ablation
	prompts  model.Prompts
	from     Reference
	group    []int                    // of each prompt: those of one group get the same
	members  [][]int                  // of each group: the reference prompts that it is the mean of
	of       []kind                   // of each group, for means at each position
	values   map[hook.ID]*array.Array // [group, ...], of Mean [1, 1, ...]
}

// Values takes what some activations are from the reference, in one pass. What of
// them the points select does not matter.
func (a Ablation) Values(m *model.Model, t task.Paired, points ...hook.Point) (*Values, error) {
	v, err := a.values(m, t, points)
	if err != nil {
		return nil, fmt.Errorf("ablation: %w", err)
	}
	return v, nil
}

func (a Ablation) values(m *model.Model, t task.Paired, points []hook.Point) (*Values, error) {
	pairs, err := task.Of(t)
	if err != nil {
		return nil, err
	}
	if a.Value < TemplateMean || a.Value > Resample {
		return nil, fmt.Errorf("%s is not known", a.Value)
	}
	v := &Values{ablation: a, prompts: pairs.Clean, from: a.Reference, values: map[hook.ID]*array.Array{}}
	if a.Value == Zero {
		return v, nil
	}
	if err := v.assign(pairs); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	request := v.from.Prompts.Request()
	for _, p := range points {
		if a.Value == Mean && slices.Contains(p.Kind.Axes(), hook.Key) {
			return nil, fmt.Errorf("the mean of %s over tokens mixes rows of attention of different lengths; take PositionMean", p.Kind)
		}
		if p.Whole().Find(request.Captures) < 0 {
			request = request.Capture(p.Whole())
		}
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	for _, c := range run.Captures {
		mean := v.mean(c.Array)
		if err := mean.Err(); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
		v.values[c.Point.ID] = mean
	}
	return v, nil
}

// mean averages a captured activation over the members of each group [group, ...],
// or over all tokens, each counted once [1, 1, ...].
func (v *Values) mean(a *array.Array) *array.Array {
	axes := slices.Clone(a.Axes())
	if v.ablation.Value == Mean {
		shape := a.Shape()
		flat := array.Of(a.Values(), append([]array.Axis{array.Dim("token", shape[0]*shape[1])}, axes[2:]...)...)
		mean := flat.Mean("token") // tokens past the end of their row are NaN and do not count
		axes[0], axes[1] = array.Dim(hook.Batch, 1), array.Dim(hook.Pos, 1)
		return array.Of(mean.Values(), axes...)
	}
	axes[0] = array.Dim(hook.Batch, len(v.members))
	var values []float32
	for _, rows := range v.members {
		mean := a.Select(hook.Batch, rows...).Mean(hook.Batch)
		if err := mean.Err(); err != nil {
			return array.Failed(err)
		}
		values = append(values, interp.Finite(mean.Values())...)
	}
	return array.Of(values, axes...)
}

// few prompts make a mean that is little else than another prompt.
const few = 5

// String names the value and the reference, and the groups of prompts whose mean is
// over few.
func (v *Values) String() string {
	s := v.ablation.String()
	switch v.ablation.Value {
	case Zero:
		return s
	case TemplateMean, PositionMean:
		return fmt.Sprintf("%s, %d reference prompts%s", s, len(v.from.Prompts.IDs), v.groups())
	}
	return fmt.Sprintf("%s, %d reference prompts", s, len(v.from.Prompts.IDs))
}

// groups says how many means there are, and which are of few prompts.
func (v *Values) groups() string {
	var names []string
	least := few
	templates := map[int]bool{}
	for i, k := range v.of {
		templates[k.template] = true
		if n := len(v.members[i]); n < few {
			names, least = append(names, k.name(v.ablation.Value)), min(least, n)
		}
	}
	s := ""
	if v.ablation.Value == TemplateMean {
		s = fmt.Sprintf(" for %s", count(len(templates), "template"))
	}
	if len(names) == 0 {
		return s
	}
	const shown = 4
	if more := len(names) - shown; more > 1 {
		names = append(names[:shown], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%s (of %s as few as %d: nearer to another prompt than to a mean)", s, strings.Join(names, ", "), least)
}

// name is what a group of prompts has in common.
func (k kind) name(v Value) string {
	if v == PositionMean {
		return fmt.Sprintf("%d tokens", k.length)
	}
	return fmt.Sprintf("template %d at %d tokens", k.template, k.length)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// At is what takes the place of an activation at a position of a row, one axis
// less than the activation has in the row; nil is zero. For what has an axis pos.
func (v *Values) At(id hook.ID, row, pos int) []float32 {
	a := v.values[id]
	if a == nil {
		return nil
	}
	shape := a.Shape()
	width := 1
	for _, n := range shape[2:] {
		width *= n
	}
	at := 0
	if v.ablation.Value != Mean {
		at = v.group[row]*shape[1] + pos
	}
	return a.Values()[at*width:][:width]
}

// Take is the edit of a sweep's variant that takes a part away, if the sweep's
// source is [Values.Source].
func (v *Values) Take(p hook.Point) hook.Edit {
	if v.ablation.Value == Zero {
		return p.Zero()
	}
	return p.FromSource()
}

// Source is the run from which [Values.Take] takes: the clean prompts with all
// activations of the values replaced, or the prompts that were drawn.
func (v *Values) Source() (model.Request, error) {
	switch v.ablation.Value {
	case Zero:
		return model.Request{}, nil
	case Resample:
		rows := make([][]int32, len(v.group))
		for i, g := range v.group {
			rows[i] = v.from.Prompts.IDs[v.members[g][0]]
		}
		return model.Request{Rows: rows}, nil
	}
	var points []hook.Point
	for id := range v.values {
		points = append(points, hook.Point{ID: id})
	}
	slices.SortFunc(points, func(a, b hook.Point) int { return order(a.ID, b.ID) })
	edits, err := v.Edits(points...)
	return v.prompts.Edit(edits...), err
}

// order is that of a forward pass.
func order(a, b hook.ID) int {
	if a.Layer != b.Layer {
		return a.Layer - b.Layer
	}
	kinds := hook.Kinds()
	return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
}

// Edits put the values at points, in any run of the prompts.
func (v *Values) Edits(points ...hook.Point) ([]hook.Edit, error) {
	var edits []hook.Edit
	for _, p := range points {
		some, err := v.edits(p)
		if err != nil {
			return nil, fmt.Errorf("ablation: %s: %w", p, err)
		}
		edits = append(edits, some...)
	}
	return edits, nil
}

func (v *Values) edits(p hook.Point) ([]hook.Edit, error) {
	if v.ablation.Value == Zero {
		return []hook.Edit{p.Zero()}, nil
	}
	a := v.values[p.ID]
	if a == nil {
		return nil, errors.New("its values were not taken")
	}
	if v.ablation.Value == Mean {
		values := pick(a, p, 0, []int{0})
		return []hook.Edit{p.Replace(values)}, values.Err()
	}
	var edits []hook.Edit
	same := v.alike(p)
	for _, s := range same {
		if len(s.at) == 0 {
			continue
		}
		values := pick(a, p, s.group, s.at)
		if err := values.Err(); err != nil {
			return nil, err
		}
		at := p // what it selects is all alike
		if len(same) > 1 {
			at = p.Row(s.rows...).At(s.at...)
		}
		edits = append(edits, at.Replace(values))
	}
	return edits, nil
}

// Rows of one group in which a point selects the same positions.
type rows struct {
	group    int
	rows, at []int
}

func (v *Values) alike(p hook.Point) []rows {
	var all []rows
	index := map[string]int{}
	selected := p.Batch
	if selected == nil {
		selected = upTo(len(v.prompts.IDs))
	}
	for _, row := range selected {
		if row < 0 || row >= len(v.prompts.IDs) {
			continue // the request is refused, and says so
		}
		n := len(v.prompts.IDs[row])
		at := upTo(n)
		if list := p.Pos.In(row); list != nil {
			at = slices.Clone(list)
			for i, pos := range at {
				if pos < 0 {
					at[i] += n
				}
			}
			at = slices.DeleteFunc(at, func(pos int) bool { return pos < 0 || pos >= n })
		}
		key := fmt.Sprint(v.group[row], at)
		i, known := index[key]
		if !known {
			i = len(all)
			index[key] = i
			all = append(all, rows{group: v.group[row], at: at})
		}
		all[i].rows = append(all[i].rows, row)
	}
	return all
}

// pick is the part of a group's values that a point selects, at positions
// [1, ...].
func pick(a *array.Array, p hook.Point, group int, at []int) *array.Array {
	axes := a.Axes()
	one := a.Select(axes[0].Name, group).Select(axes[p.Kind.PositionAxis()].Name, at...)
	if h := p.Kind.HeadAxis(); h >= 0 && p.Heads != nil {
		one = one.Select(axes[h].Name, p.Heads...)
	}
	if p.Coords != nil {
		one = one.Select(axes[len(axes)-1].Name, p.Coords...)
	}
	return one
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
