package ioi

import (
	"math"
	"slices"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
)

// edges patches every path between heads of following steps alone.
func (s *finder) edges() error {
	for stage, spoken := range [][]discover.Effect{toLogits: s.spoken, instead: s.instead} {
		s.join(slices.DeleteFunc(slices.Clone(spoken), func(e discover.Effect) bool { return !slices.Contains(s.stages[stage], e.Sender) }))
	}
	speak, backups := s.stages[toLogits], s.stages[instead]
	for _, path := range []struct {
		from   []graph.Part
		at     string
		to     []graph.Part
		into   string
		inputs []graph.Input
		walk   *discover.Walk
	}{
		// Backups are told the same as movers, and are held back by them.
		{s.stages[toQueries], "END", both(speak, backups), "END", []graph.Input{graph.ToQuery}, s.walk},
		{s.stages[toQueries], "END", backups, "END", []graph.Input{graph.ToQuery}, s.without},
		{s.leaders(), "END", backups, "END", []graph.Input{graph.ToQuery}, s.walk},
		{s.stages[toSubject], "S2", s.lookers(), "S2", []graph.Input{graph.ToKey, graph.ToValue}, s.walk},
		{s.stages[toBefore], "S1+1", s.Of(Induction), "S1+1", []graph.Input{graph.ToKey, graph.ToValue}, s.walk},
	} {
		if len(path.from) == 0 || len(path.to) == 0 {
			continue
		}
		effects, err := s.between(path.walk, path.from, path.at, discover.Inputs(path.to, path.inputs...), path.into, true)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	return nil
}

// both are the parts of either.
func both(a, b []graph.Part) []graph.Part {
	return append(slices.Clone(a), slices.DeleteFunc(slices.Clone(b), func(p graph.Part) bool { return slices.Contains(a, p) })...)
}

// join makes effects that are large enough edges. Of an edge that was measured
// twice the larger effect counts.
func (s *finder) join(effects []discover.Effect) {
	for _, e := range s.walk.Edges(effects, s.Options.Edge) {
		i := slices.IndexFunc(s.Edges, func(o circuit.Edge) bool { return o.Ends() == e.Ends() })
		switch {
		case i < 0:
			s.Edges = append(s.Edges, e)
		case math.Abs(e.Effect) > math.Abs(s.Edges[i].Effect):
			s.Edges[i] = e
		}
	}
}

// order puts the nodes class by class.
func (s *finder) order() {
	slices.SortStableFunc(s.Nodes, func(a, b circuit.Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}
