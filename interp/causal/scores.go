package causal

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// Scores are the interchange intervention accuracies of several ways to hold a variable
// at a site, on the pairs that they were found on and on held-out ones [way, pairs].
// Samples are held-out pairs.
type Scores struct {
	*interp.Result
	Lo, Hi *array.Array // of held-out pairs [way, 1], by bootstrap
	// Warnings say where not to believe a score.
	Warnings []string
}

// A way is a candidate and the answers that it is held to.
type way struct {
	name   string
	m      *model.Model
	site   Site
	labels [2][]string
}

// score tests ways on the pairs of a split.
func (d *Data) score(ways []way, pairs [2][]Pair, method, source string) (*Scores, error) {
	t, err := d.try(ways, pairs)
	if err != nil {
		return nil, err
	}
	return t.scores(0, len(ways), method, source)
}

// tried are the pairs in which ways give the answers that they are held to.
type tried struct {
	ways  []way
	pairs [2][]Pair
	hits  [2][][]bool // [side][way][pair]
	model.Provenance
}

// try tests ways: those of one model that lie together run as one sweep.
func (d *Data) try(ways []way, pairs [2][]Pair) (*tried, error) {
	t := &tried{ways: ways, pairs: pairs}
	for first := 0; first < len(ways); {
		n := 1
		for first+n < len(ways) && ways[first+n].m == ways[first].m {
			n++
		}
		var sets [][]Site
		for _, w := range ways[first : first+n] {
			sets = append(sets, []Site{w.site})
		}
		for side := range pairs {
			got, err := d.answers(ways[first].m, pairs[side], sets)
			if err != nil {
				return nil, err
			}
			for i, w := range ways[first : first+n] {
				hits := make([]bool, len(pairs[side]))
				for p, answer := range got.of[i] {
					hits[p] = answer == w.labels[side][p]
				}
				t.hits[side] = append(t.hits[side], hits)
			}
			if first == 0 {
				t.Provenance = got.Provenance
			}
		}
		first += n
	}
	return t, nil
}

// scores are those of n ways, from the first on.
func (t *tried) scores(first, n int, method, source string) (*Scores, error) {
	pairs, info := t.pairs, t.Provenance
	var names []string
	for _, w := range t.ways[first : first+n] {
		names = append(names, w.name)
	}
	axis := array.Labels("way", names)
	out := array.New(axis, array.Labels("pairs", sides))
	held := array.New(array.Dim("sample", len(pairs[1])), axis)
	for side := range pairs {
		for i := range names {
			sum := 0
			for p, hit := range t.hits[side][first+i] {
				if !hit {
					continue
				}
				sum++
				if side == 1 {
					held.Set(1, p, i)
				}
			}
			out.Set(float64(sum)/float64(len(pairs[side])), i, side)
		}
	}
	s := &Scores{Result: &interp.Result{
		Array: out.Named("interchange intervention accuracy", ""), Method: method, Source: source, Provenance: info,
	}}
	alone := &interp.Result{Array: held.Mean("sample"), Samples: held}
	var err error
	if s.Lo, s.Hi, err = alone.Interval(interp.Bootstrap{}); err != nil {
		return nil, err
	}
	for i, name := range names {
		train, test := out.At(i, 0), out.At(i, 1)
		spread := math.Sqrt(train*(1-train)/float64(len(pairs[0])) + test*(1-test)/float64(len(pairs[1])))
		if train-test > 2*spread && train-test > .02 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %.3f on the pairs it was found on, %.3f on held-out ones: it was fitted to the pairs", name, train, test))
		}
	}
	return s, out.Err()
}

// nearly is how much less than what was found a control may have that says nothing is shown.
const nearly = .05

// doubt warns where a control does what was found, or the part that is read does not.
func (s *Scores) doubt() {
	_, names := s.Axis(0)
	_, found := s.Of(WayFound)
	for i, name := range names {
		held := s.At(i, 1)
		switch name {
		case WayRandom, WayNorm, WayUntrained:
			if held > found-nearly {
				s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %.3f on held-out pairs, nearly what was found (%.3f): the accuracy does not show that the model holds the variable there", name, held, found))
			}
		case WayEffective:
			if s.Hi.At(i) < s.Lo.At(0) {
				s.Warnings = append(s.Warnings, fmt.Sprintf("%s: %.3f on held-out pairs, %.3f with the part that the next matrix does not read: the exchange may work by a path that the model does not use (Makelov et al. 2023)", name, held, found))
			}
		}
	}
}

// Of is the accuracy of a way, by its name, on the training and the held-out pairs.
func (s *Scores) Of(way string) (train, heldOut float64) {
	_, names := s.Axis(0)
	for i, name := range names {
		if name == way {
			return s.At(i, 0), s.At(i, 1)
		}
	}
	return math.NaN(), math.NaN()
}

// String is a table, and the warnings.
func (s *Scores) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "interchange intervention accuracy\ttrain\theld out\t95%%\n")
	_, names := s.Axis(0)
	for i, name := range names {
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t[%.3f, %.3f]\n", name, s.At(i, 0), s.At(i, 1), s.Lo.At(i), s.Hi.At(i))
	}
	w.Flush()
	for _, warning := range s.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	fmt.Fprintf(&b, "%s (%s)\n%s\n", s.Method, s.Source, s.Provenance)
	return b.String()
}
