package heads

import "errors"

// A Target lists the key positions that count for a query position of a row of
// tokens; none where the query itself does not count.
type Target func(row []int32, query int) []int

var errNoTarget = errors.New("no target is given, such as heads.Previous")

// Previous is the position before.
func Previous(_ []int32, query int) []int {
	if query == 0 {
		return nil
	}
	return []int{query - 1}
}

// Current is the position itself.
func Current(_ []int32, query int) []int { return []int{query} }

// First is the first position, where heads rest that have nothing to do.
func First(_ []int32, query int) []int {
	if query == 0 {
		return nil // it can attend to nothing else
	}
	return []int{0}
}

// Duplicates are the earlier copies of the token.
func Duplicates(row []int32, query int) []int {
	var keys []int
	for k := range query {
		if row[k] == row[query] {
			keys = append(keys, k)
		}
	}
	return keys
}

// AfterDuplicates are the positions after the earlier copies of the token:
// what an induction head attends to.
func AfterDuplicates(row []int32, query int) []int {
	keys := Duplicates(row, query)
	for i := range keys {
		keys[i]++
	}
	return keys
}

// Offset is the position so many before. Offset(len-1) on a period of len that
// stands twice is the diagonal that TransformerLens' demos average.
func Offset(n int) Target {
	return func(_ []int32, query int) []int {
		if query < n {
			return nil
		}
		return []int{query - n}
	}
}
