package heads

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Needle is a sentence that is hidden in a long text and asked for behind it.
type Needle struct {
	Text     string // that is hidden
	Question string // that follows the long text, up to where the model goes on
	Answer   string // that the model should give; empty for Text
}

// Haystack is long texts with needles in them.
type Haystack struct {
	Needles []Needle
	Hay     []int32   // tokens of a text that says nothing of the needles
	Lengths []int     // tokens of prompts, needle and question included
	Depths  []float64 // shares of the hay that stand before the needle; nil for 0, 0.1, ... 1

	New   int // tokens that the model may say; 0 for as many as the answer has and 8 more
	Stop  []int32
	Break []int32 // tokens that end a sentence, behind which needles are put; nil for anywhere
	// Recall is the share of an answer's words that must be said for a run to count; 0
	// means 0.5.
	Recall float64
	// Memory bounds the bytes of attention that are held at a time; 0 means 512 MB.
	Memory int64
}

// Retrieval is what a haystack gave.
type Retrieval struct {
	// Result is the retrieval score [layer, head], the mean over the runs that count:
	// of the needle's tokens, how many the model said at the moment at which the head
	// attended to that token most. A sample is a run.
	*interp.Result
	Frequency *array.Array   // share of the runs that count in which a head did so at all [layer, head]
	Map       *interp.Result // share of the answer's words that were said [depth, length], the mean over needles
	Runs      int
	Counted   int // with enough of the answer
}

// strawRun is one run.
type strawRun struct {
	needle, length, depth int
	prompt                []int32
	from, to              int // the needle
	answer                string
}

// Retrieve runs a haystack, with edits made such as [Removed] and [Uniform]. Each run is
// a generation that captures the attention of the last query. The needle's tokens are
// put between those of the hay, so that its place is known.
//
// A head that scores copies from the needle as it is said. It does not show that the
// model needs it: mask it. Source: Wu et al. 2024, "Retrieval Head Mechanistically
// Explains Long-Context Factuality". Words are compared in lower case and without a
// stemmer; a score counts a token that stands twice each time that it is said, as the
// authors' program does.
func (s Haystack) Retrieve(ctx context.Context, m *model.Model, edits ...hook.Edit) (*Retrieval, error) {
	s = s.full()
	runs, err := s.runs(m)
	if err != nil {
		return nil, fmt.Errorf("needle in a haystack: %w", err)
	}
	c := m.Config()
	layers, heads := array.Dim("layer", c.Layers), array.Dim("head", c.Heads)
	frequency := array.New(layers, heads).Named("share of runs in which it retrieves", "")
	found := array.New(array.Labels("depth", percent(s.Depths)), array.Labels("length", numbers(s.Lengths))).Named("share of the answer's words", "")
	var samples []float32
	out := &Retrieval{Runs: len(runs), Frequency: frequency}
	var provenance model.Provenance
	for len(runs) > 0 {
		now := s.part(m, runs)
		runs = runs[len(now):]
		g, err := m.CompleteContext(ctx, s.generation(m, now, edits))
		if err != nil {
			return nil, fmt.Errorf("needle in a haystack: %w", err)
		}
		provenance = g.Provenance
		for i, r := range now {
			said, err := m.Decode(g.New(i))
			if err != nil {
				return nil, fmt.Errorf("needle in a haystack: %w", err)
			}
			recall := Recall(r.answer, said.Texts[0])
			found.Set(found.At(r.depth, r.length)+recall/float64(len(s.Needles)), r.depth, r.length)
			if recall <= s.Recall {
				continue
			}
			out.Counted++
			score := Retrieved(r.prompt, r.from, r.to, g.New(i), func(step, layer, head int) int { return most(g, i, step, layer, head, len(r.prompt)+step) }, c)
			for k, v := range score {
				if v > 0 {
					frequency.Values()[k]++
				}
				samples = append(samples, float32(v))
			}
		}
		model.Report(ctx, out.Runs-len(runs), out.Runs)
	}
	for k := range frequency.Values() {
		frequency.Values()[k] /= float32(out.Counted) // NaN if none counts
	}
	method := fmt.Sprintf("retrieval score over %d of %d runs, in which more than %g of the answer was said", out.Counted, out.Runs, s.Recall)
	score := array.New(layers, heads)
	for i := range score.Values() {
		score.Values()[i] = float32(math.NaN())
	}
	var each *array.Array
	if out.Counted > 0 {
		each = array.Of(samples, array.Dim("sample", out.Counted), layers, heads)
		score = each.Mean("sample")
	}
	const source = "Wu et al. 2024"
	out.Result = &interp.Result{Array: score.Named("retrieval score", ""), Samples: each, Method: method, Source: source, Provenance: provenance}
	out.Map = &interp.Result{Array: found, Method: fmt.Sprintf("needle in a haystack, %d needles", len(s.Needles)), Source: source, Provenance: provenance}
	return out, nil
}

// Explain is what the haystack costs, without running it: operations of all runs, and the
// memory of the largest of its generations. What the engine takes to compile its graphs, once,
// is not in it.
func (s Haystack) Explain(m *model.Model) (*model.Cost, error) {
	s = s.full()
	runs, err := s.runs(m)
	if err != nil {
		return nil, fmt.Errorf("needle in a haystack: %w", err)
	}
	total := &model.Cost{Rows: len(runs)}
	for len(runs) > 0 {
		now := s.part(m, runs)
		runs = runs[len(now):]
		c, err := m.ExplainGeneration(s.generation(m, now, nil))
		if err != nil {
			return nil, fmt.Errorf("needle in a haystack: %w", err)
		}
		total.Chunks, total.FLOPs = total.Chunks+c.Chunks, total.FLOPs+c.FLOPs
		total.Blocks, total.Weights, total.Coming = c.Blocks, c.Weights, c.Coming
		total.Kept, total.Memory = max(total.Kept, c.Kept), max(total.Memory, c.Memory)
	}
	return total, nil
}

// full has the settings that are left out.
func (s Haystack) full() Haystack {
	s.Recall = cmp.Or(s.Recall, 0.5)
	s.Memory = cmp.Or(s.Memory, 512<<20)
	if s.Depths == nil {
		for i := range 11 {
			s.Depths = append(s.Depths, float64(i)/10)
		}
	}
	return s
}

// part is the runs that are done next, as many as the memory lets.
func (s Haystack) part(m *model.Model, runs []strawRun) []strawRun {
	c := m.Config()
	n, size := 0, int64(0)
	for n < len(runs) && (n == 0 || size < s.Memory) {
		r := runs[n]
		size += 4 * int64(c.Layers*c.Heads) * int64(s.new(m, r)*(len(r.prompt)+s.new(m, r)))
		n++
	}
	return runs[:n]
}

// new is how many tokens a run may say.
func (s Haystack) new(m *model.Model, r strawRun) int {
	if s.New > 0 {
		return s.New
	}
	ids, err := m.Encode(r.answer)
	if err != nil {
		return 8
	}
	return len(ids[0]) + 8
}

// runs lays out the prompts.
func (s Haystack) runs(m *model.Model) (all []strawRun, err error) {
	if len(s.Needles) == 0 || len(s.Lengths) == 0 || s.New < 0 {
		return nil, fmt.Errorf("%d needles, %d lengths, %d new tokens; there must be some", len(s.Needles), len(s.Lengths), s.New)
	}
	begin := m.Info().Begin
	for n, needle := range s.Needles {
		if needle.Answer == "" {
			needle.Answer = needle.Text
		}
		ids, err := m.Encode(needle.Text, needle.Question)
		if err != nil {
			return nil, err
		}
		if len(ids[0]) == 0 || len(ids[1]) == 0 {
			return nil, fmt.Errorf("needle %d: its text or its question is empty", n)
		}
		for l, length := range s.Lengths {
			hay := length - len(begin) - len(ids[0]) - len(ids[1])
			if hay < 0 || hay > len(s.Hay) {
				return nil, fmt.Errorf("needle %d in %d tokens: %d are left for the hay, which has %d", n, length, hay, len(s.Hay))
			}
			for d, depth := range s.Depths {
				if !(depth >= 0 && depth <= 1) {
					return nil, fmt.Errorf("a depth of %g; depths lie between 0 and 1", depth)
				}
				at := int(math.Round(depth * float64(hay)))
				for s.Break != nil && at > 0 && at < hay && !slices.Contains(s.Break, s.Hay[at-1]) {
					at--
				}
				r := strawRun{needle: n, length: l, depth: d, answer: needle.Answer, from: len(begin) + at, to: len(begin) + at + len(ids[0])}
				r.prompt = slices.Concat(begin, s.Hay[:at], ids[0], s.Hay[at:hay], ids[1])
				if n := length + s.new(m, r); n > m.Config().Context {
					return nil, fmt.Errorf("a prompt of %d tokens and what is said are %d; the model's context holds %d", length, n, m.Config().Context)
				}
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b strawRun) int { return cmp.Compare(len(a.prompt), len(b.prompt)) }) // alike lengths run together
	return all, nil
}

// generation has runs go on, and reads where their last queries attend.
func (s Haystack) generation(m *model.Model, runs []strawRun, edits []hook.Edit) model.Generation {
	var rows [][]int32
	most := 0
	for _, r := range runs {
		rows, most = append(rows, r.prompt), max(most, s.new(m, r))
	}
	g := m.Rows(rows).Complete(most).Edit(edits...).Until(s.Stop...)
	for l := range m.Config().Layers {
		g = g.Capture(hook.Pattern(l).At(-1))
	}
	return g
}

// most is the key that the last query of a step attends to most.
func most(g *model.Generated, row, step, layer, head, keys int) int {
	a := g.Captures[layer].Array // [batch, head, step, key]
	d := a.Shape()
	x := a.Values()[((row*d[1]+head)*d[2]+step)*d[3]:][:min(keys, d[3])]
	best := 0
	for k, v := range x {
		if v > x[best] {
			best = k
		}
	}
	return best
}

// Retrieved is the published score of one run [layer*head]: each time that the token
// said is that to which a head attends most, and this is a token of the needle, which is
// prompt[from:to], it gets one part of the needle's length. attended is the key that the
// last query of a step attends to most.
func Retrieved(prompt []int32, from, to int, said []int32, attended func(step, layer, head int) int, c config.Config) []float64 {
	score := make([]float64, c.Layers*c.Heads)
	for step, id := range said {
		for i := range score {
			if k := attended(step, i/c.Heads, i%c.Heads); k >= from && k < to && prompt[k] == id {
				score[i] += 1 / float64(to-from)
			}
		}
	}
	return score
}

// NeedleAt is where a needle stands in a prompt that was tokenized as a whole, so that
// its ends may have become part of other tokens: the first window of its length that
// has more than 0.9 of its different tokens.
func NeedleAt(prompt, needle []int32) (from, to int, ok bool) {
	want := map[int32]bool{}
	for _, id := range needle {
		want[id] = true
	}
	for from := 0; from+len(needle) <= len(prompt); from++ {
		has := map[int32]bool{}
		for _, id := range prompt[from : from+len(needle)] {
			has[id] = want[id]
		}
		n := 0
		for _, in := range has {
			if in {
				n++
			}
		}
		if float64(n) > 0.9*float64(len(want)) {
			return from, from + len(needle), true
		}
	}
	return 0, 0, false
}

// Recall is the share of a text's words that another says, each as often as it says it,
// in lower case: ROUGE-1's recall, without a stemmer.
func Recall(of, said string) float64 {
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r > 127) })
	}
	left := map[string]int{}
	for _, w := range words(said) {
		left[w]++
	}
	all, hit := words(of), 0
	for _, w := range all {
		if left[w] > 0 {
			left[w]--
			hit++
		}
	}
	return float64(hit) / float64(max(1, len(all)))
}

// Above are the heads whose value is above a bound, most first: with 0.1, the retrieval
// heads of the paper.
func Above(r *interp.Result, bound float64) (all [][2]int) {
	layers, heads := r.Dim("layer"), r.Dim("head")
	for l := range layers {
		for h := range heads {
			if r.At(l, h) > bound {
				all = append(all, [2]int{l, h})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b [2]int) int { return cmp.Compare(r.At(b[0], b[1]), r.At(a[0], a[1])) })
	return all
}

// Uniform are edits after which heads attend to everything before them alike, which is
// what the authors' program calls masking: their queries are 0.
func Uniform(m *model.Model, heads ...[2]int) []hook.Edit {
	at := hook.Q
	if m.Config().Position == config.PosRotary {
		at = hook.RotQ // behind a norm of queries, if there is one
	}
	return each(heads, func(l int, hs []int) hook.Edit { return at(l).Head(hs...).Zero() })
}

// Removed are edits after which heads write nothing.
func Removed(heads ...[2]int) []hook.Edit {
	return each(heads, func(l int, hs []int) hook.Edit { return hook.Z(l).Head(hs...).Zero() })
}

// each makes an edit for the heads of each layer.
func each(heads [][2]int, edit func(layer int, heads []int) hook.Edit) (all []hook.Edit) {
	by := map[int][]int{}
	var layers []int
	for _, h := range heads {
		if by[h[0]] == nil {
			layers = append(layers, h[0])
		}
		by[h[0]] = append(by[h[0]], h[1])
	}
	slices.Sort(layers)
	for _, l := range layers {
		all = append(all, edit(l, by[l]))
	}
	return all
}

func percent(x []float64) (all []string) {
	for _, v := range x {
		all = append(all, fmt.Sprintf("%.0f%%", 100*v))
	}
	return all
}

func numbers(x []int) (all []string) {
	for _, v := range x {
		all = append(all, fmt.Sprint(v))
	}
	return all
}
