package neuron

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/tally"
)

// A Trigger is tokens on which a neuron fires.
type Trigger struct {
	Tokens []int32 // one, or a pair, of which it fires on the last
	Fired  int64   // how often it fired on them
	Share  float64 // of all its firing
}

// Triggers are the tokens, or for pairs the pairs of tokens, on which a neuron fires,
// most first; none of a neuron that does not exist. over says that there were more than
// the survey keeps, and none is given.
func (s *Stats) Triggers(u Unit, pairs bool) (all []Trigger, over bool) {
	states, n := s.singles, 1
	if pairs {
		states, n = s.pairs, 2
	}
	if states == nil || !s.has(u) {
		return nil, false
	}
	if states[u.Layer].Over[u.Neuron] {
		return nil, true
	}
	counts := states[u.Layer].Grams[u.Neuron]
	total := int64(0)
	for _, g := range counts {
		total += g.N
	}
	for _, g := range counts {
		all = append(all, Trigger{tally.TokensOf(g.Key, n), g.N, float64(g.N) / float64(total)})
	}
	slices.SortStableFunc(all, func(a, b Trigger) int { return cmp.Compare(b.Fired, a.Fired) })
	return all, false
}

// rounding keeps shares that are met exactly from failing by a rounding error.
const rounding = 1e-9

// Covering is the smallest number of tokens, or of pairs, that a share of a neuron's
// firing is on; 0 if it never fires, -1 if there are more than the survey keeps.
func (s *Stats) Covering(u Unit, pairs bool, share float64) int {
	all, over := s.Triggers(u, pairs)
	if over {
		return -1
	}
	sum, total := 0.0, 0.0
	for _, t := range all {
		total += float64(t.Fired)
	}
	for i, t := range all {
		if sum += float64(t.Fired); sum >= share*total-rounding {
			return i + 1
		}
	}
	return 0
}

// A Rule says what a token detector is. The zero value is the paper's.
type Rule struct {
	Most  int     // tokens that cover its firing; 0 means 5
	Fires float64 // share of a token's places at which it fires; 0 means 0.95
	Share float64 // of its firing that is on such tokens; 0 means 0.95
}

// A Detector is a neuron that fires on few tokens, and always on them.
type Detector struct {
	Unit
	Tokens []int32
}

// Detectors are the token detectors: few tokens cover a neuron's firing; of these are
// kept those on which it fires nearly always; and they still cover it. Tokens that begin
// a text do not count.
//
// Source: Voita et al. 2023, section 4.
func (s *Stats) Detectors(r Rule) (all []Detector) {
	r.Most = cmp.Or(r.Most, 5)
	r.Fires, r.Share = cmp.Or(r.Fires, 0.95), cmp.Or(r.Share, 0.95)
	begin := s.m.Info().Begin
	for _, u := range s.units(func(l, n int) bool { return s.Rate.At(l, n) > 0 }) {
		triggers, over := s.Triggers(u, false)
		if over {
			continue
		}
		triggers = slices.DeleteFunc(triggers, func(t Trigger) bool { return slices.Contains(begin, t.Tokens[0]) })
		total, covered, kept := 0.0, 0.0, 0.0
		for _, t := range triggers {
			total += float64(t.Fired)
		}
		d := Detector{Unit: u}
		for i, t := range triggers {
			if covered >= r.Share*total-rounding {
				break
			}
			if i == r.Most { // one more would be needed
				d.Tokens = nil
				break
			}
			covered += float64(t.Fired)
			if id := t.Tokens[0]; float64(t.Fired) >= r.Fires*float64(s.TokenCount[id])-rounding {
				d.Tokens, kept = append(d.Tokens, id), kept+float64(t.Fired)
			}
		}
		if len(d.Tokens) > 0 && kept >= r.Share*total-rounding {
			all = append(all, d)
		}
	}
	return all
}

// Against is what a detector adds to the logits of its own tokens for each unit that it
// is active, straight through the unembedding and without norms: below 0 if it takes
// away what it has seen, as most do in the paper.
func (d Detector) Against(m *model.Model) ([]float64, error) {
	p, err := m.Product(model.WOut(d.Layer).Neuron(d.Neuron), model.WU().Of(d.Tokens...))
	if err != nil {
		return nil, fmt.Errorf("neuron %s: %w", d.Unit, err)
	}
	out := make([]float64, len(d.Tokens))
	for i := range out {
		out[i] = p.At(0, i)
	}
	return out, nil
}

// Text is the tokens as text, between bars.
func (t Trigger) Text(m *model.Model) string { return text(m, t.Tokens) }

// text is tokens as text, between bars.
func text(m *model.Model, ids []int32) string {
	d, err := m.Decode(ids)
	if err != nil {
		return fmt.Sprint(ids)
	}
	return strings.Join(d.Labels[0], "|")
}
