package model

import (
	"fmt"
	"slices"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
)

// layerOf is the block in which an edit acts: -1 before all, as many as there are
// behind them.
func (t *fitting) layerOf(c config.Config, id hook.ID) int {
	switch {
	case t.ends && id == hook.ResidPost(c.Layers-1).ID:
		return c.Layers
	case id.Kind == hook.KindEmbed || id.Kind == hook.KindPosEmbed:
		return -1
	case id.Kind.Global():
		return c.Layers
	}
	return id.Layer
}

// reads finds the lowest block that a step runs and what it reads of others.
func (t *fitting) reads(c config.Config) error {
	t.lowest = c.Layers
	for _, e := range t.Base.Edits {
		if hasFree(e) {
			t.lowest = min(t.lowest, max(0, t.layerOf(c, e.ID)))
		}
	}
	t.raise(c)
	var above []hook.Edit
	for _, e := range t.Base.Edits {
		if t.layerOf(c, e.ID) < t.lowest && !(t.lowest == 0) {
			t.below = append(t.below, e)
			continue
		}
		above = append(above, e)
		if e.Op != hook.OpCompute {
			continue
		}
		for _, name := range e.Formula.Activations() {
			p, _ := hook.Parse(name) // it was checked
			embed := p.Kind == hook.KindEmbed || p.Kind == hook.KindPosEmbed
			if t.lowest > 0 && (embed || p.Layer < t.lowest) && !slices.Contains(t.far, p.ID) {
				t.far = append(t.far, p.ID)
			}
		}
		for _, s := range e.Formula.Steps {
			switch {
			case s.Op == formula.OpBase && !slices.Contains(t.ofBase, e.ID):
				t.ofBase = append(t.ofBase, e.ID)
			case s.Op == formula.OpSource && !slices.Contains(t.ofSource, e.ID):
				t.ofSource = append(t.ofSource, e.ID)
			}
			if s.Op == formula.OpSource {
				if err := t.pairs(e, s); err != nil {
					return err
				}
			}
		}
	}
	for _, l := range t.Loss {
		if l.Value.Kind != "" && t.lowest > 0 && t.layerOf(c, l.Value.ID) < t.lowest {
			return fmt.Errorf("loss %s: it lies before the first formula with a tensor to be found, in block %d", l.Value, t.lowest)
		}
	}
	t.Base.Edits = above
	return nil
}

// pairs checks that the rows of the source have the positions that an edit selects,
// where its formula reads them there.
func (t *fitting) pairs(e hook.Edit, s formula.Step) error {
	for row := range t.Base.Rows {
		if e.Batch != nil && !slices.Contains(e.Batch, row) || s.Rows != nil {
			continue
		}
		n, own := len(t.Source.Rows[row]), len(t.Base.Rows[row])
		at := e.Pos.In(row)
		if at == nil && n != own {
			return fmt.Errorf("edit %s: row %d of the source has %d tokens, that of the base %d; select positions", e.Point, row, n, own)
		}
		for _, pos := range at {
			if pos < -n || pos >= n {
				return fmt.Errorf("edit %s: position %d does not exist in row %d of the source, of %d tokens", e.Point, pos, row, n)
			}
		}
	}
	return nil
}

// raise puts what acts behind the lowest block of a step in front of the next one, or
// of the unembedding, where the same stream is, if nothing else of that block has a
// tensor to be found or is read: it need not run then.
func (t *fitting) raise(c config.Config) {
	if t.lowest >= c.Layers {
		return
	}
	last := t.lowest == c.Layers-1
	from, to := hook.ResidPost(t.lowest).ID, hook.ResidPre(t.lowest+1).ID
	reads := func(id hook.ID) bool {
		if last && id == from {
			return true
		}
		return t.layerOf(c, id) <= t.lowest && id != from
	}
	for _, e := range slices.Concat(t.Base.Edits, t.Source.Edits) {
		if e.ID == to || hasFree(e) && t.layerOf(c, e.ID) <= t.lowest && e.ID != from {
			return
		}
	}
	for _, l := range t.Loss {
		if l.Value.Kind != "" && reads(l.Value.ID) {
			return
		}
	}
	for _, m := range t.Base.Metrics {
		if m.Kind == KindLinear && reads(m.Functional.ID) {
			return
		}
	}
	if last {
		for _, e := range t.Base.Edits {
			if slices.Contains(e.Formula.Activations(), from.String()) {
				return
			}
		}
		t.lowest, t.ends = c.Layers, true
		return
	}
	move := func(id *hook.ID) {
		if *id == from {
			*id = to
		}
	}
	t.Base.Edits, t.Loss, t.Base.Metrics = slices.Clone(t.Base.Edits), slices.Clone(t.Loss), slices.Clone(t.Base.Metrics)
	for i := range t.Base.Edits {
		e := &t.Base.Edits[i]
		move(&e.ID)
		e.Formula.Steps = slices.Clone(e.Formula.Steps)
		for k, s := range e.Formula.Steps {
			if s.Op == formula.OpAt && s.Name == from.String() {
				e.Formula.Steps[k].Name = to.String()
			}
		}
	}
	for i := range t.Loss {
		move(&t.Loss[i].Value.ID)
	}
	for i := range t.Base.Metrics {
		move(&t.Base.Metrics[i].Functional.ID)
	}
	t.lowest++
}

// startsOf are the first positions of each row that a step runs: where a formula with
// a tensor to be found acts, or the loss is read. Nothing before them changes, so that
// keys and values there are those of the run without these formulas.
func (t *fitting) startsOf(c config.Config, job plan.Job) []int {
	if t.lowest >= c.Layers || c.Encoder || c.QKNorm != "" && c.Position != config.PosRotary { // no hook has the keys as they are used
		return nil
	}
	var points []hook.Point
	for _, e := range t.Base.Edits {
		if axes := e.Kind.Axes(); axes[len(axes)-1] == hook.Key { // queries may see what comes after them
			return nil
		}
		if hasFree(e) {
			points = append(points, e.Point)
		}
	}
	var logits []plan.Objective
	for _, l := range t.Loss {
		switch {
		case len(l.Penalty.Steps) > 0:
		case l.Value.Kind != "":
			points = append(points, l.Value)
		case job.Metrics[l.Metric].Linear != nil:
			points = append(points, job.Metrics[l.Metric].Linear.Point)
		case job.Metrics[l.Metric].At != nil:
			logits = append(logits, job.Metrics[l.Metric])
		}
	}
	starts, any := make([]int, len(t.Base.Rows)), false
	for i, row := range t.Base.Rows {
		first := len(row) - 1
		for _, p := range points {
			if _, ok := p.Selects(i); !ok {
				continue
			}
			if p.Pos.All() {
				first = 0
			}
			for _, at := range p.Pos.Of(i, len(row)) {
				first = min(first, at)
			}
		}
		for _, m := range logits {
			for _, at := range m.At(i) {
				first = min(first, at)
			}
		}
		starts[i], any = first, any || first > 0
	}
	if !any {
		return nil
	}
	for l := t.lowest; l < c.Layers; l++ {
		t.past = append(t.past, hook.ID{Kind: plan.KeyKind(c), Layer: l}, hook.V(l).ID)
	}
	return starts
}
