package circuit

import (
	"math"
	"slices"
)

// edges patches every path between heads of following steps alone.
func (s *finder) edges() error {
	for stage, tr := range []*tracer{toLogits: s.tr, instead: s.gone} {
		if len(s.stages[stage]) == 0 {
			continue
		}
		effects, err := tr.toLogits(s.stages[stage], s.task.End)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	speak := s.stages[toLogits]
	for _, path := range []struct {
		from   []Part
		at     string
		to     []Part
		into   string
		inputs []Input
		tr     *tracer
	}{
		{s.stages[toQueries], "END", speak, "END", []Input{ToQuery}, s.tr},
		// Backups are told the same as movers, and are held back by them.
		{s.stages[toQueries], "END", s.stages[instead], "END", []Input{ToQuery}, s.gone},
		{s.stages[toQueries], "END", s.stages[instead], "END", []Input{ToQuery}, s.tr},
		{s.leaders(), "END", s.stages[instead], "END", []Input{ToQuery}, s.tr},
		{s.stages[toSubject], "S2", s.lookers(), "S2", []Input{ToKey, ToValue}, s.tr},
		{s.stages[toBefore], "S1+1", s.Of(Induction), "S1+1", []Input{ToKey, ToValue}, s.tr},
	} {
		if len(path.from) == 0 || len(path.to) == 0 {
			continue
		}
		effects, err := s.between(path.tr, path.from, path.at, receivers(path.to, path.inputs), path.into, true)
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
	slices.SortStableFunc(s.Nodes, func(a, b Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}
