package task

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// GreaterThanOptions say which prompts of [GreaterThan] are made.
type GreaterThanOptions struct {
	N     int      // prompts; 0 means 100
	Seed  uint64   // of the draw
	NoBOS bool     // leave the model's begin token out
	Nouns []string // what lasts; nil means wars, journeys and the like
}

// GreaterThanTask is what [GreaterThan] makes.
type GreaterThanTask struct {
	*Task
	// Where the noun, the century and the year of the first date stand, and the
	// last token, which is the century again.
	Noun, Century, Year, End hook.Positions

	ProbDiff model.Metric // probability of the later years minus that of the others
	Cutoff   model.Metric // probability of the year after minus that of the year before
}

// GreaterThan makes prompts that go on with a later year: "The war lasted from
// the year 1732 to the year 17" goes on with 33 to 99. The corrupted prompts
// begin in the year 01 of the century, so that nearly every year is later.
//
// It needs a tokenizer in which such years are two tokens of two digits; years
// that are not are left out, and so are nouns of several tokens.
//
// Source: Hanna et al. 2023, "How does GPT-2 compute greater-than?". The nouns
// here are not theirs.
func GreaterThan(m *model.Model, o GreaterThanOptions) (*GreaterThanTask, error) {
	t, err := greaterThan(m, o)
	if err != nil {
		return nil, fmt.Errorf("task greater-than: %w", err)
	}
	return t, nil
}

const greaterFrame = "The {NOUN} lasted from the year {XX}{YY} to the year {CC}"

var greaterNouns = strings.Fields(`war siege journey voyage campaign conflict drought famine reign dynasty truce
	alliance trial strike feud plague expedition project partnership struggle tour marriage crisis investigation
	exhibition festival program study rebellion revolution peace debate blockade mission operation`)

func greaterThan(m *model.Model, o GreaterThanOptions) (*GreaterThanTask, error) {
	if o.N == 0 {
		o.N = 100
	}
	if o.N < 1 {
		return nil, fmt.Errorf("%d prompts; at least one is needed", o.N)
	}
	x := &lexicon{m: m}
	nouns, err := x.words("noun", orElse(o.Nouns, greaterNouns), false)
	if err != nil {
		return nil, err
	}
	if len(nouns) == 0 {
		return nil, x.few("noun", 0, 1)
	}
	numbers, err := x.twoDigits()
	if err != nil {
		return nil, err
	}
	years, err := x.years(numbers)
	if err != nil {
		return nil, err
	}
	d := Data{
		Name: "greater-than", Source: "Hanna et al. 2023", NoBOS: o.NoBOS, Positions: []string{"NOUN", "XX", "YY"}, Metric: model.ProbDiff,
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	cutoff := [2][]string{} // the year after and the year before, of each row
	for range o.N {
		noun, year := nouns[rng.IntN(len(nouns))].text, years[rng.IntN(len(years))]
		century, yy := year[:2], year[2:]
		row := Row{Frame: greaterFrame, Clean: map[string]string{"NOUN": noun, "XX": century, "YY": yy, "CC": century}}
		row.Corrupted = map[string]string{"NOUN": noun, "XX": century, "YY": "01", "CC": century}
		for _, n := range numbers {
			if n > yy {
				row.Answer = append(row.Answer, n)
			} else {
				row.Wrong = append(row.Wrong, n)
			}
		}
		cutoff[0], cutoff[1] = append(cutoff[0], row.Answer[0]), append(cutoff[1], row.Wrong[len(row.Wrong)-2])
		d.Rows = append(d.Rows, row)
	}
	base, err := build(m, d)
	if err != nil {
		return nil, err
	}
	base.Dropped = x.dropped
	t := &GreaterThanTask{
		Task: base, Noun: base.place("NOUN"), Century: base.place("XX"), Year: base.place("YY"), End: base.place("END"), ProbDiff: base.Metric,
	}
	var sides [2][]int32
	for i, texts := range cutoff {
		rows, err := encode(m, texts)
		if err != nil {
			return nil, err
		}
		for _, ids := range rows {
			sides[i] = append(sides[i], ids[0])
		}
	}
	t.Cutoff = model.ProbDiff(model.IDs(sides[0]...), model.IDs(sides[1]...)).In(t.End)
	return t, nil
}

// twoDigits are the numbers 00 to 99, each of which must be one token.
func (x *lexicon) twoDigits() ([]string, error) {
	var all, cut []string
	for n := range 100 {
		all = append(all, fmt.Sprintf("%02d", n))
	}
	rows, err := encode(x.m, all)
	if err != nil {
		return nil, err
	}
	for i, ids := range rows {
		if len(ids) != 1 {
			cut = append(cut, all[i])
		}
	}
	if len(cut) > 0 {
		return nil, fmt.Errorf("this tokenizer cuts up %d of the numbers 00 to 99, such as %s; each must be one token", len(cut), cut[0])
	}
	return all, nil
}

// years are those from 1102 to 1798 that are a century and two digits as
// tokens, and of whose corruption the same is true.
func (x *lexicon) years(numbers []string) ([]string, error) {
	var texts []string
	for century := 11; century <= 17; century++ {
		for yy := 1; yy <= 98; yy++ {
			texts = append(texts, fmt.Sprintf("the year %d%02d", century, yy))
		}
	}
	rows, err := encode(x.m, append(slices.Clone(texts), numbers...))
	if err != nil {
		return nil, err
	}
	alone := map[string]int32{}
	for i, n := range numbers {
		alone[n] = rows[len(texts)+i][0]
	}
	plain, err := encode(x.m, []string{"the year 17"})
	if err != nil {
		return nil, err
	}
	whole := func(i int) bool { // the century is one token and the year another
		ids, text := rows[i], texts[i]
		return len(ids) == len(plain[0])+1 && ids[len(ids)-1] == alone[text[len(text)-2:]]
	}
	var kept []string
	first := 0 // of the century: its year 01
	for i, text := range texts {
		year := text[len(text)-4:]
		if strings.HasSuffix(year, "01") {
			first = i
			continue
		}
		if !whole(i) || !whole(first) {
			x.drop("year", year, "not two tokens of two digits")
			continue
		}
		kept = append(kept, year)
	}
	if len(kept) == 0 {
		return nil, x.few("year", 0, 1)
	}
	return kept, nil
}
