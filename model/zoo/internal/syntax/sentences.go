package syntax

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Word of a sentence, in the terms of Universal Dependencies.
type Word struct {
	Form, Lemma, Tag, Features, Relation string

	head *Word
}

// A Sentence is its words and, for each, the index of its head, -1 for the root.
type Sentence struct {
	Words []*Word
	Heads []int
}

// A writer draws sentences. The same seed draws the same ones.
type writer struct{ rng *rand.Rand }

func newWriter(seed, stream uint64) *writer { return &writer{rand.New(rand.NewPCG(seed, stream))} }

func one[T any](w *writer, of []T) T { return of[w.rng.IntN(len(of))] }

func (w *writer) odds(p float64) bool { return w.rng.Float64() < p }

// longest is how many tokens a sentence may have.
const longest = context - 2

// sentence draws one that fits.
func (w *writer) sentence() Sentence {
	for {
		words, root := w.clause(2)
		s := finish(words, root)
		if len(s.tokens()) <= longest {
			return s
		}
	}
}

// finish puts a full stop after a clause.
func finish(words []*Word, root *Word) Sentence {
	root.Relation = "root"
	stop := &Word{Form: ".", Lemma: ".", Tag: "PUNCT", Relation: "punct", head: root}
	s := Sentence{Words: append(slices.Clone(words), stop)}
	for _, word := range s.Words {
		s.Heads = append(s.Heads, slices.Index(s.Words, word.head))
	}
	return s
}

// clause is a subject and what it does; deep says how far phrases may nest.
func (w *writer) clause(deep int) ([]*Word, *Word) {
	v := one(w, verbs)
	for v.whom == "clause" && deep < 2 {
		v = one(w, verbs)
	}
	many := w.odds(0.5)
	subject, head := w.nounPhrase(one(w, v.who), many, deep)
	words, root := w.predicate(v, many, deep)
	head.Relation, head.head = "nsubj", root
	return append(subject, words...), root
}

// predicate is a verb with what belongs to it behind the subject.
func (w *writer) predicate(v verb, many bool, deep int) ([]*Word, *Word) {
	root := verbOf(v, many)
	var words []*Word
	if w.odds(0.25) {
		words = append(words, &Word{Form: one(w, times), Tag: "ADV", Relation: "advmod", head: root})
	}
	if w.odds(0.25) {
		words = append(words, w.denied(v, many, root)...)
	}
	words = append(words, root)
	switch v.whom {
	case "":
	case "clause":
		inner, verb := w.clause(deep - 1)
		verb.Relation, verb.head = "ccomp", root
		words = append(append(words, &Word{Form: "that", Tag: "SCONJ", Relation: "mark", head: verb}), inner...)
	default:
		object, head := w.nounPhrase(v.whom, w.odds(0.5), deep-1)
		head.Relation, head.head = "obj", root
		words = append(words, object...)
	}
	if v.whom != "clause" && w.odds(0.2) {
		words = append(words, &Word{Form: one(w, manners) + "ly", Tag: "ADV", Relation: "advmod", head: root})
	}
	if v.whom != "clause" && w.odds(0.2) {
		place := &Word{Form: one(w, places), Tag: "NOUN", Features: "Number=Sing", Relation: "obl", head: root}
		words = append(words, &Word{Form: "in", Tag: "ADP", Relation: "case", head: place},
			&Word{Form: "the", Tag: "DET", Relation: "det", head: place}, place)
	}
	return words, root
}

// denied turns a verb into "does not" with its bare form.
func (w *writer) denied(v verb, many bool, root *Word) []*Word {
	root.Form, root.Features = v.many, "VerbForm=Inf"
	return []*Word{
		{Form: pick(many, "do", "does"), Lemma: "do", Tag: "AUX", Features: number(many), Relation: "aux", head: root},
		{Form: "not", Tag: "PART", Relation: "advmod", head: root},
	}
}

func verbOf(v verb, many bool) *Word {
	return &Word{Form: pick(many, v.many, v.one), Lemma: v.many, Tag: "VERB", Features: number(many)}
}

func pick(many bool, a, b string) string {
	if many {
		return a
	}
	return b
}

func number(many bool) string { return "Number=" + pick(many, "Plur", "Sing") }

func (w *writer) nounOf(class string) noun {
	for {
		if n := one(w, nouns); n.class == class {
			return n
		}
	}
}

// nounPhrase is a noun of a class with what belongs to it.
func (w *writer) nounPhrase(class string, many bool, deep int) ([]*Word, *Word) {
	n := w.nounOf(class)
	words, head := w.bare(n, many, w.odds(0.35))
	switch {
	case deep < 1 || w.odds(0.55):
	case w.odds(0.5):
		inner, other := w.nounPhrase(one(w, []string{"person", "animal", "thing"}), w.odds(0.5), 0)
		other.Relation, other.head = "nmod", head
		words = append(append(words, &Word{Form: one(w, near), Tag: "ADP", Relation: "case", head: other}), inner...)
	default:
		words = append(words, w.relative(n, many, head)...)
	}
	return words, head
}

// bare is a determiner, perhaps an adjective, and a noun.
func (w *writer) bare(n noun, many, described bool) ([]*Word, *Word) {
	head := &Word{Form: pick(many, n.many, n.one), Lemma: n.one, Tag: "NOUN", Features: number(many)}
	words := []*Word{{Form: one(w, determines[many]), Tag: "DET", Relation: "det", head: head}}
	if described {
		words = append(words, &Word{Form: one(w, adjectives[n.class]), Tag: "ADJ", Relation: "amod", head: head})
	}
	return append(words, head), head
}

// relative is a clause about a noun that does something, or to which it is done.
func (w *writer) relative(n noun, many bool, head *Word) []*Word {
	that := &Word{Form: "that", Tag: "PRON", Features: "PronType=Rel"}
	for {
		v := one(w, verbs)
		switch {
		case v.whom == "clause":
			continue
		case slices.Contains(v.who, n.class) && w.odds(0.5):
			words, root := w.predicate(v, many, 0)
			root.Relation, root.head = "acl:relcl", head
			that.Relation, that.head = "nsubj", root
			return append([]*Word{that}, words...)
		case v.whom == n.class:
			inner := w.odds(0.5)
			root := verbOf(v, inner)
			root.Relation, root.head = "acl:relcl", head
			words, subject := w.bare(w.nounOf(one(w, v.who)), inner, w.odds(0.2))
			subject.Relation, subject.head = "nsubj", root
			that.Relation, that.head = "obj", root
			return append(append([]*Word{that}, words...), root)
		}
	}
}

// tokens are the sentence's ids, without those around it, and to which word each
// belongs.
func (s Sentence) tokens() [][2]int {
	var all [][2]int
	for i, word := range s.Words {
		for _, id := range ids(word.Form) {
			all = append(all, [2]int{id, i})
		}
	}
	return all
}

// ids are the tokens of a word.
func ids(form string) []int {
	if stem, ok := strings.CutSuffix(form, "ly"); ok && slices.Contains(manners, stem) {
		return []int{byToken[stem], byToken["##ly"]}
	}
	id, ok := byToken[form]
	if !ok {
		return []int{unknown}
	}
	return []int{id}
}

var byToken = func() map[string]int {
	all := map[string]int{}
	for id, token := range Vocabulary() {
		all[token] = id
	}
	return all
}()

// Text is the sentence as it is written.
func (s Sentence) Text() string {
	var forms []string
	for _, word := range s.Words {
		forms = append(forms, word.Form)
	}
	return strings.ReplaceAll(strings.Join(forms, " "), " .", ".")
}

// CoNLLU is sentences in the format of Universal Dependencies.
func CoNLLU(sentences []Sentence) []byte {
	var b strings.Builder
	orElse := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	for n, s := range sentences {
		fmt.Fprintf(&b, "# sent_id = %d\n# text = %s\n", n+1, s.Text())
		for i, word := range s.Words {
			after := "_"
			if i+2 == len(s.Words) {
				after = "SpaceAfter=No"
			}
			fmt.Fprintf(&b, "%d\t%s\t%s\t%s\t_\t%s\t%d\t%s\t_\t%s\n", i+1, word.Form, orElse(word.Lemma, word.Form), word.Tag,
				orElse(word.Features, "_"), s.Heads[i]+1, word.Relation, after)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// Samples are n sentences of the grammar.
func Samples(n int) []Sentence {
	w := newWriter(0, 4)
	all := make([]Sentence, n)
	for i := range all {
		all[i] = w.sentence()
	}
	return all
}

// IDs are the tokens of the sentence, without those around it.
func (s Sentence) IDs() []int {
	var all []int
	for _, t := range s.tokens() {
		all = append(all, t[0])
	}
	return all
}
