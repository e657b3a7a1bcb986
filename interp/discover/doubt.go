package discover

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
)

// Doubt is the settings of [Search.Doubt]. The zero value is a circuit of the best
// edges by size, a twentieth of all.
type Doubt struct {
	Edges  int        // how many are taken before pruning; 0 means a twentieth of all
	By     graph.Rank // how they are ranked
	Draws  int        // of the bootstrap; 0 means 100
	Rivals int        // how many are looked for at most; 0 means 4
	Level  float64    // of the tests; 0 means 0.05
	Seed   uint64

	// Passes bounds the runs of the batch: with few, some edges are tried of all, and
	// rivals are coarse. 0 means twice what scores and their judgement took.
	Passes int
}

// aside are passes of a doubt for which there is always room: of the circuit, of the
// rest, and of the circuit against other references.
const aside = 20

// A Doubted is a circuit and how far to trust it.
type Doubted struct {
	Set          *graph.Set
	Faithfulness float64 // of the circuit, as [Judged] has it

	// Stability is the mean overlap (Jaccard) of two circuits that the same method and
	// size give on prompts drawn again. Méloux et al. 2025 take 0.8 for stable.
	Stability float64
	// Often is in how many of the draws each edge of the circuit is found, by
	// receivers and then senders.
	Often []float64

	Equivalence  Equivalence
	Independence Independence
	Minimality   Minimality
	Ablations    []Ablated
	Rivals       Rivals

	Passes   int // that it took
	Settings Doubt
	Method   string
	model.Provenance
}

// Doubt takes the circuit of some scores and says how far it can be trusted: by
// prompts drawn again, three tests of hypotheses, other ablations, and rivals that
// are as faithful.
//
// The scores of single prompts are there already, so that draws are arithmetic; what
// runs are subgraphs, for twice what finding the circuit took unless Passes says more.
// Sources: Méloux et al. 2025; Shi et al. 2024;
// Miller et al. 2024.
func (s *Search) Doubt(scores *Scores, d Doubt) (*Doubted, error) {
	r, err := s.doubt(scores, d)
	if err != nil {
		return nil, fmt.Errorf("doubt: %w", err)
	}
	return r, nil
}

func (s *Search) doubt(scores *Scores, d Doubt) (*Doubted, error) {
	if scores.Samples == nil {
		return nil, errors.New("the scores have none of single prompts, as masks that were learned; take a method of Methods")
	}
	if d.Edges == 0 {
		d.Edges = scores.Graph.Len() / 20
	}
	if d.Draws == 0 {
		d.Draws = 100
	}
	if d.Rivals == 0 {
		d.Rivals = 4
	}
	if d.Level == 0 {
		d.Level = .05
	}
	if d.Passes == 0 {
		d.Passes = 2 * (scores.Passes + judging(len(Shares())))
	}
	if d.Passes < 2*aside {
		return nil, fmt.Errorf("%d passes; the tests and a rival take at least %d", d.Passes, 2*aside)
	}
	if d.Edges < 1 || d.Draws < 2 || d.Rivals < 1 || !(d.Level > 0 && d.Level < 1) {
		return nil, fmt.Errorf("settings %+v: at least an edge, two draws and a rival, and a level between 0 and 1", d)
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	r := &Doubted{Settings: d, Method: scores.Method}
	if r.Set, err = scores.Best(d.Edges, d.By); err != nil {
		return nil, err
	}
	if r.Set.Len() == 0 {
		return nil, fmt.Errorf("nothing is left of the best %d edges when those are pruned that hang in the air; take more, or Greedy", d.Edges)
	}
	if err := r.draw(scores); err != nil {
		return nil, err
	}
	if err := r.test(w); err != nil {
		return nil, err
	}
	if err := r.ablate(s); err != nil {
		return nil, err
	}
	already := r.Passes
	r.Rivals, err = w.rivals(scores, r, d.Passes-already)
	r.Passes = already + w.passes
	return r, err
}

// draw finds the circuits of prompts drawn again.
func (r *Doubted) draw(scores *Scores) error {
	rng := rand.New(rand.NewPCG(r.Settings.Seed, 0))
	n := len(scores.Base)
	prompts := make([]int, n)
	sets := make([]*graph.Set, r.Settings.Draws)
	for i := range sets {
		for k := range prompts {
			prompts[k] = rng.IntN(n)
		}
		again := &Scores{Graph: scores.Graph, Result: scores.Of(scores.over(prompts))}
		var err error
		if sets[i], err = again.Best(r.Settings.Edges, r.Settings.By); err != nil {
			return err
		}
	}
	sum, pairs := 0.0, 0
	for i, a := range sets {
		for _, b := range sets[:i] {
			sum += a.Jaccard(b)
			pairs++
		}
	}
	r.Stability = sum / float64(pairs)
	for u, v := range r.Set.Edges() {
		often := 0.0
		for _, set := range sets {
			if set.Has(u, v) {
				often += 1 / float64(len(sets))
			}
		}
		r.Often = append(r.Often, often)
	}
	return nil
}

// Ablated is the faithfulness of a circuit when something else takes the place of
// what is cut.
type Ablated struct {
	Instead      string
	Faithfulness float64
	Err          error // why there is none, such as prompts of different lengths
}

// ablate measures a circuit against every kind of reference.
func (r *Doubted) ablate(s *Search) error {
	kinds := []*ablate.Ablation{nil}
	for _, v := range []ablate.Value{ablate.Zero, ablate.Mean, ablate.PositionMean} {
		kinds = append(kinds, &ablate.Ablation{Value: v})
	}
	for _, a := range kinds {
		other := *s
		other.Ablation = a
		one := Ablated{Instead: "each prompt's corruption"}
		if a != nil {
			one.Instead = a.String()
		}
		w, err := other.check()
		switch {
		case err != nil:
			one.Err = err
		case a == nil && s.Ablation == nil:
			one.Faithfulness = r.Faithfulness
		default:
			full, empty, each, _, err := w.measure([]edge.Cut{r.Set.Cut("")})
			if err != nil {
				return err
			}
			one.Faithfulness = (mean(each[0]) - mean(empty)) / (mean(full) - mean(empty))
			r.Passes += w.passes
		}
		r.Ablations = append(r.Ablations, one)
	}
	return nil
}

// Spread is the lowest and the highest faithfulness over ablations.
func (r *Doubted) Spread() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, a := range r.Ablations {
		if a.Err == nil {
			lo, hi = min(lo, a.Faithfulness), max(hi, a.Faithfulness)
		}
	}
	return lo, hi
}

// String is everything, a line each.
func (r *Doubted) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	line("circuit", "%d edges of %d, faithfulness %.3f", r.Set.Len(), r.Set.Graph.Len(), r.Faithfulness)
	line("stability", "two circuits of prompts drawn again share %.2f of their edges (%d draws)", r.Stability, r.Settings.Draws)
	line("equivalence", "%s", r.Equivalence)
	line("independence", "%s", r.Independence)
	line("minimality", "%s", r.Minimality)
	for _, a := range r.Ablations {
		if a.Err != nil {
			line("ablation", "%s: none, %v", a.Instead, a.Err)
			continue
		}
		line("ablation", "%s: faithfulness %.3f", a.Instead, a.Faithfulness)
	}
	line("rivals", "%s", r.Rivals)
	line("passes", "%d of the prompts", r.Passes)
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&b, "%s\n%s", r.Method, r.Provenance)
	return b.String()
}
