package circuit

import (
	"math"
	"slices"
)

// edges patches every path between heads of following stages alone.
func (s *finder) edges() error {
	for _, class := range []string{NameMover, NegativeNameMover, BackupNameMover} {
		if len(s.Of(class)) == 0 {
			continue
		}
		tr := s.tr
		if class == BackupNameMover {
			tr = s.gone
		}
		effects, err := tr.toLogits(s.Of(class), s.task.End)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	for _, path := range []struct {
		from, at, to, into string
		inputs             []Input
		tr                 *tracer
	}{
		{SInhibition, "END", NameMover, "END", []Input{ToQuery}, s.tr},
		{SInhibition, "END", NegativeNameMover, "END", []Input{ToQuery}, s.tr},
		// Backups are told the same as movers, and are held back by them.
		{SInhibition, "END", BackupNameMover, "END", []Input{ToQuery}, s.gone},
		{SInhibition, "END", BackupNameMover, "END", []Input{ToQuery}, s.tr},
		{NameMover, "END", BackupNameMover, "END", []Input{ToQuery}, s.tr},
		{Induction, "S2", SInhibition, "S2", []Input{ToKey, ToValue}, s.tr},
		{DuplicateToken, "S2", SInhibition, "S2", []Input{ToKey, ToValue}, s.tr},
		{PreviousToken, "S1+1", Induction, "S1+1", []Input{ToKey, ToValue}, s.tr},
	} {
		effects, err := s.between(path.tr, s.Of(path.from), path.at, receivers(s.Of(path.to), path.inputs), path.into, true)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	return nil
}

// join makes effects that are large enough edges. Of an edge that was measured
// twice the larger effect counts.
func (s *finder) join(effects []effect) {
	for _, e := range s.tr.edges(effects, s.Options.Edge) {
		i := slices.IndexFunc(s.Edges, func(o Edge) bool { return o.ends() == e.ends() })
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
	slices.SortStableFunc(s.Nodes, func(a, b Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}
