package tally

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/golens/golens/model/internal/crew"
)

// A State is what a reducer kept. Arrays over units are flat [group, unit].
type State struct {
	Units, Groups int
	// Seen is how many positions of each group were read [group].
	Seen []int64
	NaN  int64 // values that are none, left out
	// Absent is how many of each unit's values are none [group, unit]; nil if all are
	// there. A covariance leaves out positions at which any unit has none.
	Absent []int64 `json:",omitempty"`

	Count    []int64   `json:",omitempty"` // values above the threshold [group, unit], or in the bins [group, unit, 2+bins]
	Sum      []Sum     `json:",omitempty"` // [group, unit]
	Squares  []Sum     `json:",omitempty"` // [group, unit]
	Min, Max []float32 `json:",omitempty"` // [group, unit]; +Inf and -Inf where nothing was read
	Products []float64 `json:",omitempty"` // sums of products [group, unit, unit]
	Grams    [][]Gram  `json:",omitempty"` // how often each unit was above the threshold, by the last tokens, sorted by key [unit]
	Over     []bool    `json:",omitempty"` // units whose counts by tokens were dropped
	Top      [][]Place `json:",omitempty"` // the largest values of each [group, unit], largest first
}

// A Gram is the key of tokens, which [TokensOf] takes apart, and how often a unit was
// above the threshold on them.
type Gram struct{ Key, N int64 }

// A Place is a value and where it stood.
type Place struct {
	Value    float32
	Row, Pos int64
}

// A Sum is a sum to twice the precision of float64.
type Sum struct{ Hi, Lo float64 }

// Add adds a number; the error of the addition is kept.
func (s *Sum) Add(x float64) {
	hi := s.Hi + x
	rest := hi - s.Hi
	s.Lo += (s.Hi - (hi - rest)) + (x - rest)
	s.Hi = hi
}

// Value is the sum.
func (s Sum) Value() float64 { return s.Hi + s.Lo }

// New is an empty state, of so many units in so many groups.
func (r Reducer) New(units, groups int) *State {
	s := &State{Units: units, Groups: groups, Seen: make([]int64, groups)}
	n := units * groups
	switch r.Kind {
	case Above:
		s.Count = make([]int64, n)
	case Histogram:
		s.Count = make([]int64, n*(r.Bins+2))
	case Top:
		s.Top = make([][]Place, n)
	case Grams:
		s.Grams, s.Over = make([][]Gram, n), make([]bool, n)
	default:
		s.Sum, s.Squares = make([]Sum, n), make([]Sum, n)
		s.Min, s.Max = slices.Repeat([]float32{float32(math.Inf(1))}, n), slices.Repeat([]float32{float32(math.Inf(-1))}, n)
		if r.Kind == Covariance {
			s.Products = make([]float64, n*units)
		}
	}
	return s
}

// Add takes positions of a row [pos, unit], each into a group, or below 0 into none; of
// Grams, each with the key of its tokens in the group's place. at are their places in
// the row. Units of many values are shared out among the processors.
func (r Reducer) Add(s *State, groups []int, values []float32, row int64, at []int) {
	values = values[:len(groups)*s.Units]
	if r.Kind == Covariance {
		r.addPairs(s, groups, values, at)
		return
	}
	r.see(s, groups)
	none := s.share(len(values), func(from, to int) (none bool) {
		for i, group := range groups {
			if group >= 0 && r.add(s, group, values[i*s.Units:], from, to, Place{Row: row, Pos: int64(at[i])}) {
				none = true
			}
		}
		return none
	})
	if none && r.Kind != Grams {
		s.absentOf(groups, values)
	}
}

// see counts the positions of each group.
func (r Reducer) see(s *State, groups []int) {
	for _, group := range groups {
		switch {
		case group < 0:
		case r.Kind == Grams:
			s.Seen[0]++
		default:
			s.Seen[group]++
		}
	}
}

// share has units done, if there are many values on all processors, and tells whether any
// part was true.
func (s *State) share(values int, do func(from, to int) bool) bool {
	width := s.Units
	if n := runtime.GOMAXPROCS(0); values >= manyValues && n > 1 {
		width = (s.Units/n + line) / line * line
	}
	var wg crew.Group
	var is atomic.Bool
	for from := 0; from < s.Units; from += width {
		to := min(from+width, s.Units)
		part := func() {
			if do(from, to) {
				is.Store(true)
			}
		}
		if to < s.Units {
			wg.Go(part)
		} else {
			part()
		}
	}
	wg.Wait()
	return is.Load()
}

const (
	manyValues = 1 << 15 // are worth a goroutine
	line       = 16      // units whose counts share no line of a cache with others
)

// addPairs takes positions into a covariance. Those at which any unit has no value are
// left out.
func (r Reducer) addPairs(s *State, groups []int, values []float32, at []int) {
	for i, group := range groups {
		if group < 0 {
			continue
		}
		s.Seen[group]++
		own := values[i*s.Units:][:s.Units]
		if s.absent(group, own, true) == 0 {
			r.add(s, group, own, 0, s.Units, Place{Pos: int64(at[i])})
		}
	}
	r.products(s, groups, values)
}

// count counts a key of a unit, and drops the unit if it has more than k.
func (s *State) count(i int, key, n int64, k int) {
	at, found := slices.BinarySearchFunc(s.Grams[i], key, func(g Gram, key int64) int { return cmp.Compare(g.Key, key) })
	if !found {
		s.Grams[i] = slices.Insert(s.Grams[i], at, Gram{Key: key})
	}
	s.Grams[i][at].N += n
	if len(s.Grams[i]) > k {
		s.Grams[i], s.Over[i] = nil, true
	}
}

// absentOf counts the values that are none of positions [pos, unit].
func (s *State) absentOf(groups []int, values []float32) {
	for i, group := range groups {
		if group >= 0 {
			s.absent(group, values[i*s.Units:][:s.Units], false)
		}
	}
}

// absent counts values that are none, of all units if whole.
func (s *State) absent(group int, values []float32, whole bool) (n int64) {
	for _, v := range values {
		if v != v {
			n++
		}
	}
	if n == 0 {
		return 0
	}
	if s.NaN += n; s.Absent == nil {
		s.Absent = make([]int64, s.Units*s.Groups)
	}
	for i, v := range values {
		if v != v || whole {
			s.Absent[group*s.Units+i]++
		}
	}
	return n
}

// N is how many values of a unit [group, unit] count.
func (s *State) N(i int) int64 {
	n := s.Seen[i/s.Units]
	if s.Absent != nil {
		n -= s.Absent[i]
	}
	return n
}

// add takes some units' values of a position [unit] into a group, and tells whether
// there are values that are none. These are above nothing.
func (r Reducer) add(s *State, group int, values []float32, from, to int, p Place) (none bool) {
	first := group*s.Units + from // not of Grams
	values = values[from:to]
	if r.Kind == Above {
		return count1(s.Count[first:], values, r.Threshold)
	}
	for _, v := range values {
		if v != v {
			none = true
		}
	}
	switch r.Kind {
	case Grams:
		for i, v := range values {
			if v > r.Threshold && !s.Over[from+i] {
				s.count(from+i, int64(group), 1, r.K)
			}
		}
	case Histogram:
		width := (r.High - r.Low) / float32(r.Bins)
		for i, v := range values {
			bin := 0
			switch {
			case v != v:
				continue
			case v >= r.High:
				bin = r.Bins + 1
			case v >= r.Low:
				bin = 1 + min(int((v-r.Low)/width), r.Bins-1)
			}
			s.Count[(first+i)*(r.Bins+2)+bin]++
		}
	case Top:
		for i, v := range values {
			top := s.Top[first+i]
			if v == v && (len(top) < r.K || v >= top[len(top)-1].Value) {
				p.Value = v
				s.Top[first+i] = insert(top, p, r.K)
			}
		}
	default:
		for i, v := range values {
			if v != v {
				continue
			}
			k, x := first+i, float64(v)
			s.Sum[k].Add(x)
			s.Squares[k].Add(x * x)
			s.Min[k], s.Max[k] = min(s.Min[k], v), max(s.Max[k], v)
		}
	}
	return none
}

// products adds the products of all pairs of units.
func (r Reducer) products(s *State, groups []int, values []float32) {
	u := s.Units
	for group := range s.Groups {
		var x []float64
		for i, g := range groups {
			own := values[i*u:][:u]
			if g != group || slices.ContainsFunc(own, func(v float32) bool { return v != v }) {
				continue
			}
			for _, v := range own {
				x = append(x, float64(v))
			}
		}
		if x == nil {
			continue
		}
		n := len(x) / u
		to := blas64.General{Rows: u, Cols: u, Stride: u, Data: s.Products[group*u*u:][:u*u]}
		from := blas64.General{Rows: n, Cols: u, Stride: u, Data: x}
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, from, from, 1, to)
	}
}

// insert puts a place where it belongs among the k largest; of equal values the
// earlier row stands first.
func insert(top []Place, p Place, k int) []Place {
	if len(top) == k && order(top[k-1], p) < 0 {
		return top
	}
	i, _ := slices.BinarySearchFunc(top, p, order)
	if len(top) < k {
		return slices.Insert(top, i, p)
	}
	copy(top[i+1:], top[i:k-1])
	top[i] = p
	return top
}

func order(a, b Place) int {
	return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Pos, b.Pos))
}

// Merge takes another state of the same reducer into s.
func (r Reducer) Merge(s, other *State) error {
	if s.Units != other.Units || s.Groups != other.Groups {
		return fmt.Errorf("tally: %s: a state of %d units in %d groups does not merge with one of %d in %d", r, other.Units, other.Groups, s.Units, s.Groups)
	}
	if len(other.Grams) != len(s.Grams) || len(other.Count) != len(s.Count) || len(other.Top) != len(s.Top) || len(other.Sum) != len(s.Sum) || len(other.Products) != len(s.Products) {
		return fmt.Errorf("tally: %s: the states are of different reducers", r)
	}
	s.NaN += other.NaN
	if other.Absent != nil {
		if s.Absent == nil {
			s.Absent = make([]int64, len(other.Absent))
		}
		for i, n := range other.Absent {
			s.Absent[i] += n
		}
	}
	for i, n := range other.Seen {
		s.Seen[i] += n
	}
	for i, n := range other.Count {
		s.Count[i] += n
	}
	for i, v := range other.Sum {
		s.Sum[i].Add(v.Hi)
		s.Sum[i].Add(v.Lo)
		s.Squares[i].Add(other.Squares[i].Hi)
		s.Squares[i].Add(other.Squares[i].Lo)
		s.Min[i], s.Max[i] = min(s.Min[i], other.Min[i]), max(s.Max[i], other.Max[i])
	}
	for i, v := range other.Products {
		s.Products[i] += v
	}
	for i, counts := range other.Grams {
		if other.Over[i] {
			s.Grams[i], s.Over[i] = nil, true
		}
		for _, g := range counts {
			if !s.Over[i] {
				s.count(i, g.Key, g.N, r.K)
			}
		}
	}
	for i, places := range other.Top {
		for _, p := range places {
			s.Top[i] = insert(s.Top[i], p, r.K)
		}
	}
	return nil
}
