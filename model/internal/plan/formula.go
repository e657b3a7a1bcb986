package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// formulaKeys are equal for edits by formulas that one graph serves, whatever the
// rows, positions, tensors and, where a formula reads its own layer, the layer, and for
// those that have the same tensors.
func formulaKeys(e hook.Edit) (graph, tensors string) {
	f := formula.Expr{Steps: slices.Clone(e.Formula.Steps)}
	for i := range f.Steps {
		s := &f.Steps[i]
		if s.Rows = nil; s.Op != formula.OpAt {
			continue
		}
		if p, err := hook.Parse(s.Name); err == nil && !p.Kind.Global() && p.Layer == e.Layer {
			s.Name = fmt.Sprint("own layer's ", p.Kind)
		}
	}
	var same strings.Builder
	for _, t := range f.Tensors() {
		if len(t.Values) > 0 {
			fmt.Fprintf(&same, "%p ", &t.Values[0])
		}
	}
	return fmt.Sprint(" {", f, " heads ", e.Heads, " coords ", e.Coords, "}"), same.String()
}

// Reads are the activations that an edit's formula reads beside its point's own.
func Reads(e hook.Edit) (ids []hook.ID) {
	for _, name := range e.Formula.Activations() {
		p, _ := hook.Parse(name) // it was checked
		ids = append(ids, p.ID)
	}
	return ids
}

// formulaReads are the activations that formulas of the job read.
func formulaReads(job Sweep) (points []hook.Point) {
	for _, e := range editsOf(job) {
		for _, id := range Reads(e) {
			if p := (hook.Point{ID: id}); p.Find(points) < 0 {
				points = append(points, p)
			}
		}
	}
	return points
}

// editsOf are all edits of the base and of the variants.
func editsOf(job Sweep) []hook.Edit {
	all := slices.Clone(job.Base.Edits)
	for _, v := range job.Variants {
		all = append(all, v.Edits...)
	}
	return all
}

// Edits are all edits of the base and of the variants.
func (b *Batch) Edits() []hook.Edit { return editsOf(b.Job) }

// drags tells whether formulas of the base read other activations, so that a change
// anywhere may change what lies far from it. Every variant then runs in full.
func (b *Batch) drags() bool {
	return slices.ContainsFunc(b.Job.Base.Edits, func(e hook.Edit) bool { return len(e.Formula.Activations()) > 0 })
}

// dragsIn tells whether that is so of a part of a block.
func (b *Batch) dragsIn(layer int) bool {
	return slices.ContainsFunc(b.Job.Base.Edits, func(e hook.Edit) bool {
		return !e.Kind.Global() && e.Layer == layer && len(e.Formula.Activations()) > 0
	})
}

// dragged are the positions of a row at which formulas of the base in a block may
// change activations because of what they read elsewhere.
func (b *Batch) dragged(layer, row int) map[hook.Kind][]int {
	var all map[hook.Kind][]int
	for _, e := range b.Job.Base.Edits {
		if e.Kind.Global() || e.Layer != layer || len(e.Formula.Activations()) == 0 {
			continue
		}
		if all == nil {
			all = map[hook.Kind][]int{}
		}
		all[e.Kind] = union(all[e.Kind], b.at(e.Point, row))
	}
	return all
}

// idle tells whether an edit leaves the activation as it was and nothing reads
// what its formula labels.
func (b *Batch) idle(e hook.Edit) bool {
	return e.Op == hook.OpCompute && e.Formula.Same() &&
		!slices.ContainsFunc(b.Points, func(p hook.Point) bool { return p.ID == e.ID && p.Value != "" })
}

// InGraph tells whether edits of an activation that a row is given are made in the
// graph, as a formula is, and not by the host.
func (b *Batch) InGraph(variant int, id hook.ID) bool {
	return slices.ContainsFunc(b.Variants[variant].Edits[id], func(e hook.Edit) bool { return e.Op == hook.OpCompute })
}

// Lies are the axes after batch of what a point reads, in a row of n positions, and
// the point on an activation that has such axes: of a labelled value, another than
// its own.
func (b *Batch) Lies(p hook.Point, n int) (like hook.Point, dims []int) {
	if p.Value == "" {
		return p, b.Config.Dims(p.Kind, n)
	}
	dims, _ = b.Config.LabelDims(p, editsOf(b.Job)) // it was checked
	return config.Like(p, dims), append([]int{n}, dims...)
}

// Selected is the shape of what a point reads of all rows, the longest of which has
// so many tokens.
func (b *Batch) Selected(p hook.Point, longest int) []int {
	if p.Value == "" {
		return b.Config.Selected(p, len(b.Lens), longest)
	}
	_, dims := b.Lies(p, 1)
	return config.SelectedOf(p, dims[1:], len(b.Lens), longest)
}

// LabelledAt are the positions of a row where an edit of the variant, or of the
// base, labels the value of a point, sorted.
func (b *Batch) LabelledAt(p hook.Point, variant, row int) (all []int) {
	for _, e := range b.EditsOf(variant, p.ID) {
		if Labels(e, p.Value) {
			all = union(all, b.at(e.Point, row))
		}
	}
	return all
}

// Labels tells whether an edit labels a value so.
func Labels(e hook.Edit, label string) bool {
	return slices.ContainsFunc(e.Formula.Steps, func(s formula.Step) bool { return s.Op == formula.OpLabel && s.Name == label })
}

// BaseLabels tells whether the base run has the value.
func (b *Batch) BaseLabels(p hook.Point) bool {
	return p.Value == "" || slices.ContainsFunc(b.Job.Base.Edits, func(e hook.Edit) bool { return e.ID == p.ID && Labels(e, p.Value) })
}

// formulaFlops counts the matrix products of formulas among edits, at some
// activations: in a chunk of so many rows they are computed at every position that
// their graph has.
func (b *Batch) formulaFlops(edits []hook.Edit, in func(hook.ID) bool, batch, keys, outs int) (n int64) {
	for _, e := range edits {
		if e.Op != hook.OpCompute || !in(e.ID) || b.idle(e) {
			continue
		}
		shapes := b.Config.FormulaShapes(e.Point)
		shapes.Base, shapes.Source, shapes.Free = true, true, true
		all, err := e.Formula.Shapes(shapes)
		if err != nil {
			continue // it was checked
		}
		each, once := e.Formula.FLOPs(all)
		at := outs
		if OfKeys(b.Config, e.Kind) {
			at = keys
		}
		n += once + each*int64(batch)*int64(at)
	}
	return n
}

// editsOfVariant are the base's edits and then a variant's own.
func (b *Batch) editsOfVariant(v int) []hook.Edit {
	return append(slices.Clone(b.Job.Base.Edits), b.Job.Variants[v].Edits...)
}

// inBlock tells which activations are of a block.
func inBlock(layer int) func(hook.ID) bool {
	return func(id hook.ID) bool { return !id.Kind.Global() && id.Layer == layer }
}

func atEmbedding(id hook.ID) bool { return slices.Contains(EmbedIDs, id) }

func atEnd(id hook.ID) bool { return Final(id.Kind) }
