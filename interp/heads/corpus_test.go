package heads_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
)

func recorded(t *testing.T) map[string]*array.Array {
	t.Helper()
	return modeltest.OracleIn(t, filepath.Join(modeltest.Dir(), "..", "attention_tools"), "attention_tools.safetensors")
}

// Sinks are the recorded ones; and with a constant score b on the first key, e^b/(e^b+i).
func TestSinks(t *testing.T) {
	want := recorded(t)
	for _, name := range []string{"gpt2", "llama"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		tokens := modeltest.Rows(modeltest.OracleIn(t, modeltest.Families(t)[name], "oracle.safetensors")["tokens"])
		for n, key := range map[int]string{1: "first1", 4: "first4"} {
			r, err := heads.Sinks(m, m.Rows(tokens), n)
			if err != nil {
				t.Fatal(err)
			}
			if d := modeltest.MaxDiff(r.Array, want["sink."+name+"."+key]); d > tight {
				t.Errorf("%s, %s: %g off", name, key, d)
			}
		}
	}
	const context = 65
	for b, want := range map[float32]float64{0: .0587, 3: .4435, 6: .9271} {
		h := modeltest.ByHand(t, map[string]any{"d_head": 1, "n_embd": 3, "vocab_size": 2, "n_positions": context})
		h.Add("embed.W_E", 1, 0, 0).Add("embed.W_E", 1, 1, 0).Add("pos_embed.W_pos", 1, 0, 1)
		h.Head(0, 0, "W_Q", 0, 0, b).Head(0, 0, "W_K", 1, 0, 1).Head(0, 0, "W_V", 0, 0, 2).Head(0, 0, "W_V", 1, 0, -1)
		m, err := model.Open(h.Dir())
		if err != nil {
			t.Fatal(err)
		}
		row := m.Rows([][]int32{make([]int32, context)})
		r, err := heads.Sinks(m, row, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.At(0, 0); math.Abs(got-want) > 5e-5 {
			t.Errorf("a score of %g on the first key: %.4f, want %.4f", b, got, want)
		}
		v, err := heads.SinkValues(m, row, 1)
		if err != nil || math.Abs(v.At(0, 0)-0.5) > tight {
			t.Errorf("values at the sink are %g of the others' length (%v), want 0.5", v.At(0, 0), err)
		}
	}
	if _, err := heads.Sinks(open(t), open(t).Rows([][]int32{{1, 2}}), 0); err == nil {
		t.Error("no first tokens give no error")
	}
	for _, score := range []func(*model.Model, model.Prompts, int) (*interp.Result, error){heads.Sinks, heads.SinkValues} {
		if _, err := score(open(t), open(t).Rows([][]int32{{1, 2, 3}, {1, 2}}), 2); err == nil || !strings.Contains(err.Error(), "row 1 has 2 tokens, and none behind the first 2") {
			t.Errorf("a row without a token behind the sink: %v", err)
		}
	}
}

// The published function, on made-up attention.
func TestRetrievedIsThePublishedScore(t *testing.T) {
	all := recorded(t)
	ints := func(name string) (ids []int32) {
		for _, v := range all["retrieval."+name].Values() {
			ids = append(ids, int32(v))
		}
		return ids
	}
	prompt, span := ints("prompt"), ints("span")
	if from, to, ok := heads.NeedleAt(prompt, ints("needle")); !ok || int32(from) != span[0] || int32(to) != span[1] {
		t.Errorf("the needle is at %d to %d, want %v", from, to, span)
	}
	a := all["retrieval.attention"]
	got := heads.Retrieved(prompt, int(span[0]), int(span[1]), ints("generated"), func(step, l, h int) int {
		best := 0
		for k := range len(prompt) + step {
			if a.At(step, l, h, k) > a.At(step, l, h, best) {
				best = k
			}
		}
		return best
	}, config.Config{Layers: 4, Heads: 5})
	for i, want := range all["retrieval.score"].Values() {
		if math.Abs(got[i]-float64(want)) > 1e-6 {
			t.Errorf("head %d.%d scores %.4f, want %.4f", i/5, i%5, got[i], want)
		}
	}
}

func TestRecallByHand(t *testing.T) {
	for _, c := range []struct {
		of, said string
		want     float64
	}{{"Eat a sandwich, and sit.", "sit and eat", 0.6}, {"a a b", "a b c", 2. / 3}, {"x", "", 0}, {"", "x", 0}} {
		if got := heads.Recall(c.of, c.said); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%q of %q: %g, want %g", c.said, c.of, got, c.want)
		}
	}
}

// A head that brings every word of the needle scores 1: the needle is put behind a word of
// the hay, and is what follows when that word comes again.
func TestWholeNeedleScoresOne(t *testing.T) {
	m := open(t)
	s := haystack(t, m)
	word, err := m.Encode(s.Needles[0].Question)
	if err != nil {
		t.Fatal(err)
	}
	s.Needles[0].Text = s.Needles[0].Answer
	s.Hay = slices.Insert(slices.Clone(s.Hay), 4, word[0]...)
	s.Break = word[0]
	s.Depths = []float64{0.8}
	r, err := s.Retrieve(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Counted != 2 || math.Abs(r.At(1, 1)-1) > tight {
		t.Errorf("%d of %d runs count; head 1.1 scores %g", r.Counted, r.Runs, r.At(1, 1))
	}
	for h := range 3 {
		if got := r.At(0, h); got != 0 {
			t.Errorf("head 0.%d scores %g", h, got)
		}
	}
}

// haystack hides four words in others, on the induction network, which goes on with them
// when their first one comes again.
func haystack(t *testing.T, m *model.Model) heads.Haystack {
	t.Helper()
	all, err := m.Decode(upTo(m.Config().Vocab))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for id, w := range all.Labels[0] {
		if !slices.Contains(m.Info().Special, int32(id)) && strings.HasPrefix(w, " ") {
			words = append(words, w)
		}
	}
	if len(words) < 40 {
		t.Fatalf("%d words", len(words))
	}
	ids, err := m.Encode(words...)
	if err != nil {
		t.Fatal(err)
	}
	var hay []int32
	for _, id := range ids[6:] {
		hay = append(hay, id...)
	}
	return heads.Haystack{
		Needles: []heads.Needle{{Text: strings.Join(words[:5], ""), Question: words[0], Answer: strings.Join(words[1:5], "")}},
		Hay:     hay, Lengths: []int{16, 24}, Depths: []float64{0, 0.5, 1}, New: 4,
	}
}

func upTo(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i)
	}
	return ids
}

// On the induction network, head 1.1 retrieves every word that is said, and no head of
// layer 0 does; without it nothing is said, and no run counts.
func TestPlantedRetrieval(t *testing.T) {
	m := open(t)
	s := haystack(t, m)
	r, err := s.Retrieve(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Runs != 6 || r.Counted != 6 {
		t.Fatalf("%d of %d runs count; the map is\n%v", r.Counted, r.Runs, r.Map)
	}
	// Four of the needle's five words are said.
	if got := r.At(1, 1); math.Abs(got-0.8) > tight || r.Frequency.At(1, 1) != 1 {
		t.Errorf("head 1.1 scores %.3f, in %.2f of the runs", got, r.Frequency.At(1, 1))
	}
	for h := range 3 {
		if got := r.At(0, h); got != 0 {
			t.Errorf("head 0.%d scores %g", h, got)
		}
	}
	if got := heads.Above(r.Result, 0.1); !slices.Contains(got, [2]int{1, 1}) {
		t.Errorf("above 0.1 are %v", got)
	}
	for name, edits := range map[string][]hook.Edit{"removed": heads.Removed(heads.Above(r.Result, 0.1)...), "uniform": heads.Uniform(m, heads.Above(r.Result, 0.1)...)} {
		off, err := s.Retrieve(t.Context(), m, edits...)
		if err != nil {
			t.Fatal(err)
		}
		if off.Counted != 0 || off.Map.Values()[0] > 0.5 || !math.IsNaN(off.At(1, 1)) {
			t.Errorf("%s: %d runs count, the map is %v", name, off.Counted, off.Map.Values())
		}
	}
}

// A uniform head attends to everything before it alike, also on rotary models with a norm
// of queries.
func TestUniform(t *testing.T) {
	for _, name := range []string{"gpt2", "qwen3", "llama_gqa"} {
		m, err := model.Open(modeltest.Families(t)[name])
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Run(m.Rows([][]int32{{5, 9, 3, 7}}).Edit(heads.Uniform(m, [2]int{1, 2})...).Capture(hook.Pattern(1)))
		if err != nil {
			t.Fatal(err)
		}
		for q := range 4 {
			for k := range q + 1 {
				if got := r.At(hook.Pattern(1)).At(0, 2, q, k); math.Abs(got-1/float64(q+1)) > tight {
					t.Errorf("%s: attention from %d to %d is %.4f", name, q, k, got)
				}
			}
		}
	}
}

func TestHaystacksThatAreWrong(t *testing.T) {
	m := open(t)
	for says, change := range map[string]func(*heads.Haystack){
		"0 needles":      func(s *heads.Haystack) { s.Needles = nil },
		"for the hay":    func(s *heads.Haystack) { s.Lengths = []int{3} },
		"depths lie":     func(s *heads.Haystack) { s.Depths = []float64{2} },
		"context holds":  func(s *heads.Haystack) { s.New = 1000 },
		"question is em": func(s *heads.Haystack) { s.Needles = []heads.Needle{{Text: s.Needles[0].Text}} },
	} {
		s := haystack(t, m)
		change(&s)
		if _, err := s.Retrieve(t.Context(), m); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v; it should say %q", err, says)
		}
	}
}

// The hand-made network's heads have the traits that they were made with.
func TestCatalogue(t *testing.T) {
	m := open(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var rows [][]int32
	for range 6 {
		order := rng.Perm(m.Config().Vocab - 20)[:12]
		row := []int32{0}
		for range 2 {
			for _, id := range order {
				row = append(row, int32(10+id))
			}
		}
		rows = append(rows, row)
	}
	r, err := haystack(t, m).Retrieve(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	c, err := heads.Catalogue{Rows: m.Rows(rows), Retrieval: r.Result}.Of(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	_, names := c.Axis(0)
	at := func(name string, l, h int) float64 { return c.At(slices.Index(names, name), l, h) }
	if len(names) != len(heads.Traits()) || at("previous token", 0, 0) < 0.99 || at("induction", 1, 1) < 0.99 || at("positional", 0, 0) < 0.99 || at("copying", 1, 1) < 0.99 || at("retrieval", 1, 1) < 0.7 {
		t.Errorf("%v", c)
	}
	if got := at("induction", 0, 0); got > 0.1 {
		t.Errorf("head 0.0 has an induction score of %g", got)
	}
	for i, v := range c.Values() {
		if v == v && !(c.Lo.Values()[i] <= v+1e-6 && v <= c.Hi.Values()[i]+1e-6) {
			t.Errorf("value %d is %g, outside of %g to %g", i, v, c.Lo.Values()[i], c.Hi.Values()[i])
		}
	}
	if by := c.ByHead(); by.At(4, slices.Index(names, "induction")) != at("induction", 1, 1) || by.Axes()[0].Labels[4] != "1.1" {
		t.Errorf("by head: %v", by)
	}
	if table := c.Table(0.5); !strings.Contains(table, "1.1  induction") || !strings.Contains(c.Method, "copy suppression: share") {
		t.Errorf("table\n%s\n%s", table, c.Method)
	}
	for says, rows := range map[string][][]int32{"at least two": {{1, 2, 3}}, "of one length": {{1, 2, 3}, {1, 2}}} {
		if _, err := (heads.Catalogue{Rows: m.Rows(rows)}).Of(t.Context(), m); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v; it should say %q", err, says)
		}
	}
}

// A head whose OV circuit is minus the identity suppresses what it sees; one that moves
// each token to the next is a successor head.
func TestPlantedSuppressionAndSuccession(t *testing.T) {
	const vocab = 12
	h := modeltest.ByHand(t, map[string]any{"n_head": 2, "d_head": vocab, "n_embd": vocab, "vocab_size": vocab, "n_positions": 8})
	for id := range vocab {
		h.Add("embed.W_E", 1, id, id).Add("unembed.W_U", 1, id, id)
		h.Head(0, 0, "W_V", id, id, 1).Head(0, 0, "W_O", id, id, -1)
		h.Head(0, 1, "W_V", id, id, 1).Head(0, 1, "W_O", (id+1)%vocab, id, 1)
	}
	m, err := model.Open(h.Dir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := heads.Catalogue{Rows: m.Rows([][]int32{{1, 2, 3}, {4, 5, 6}}), Tokens: []int32{1, 2, 3, 4, 5, 6}, Sequences: [][]int32{{1, 2, 3, 4, 5, 6}}}.Of(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	_, names := c.Axis(0)
	suppression := slices.Index(names, "copy suppression")
	if c.At(suppression, 0, 0) != 1 || c.At(suppression, 0, 1) == 1 {
		t.Errorf("copy suppression %g and %g", c.At(suppression, 0, 0), c.At(suppression, 0, 1))
	}
	if a, b := c.At(slices.Index(names, "successor"), 0, 1), c.At(slices.Index(names, "successor"), 0, 0); a != 1 || b > 0.5 {
		t.Errorf("successor scores are %g and %g", a, b)
	}
}
