package discover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/edge"
)

// An Equivalence is whether a circuit does as well as the model, prompt by prompt:
// if it does, each beats the other half of the time. Source: Shi et al. 2024.
type Equivalence struct {
	Share    float64 // of the prompts on which the circuit's metric is above the model's
	P        float64 // of a share as far from a half by chance: a two-sided sign test
	Prompts  int     // without ties
	Rejected bool    // at the level of the tests
}

// String says what the test says.
func (e Equivalence) String() string {
	return fmt.Sprintf("the circuit's metric is above the model's on %.2f of %d prompts; %s (p = %.2g)",
		e.Share, e.Prompts, verdict(e.Rejected, "equivalence is rejected", "no evidence that they differ"), e.P)
}

// An Independence is whether the rest of the model knows nothing of the task any
// more: whether what it says without the circuit varies with what the model says.
// Source: Shi et al. 2024, by the Hilbert-Schmidt criterion of Gretton et al. 2007.
type Independence struct {
	HSIC     float64
	P        float64 // of as large a value when prompts are shuffled
	Rejected bool
}

// String says what the test says.
func (i Independence) String() string {
	return fmt.Sprintf("without the circuit what is left %s (HSIC %.3g, p = %.2g)",
		verdict(i.Rejected, "still varies with the model's answer", "does not vary with the model's answer, as far as can be seen"), i.HSIC, i.P)
}

// A Minimality is whether each edge is needed: whether cutting it changes the
// circuit's metric more than cutting an edge of a random path does that was added
// to the circuit. Source: Shi et al. 2024.
type Minimality struct {
	Edges    []graph.Edge // that were tried: all, or as many as there was room for, drawn
	Of       int          // edges of the circuit
	Effect   []float64    // size of the change when each is cut, beside the model's gap
	Chance   float64      // the bar: what of the random ones only a share of the level exceeds, by Bonferroni
	Needed   int
	Random   int  // how many random ones there were
	Rejected bool // some edge is not needed
}

// String says what the test says.
func (m Minimality) String() string {
	tried := ""
	if len(m.Edges) < m.Of {
		tried = fmt.Sprintf(" that were tried of %d", m.Of)
	}
	return fmt.Sprintf("%d of %d edges%s matter more than random ones do (bar %.2g of the model's gap, of %d)", m.Needed, len(m.Edges), tried, m.Chance, m.Random)
}

func verdict(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// randomPaths is how many random paths the test of minimality adds at most.
const randomPaths = 100

// test runs the three tests.
func (r *Doubted) test(s *search) error {
	rng := rand.New(rand.NewPCG(r.Settings.Seed, 1))
	cuts := []edge.Cut{r.Set.Cut("circuit"), r.Set.Rest().Cut("rest")}
	room := (r.Settings.Passes - aside) / 2 // the other half is the rivals'
	var edges []pair
	for u, v := range r.Set.Edges() {
		edges = append(edges, pair{u, v})
	}
	r.Minimality.Of = len(edges)
	if tried := room / 2; tried < len(edges) {
		rng.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
		edges = edges[:tried]
	}
	for _, e := range edges {
		less := r.Set.Clone()
		less.Remove(e.sender, e.receiver)
		cuts = append(cuts, less.Cut(""))
		r.Minimality.Edges = append(r.Minimality.Edges, s.graph.Edge(e.sender, e.receiver))
	}
	paths := min(randomPaths, (room-len(edges))/2)
	for tried := 0; paths > 0 && tried < 100*randomPaths; tried++ {
		more, added := inflated(r.Set, rng)
		if len(added) == 0 {
			continue // it is in the circuit
		}
		less := more.Clone()
		e := added[rng.IntN(len(added))]
		less.Remove(e.sender, e.receiver)
		cuts = append(cuts, more.Cut(""), less.Cut(""))
		paths--
	}
	full, empty, each, p, err := s.measure(cuts)
	if err != nil {
		return err
	}
	r.Provenance = p
	gap := mean(full) - mean(empty)
	r.Faithfulness = (mean(each[0]) - mean(empty)) / gap
	r.Equivalence = equivalent(each[0], full, r.Settings.Level)
	r.Independence = independent(full, each[1], r.Settings.Level, rng)
	n := len(r.Minimality.Edges)
	r.Minimality.take(each[0], each[2:2+n], each[2+n:], gap, r.Settings.Level)
	return nil
}

// inflated is a set with a random path of its graph from the embedding to the
// logits added, and the edges of it that are new.
func inflated(set *graph.Set, rng *rand.Rand) (more *graph.Set, added []pair) {
	more = set.Clone()
	receiver, _ := set.Receiver(graph.Logits(), graph.ToLogits)
	for {
		var senders []int
		for u := range set.Senders {
			if set.Graph.Has(u, receiver) {
				senders = append(senders, u)
			}
		}
		u := senders[rng.IntN(len(senders))]
		if !more.Has(u, receiver) {
			more.Add(u, receiver)
			added = append(added, pair{u, receiver})
		}
		p := set.Senders[u]
		inputs := p.Inputs()
		if len(inputs) == 0 {
			return more, added
		}
		receiver, _ = set.Receiver(p, inputs[rng.IntN(len(inputs))])
	}
}

func (m *Minimality) take(circuit []float64, without, random [][]float64, gap, level float64) {
	size := func(a, b []float64) float64 { return math.Abs(mean(a)-mean(b)) / math.Abs(gap) }
	var chance []float64
	for i := 0; i+1 < len(random); i += 2 {
		chance = append(chance, size(random[i], random[i+1]))
	}
	slices.Sort(chance)
	if m.Random = len(chance); m.Random > 0 {
		// Of n edges each is tested at a share of the level.
		at := int(math.Ceil((1-level/float64(len(without)))*float64(m.Random))) - 1
		m.Chance = chance[min(max(at, 0), m.Random-1)]
	}
	for _, run := range without {
		e := size(circuit, run)
		m.Effect = append(m.Effect, e)
		if e > m.Chance {
			m.Needed++
		}
	}
	m.Rejected = m.Needed < len(m.Edges)
}

// equivalent is the sign test.
func equivalent(circuit, full []float64, level float64) (e Equivalence) {
	above := 0
	for i, v := range circuit {
		switch {
		case v > full[i]:
			above++
			e.Prompts++
		case v < full[i]:
			e.Prompts++
		}
	}
	if e.Prompts == 0 {
		return Equivalence{Share: .5, P: 1}
	}
	e.Share = float64(above) / float64(e.Prompts)
	e.P = signTest(above, e.Prompts)
	e.Rejected = e.P < level
	return e
}

// signTest is the probability of as uneven a split of n fair coins.
func signTest(heads, n int) float64 {
	few := min(heads, n-heads)
	p := 0.0
	for k := range few + 1 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		p += math.Exp(a - b - c - float64(n)*math.Ln2)
	}
	return min(1, 2*p)
}

// permutations is how often prompts are shuffled.
const permutations = 999

// independent is the permutation test of the Hilbert-Schmidt criterion with Gaussian
// kernels, as wide as the median distance.
func independent(x, y []float64, level float64, rng *rand.Rand) (t Independence) {
	k, l := centred(kernel(x)), kernel(y)
	n := len(x)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	stat := func() (sum float64) {
		for i := range n {
			for j := range n {
				sum += k[i*n+j] * l[order[i]*n+order[j]]
			}
		}
		return sum / float64(n*n)
	}
	t.HSIC = stat()
	as := 1
	for range permutations {
		rng.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		if stat() >= t.HSIC*(1-1e-12) {
			as++
		}
	}
	t.P = float64(as) / (permutations + 1)
	t.Rejected = t.P < level
	return t
}

// kernel is exp(-d²/2w²) of all pairs, w the median distance.
func kernel(x []float64) []float64 {
	n := len(x)
	var far []float64
	for i := range n {
		for j := range i {
			if d := math.Abs(x[i] - x[j]); d > 0 {
				far = append(far, d)
			}
		}
	}
	width := 1.0
	if slices.Sort(far); len(far) > 0 {
		width = far[len(far)/2]
	}
	k := make([]float64, n*n)
	for i := range n {
		for j := range n {
			d := (x[i] - x[j]) / width
			k[i*n+j] = math.Exp(-d * d / 2)
		}
	}
	return k
}

// centred takes the means of rows and columns away.
func centred(k []float64) []float64 {
	n := int(math.Round(math.Sqrt(float64(len(k)))))
	rows, all := make([]float64, n), 0.0
	for i, v := range k {
		rows[i/n] += v / float64(n)
		all += v / float64(n*n)
	}
	out := make([]float64, len(k))
	for i, v := range k {
		out[i] = v - rows[i/n] - rows[i%n] + all
	}
	return out
}
