package training

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// A Drill is rows made to a pattern, to be trained on in place of text.
type Drill struct {
	Row   func(row []int32) error // fills the next training row
	Tests []Test                  // measured on the way
	// Weights are how much the loss of each token of the vocabulary counts, nil
	// for all alike.
	Weights []float32
}

// A Test is prompts, each of which goes on with one token and not with another.
type Test struct {
	Name          string
	Rows          [][]int32
	Answer, Wrong []int32 // of each row
}

// A TestScore is how a model does on a test.
type TestScore struct {
	Test     string
	Accuracy float64 // share of rows whose answer is likelier than the wrong token
	Top1     float64 // share of rows whose answer is likelier than any other token
	Diff     float64 // mean logit difference of answer and wrong token
}

// RunDrill trains on the rows of a drill, but for the share of Repeats. It calls
// log and save as [Run] does.
func RunDrill(ctx context.Context, b *backend.Backend, s Settings, d Drill, log func(Point), save func(step int, p arch.Params) error) error {
	if err := s.Check(); err != nil {
		return err
	}
	if d.Weights != nil && len(d.Weights) != s.Model.Vocab {
		return fmt.Errorf("training: %d weights for a vocabulary of %d", len(d.Weights), s.Model.Vocab)
	}
	initial := Initial(s.Model, s.Seed)
	if s.TiedStart {
		tie(initial)
	}
	store, err := newStore(initial)
	if err != nil {
		return err
	}
	e, err := newExaminer(b, store, s.Model, initial.Names(), d.Tests)
	if err != nil {
		return err
	}
	random := newSampler(s.Model, nil, 1, s.Seed, 4)
	draw := func(row []int32) error {
		if s.Repeats > 0 && random.rng.Float64() < s.Repeats {
			random.row(row)
			return nil
		}
		return d.Row(row)
	}
	step, err := causal(b, store, s, initial.Names(), d.Weights, draw)
	if err != nil {
		return err
	}
	return loop(ctx, s, store, initial.Names(), step, e.scores, log, save)
}

// Examine tests finished weights.
func Examine(b *backend.Backend, c config.Config, params arch.Params, tests []Test) ([]TestScore, error) {
	store, err := newStore(params)
	if err != nil {
		return nil, err
	}
	e, err := newExaminer(b, store, c, params.Names(), tests)
	if err != nil {
		return nil, err
	}
	s, err := e.scores()
	return s.Tests, err
}

// ExamineWithout tests finished weights with head [layer][head] writing nothing.
func ExamineWithout(b *backend.Backend, c config.Config, params arch.Params, test Test) ([][]TestScore, error) {
	all := make([][]TestScore, c.Layers)
	for l := range all {
		for h := range c.Heads {
			s, err := Examine(b, c, KnockOut(c, params, l, h), []Test{test})
			if err != nil {
				return nil, err
			}
			all[l] = append(all[l], s[0])
		}
	}
	return all, nil
}

// An examiner tests the weights that a store holds at the moment.
type examiner struct {
	run   *model.Exec
	tests []Test
	width int // of all rows, padded at their ends
}

func newExaminer(b *backend.Backend, store *model.Store, c config.Config, names []string, tests []Test) (*examiner, error) {
	e := &examiner{tests: tests}
	for _, t := range tests {
		if len(t.Rows) == 0 || len(t.Answer) != len(t.Rows) || len(t.Wrong) != len(t.Rows) {
			return nil, fmt.Errorf("training: test %q has %d rows, %d answers and %d wrong tokens", t.Name, len(t.Rows), len(t.Answer), len(t.Wrong))
		}
		for _, row := range t.Rows {
			e.width = max(e.width, len(row))
		}
	}
	if e.width > c.Context {
		return nil, fmt.Errorf("training: a prompt of %d tokens is longer than the context of %d", e.width, c.Context)
	}
	var err error
	e.run, err = model.NewExec(b.Backend, store, func(sc *model.Scope, tokens, last *Node) *Node {
		w := nodes(sc.Store(), tokens.Graph(), names)
		d := tokens.Shape().Dimensions
		logits := Reshape(forward(c, w, tokens, nil), d[0], d[1], c.Vocab)
		at := OneHot(last, d[1], logits.DType())                              // [row, pos]
		return DotGeneral(at, []int{1}, []int{0}, logits, []int{1}, []int{0}) // [row, vocab]
	})
	return e, err
}

// scores tests the weights as they are now.
func (e *examiner) scores() (Scores, error) {
	var s Scores
	for _, t := range e.tests {
		one, err := e.score(t)
		if err != nil {
			return s, err
		}
		s.Tests = append(s.Tests, one)
	}
	return s, nil
}

func (e *examiner) score(t Test) (TestScore, error) {
	s := TestScore{Test: t.Name}
	var tokens, last []int32
	for _, row := range t.Rows {
		tokens = append(append(tokens, row...), make([]int32, e.width-len(row))...)
		last = append(last, int32(len(row)-1))
	}
	n := len(t.Rows)
	out, err := e.run.Call(tensors.FromFlatDataAndDimensions(tokens, n, e.width), tensors.FromFlatDataAndDimensions(last, n))
	if err != nil {
		return s, err
	}
	logits, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		return s, err
	}
	vocab := len(logits) / n
	for i := range n {
		x := logits[i*vocab : (i+1)*vocab]
		answer, wrong := x[t.Answer[i]], x[t.Wrong[i]]
		s.Diff += float64(answer - wrong)
		if answer > wrong {
			s.Accuracy++
		}
		if answer >= slices.Max(x) {
			s.Top1++
		}
	}
	for _, sum := range []*float64{&s.Accuracy, &s.Top1, &s.Diff} {
		*sum /= float64(n)
	}
	return s, nil
}
