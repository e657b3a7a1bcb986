package circuit

import "slices"

// edges patches every path between heads of following stages alone.
func (s *finder) edges() error {
	for _, class := range []string{NameMover, NegativeNameMover, BackupNameMover} {
		tr := s.with(class)
		if len(s.Of(class)) == 0 {
			continue
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
	}{
		{SInhibition, "END", NameMover, "END", []Input{ToQuery}},
		{SInhibition, "END", NegativeNameMover, "END", []Input{ToQuery}},
		{SInhibition, "END", BackupNameMover, "END", []Input{ToQuery}},
		{Induction, "S2", SInhibition, "S2", []Input{ToKey, ToValue}},
		{DuplicateToken, "S2", SInhibition, "S2", []Input{ToKey, ToValue}},
		{PreviousToken, "S1+1", Induction, "S1+1", []Input{ToKey}},
	} {
		effects, err := s.between(s.with(path.to), s.Of(path.from), path.at, receivers(s.Of(path.to), path.inputs), path.into, true)
		if err != nil {
			return err
		}
		s.join(effects)
	}
	return nil
}

// with is the tracer under which heads of a class do what they are known for.
func (s *finder) with(class string) *tracer {
	if class == BackupNameMover {
		return s.gone
	}
	return s.tr
}

// join makes effects that are large enough edges.
func (s *finder) join(effects []effect) {
	s.Edges = append(s.Edges, s.tr.edges(effects, s.Options.Edge)...)
}

// order puts the nodes class by class.
func (s *finder) order() {
	classes := []string{NameMover, NegativeNameMover, BackupNameMover, SInhibition, Induction, DuplicateToken, PreviousToken}
	slices.SortStableFunc(s.Nodes, func(a, b Node) int { return slices.Index(classes, a.Class) - slices.Index(classes, b.Class) })
}
