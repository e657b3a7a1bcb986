package ioi

import (
	"math"
	"slices"

	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/discover"
	"github.com/golens/golens/interp/graph"
)

// edges patches every path between heads of following stages alone.
func (s *finder) edges() error {
	for _, class := range []string{NameMover, NegativeNameMover, BackupNameMover} {
		if len(s.Of(class)) == 0 {
			continue
		}
		w := s.walk
		if class == BackupNameMover {
			w = s.without
		}
		effects, err := w.ToLogits(s.Of(class), s.task.End)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	for _, path := range []struct {
		from, at, to, into string
		inputs             []graph.Input
		walk               *discover.Walk
	}{
		{SInhibition, "END", NameMover, "END", []graph.Input{graph.ToQuery}, s.walk},
		{SInhibition, "END", NegativeNameMover, "END", []graph.Input{graph.ToQuery}, s.walk},
		// Backups are told the same as movers, and are held back by them.
		{SInhibition, "END", BackupNameMover, "END", []graph.Input{graph.ToQuery}, s.without},
		{SInhibition, "END", BackupNameMover, "END", []graph.Input{graph.ToQuery}, s.walk},
		{NameMover, "END", BackupNameMover, "END", []graph.Input{graph.ToQuery}, s.walk},
		{Induction, "S2", SInhibition, "S2", []graph.Input{graph.ToKey, graph.ToValue}, s.walk},
		{DuplicateToken, "S2", SInhibition, "S2", []graph.Input{graph.ToKey, graph.ToValue}, s.walk},
		{PreviousToken, "S1+1", Induction, "S1+1", []graph.Input{graph.ToKey, graph.ToValue}, s.walk},
	} {
		effects, err := s.between(path.walk, s.Of(path.from), path.at, discover.Inputs(s.Of(path.to), path.inputs...), path.into, true)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	return nil
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
	classes := []string{NameMover, NegativeNameMover, BackupNameMover, SInhibition, Induction, DuplicateToken, PreviousToken}
	slices.SortStableFunc(s.Nodes, func(a, b circuit.Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}
