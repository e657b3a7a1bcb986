package patch

import (
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/hook"
)

// Parts say which parts of a model are changed, one after the other. The axes
// of what comes out follow from it: [component, layer, pos, head, neuron], of
// which there are only those that are walked.
type Parts struct {
	// Kinds are the activations, each by itself; several make an axis component.
	// Nil means what the verb says. Either all of them have heads or none. Where
	// query heads share keys and values, heads of k and v are those of the groups.
	Kinds []hook.Kind

	Layers []int // nil means all

	// Heads are changed together that stand in one list. Nil means each head by
	// itself, where the activation has heads.
	Heads [][]int

	// Places are named positions, each by itself: those of a task, such as S2,
	// or several positions at once. A place without positions is all of them.
	// Nil means all positions together, but in activation patching each position
	// by itself of what has neither heads nor neurons.
	Places []interp.Place
	// ByPosition means each position by itself.
	ByPosition bool

	// Neurons are coordinates of the last axis, each by itself. Nil means all of
	// them together.
	Neurons []int

	// Sets, if there are any, take the place of everything above: parts of all
	// sorts that are changed together. The one axis is then set.
	Sets []Set
}

// A Set is parts that are changed together.
type Set struct {
	Name   string // nothing means its points
	Points []hook.Point
}

// Together is a set of parts: Together(hook.Z(9).Head(6), hook.Z(9).Head(9)).
func Together(points ...hook.Point) Set { return Set{Points: points} }

// At is the same set at positions only.
func (s Set) At(p hook.Positions) Set {
	s.Points = slices.Clone(s.Points)
	for i := range s.Points {
		s.Points[i] = s.Points[i].In(p)
	}
	return s
}

// String is the name, or the points: 9.6 + 9.9 of heads.
func (s Set) String() string {
	if s.Name != "" {
		return s.Name
	}
	names := make([]string, len(s.Points))
	for i, p := range s.Points {
		names[i] = p.String()
		if len(p.Heads) == 1 && p.Equal(hook.Z(p.Layer).Head(p.Heads[0])) {
			names[i] = graph.Head(p.Layer, p.Heads[0]).String()
		}
	}
	return strings.Join(names, " + ")
}
