package ioi

// The classes of heads of the IOI circuit.
const (
	NameMover         = "name mover"          // END attends to IO and copies it
	NegativeNameMover = "negative name mover" // likewise, but writes against it
	BackupNameMover   = "backup name mover"   // moves names once the name movers are gone
	SInhibition       = "S-inhibition"        // END attends to S2 and tells the movers' queries to avoid S
	Induction         = "induction"           // S2 attends to S1+1
	DuplicateToken    = "duplicate token"     // S2 attends to S1
	PreviousToken     = "previous token"      // S1+1 attends to S1
)

const wang = "Wang et al. 2022"
