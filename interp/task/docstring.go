package task

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/golens/golens/model"
)

// DocstringOptions say which prompts of [Docstring] are made.
type DocstringOptions struct {
	N     int    // prompts; 0 means 100
	Seed  uint64 // of the draw
	NoBOS bool   // leave the model's begin token out
}

// DocstringTask is what [Docstring] makes. Its table holds the arguments A, B
// and C where the function is defined ("A_def") and A and B where the docstring
// has them ("A_doc").
type DocstringTask struct {
	*Task
	Margin model.Metric // logit of C minus the largest of the other arguments
}

// Docstring makes Python functions whose docstring lists arguments in their
// order: after A and B comes C. The corrupted prompts have other arguments,
// both in the definition and in the docstring, all different from the clean
// ones.
//
//	def port(self, load, size, files, last):
//	    """oil column piece
//
//	    :param load: crime population
//	    :param size: unit dark
//	    :param
//
// Arguments and words are single tokens; the definition has one argument before
// A and one after C at most.
//
// Source: Heimersheim and Janiak 2023, "A circuit for Python docstrings in a
// 4-layer attention-only transformer". The words here are not theirs.
func Docstring(m *model.Model, o DocstringOptions) (*DocstringTask, error) {
	t, err := docstring(m, o)
	if err != nil {
		return nil, fmt.Errorf("task docstring: %w", err)
	}
	return t, nil
}

const docstringFrame = `def {FUNCTION}(self, {A_def}, {B_def}, {C_def}, {LAST}):
    """{W1} {W2} {W3}

    :param {A_doc}: {W4} {W5}
    :param {B_doc}: {W6} {W7}
    :param`

var docstringWords = strings.Fields(`load size files last old name color path value text page line order table point
	port image layer model image test water night summer field shape party letter paper river board cover song voice
	light metal glass heart stone wheel engine window garden school market person number group center level share
	plan band card door floor ground island judge knife lunch month north ocean plane queen radio scene train uncle
	wine year zone army bank city dark east farm gold hall iron lake moon news park rain salt tree wind`)

func docstring(m *model.Model, o DocstringOptions) (*DocstringTask, error) {
	if o.N == 0 {
		o.N = 100
	}
	if o.N < 1 {
		return nil, fmt.Errorf("%d prompts; at least one is needed", o.N)
	}
	x := &lexicon{m: m}
	words, err := x.words("word", docstringWords, false)
	if err != nil {
		return nil, err
	}
	slots := []string{"A", "B", "C", "LAST", "FUNCTION", "W1", "W2", "W3", "W4", "W5", "W6", "W7"}
	const others = 4 // arguments of the corrupted prompt
	if need := len(slots) + others; len(words) < need {
		return nil, x.few("word", len(words), need)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0))
	d := Data{
		Name: "docstring", Source: "Heimersheim and Janiak 2023", NoBOS: o.NoBOS,
		Positions: []string{"A_def", "B_def", "C_def", "LAST", "A_doc", "B_doc"}, Metric: model.Margin,
	}
	for range o.N {
		order := rng.Perm(len(words))
		clean, corrupted := map[string]string{}, map[string]string{}
		for i, slot := range slots {
			clean[slot] = words[order[i]].text
			corrupted[slot] = clean[slot]
			if i < others {
				corrupted[slot] = words[order[len(slots)+i]].text
			}
		}
		row := Row{Frame: docstringFrame, Clean: twice(clean), Corrupted: twice(corrupted), Answer: []string{" " + clean["C"]}}
		for _, slot := range slots[:others] {
			if slot != "C" {
				row.Wrong = append(row.Wrong, " "+clean[slot])
			}
			row.Wrong = append(row.Wrong, " "+corrupted[slot])
		}
		d.Rows = append(d.Rows, row)
	}
	base, err := build(m, d)
	if err != nil {
		return nil, err
	}
	base.Dropped = x.dropped
	return &DocstringTask{Task: base, Margin: base.Metric}, nil
}

// twice also names the arguments by where they stand.
func twice(words map[string]string) map[string]string {
	for _, argument := range []string{"A", "B", "C"} {
		words[argument+"_def"], words[argument+"_doc"] = words[argument], words[argument]
	}
	return words
}
