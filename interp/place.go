package interp

import "github.com/golens/golens/model/hook"

// A Place is positions that have a name, such as S2: in each row its own, or
// the same in all. Without positions it is every position.
type Place struct {
	Name string
	hook.Positions
}
