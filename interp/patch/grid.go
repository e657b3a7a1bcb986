package patch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A cell is one value of the result and what is changed for it.
type cell struct {
	at   int // where in the result, in row-major order
	set  Set
	rows []int // of the batch; nil means all
}

// A grid is [Parts] for a model and its prompts: the axes of the result and what is
// changed for each of its values.
type grid struct {
	axes  []array.Axis
	cells []cell
	what  string // for titles: resid_pre
}

// name is how titles and labels write an activation: resid_pre, z, mlp_out.
func name(k hook.Kind) string {
	s := string(k)
	if strings.HasPrefix(s, "mlp.") {
		return "mlp_" + strings.TrimPrefix(s, "mlp.hook_")
	}
	return strings.TrimPrefix(s[strings.LastIndex(s, ".")+1:], "hook_")
}

// byPosition is the default of activation patching.
func (o Parts) byPosition(otherwise hook.Kind) Parts {
	kind := otherwise
	if len(o.Kinds) > 0 {
		kind = o.Kinds[0]
	}
	o.ByPosition = o.ByPosition || o.Places == nil && o.Neurons == nil && kind.Valid() && kind.HeadAxis() < 0
	return o
}

// grid lists the cells.
func (o Parts) grid(c config.Config, prompts model.Prompts, otherwise ...hook.Kind) (grid, error) {
	if err := prompts.Err(); err != nil {
		return grid{}, err
	}
	if len(prompts.IDs) == 0 {
		return grid{}, errors.New("no rows; give at least one prompt")
	}
	if o.Sets != nil {
		return o.sets()
	}
	if len(o.Kinds) == 0 {
		o.Kinds = otherwise
	}
	if err := o.check(c); err != nil {
		return grid{}, err
	}
	l := grid{what: name(o.Kinds[0])}
	component := array.Labels("component", nil)
	for _, k := range o.Kinds {
		component.Labels, component.Len = append(component.Labels, name(k)), component.Len+1
	}
	if len(o.Kinds) > 1 {
		l.axes, l.what = append(l.axes, component), strings.Join(component.Labels, ", ")
	}
	layers := o.Layers
	switch {
	case o.Kinds[0].Global():
		layers = []int{0}
	case layers == nil:
		layers = upTo(c.Layers)
		fallthrough
	default:
		l.axes = append(l.axes, numbered("layer", layers))
	}
	places, at := o.places(prompts)
	l.axes = append(l.axes, at...)
	heads := o.Heads
	if o.Kinds[0].HeadAxis() < 0 {
		heads = [][]int{nil}
	} else {
		if heads == nil {
			for h := range c.Heads {
				heads = append(heads, []int{h})
			}
		}
		l.axes = append(l.axes, headAxis(heads))
	}
	neurons := [][]int{nil}
	if o.Neurons != nil {
		neurons = nil
		for _, n := range o.Neurons {
			neurons = append(neurons, []int{n})
		}
		l.axes = append(l.axes, numbered("neuron", o.Neurons))
	}
	n := 0
	for _, kind := range o.Kinds {
		for _, layer := range layers {
			for _, p := range places {
				for _, h := range heads {
					for _, coords := range neurons {
						point := hook.Point{ID: hook.ID{Kind: kind, Layer: layer}, Heads: h, Pos: p.Positions, Coords: coords}
						if len(h) == 0 || slices.Max(h) < headsOf(c, kind) {
							l.cells = append(l.cells, cell{n, Set{Points: []hook.Point{point}}, p.rows})
						}
						n++
					}
				}
			}
		}
	}
	return l, nil
}

// points are those of all cells.
func (g grid) points() (all []hook.Point) {
	for _, c := range g.cells {
		all = append(all, c.set.Points...)
	}
	return all
}

func (o Parts) sets() (grid, error) {
	l := grid{what: "sets of parts"}
	names := make([]string, len(o.Sets))
	for i, s := range o.Sets {
		if len(s.Points) == 0 {
			return l, fmt.Errorf("set %d (%s) has no points", i, s)
		}
		names[i] = s.String()
		l.cells = append(l.cells, cell{i, s, nil})
	}
	if len(names) == 0 {
		return l, errors.New("no sets; leave them out to go over the kinds")
	}
	l.axes = []array.Axis{array.Labels("set", names)}
	return l, nil
}

func (o Parts) check(c config.Config) error {
	for _, k := range o.Kinds {
		if !k.Valid() {
			_, err := hook.Parse(string(k))
			return err
		}
		if o.Kinds[0].Global() != k.Global() || (o.Kinds[0].HeadAxis() >= 0) != (k.HeadAxis() >= 0) {
			return fmt.Errorf("%s and %s do not have the same axes; change them in calls of their own", o.Kinds[0], k)
		}
	}
	if o.Heads != nil && o.Kinds[0].HeadAxis() < 0 {
		return fmt.Errorf("%s has no heads; leave Heads out", o.Kinds[0])
	}
	if slices.ContainsFunc(o.Heads, func(h []int) bool { return len(h) == 0 }) {
		return errors.New("a list of no heads; leave Heads out to mean each by itself")
	}
	for _, l := range o.Layers {
		if l < 0 || l >= c.Layers {
			return fmt.Errorf("there is no layer %d; the model has 0 to %d", l, c.Layers-1)
		}
	}
	for _, list := range o.Heads {
		for _, h := range list {
			if h < 0 || h >= c.Heads {
				return fmt.Errorf("there is no head %d; the model has 0 to %d", h, c.Heads-1)
			}
		}
	}
	if o.ByPosition && o.Places != nil {
		return errors.New("give Places or ByPosition, not both")
	}
	return nil
}

// A spot is positions and the rows that have them.
type spot struct {
	hook.Positions
	rows []int
}

// places are the positions to walk, and their axis if there is one.
func (o Parts) places(prompts model.Prompts) (spots []spot, axis []array.Axis) {
	switch {
	case o.Places != nil:
		var names []string
		for _, p := range o.Places {
			names, spots = append(names, p.Name), append(spots, spot{Positions: p.Positions})
		}
		return spots, []array.Axis{array.Labels(hook.Pos, names)}
	case !o.ByPosition:
		return []spot{{}}, nil
	}
	longest := 0
	for _, row := range prompts.IDs {
		longest = max(longest, len(row))
	}
	var labels []string
	for p := range longest {
		var rows []int
		for r, row := range prompts.IDs {
			if p < len(row) {
				rows = append(rows, r)
			}
		}
		if len(rows) == len(prompts.IDs) {
			rows = nil
		}
		spots = append(spots, spot{hook.Positions{Rows: [][]int{{p}}}, rows})
		labels = append(labels, tokenAt(prompts, p))
	}
	return spots, []array.Axis{array.Labels(hook.Pos, labels)}
}

// tokenAt is the token at a position if all rows have the same there, or the
// position.
func tokenAt(prompts model.Prompts, pos int) string {
	label := ""
	for i, row := range prompts.Labels {
		if pos >= len(row) || i > 0 && row[pos] != label {
			return strconv.Itoa(pos)
		}
		label = row[pos]
	}
	return label
}

// headsOf is how many heads an activation has: keys and values may have fewer.
func headsOf(c config.Config, k hook.Kind) int {
	if slices.Contains(k.Axes(), "kv_head") {
		return c.KVHeads
	}
	return c.Heads
}

func headAxis(groups [][]int) array.Axis {
	single := make([]int, len(groups))
	labels := make([]string, len(groups))
	for i, g := range groups {
		single[i] = g[0]
		for _, h := range g {
			labels[i] += "+" + strconv.Itoa(h)
		}
		labels[i] = labels[i][1:]
	}
	if !slices.ContainsFunc(groups, func(g []int) bool { return len(g) > 1 }) {
		return numbered(hook.Head, single)
	}
	return array.Labels(hook.Head, labels)
}

// numbered is an axis whose labels are left out if they would be its indices.
func numbered(name string, list []int) array.Axis {
	if slices.Equal(list, upTo(len(list))) {
		return array.Dim(name, len(list))
	}
	labels := make([]string, len(list))
	for i, v := range list {
		labels[i] = strconv.Itoa(v)
	}
	return array.Labels(name, labels)
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
