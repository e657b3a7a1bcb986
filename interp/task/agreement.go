package task

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// AgreementOptions say which prompts of [Agreement] are made.
type AgreementOptions struct {
	N     int    // prompts; 0 means 100
	Seed  uint64 // of the draw
	NoBOS bool   // leave the model's begin token out
	// Same gives the noun in between the number of the subject. Otherwise it
	// has the other one, which tempts.
	Same bool
	// Both changes the number of the noun in between with that of the subject in
	// the corrupted prompts. Otherwise it stays, so that a noun that tempts in the
	// clean prompt agrees with the corrupted subject: then the corrupted prompt is
	// the easier one, and what tells them apart is both the subject's number and
	// whether the nouns agree.
	Both bool
}

// AgreementTask is what [Agreement] makes.
type AgreementTask struct {
	*Task
	Subject, Between, End hook.Positions // the subject, the noun between it and the verb, the last token

	LogitDiff model.Metric // logit of the verb in the subject's number minus that in the other
}

// Agreement makes prompts that go on with a verb in the number of their
// subject: "The keys near the cabinet" goes on with " are", not " is". The
// corrupted prompts have the subject in the other number, and the noun in between
// too if o.Both says so; the task's name says whether the two agree there. Half
// of the rows have a subject in the singular.
//
// Nouns are used whose two numbers are single tokens.
//
// Source: Linzen, Dupoux and Goldberg 2016, "Assessing the Ability of LSTMs to
// Learn Syntax-Sensitive Dependencies"; Finlayson et al. 2021 for the frames.
func Agreement(m *model.Model, o AgreementOptions) (*AgreementTask, error) {
	t, err := agreement(m, o)
	if err != nil {
		return nil, fmt.Errorf("task agreement: %w", err)
	}
	return t, nil
}

var (
	agreementFrames = []string{
		"The {SUBJECT} near the {BETWEEN}", "The {SUBJECT} behind the {BETWEEN}", "The {SUBJECT} next to the {BETWEEN}",
		"The {SUBJECT} that the {BETWEEN} liked", "The {SUBJECT} of the {BETWEEN}", "I think that the {SUBJECT} with the {BETWEEN}",
	}
	agreementNouns = strings.Fields(`key book car dog cat boy girl friend teacher doctor student player painting letter
		house tree window table picture road door ship horse bird garden lawyer author officer guard king`)
	agreementVerbs = [][2]string{{" is", " are"}, {" was", " were"}, {" has", " have"}} // singular, plural
)

func agreement(m *model.Model, o AgreementOptions) (*AgreementTask, error) {
	if o.N == 0 {
		o.N = 100
	}
	if o.N < 1 {
		return nil, fmt.Errorf("%d prompts; at least one is needed", o.N)
	}
	x := &lexicon{m: m}
	var forms []string
	for _, n := range agreementNouns {
		forms = append(forms, n, n+"s")
	}
	known, err := x.words("noun", forms, false)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, w := range known {
		have[w.text] = true
	}
	var nouns []string
	for _, n := range agreementNouns {
		if have[n] && have[n+"s"] {
			nouns = append(nouns, n)
		}
	}
	if len(nouns) < 2 {
		return nil, x.few("noun", len(nouns), 2)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	corrupted := "differs from"
	if o.Same == o.Both {
		corrupted = "agrees with"
	}
	d := Data{Name: "subject-verb agreement, the corrupted subject " + corrupted + " the noun in between", Source: "Linzen et al. 2016", NoBOS: o.NoBOS, Positions: []string{"SUBJECT", "BETWEEN"}}
	number := func(noun string, plural bool) string {
		if plural {
			return noun + "s"
		}
		return noun
	}
	for i := range o.N {
		pick := rng.Perm(len(nouns))
		subject, between, plural := nouns[pick[0]], nouns[pick[1]], i%2 == 1
		template := rng.IntN(len(agreementFrames))
		verbs := agreementVerbs[rng.IntN(len(agreementVerbs))]
		right, wrong := verbs[0], verbs[1]
		if plural {
			right, wrong = wrong, right
		}
		d.Rows = append(d.Rows, Row{
			Template: template, Frame: agreementFrames[template],
			Clean:     map[string]string{"SUBJECT": number(subject, plural), "BETWEEN": number(between, plural == o.Same)},
			Corrupted: map[string]string{"SUBJECT": number(subject, !plural), "BETWEEN": number(between, (plural == o.Same) != o.Both)},
			Answer:    []string{right}, Wrong: []string{wrong},
		})
	}
	base, err := build(m, d)
	if err != nil {
		return nil, err
	}
	base.Dropped = x.dropped
	return &AgreementTask{
		Task: base, Subject: base.place("SUBJECT"), Between: base.place("BETWEEN"), End: base.place("END"), LogitDiff: base.Metric,
	}, nil
}
