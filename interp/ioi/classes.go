package ioi

import "math"

const wang = "Wang et al. 2022"

// The classes of heads of the IOI circuit. Those of Wang et al. 2022 come first.
const (
	NameMover         = "name mover"          // END attends to IO and raises its logit
	NegativeNameMover = "negative name mover" // likewise, but lowers it
	BackupNameMover   = "backup name mover"   // moves names once the name movers are gone
	SInhibition       = "S-inhibition"        // END attends to S2 and tells the movers' queries to avoid S
	Induction         = "induction"           // S2 attends to S1+1
	DuplicateToken    = "duplicate token"     // S2 attends to S1
	PreviousToken     = "previous token"      // S1+1 attends to S1

	SSuppressor = "S suppressor" // END attends to S and lowers its logit
	SMover      = "S mover"      // END attends to S and raises its logit
	OtherHead   = "other"        // matters, and is none of these
)

// classes are all of them, as a circuit lists them.
var classes = []string{
	NameMover, SSuppressor, NegativeNameMover, SMover, BackupNameMover, SInhibition, Induction, DuplicateToken, PreviousToken, OtherHead,
}

// speaker is the class of a head whose own path to the logits matters, by how
// much END attends to IO and to S (S1 and S2 together), and by what it adds to
// their logits. Attention to either must be at least some.
func speaker(toIO, toS, some, io, s float64) string {
	looks, moves := toIO, io
	if toS > toIO {
		looks, moves = toS, s
	}
	if looks < some || max(math.Abs(io), math.Abs(s)) > math.Abs(moves) {
		return OtherHead // it looks at neither, or speaks of the one that it does not look at
	}
	switch {
	case toIO >= toS && io > 0:
		return NameMover
	case toIO >= toS:
		return NegativeNameMover
	case s < 0:
		return SSuppressor
	}
	return SMover
}
