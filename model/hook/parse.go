package hook

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Parse reads TransformerLens' name of an activation. What does not exist is
// an error that names the nearest ones.
func Parse(name string) (Point, error) {
	kind, layer := Kind(name), 0
	if rest, ok := strings.CutPrefix(name, "blocks."); ok {
		number, tail, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return Point{}, fmt.Errorf("hook: %q: block number %q is not a whole number", name, number)
		}
		kind, layer = Kind(tail), n
	}
	if !kind.Valid() {
		return Point{}, unknown{name, kind}
	}
	if global := !strings.HasPrefix(name, "blocks."); global != kind.Global() {
		return Point{}, fmt.Errorf("hook: %q: the activation is named %s", name, at(kind, layer))
	}
	return at(kind, layer), nil
}

// unknown is the error of a name that no activation has. It looks for the nearest ones
// when it is read.
type unknown struct {
	name string
	kind Kind
}

// Error implements error.
func (u unknown) Error() string {
	return fmt.Sprintf("hook: no activation %q; near: %s", u.name, strings.Join(nearest(string(u.kind)), ", "))
}

// nearest are the three kinds with the most similar names.
func nearest(name string) []string {
	all := Kinds()
	short := func(s string) string { return s[strings.LastIndex(s, ".")+1:] }
	const longest = 100 // bytes; no name is near that
	own := short(name)
	own = own[:min(len(own), longest)]
	far := map[Kind]int{}
	for _, k := range all {
		far[k] = distance(own, short(string(k)))
	}
	sort.SliceStable(all, func(i, j int) bool { return far[all[i]] < far[all[j]] })
	return []string{string(all[0]), string(all[1]), string(all[2])}
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
