package syntax

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A pair is two sentences of which one is grammatical, in the format of BLiMP.
type pair struct {
	Good  string `json:"sentence_good"`
	Bad   string `json:"sentence_bad"`
	Field string `json:"field"`
	Term  string `json:"linguistics_term"`
	UID   string `json:"UID"`
	ID    string `json:"pairID"`
	Whole bool   `json:"simple_LM_method"`
}

// Paradigms are the kinds of minimal pairs.
var paradigms = []struct {
	uid, field, term string
	make             func(w *writer) (good []*Word, at int, bad string)
}{
	{"subject_verb_agreement", "morphology", "subject_verb_agreement", func(w *writer) ([]*Word, int, string) {
		return w.agreement(func(*Word, bool) []*Word { return nil }, false)
	}},
	{"agreement_across_phrase", "morphology", "subject_verb_agreement", func(w *writer) ([]*Word, int, string) {
		return w.agreement(w.attractor, false)
	}},
	{"agreement_across_clause", "morphology", "subject_verb_agreement", func(w *writer) ([]*Word, int, string) {
		return w.agreement(w.clauseBetween, false)
	}},
	{"auxiliary_across_phrase", "morphology", "subject_verb_agreement", func(w *writer) ([]*Word, int, string) {
		return w.agreement(w.attractor, true)
	}},
	{"determiner_noun_agreement", "morphology", "determiner_noun_agreement", (*writer).determiner},
	{"object_selection", "syntax_semantics", "selectional_restriction", (*writer).object},
}

// agreement is a subject, what stands between, and a verb or auxiliary that agrees
// with it or not.
func (w *writer) agreement(between func(head *Word, many bool) []*Word, denied bool) ([]*Word, int, string) {
	many := w.odds(0.5)
	words, head := w.bare(w.nounOf("person"), many, false)
	words = append(words, between(head, many)...)
	v := one(w, verbs)
	for v.whom != "" || !slices.Contains(v.who, "person") {
		v = one(w, verbs)
	}
	root := verbOf(v, many)
	at := len(words)
	if denied {
		return append(append(words, w.denied(v, many, root)...), root), at, pick(many, "does", "do")
	}
	return append(words, root), at, pick(many, v.one, v.many)
}

// attractor is a prepositional phrase with a noun of the other number.
func (w *writer) attractor(head *Word, many bool) []*Word {
	words, other := w.bare(w.nounOf(one(w, []string{"person", "animal"})), !many, false)
	return append([]*Word{{Form: one(w, near), head: other}}, words...)
}

// clauseBetween is a relative clause whose subject has the other number.
func (w *writer) clauseBetween(head *Word, many bool) []*Word {
	v := one(w, verbs)
	for v.whom != "person" {
		v = one(w, verbs)
	}
	words, _ := w.bare(w.nounOf(one(w, v.who)), !many, false)
	return slices.Concat([]*Word{{Form: "that"}}, words, []*Word{verbOf(v, !many)})
}

// determiner is one that agrees with its noun or not, an adjective between.
func (w *writer) determiner() ([]*Word, int, string) {
	many := w.odds(0.5)
	subject, _ := w.bare(w.nounOf("person"), w.odds(0.5), false)
	v := one(w, verbs)
	for v.whom != "thing" {
		v = one(w, verbs)
	}
	object, _ := w.bare(w.nounOf("thing"), many, true)
	object[0].Form = pick(many, "these", "this")
	root := verbOf(v, strings.HasSuffix(subject[1].Features, "Plur"))
	return slices.Concat(subject, []*Word{root}, object), len(subject) + 1, pick(many, "this", "these")
}

// object is one that the verb takes or one that it does not.
func (w *writer) object() ([]*Word, int, string) {
	v := one(w, verbs)
	for v.whom != "food" && v.whom != "thing" || !slices.Contains(v.who, "person") {
		v = one(w, verbs)
	}
	many, plural := w.odds(0.5), w.odds(0.5)
	subject, _ := w.bare(w.nounOf("person"), many, false)
	object, _ := w.bare(w.nounOf(v.whom), plural, false)
	wrong := w.nounOf(pick(v.whom == "food", "thing", "food"))
	root := verbOf(v, many)
	words := slices.Concat(subject, []*Word{root}, object)
	return words, len(words) - 1, pick(plural, wrong.many, wrong.one)
}

// each is how many pairs a paradigm has.
const each = 50

// Pairs are the minimal pairs, one JSON object a line.
func Pairs() ([]byte, error) {
	var b strings.Builder
	for i, p := range paradigms {
		w := newWriter(0, uint64(100+i))
		for k := range each {
			words, at, bad := p.make(w)
			good := finish(words, words[0])
			other := Sentence{Words: slices.Clone(good.Words)}
			other.Words[at] = &Word{Form: bad}
			line, err := json.Marshal(pair{good.Text(), other.Text(), p.field, p.term, p.uid, fmt.Sprint(k), true})
			if err != nil {
				return nil, err
			}
			b.Write(append(line, '\n'))
		}
	}
	return []byte(b.String()), nil
}
