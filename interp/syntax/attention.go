package syntax

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Attention finds the heads that point along dependency relations. Its zero value
// is usable.
type Attention struct {
	// Least is how many words a relation must have in the half on which heads are
	// chosen; 0 means 10. Rarer ones are left out.
	Least int
	// Offsets is how far fixed offsets go, the baselines; 0 means 5.
	Offsets int
	// Rows is how many sentences run at once; 0 means 32.
	Rows int
}

// Directions of attention.
const (
	ToHead   = "to head"   // the word attends to its head
	FromHead = "from head" // the head attends to the word
)

var directions = []string{ToHead, FromHead}

// A Relation and the head that points along it.
type Relation struct {
	Name        string
	Layer, Head int
	Direction   string
	Chosen      float64 // UAS on the half on which it was chosen
	UAS         float64 // on the other half
	Lo, Hi      float64 // of it: 95% of means over sentences drawn again
	Words       int     // of the other half
	Offset      int     // the best fixed one: 1 says that the head is the next word
	Baseline    float64 // its UAS on the other half
}

// Found is what [Attention.Find] finds.
type Found struct {
	Relations []Relation // most words first
	// UAS is over all words of the half that was not chosen on, with the head of
	// each word's relation, and its interval; Baseline is with the best offsets.
	UAS, Lo, Hi, Baseline float64
	// Scores are UAS of every head in either direction on the half on which heads
	// are chosen [relation, direction, layer, head].
	Scores *interp.Result
	Left   []string // sentences left out, and why
}

// tally counts hits and words.
type tally struct{ hits, words float64 }

func (t tally) share() float64 { return t.hits / t.words }

// guesses are the words that a word may guess: all but itself and those that are
// written together with it.
func (a *aligned) guesses(word int) []int {
	var all []int
	for j := range a.Words {
		if j != word && a.Words[j].token != a.Words[word].token {
			all = append(all, j)
		}
	}
	return all
}

// scored tells whether a word has a head to be guessed.
func (a *aligned) scored(word int) bool {
	w := a.Words[word]
	return w.Head >= 0 && w.Relation != "punct" && a.Words[w.Head].token != w.token
}

// hit is how right the guess is that weights make among candidates: 1 if the head
// has the largest, a share if several have.
func hit(head int, candidates []int, weight func(j int) float64) float64 {
	most, alike, found := math.Inf(-1), 0, false
	for _, j := range candidates {
		switch w := weight(j); {
		case w > most:
			most, alike, found = w, 1, j == head
		case w == most:
			alike++
			found = found || j == head
		}
	}
	if !found {
		return 0
	}
	return 1 / float64(alike)
}

// hits are how right every word's guess is by attention among words
// [word][word], in the two directions; NaN where there is nothing to guess.
func (a *aligned) hits(weights [][]float64) [2][]float64 {
	var out [2][]float64
	for i, w := range a.Words {
		to, from := math.NaN(), math.NaN()
		if a.scored(i) {
			candidates := a.guesses(i)
			to = hit(w.Head, candidates, func(j int) float64 { return weights[i][j] })
			from = hit(w.Head, candidates, func(j int) float64 { return weights[j][i] })
		}
		out[0], out[1] = append(out[0], to), append(out[1], from)
	}
	return out
}

// Find finds the heads of a model. Sentences at even places are chosen on, those
// at odd places scored.
func (x Attention) Find(m *model.Model, sentences []Sentence) (*Found, error) {
	all, left, err := align(m, sentences)
	if err != nil {
		return nil, fmt.Errorf("syntactic attention: %w", err)
	}
	c := m.Config()
	f := &counter{settings: x.defaults(), layers: c.Layers, heads: c.Heads}
	var prov model.Provenance
	for at := 0; at < len(all); at += f.settings.Rows {
		some := all[at:min(len(all), at+f.settings.Rows)]
		var rows [][]int32
		for _, a := range some {
			rows = append(rows, a.row)
		}
		r := m.Rows(rows).Request()
		for l := range c.Layers {
			r = r.Capture(hook.Pattern(l))
		}
		run, err := m.Run(r)
		if err != nil {
			return nil, err
		}
		prov = run.Provenance
		for i := range some {
			f.add(&some[i], func(layer, head, query, key int) float64 {
				p := run.Captures[layer].Array
				shape := p.Shape() // [batch, head, query, key]
				return float64(p.Values()[((i*shape[1]+head)*shape[2]+query)*shape[3]+key])
			})
		}
	}
	found, err := f.found()
	if err != nil {
		return nil, fmt.Errorf("syntactic attention: %w", err)
	}
	found.Left, found.Scores.Provenance = left, prov
	return found, nil
}

func (x Attention) defaults() Attention {
	if x.Least == 0 {
		x.Least = 10
	}
	if x.Offsets == 0 {
		x.Offsets = 5
	}
	if x.Rows == 0 {
		x.Rows = 32
	}
	return x
}

// counter counts hits: of each relation, by head and direction and by offset, for
// each sentence of the half that is scored.
type counter struct {
	settings      Attention
	layers, heads int
	n             int // sentences
	chosen        map[string][]tally
	scored        []map[string][]tally // of each sentence
}

// ways is how many there are to guess: heads in two directions, and offsets.
func (f *counter) ways() int { return 2*f.layers*f.heads + 2*f.settings.Offsets }

// offset is the offset of a way.
func (f *counter) offset(way int) int {
	k := way - 2*f.layers*f.heads
	if k < f.settings.Offsets {
		return k - f.settings.Offsets
	}
	return k - f.settings.Offsets + 1
}

// add counts a sentence. at is the attention of its row.
func (f *counter) add(a *aligned, at func(layer, head, query, key int) float64) {
	into := f.chosen
	if f.chosen == nil {
		f.chosen = map[string][]tally{}
		into = f.chosen
	}
	if f.n++; f.n%2 == 0 {
		into = map[string][]tally{}
		f.scored = append(f.scored, into)
	}
	count := func(word, way int, hit float64) {
		name := a.Words[word].Relation
		if into[name] == nil {
			into[name] = make([]tally, f.ways())
		}
		into[name][way].hits += hit
		into[name][way].words++
	}
	for l := range f.layers {
		for h := range f.heads {
			hits := a.hits(a.words(func(q, k int) float64 { return at(l, h, q, k) }))
			for d := range hits {
				for i, v := range hits[d] {
					if v == v {
						count(i, (d*f.layers+l)*f.heads+h, v)
					}
				}
			}
		}
	}
	for i, w := range a.Words {
		if !a.scored(i) {
			continue
		}
		for way := 2 * f.layers * f.heads; way < f.ways(); way++ {
			hit := 0.0
			if i+f.offset(way) == w.Head {
				hit = 1
			}
			count(i, way, hit)
		}
	}
}

// found chooses a head and an offset for each relation, and scores them.
func (f *counter) found() (*Found, error) {
	of := func(name string, way int) tally { // over the scored half
		var sum tally
		for _, s := range f.scored {
			if t := s[name]; t != nil {
				sum.hits, sum.words = sum.hits+t[way].hits, sum.words+t[way].words
			}
		}
		return sum
	}
	heads := 2 * f.layers * f.heads
	best := func(name string, from, to int) int {
		at := from
		for way := from; way < to; way++ {
			if f.chosen[name][way].share() > f.chosen[name][at].share() {
				at = way
			}
		}
		return at
	}
	out := &Found{}
	chosen := map[string]int{}
	var total, base tally
	for _, name := range slices.Sorted(maps.Keys(f.chosen)) {
		way, shift := best(name, 0, heads), best(name, heads, f.ways())
		score, other := of(name, way), of(name, shift)
		if int(f.chosen[name][0].words) < f.settings.Least || score.words == 0 {
			continue
		}
		chosen[name] = way
		r := Relation{
			Name: name, Head: way % f.heads, Layer: way / f.heads % f.layers, Direction: directions[way/(f.heads*f.layers)],
			Chosen: f.chosen[name][way].share(), UAS: score.share(), Words: int(score.words), Offset: f.offset(shift), Baseline: other.share(),
		}
		var err error
		if r.Lo, r.Hi, err = f.interval(map[string]int{name: way}); err != nil {
			return nil, err
		}
		out.Relations = append(out.Relations, r)
		total.hits, total.words = total.hits+score.hits, total.words+score.words
		base.hits, base.words = base.hits+other.hits, base.words+other.words
	}
	if len(out.Relations) == 0 {
		return nil, fmt.Errorf("no relation has %d words in half of the %d sentences", f.settings.Least, f.n)
	}
	slices.SortStableFunc(out.Relations, func(a, b Relation) int { return b.Words - a.Words })
	out.UAS, out.Baseline = total.share(), base.share()
	var err error
	if out.Lo, out.Hi, err = f.interval(chosen); err != nil {
		return nil, err
	}
	var names []string
	var values []float32
	for _, r := range out.Relations {
		names = append(names, r.Name)
		for _, t := range f.chosen[r.Name][:heads] {
			values = append(values, float32(t.share()))
		}
	}
	out.Scores = &interp.Result{
		Array: array.Of(values, array.Labels("relation", names), array.Labels("direction", directions), array.Dim("layer", f.layers), array.Dim("head", f.heads)).
			Named("UAS", ""),
		Method: fmt.Sprintf("unlabeled attachment of %d sentences by the largest attention among words", f.n-len(f.scored)),
		Source: "Clark et al. 2019; Chen et al. 2024",
	}
	return out, nil
}

// interval is where the UAS of relations falls if sentences are drawn again.
func (f *counter) interval(ways map[string]int) (lo, hi float64, err error) {
	per := make([]tally, len(f.scored))
	names := slices.Sorted(maps.Keys(ways))
	for i, s := range f.scored {
		for _, name := range names {
			if t := s[name]; t != nil {
				per[i].hits, per[i].words = per[i].hits+t[ways[name]].hits, per[i].words+t[ways[name]].words
			}
		}
	}
	one := &interp.Result{Array: array.New(array.Dim("value", 1))}
	low, high, err := one.Resample(interp.Bootstrap{Resamples: 1000}, len(per), func(draw []int, out []float64) {
		var sum tally
		for _, s := range draw {
			sum.hits, sum.words = sum.hits+per[s].hits, sum.words+per[s].words
		}
		out[0] = sum.share() // NaN if none has the relation
	})
	if err != nil {
		return 0, 0, err
	}
	return float64(low.Values()[0]), float64(high.Values()[0]), nil
}

// Result is the overall UAS as a result of one value, to be followed over
// checkpoints.
func (f *Found) Result() *interp.Result {
	r := f.Scores.Of(array.Of([]float32{float32(f.UAS)}, array.Labels("measure", []string{"UAS"})).Named("UAS", ""))
	return r
}

// String is a table.
func (f *Found) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "UAS %.3f (%.3f to %.3f); by fixed offsets %.3f\n", f.UAS, f.Lo, f.Hi, f.Baseline)
	fmt.Fprintf(&b, "%-12s %6s %7s %-10s %6s %16s %10s\n", "relation", "words", "head", "direction", "UAS", "95%", "by offset")
	for _, r := range f.Relations {
		fmt.Fprintf(&b, "%-12s %6d %7s %-10s %6.3f %7.3f to %.3f %6.3f %+d\n", r.Name, r.Words, fmt.Sprintf("%d.%d", r.Layer, r.Head), r.Direction, r.UAS, r.Lo, r.Hi, r.Baseline, r.Offset)
	}
	if n := len(f.Left); n > 0 {
		fmt.Fprintf(&b, "%d sentences left out; %s\n", n, f.Left[0])
	}
	return b.String()
}
