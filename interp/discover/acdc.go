package discover

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/edge"
)

// ACDC are the settings of [Search.ACDC].
type ACDC struct {
	// Threshold is by how much the metric must get worse for an edge to stay.
	Threshold float64

	// Metric is what may not get worse; the zero value is the divergence (KL) from
	// what the model says of the clean prompts, where the task's metric is read.
	// Divergences, losses and ranks are better small, all others large. No gradient is
	// taken.
	Metric model.Metric

	// Absolute keeps edges whose removal makes the metric much better, too.
	Absolute bool

	// Senders are tried from the logits' side on, heads of a layer from the last to
	// the first, as the program does by default. Which edges go hangs on that.
	HeadsRising  bool   // heads of a layer from the first to the last
	EarlierFirst bool   // senders from the embedding on
	Shuffle      uint64 // if not 0: senders in a random order of this seed

	// Inside tries the edges from a head's query, key and value to its output too, as
	// Conmy et al. count them.
	Inside bool

	// Batch bounds how many removals are tried at once; 0 means 256. It changes no
	// answer.
	Batch int
}

// A Tested is an edge that ACDC tried to remove.
type Tested struct {
	graph.Edge
	Effect float64 // by how much worse the metric became
	Kept   bool
}

// An ACDCResult is the edges that stayed.
type ACDCResult struct {
	*graph.Set
	Options ACDC
	Tested  []Tested // in order; edges into what nothing reads are gone untested
	Metric  float64  // of the subgraph, the mean over prompts
	Base    float64  // of the model
	Runs    int      // subgraphs that were run, those behind the end of a batch included
	Method  string
	model.Provenance
}

// String says what stayed.
func (r *ACDCResult) String() string {
	return fmt.Sprintf("%d of %d edges stay; %d were tested in %d runs; the metric is %.4g, of the model %.4g\n%s\n%s",
		r.Set.Len(), r.Graph.Len(), len(r.Tested), r.Runs, r.Metric, r.Base, r.Method, r.Provenance)
}

// ACDC removes edge after edge, receivers from the logits down, and keeps those
// without which the metric gets worse by at least the threshold. Source: Conmy et
// al. 2023, algorithm 1.
//
// Removals are tried in batches, each without those before it that are guessed to go:
// the differences of neighbours are the algorithm's own tests up to the first wrong
// guess, behind which the next batch begins with the differences as guesses. So it
// costs little more runs than edges, each from the layer of its receiver on, and the
// edges are those of one run after another.
func (s *Search) ACDC(o ACDC) (*ACDCResult, error) {
	r, err := s.acdc(o)
	if err != nil {
		return nil, fmt.Errorf("ACDC: %w", err)
	}
	return r, nil
}

// acdc is ACDC at work.
type acdc struct {
	*search
	*ACDCResult
	graph  *graph.Graph // perhaps with edges inside heads
	metric model.Metric
	worse  float64 // 1 where a larger metric is worse, else -1
	right  int     // guesses since the last wrong one
}

func (s *Search) acdc(o ACDC) (*ACDCResult, error) {
	if !(o.Threshold > 0) {
		return nil, fmt.Errorf("the threshold %g must be above 0", o.Threshold)
	}
	if o.Batch == 0 {
		o.Batch = 256
	}
	if o.Batch < 1 {
		return nil, fmt.Errorf("batches of %d removals", o.Batch)
	}
	w, err := s.check()
	if err != nil {
		return nil, err
	}
	c := s.Model.Config()
	a := &acdc{search: w, graph: w.graph}
	if o.Inside {
		if c.KVHeads != c.Heads {
			return nil, errors.New("the edges inside heads that share keys and values are not each head's own; leave Inside away")
		}
		a.graph = graph.ACDC(c)
	}
	if a.metric = o.Metric; o.Metric.Kind == "" {
		if a.metric, err = w.divergence(); err != nil {
			return nil, err
		}
	}
	a.worse = worseBy(a.metric)
	o.Metric = a.metric
	a.ACDCResult = &ACDCResult{Set: a.graph.All(), Options: o,
		Method: fmt.Sprintf("ACDC, threshold %g of the %s, %d prompts, %s in place of what is cut", o.Threshold, a.metric, len(w.Clean.IDs), w.instead)}
	values, err := a.run([]edge.Cut{a.Set.Cut("")})
	if err != nil {
		return nil, err
	}
	a.Base, a.Metric = values[0], values[0]
	for _, stage := range a.stages() {
		if err := a.try(a.candidates(stage)); err != nil {
			return nil, err
		}
	}
	return a.ACDCResult, nil
}

// divergence is the KL from the model's predictions where the task's metric reads.
func (s *search) divergence() (model.Metric, error) {
	at := logits(s.Metric)
	run, err := s.Model.Run(s.Clean.Capture(at))
	if err != nil {
		return model.Metric{}, err
	}
	return model.KL(run.At(at)).In(at.Pos), nil
}

// A pair is an edge by its indices; inside a head it is none of the residual
// stream.
type pair struct{ sender, receiver int }

// stages are receivers that can be tried one after another without a look at what
// became of the others, from the logits down: of each layer the MLP, then, if they
// are tried, the edges inside its heads, then the heads' inputs. Negative numbers
// are the edges inside.
func (a *acdc) stages() (all [][]int) {
	g, c := a.graph, a.search.Model.Config()
	add := func(p graph.Part, input graph.Input) []int {
		r, found := g.Receiver(p, input)
		if !found {
			return nil
		}
		return []int{r}
	}
	all = append(all, add(graph.Logits(), graph.ToLogits))
	for l := c.Layers - 1; l >= 0; l-- {
		all = append(all, add(graph.MLP(l), graph.ToMLP))
		var inside, inputs []int
		for _, input := range []graph.Input{graph.ToValue, graph.ToKey, graph.ToQuery} {
			for h := c.Heads - 1; h >= 0; h-- {
				r := add(graph.Head(l, h), input)[0]
				if !slices.Contains(inputs, r) { // of heads that share a key the first time counts
					inside, inputs = append(inside, -1-r), append(inputs, r)
				}
			}
		}
		if a.Options.Inside {
			all = append(all, inside)
		}
		all = append(all, inputs)
	}
	return all
}

// candidates are the edges of a stage in the order in which they are tried. Those
// into what nothing reads are removed.
func (a *acdc) candidates(stage []int) (list []pair) {
	for _, r := range stage {
		if r < 0 {
			own, _ := a.graph.Sender(a.graph.Receivers[-1-r].Part)
			if a.sends(own) {
				list = append(list, pair{own, -1 - r})
			} else {
				a.Remove(own, -1-r)
			}
			continue
		}
		read := a.read(r)
		for _, u := range a.order(r) {
			if read {
				list = append(list, pair{u, r})
			} else {
				a.Remove(u, r)
			}
		}
	}
	return list
}

// within tells whether an edge is one inside a head.
func (a *acdc) within(e pair) bool {
	return a.graph.Senders[e.sender] == a.graph.Receivers[e.receiver].Part
}

// sends tells whether anything reads what a sender writes.
func (a *acdc) sends(sender int) bool {
	for r := range a.graph.Receivers {
		if a.Has(sender, r) && !a.within(pair{sender, r}) {
			return true
		}
	}
	return false
}

// read tells whether anything comes of what a receiver reads.
func (a *acdc) read(receiver int) bool {
	for _, p := range a.graph.Sharing(receiver) {
		own, sends := a.graph.Sender(p)
		switch {
		case !sends: // the logits
			return true
		case a.Options.Inside && p.IsHead():
			if a.Has(own, receiver) {
				return true
			}
		case a.sends(own):
			return true
		}
	}
	return false
}

// order are the senders of a receiver in the order in which they are tried.
func (a *acdc) order(receiver int) (senders []int) {
	for u := range a.graph.Senders {
		if a.graph.Has(u, receiver) && !a.within(pair{u, receiver}) {
			senders = append(senders, u)
		}
	}
	o := a.Options
	if o.Shuffle != 0 {
		rng := rand.New(rand.NewPCG(o.Shuffle, uint64(receiver)))
		rng.Shuffle(len(senders), func(i, j int) { senders[i], senders[j] = senders[j], senders[i] })
		return senders
	}
	slices.SortStableFunc(senders, func(u, v int) int {
		p, q := a.graph.Senders[u], a.graph.Senders[v]
		if p.Before(q) || q.Before(p) {
			if o.EarlierFirst {
				return u - v
			}
			return v - u
		}
		if o.HeadsRising {
			return u - v
		}
		return v - u
	})
	return senders
}

// try decides about candidates one after another. Each is tried without those before
// it that are guessed to go, so that its test is the algorithm's own as long as all
// guesses before it are right; behind the first that is not, the differences of
// neighbours are the guesses of the next batch.
func (a *acdc) try(list []pair) error {
	stays := map[pair]bool{} // as guessed
	for len(list) > 0 {
		size := max(2, a.right/2&^1) // as long a stretch may lie ahead; by twos, as calls run side by side
		n := min(size, a.Options.Batch, len(list))
		cuts, set := make([]edge.Cut, n), a.Set.Clone()
		for i, e := range list[:n] {
			set.Remove(e.sender, e.receiver)
			if cuts[i] = a.cut(set); stays[e] {
				set.Add(e.sender, e.receiver)
			}
		}
		values, err := a.run(cuts)
		if err != nil {
			return err
		}
		value, done, right := a.Metric, 0, true
		for i, e := range list[:n] {
			t := Tested{Edge: a.graph.Edge(e.sender, e.receiver), Effect: a.worse * (values[i] - value)}
			t.Kept = a.keeps(t.Effect)
			guess := stays[e]
			if !guess {
				value = values[i]
			}
			if !right {
				stays[e] = t.Kept
				continue
			}
			if math.IsNaN(t.Effect) {
				return fmt.Errorf("without %s the metric is %g", t.Edge, values[i])
			}
			if a.Tested = append(a.Tested, t); !t.Kept {
				a.Remove(e.sender, e.receiver)
				a.Metric = values[i]
			}
			done, right = done+1, t.Kept == guess
		}
		list = list[done:]
		if a.right += done; !right {
			a.right = 0
		}
	}
	return nil
}

// keeps tells whether an edge of that effect stays.
func (a *acdc) keeps(effect float64) bool {
	if a.Options.Absolute {
		effect = math.Abs(effect)
	}
	return effect >= a.Options.Threshold
}

// cut is what is cut of a set. What an edge inside a head is cut from gets nothing
// of this run.
func (a *acdc) cut(set *graph.Set) edge.Cut {
	if !a.Options.Inside {
		return set.Cut("")
	}
	set = set.Clone()
	for r, to := range a.graph.Receivers {
		if own, sends := a.graph.Sender(to.Part); sends && to.Part.IsHead() && !set.Has(own, r) {
			for u := range set.Into(r) {
				set.Remove(u, r)
			}
		}
	}
	return set.Cut("")
}

// run is the mean metric of subgraphs.
func (a *acdc) run(cuts []edge.Cut) ([]float64, error) {
	got, err := a.search.Model.Subgraphs(model.Subgraphs{Base: a.base(a.metric), Reference: a.reference, Cuts: cuts})
	if err != nil {
		return nil, err
	}
	a.Provenance = got.Provenance
	a.Runs += len(cuts)
	rows := len(a.Clean.IDs)
	means := make([]float64, len(cuts))
	for i, v := range got.PerRow(0).Values() {
		means[i/rows] += float64(v) / float64(rows)
	}
	return means, nil
}
