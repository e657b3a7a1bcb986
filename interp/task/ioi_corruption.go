package task

import (
	"fmt"
	"strings"
)

// A Corruption says which names stand where IO, S1 and S2 stood: A is the clean
// IO, B the clean S; C, D and E are three other names. The clean prompts are
// ABB. What stands where else stays, and so do all positions.
type Corruption string

// The corruptions of Wang et al. 2022, and two that complete them. S-inhibition
// heads tell name movers which name was said twice (the token signal) and where
// it stood first (the position signal). Each corruption keeps a signal, makes
// it random, or inverts it, so that it points at IO.
const (
	Clean       Corruption = "ABB" // position kept, token kept
	ABC         Corruption = "CDE" // three new names, none twice: there is no signal
	RandomNames Corruption = "CDD" // position kept, token random
	SwapNames   Corruption = "BAA" // position kept, token inverted
	SwapFirst   Corruption = "BAB" // position inverted, token kept (the IO-S1 flip)
	RandomFlip  Corruption = "CDC" // position inverted, token random
	S2ToIO      Corruption = "ABA" // position inverted, token inverted
)

// Signals are the corruptions by what they do to the position signal (kept,
// inverted) and to the token signal (kept, random, inverted).
var Signals = [2][3]Corruption{
	{Clean, RandomNames, SwapNames},
	{SwapFirst, RandomFlip, S2ToIO},
}

func (c Corruption) check() error {
	if len(c) != 3 || strings.Trim(string(c), "ABCDE") != "" {
		return fmt.Errorf("corruption %q: it is three letters of A to E, for IO, S1 and S2, such as %q", string(c), string(ABC))
	}
	return nil
}

// apply fills the names' slots.
func (c Corruption) apply(names [5]string) map[string]string {
	of := func(i int) string { return names[c[i]-'A'] }
	return map[string]string{"IO": of(0), "S1": of(1), "S2": of(2)}
}
