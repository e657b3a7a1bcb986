package syntax

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/zoo"
)

const layers, heads = 2, 3

// treebank are the sentences that ship with the zoo.
func treebank(t *testing.T) []Sentence {
	t.Helper()
	files, err := zoo.Files("syntax-3l")
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.Open("treebank.conllu")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := ReadCoNLLU("treebank.conllu", file)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// count finds heads where attention is what at says, every word one token.
func count(t *testing.T, sentences []Sentence, at func(s Sentence, layer, head, query, key int) float64) *Found {
	t.Helper()
	f := &counter{settings: Attention{}.defaults(), layers: layers, heads: heads}
	for _, s := range sentences {
		a := aligned{Sentence: s}
		for i := range s.Words {
			a.spans = append(a.spans, [2]int{i, i + 1})
		}
		f.add(&a, func(l, h, q, k int) float64 { return at(s, l, h, q, k) })
	}
	found, err := f.found()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// chance is what uniform attention scores of a relation: the mean of one part in
// so many words that there are to guess, over the scored half.
func chance(sentences []Sentence, relation string) float64 {
	var sum tally
	for n, s := range sentences {
		a := aligned{Sentence: s}
		for i, w := range s.Words {
			if n%2 == 1 && a.scored(i) && (relation == "" || w.Relation == relation) {
				sum.hits, sum.words = sum.hits+1/float64(len(a.guesses(i))), sum.words+1
			}
		}
	}
	return sum.share()
}

func TestAttentionThatIsTheTree(t *testing.T) {
	found := count(t, treebank(t), func(s Sentence, l, h, q, k int) float64 {
		if l == 1 && h == 2 && s.Words[q].Head == k {
			return 1
		}
		return 0
	})
	if found.UAS != 1 || found.Lo != 1 || found.Hi != 1 {
		t.Errorf("UAS is %v (%v to %v), want 1", found.UAS, found.Lo, found.Hi)
	}
	for _, r := range found.Relations {
		if r.Layer != 1 || r.Head != 2 || r.Direction != ToHead || r.UAS != 1 {
			t.Errorf("%+v; want head 1.2, to head, 1", r)
		}
	}
	if !(found.Baseline > 0.3 && found.Baseline < 0.9) {
		t.Errorf("fixed offsets score %v; in sentences they find some heads", found.Baseline)
	}
}

// The tree turned round: heads attend to their dependents.
func TestAttentionThatIsTheTreeTurned(t *testing.T) {
	found := count(t, treebank(t), func(s Sentence, l, h, q, k int) float64 {
		if l == 0 && h == 1 && s.Words[k].Head == q {
			return 1
		}
		return 0
	})
	for _, r := range found.Relations {
		if r.Layer != 0 || r.Head != 1 || r.Direction != FromHead || r.UAS != 1 {
			t.Errorf("%+v; want head 0.1, from head, 1", r)
		}
	}
}

func TestUniformAttentionIsChance(t *testing.T) {
	trees := treebank(t)
	found := count(t, trees, func(s Sentence, _, _, _, _ int) float64 { return 1 / float64(len(s.Words)) })
	for _, r := range found.Relations {
		if want := chance(trees, r.Name); math.Abs(r.UAS-want) > 1e-12 {
			t.Errorf("%s scores %v, want %v", r.Name, r.UAS, want)
		}
	}
}

// One relation planted in one head is found there, and nothing else is.
func TestOnePlantedRelation(t *testing.T) {
	trees := treebank(t)
	rng := rand.New(rand.NewPCG(1, 1))
	found := count(t, trees, func(s Sentence, l, h, q, k int) float64 {
		if l == 1 && h == 0 && s.Words[q].Relation == "nsubj" && s.Words[q].Head == k {
			return 2
		}
		return rng.Float64()
	})
	for _, r := range found.Relations {
		if r.Name == "nsubj" {
			if r.Layer != 1 || r.Head != 0 || r.Direction != ToHead || r.UAS != 1 {
				t.Errorf("%+v; want head 1.0, to head, 1", r)
			}
			continue
		}
		// The best of 12 by chance on one half is chance on the other.
		if n := float64(r.Words); math.Abs(r.UAS-chance(trees, r.Name)) > 4*0.5/math.Sqrt(n) {
			t.Errorf("%s scores %v, chance is %v", r.Name, r.UAS, chance(trees, r.Name))
		}
	}
}

const good = "1\tthe\tthe\tDET\t_\t_\t2\tdet\t_\t_\n2\tdog\tdog\tNOUN\t_\t_\t3\tnsubj\t_\t_\n3\truns\trun\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No\n4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_\n\n"

func TestBrokenCoNLLU(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"two roots":        {strings.Replace(good, "2\tdet", "0\troot", 1), "f:1, sentence s: two roots, words 1 and 3"},
		"no root":          {strings.Replace(good, "0\troot", "2\troot", 1), "no word is the root"},
		"circle":           {strings.Replace(good, "3\tnsubj", "1\tnsubj", 1), "heads go in a circle from word 1"},
		"no head":          {strings.Replace(good, "2\tdet", "_\tdet", 1), `word 1, "the", has no head ("_")`},
		"head outside":     {strings.Replace(good, "2\tdet", "9\tdet", 1), "has head 9; there are 4 words"},
		"own head":         {strings.Replace(good, "2\tdet", "1\tdet", 1), "is its own head"},
		"no relation":      {strings.Replace(good, "2\tdet", "2\t_", 1), "has no relation"},
		"a column short":   {strings.Replace(good, "\t_\t_\n2", "\t_\n2", 1), "9 columns"},
		"numbers jump":     {strings.Replace(good, "\n4\t", "\n5\t", 1), `word number "5"; the next one is 4`},
		"token of nothing": {strings.Replace(good, "4\t.", "4-6\tx\t_\t_\t_\t_\t_\t_\t_\t_\n4\t.", 1), "reaches to word 6"},
		"token too late":   {strings.Replace(good, "3\truns", "2-3\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\truns", 1), `token "2-3"`},
		"nothing":          {"\n\n", "no sentences"},
		"no words":         {"8.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n\n", "no words"},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if strings.Contains(c.says, "sentence s") {
				text = "# sent_id = s\n" + text
				c.says = strings.Replace(c.says, "f:1", "f:2", 1)
			}
			if _, err := ReadCoNLLU("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want one that says %q", err, c.says)
			}
		})
	}
}

// Words written as one share a token; empty nodes are passed over; the last
// sentence need not end in an empty line, nor lines without \r.
func TestCoNLLUOfTheStandard(t *testing.T) {
	text := "# sent_id = fr\r\n1\tva\taller\tVERB\t_\t_\t0\troot\t_\t_\r\n2-3\tdu\t_\t_\t_\t_\t_\t_\t_\t_\r\n2\tde\tde\tADP\t_\t_\t4\tcase\t_\t_\r\n" +
		"3\tle\tle\tDET\t_\t_\t4\tdet\t_\t_\r\n3.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\r\n4\tparc\tparc\tNOUN\t_\t_\t1\tobl\t_\tSpaceAfter=No\r\n5\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_"
	all, err := ReadCoNLLU("f", strings.NewReader(good+text))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Text() != "the dog runs." || all[1].Text() != "va du parc." || all[1].ID != "fr" || len(all[1].Words) != 5 {
		t.Fatalf("%+v", all)
	}
	a := aligned{Sentence: all[1]}
	if got := a.guesses(1); len(got) != 3 { // not itself, not what it is written with
		t.Errorf("guesses of %q are %v", all[1].Words[1].Form, got)
	}
}

// Words are found in a model's tokens, also those of two tokens.
func TestAlignment(t *testing.T) {
	m, err := model.Open("zoo:syntax-3l")
	if err != nil {
		t.Fatal(err)
	}
	text := "1\tdogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_\n2\trun\trun\tVERB\t_\t_\t0\troot\t_\t_\n3\tslowly\tslowly\tADV\t_\t_\t2\tadvmod\t_\tSpaceAfter=No\n4\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_\n"
	s, err := ReadCoNLLU("f", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all, left, err := align(m, s)
	if err != nil || left != nil {
		t.Fatal(err, left)
	}
	want := [][2]int{{1, 2}, {2, 3}, {3, 5}, {5, 6}}
	for i, span := range all[0].spans {
		if span != want[i] {
			t.Errorf("word %d is at %v, want %v", i, span, want[i])
		}
	}
	// slowly gives its two tokens' mean, and takes their sum.
	w := all[0].words(func(q, k int) float64 { return float64(10*q + k) })
	if w[2][0] != 36 || w[0][2] != 13+14 {
		t.Errorf("attention of words is %v", w)
	}
	if _, _, err := align(m, nil); err == nil {
		t.Error("no sentences gave no error")
	}
}

// In the zoo's model heads come to point along relations, better than any offset.
func TestTrainedModelKnowsSyntax(t *testing.T) {
	trees := treebank(t)
	score := func(name string) *Found {
		m, err := model.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Attention{}.Find(m, trees)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before, after, without := score("zoo:syntax-3l@0"), score("zoo:syntax-3l"), score("zoo:syntax-3l-suppressed")
	t.Logf("\n%v\n%v\n%v\n%v", before, after, without, score("zoo:syntax-3l-promoted"))
	if !(after.UAS > before.UAS+0.2) || !(after.UAS > after.Baseline+0.05) {
		t.Errorf("UAS went from %.3f to %.3f; offsets give %.3f", before.UAS, after.UAS, after.Baseline)
	}
	if !(without.UAS < after.UAS) {
		t.Errorf("UAS is %.3f where attention to neighbours was suppressed, %.3f where not", without.UAS, after.UAS)
	}
}

func TestPairs(t *testing.T) {
	files, err := zoo.Files("syntax-3l")
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.Open("pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pairs, err := ReadPairs("pairs.jsonl", file)
	if err != nil {
		t.Fatal(err)
	}
	score := func(name string) float64 {
		m, err := model.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Probability{}.Score(m, pairs)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s\n%v", name, r)
		sum := 0.0
		for _, v := range r.Values() {
			sum += float64(v) / float64(len(r.Values()))
		}
		return sum
	}
	if got := score("zoo:syntax-3l@0"); math.Abs(got-0.5) > 0.12 {
		t.Errorf("an untrained model tells %.2f of pairs apart", got)
	}
	if got := score("zoo:syntax-3l"); got < 0.85 {
		t.Errorf("the trained model tells %.2f of pairs apart", got)
	}
	for name, c := range map[string]struct{ text, says string }{
		"no JSON":  {"{", "p:1"},
		"one only": {`{"sentence_good":"a"}`, "two different sentences"},
		"empty":    {"\n", "no pairs"},
	} {
		if _, err := ReadPairs("p", strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The probability of a sentence in a causal model is that of its tokens.
func TestProbabilityInACausalModel(t *testing.T) {
	m, err := model.Open("zoo:ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"Then, John and Mary went to the store.", "Then, John"}
	got, _, err := Probability{Rows: 1}.sentences(m, texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		p := m.Tokens(text)
		want := 0.0
		for at := 1; at < len(p.IDs[0]); at++ {
			r, err := m.Run(p.Metric(model.LogProbOf(p.IDs[0][at]).AtPositions(at - 1)))
			if err != nil {
				t.Fatal(err)
			}
			want += float64(r.Metrics[0].Values()[0])
		}
		if math.Abs(got[i]-want) > 1e-3 {
			t.Errorf("%q has log probability %v, want %v", text, got[i], want)
		}
	}
}
