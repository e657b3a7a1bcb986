package discover

import (
	"errors"
	"fmt"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/edge"
	"github.com/golens/golens/model/hook"
)

// A Search looks for the edges that do a task: it is what all methods share.
//
//	s := &discover.Search{Model: m, Task: ioi.Task}
//	scores := nb.Must(s.Scores(discover.Scoring{Method: discover.InputsIG}))
//	judged := nb.Must(s.Judge(scores))
//
// An edge that is cut carries what its sender writes in another run: on the prompt's
// own corruption, or what Ablation says.
type Search struct {
	Model *model.Model
	Task  task.Paired

	// Ablation is what takes the place of what is cut; nil means what each prompt's
	// own corruption has there.
	Ablation *ablate.Ablation

	// WholeEmbedding makes the first sender all that enters the first block, as in
	// ACDC; else it is the embedding of the token alone, as in EAP-IG. It matters
	// where the ablation is no other prompt.
	WholeEmbedding bool
}

// A search is a checked Search.
type search struct {
	*Search
	task.Pairs
	graph     *graph.Graph
	reference model.Reference
	instead   string // of what is cut
	*meter
}

// check prepares the runs of a search. A reference other than the prompts' own
// corruptions is run.
func (s *Search) check() (*search, error) {
	if s.Model == nil {
		return nil, errors.New("no model")
	}
	p, err := task.Of(s.Task)
	if err != nil {
		return nil, err
	}
	if _, err := s.Model.Edges(); err != nil {
		return nil, err
	}
	counted := *s
	c := &search{Search: &counted, Pairs: p, graph: graph.Of(s.Model.Config()), meter: &meter{Runner: s.Model.Runner()}}
	counted.Model = model.New(c.meter)
	if c.reference, c.instead, err = counted.against(p); err != nil {
		return nil, err
	}
	// What every method runs, of which the pairs are checked before anything does.
	return c, s.Model.Check(model.Subgraphs{Base: c.base(c.Metric), Reference: c.reference, Cuts: []edge.Cut{c.graph.All().Cut("")}})
}

// against is the reference of cuts, and its name.
func (s *Search) against(p task.Pairs) (model.Reference, string, error) {
	r := model.Reference{WholeEmbedding: s.WholeEmbedding}
	a := s.Ablation
	if a == nil {
		if len(p.Corrupted.IDs) == 0 {
			return r, "", errors.New("the task has no corrupted prompts; give some, or an Ablation")
		}
		r.Source = p.Corrupted.Request()
		return r, "each prompt's corruption", nil
	}
	v, err := a.Values(s.Model, p, s.senders()...)
	if err != nil {
		return r, "", err
	}
	r.Source, err = v.Source()
	return r, v.String(), err
}

// senders are the points where all that can be cut is written.
func (s *Search) senders() []hook.Point {
	points := []hook.Point{s.first()}
	c := s.Model.Config()
	for l := range c.Layers {
		points = append(points, hook.Z(l))
		if !c.AttnOnly() {
			points = append(points, hook.MLPOut(l))
		}
	}
	return points
}

// first is where the first sender writes.
func (s *Search) first() hook.Point {
	if s.WholeEmbedding || s.Model.Config().EmbedNorm {
		return hook.ResidPre(0)
	}
	return hook.Embed()
}

// base is the run whose edges are cut.
func (s *search) base(metrics ...model.Metric) model.Request {
	return s.Clean.Metric(metrics...)
}

// toward are runs of the clean prompts in which some activations, together, are a
// share of the way from the clean run to the reference.
func (s *search) toward(shares []float32, points ...hook.Point) ([][]hook.Edit, error) {
	clean, err := s.Model.Run(s.Clean.Capture(points...))
	if err != nil {
		return nil, err
	}
	var other *model.Result
	if s.reference.Source.Rows != nil {
		if other, err = s.Model.Run(s.reference.Source.Capture(points...)); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
	}
	runs := make([][]hook.Edit, len(shares))
	for _, p := range points {
		a := clean.At(p)
		from, to := interp.Finite(a.Values()), make([]float32, len(a.Values()))
		if other != nil {
			to = interp.Finite(other.At(p).Values())
		}
		if err := errors.Join(a.Err(), sameSize(from, to)); err != nil {
			return nil, err
		}
		for k, share := range shares {
			x := slices.Clone(from)
			for i, v := range to {
				x[i] += share * (v - x[i])
			}
			runs[k] = append(runs[k], p.Replace(array.Of(x, a.Axes()...)))
		}
	}
	return runs, nil
}

func sameSize(a, b []float32) error {
	if len(a) != len(b) {
		return fmt.Errorf("the reference has %d values, the clean run %d", len(b), len(a))
	}
	return nil
}

// logits are those that a metric reads.
func logits(m model.Metric) hook.Point {
	if m.At.All() {
		return hook.Logits().At(-1)
	}
	return hook.Logits().In(m.At)
}
