package patch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// Paths patches paths: what a sender writes reaches the receivers as in the run
// of the corrupted prompts, while nothing else does. Attention is frozen on the way:
// every later head gives what it gives in the clean run. So the paths are the
// direct one and those through MLPs, or the direct one alone if MLPs are frozen
// too.
//
// It shows how much of a sender's effect on the metric goes by way of the
// receivers. It does not show what they do with it, and effects of several
// senders need not add up.
//
// To the final residual stream it takes a pass per sender, in which no position
// needs another. To other receivers it takes two sweeps: one finds what each
// receiver reads under each sender, the other has the receivers read that and
// recomputes everything after them. Source: Wang et al. 2022, algorithm 1
// (MLPs recomputed); Goldowsky-Dill et al. 2023 on direct edges;
// callummcdougall/path_patching.
type Paths struct {
	// Senders are what sends: heads (hook.KindZ or KindResult), attention
	// (KindAttnOut), MLPs (KindMLPOut), embeddings, or sets of them, at the
	// positions that it says. The zero value is each head's z at all positions
	// [layer, head].
	Senders Parts

	// Receivers are where it is received, all of them together: queries, keys
	// and values of heads or what they read (hook.Q, K, V, QInput, KInput,
	// VInput), what MLPs read (MLPIn), or the residual stream. Nil means the
	// final residual stream, at all positions: what the logits read.
	Receivers []hook.Point

	// Readers are the query heads that read what arrives at each receiver, for
	// keys and values that heads share, and for queries and keys that are normed
	// together (OLMo 2): all other heads have what they had. Nil means all; so does
	// a receiver's own nil. A shared key is one receiver otherwise, and its effect
	// is that of the whole group.
	Readers [][]int

	// Apart receives at one receiver at a time, instead of all together: the first
	// axis is then receiver.
	Apart bool

	FreezeMLPs bool // on the way to the receivers; the zero value recomputes them

	// Base are edits of the clean run throughout, such as heads knocked out: the
	// paths are then those of the model without them.
	Base []hook.Edit
}

// step counts in a layer what a forward pass meets one after the other: the
// attention of layer l reads at 4l and writes at 4l+1, its MLP reads at 4l+2 and
// writes at 4l+3.
const step = 4

// writesAt is when a sender has written, and false for what sends nothing.
func writesAt(p hook.Point) (int, bool) {
	switch p.Kind {
	case hook.KindEmbed, hook.KindPosEmbed:
		return -1, true
	case hook.KindZ, hook.KindResult, hook.KindAttnOut:
		return step*p.Layer + 1, true
	case hook.KindMLPOut:
		return step*p.Layer + 3, true
	}
	return 0, false
}

// readsAt is when a receiver reads, and false for what is none.
func readsAt(c config.Config, p hook.Point) (int, bool) {
	switch p.Kind {
	case hook.KindResidPre, hook.KindAttnIn, hook.KindQInput, hook.KindKInput, hook.KindVInput, hook.KindQ, hook.KindK, hook.KindV:
		return step * p.Layer, true
	case hook.KindMLPIn:
		if c.Parallel {
			return step * p.Layer, true
		}
		return step*p.Layer + 2, true
	case hook.KindResidMid:
		return step*p.Layer + 2, true
	case hook.KindResidPost:
		return step * (p.Layer + 1), true
	}
	return 0, false
}

// A journey is paths for a model and its prompts.
type journey struct {
	Paths
	task.Pairs
	grid        // of the senders, without those that no receiver comes after
	last    int // when the last receiver reads
	reads   []int
	conf    config.Config
	holding int // how many senders' messages are held at once
}

func (p Paths) prepare(m *model.Model, t task.Paired) (j *journey, err error) {
	j = &journey{Paths: p, conf: m.Config()}
	if j.Pairs, err = task.Of(t); err != nil {
		return nil, err
	}
	if j.last = step * j.conf.Layers; p.Receivers != nil {
		j.last = -1
		if len(p.Receivers) == 0 {
			return nil, errors.New("no receivers; leave them out to mean the final residual stream")
		}
	} else if p.Apart {
		return nil, errors.New("there are no receivers to be apart; give some")
	}
	if err := p.checkReaders(j.conf); err != nil {
		return nil, err
	}
	for _, r := range p.Receivers {
		at, ok := readsAt(j.conf, r)
		if !ok {
			return nil, fmt.Errorf("%s is no receiver; it can be q, k, v, q_input, k_input, v_input, attn_in, mlp_in or the residual stream", r)
		}
		if r.Batch != nil {
			return nil, fmt.Errorf("receiver %s selects rows; all prompts are received", r)
		}
		j.last, j.reads = max(j.last, at), append(j.reads, at)
	}
	if j.grid, err = p.Senders.grid(j.conf, j.Clean, hook.KindZ); err != nil {
		return nil, err
	}
	var earlier []cell
	for _, s := range j.cells {
		first, err := firstWrite(s.set)
		if err != nil {
			return nil, err
		}
		if first < j.last {
			earlier = append(earlier, s)
		}
	}
	if earlier == nil {
		return nil, errors.New("no sender comes before a receiver")
	}
	j.cells = earlier
	j.holding = max(1, held/max(1, j.size()))
	return j, nil
}

// held is how many values that receivers get are held at once: 256 MB. Tests make
// it less.
var held = 64 << 20

// size is how many values one sender's message to all receivers has.
func (j *journey) size() int {
	n := 0
	for _, r := range j.Receivers {
		width, heads := j.conf.DModel, 1
		if r.Kind == hook.KindQ || r.Kind == hook.KindK || r.Kind == hook.KindV {
			width = j.conf.DHead
		}
		if r.Kind.HeadAxis() >= 0 {
			if heads = len(r.Heads); r.Heads == nil {
				heads = headsOf(j.conf, r.Kind)
			}
		}
		for row, ids := range j.Clean.IDs {
			if at := r.Pos.In(row); at != nil {
				n += len(at) * heads * width
			} else {
				n += len(ids) * heads * width
			}
		}
	}
	return n
}

func firstWrite(s Set) (int, error) {
	first := -1
	for i, p := range s.Points {
		at, ok := writesAt(p)
		if !ok {
			return 0, fmt.Errorf("%s sends nothing; senders are z, result, attn_out, mlp_out, embed and pos_embed", p)
		}
		if i == 0 || at < first {
			first = at
		}
	}
	return first, nil
}

// send freezes what lies between a sender and the last receiver, and then has
// the sender write what it does in the corrupted run.
func (j *journey) send(s cell) (edits []hook.Edit) {
	first, _ := firstWrite(s.set) // checked when prepared
	for l := range j.conf.Layers {
		if at := step*l + 1; at > first && at < j.last {
			edits = append(edits, hook.Z(l).Freeze())
		}
		if at := step*l + 3; j.FreezeMLPs && !j.conf.AttnOnly() && at > first && at < j.last {
			edits = append(edits, hook.MLPOut(l).Freeze())
		}
	}
	for _, point := range s.set.Points {
		edits = append(edits, point.FromSource())
	}
	return edits
}

// Sweep is the first request behind [Paths.Patch]: every sender sends. Without
// receivers it is the only one; else it captures what they read.
func (p Paths) Sweep(m *model.Model, t task.Paired) (model.Sweep, error) {
	j, err := p.prepare(m, t)
	if err != nil {
		return model.Sweep{}, fmt.Errorf("path patching: %w", err)
	}
	return j.sweep(j.cells), nil
}

// base is the run that is changed.
func (j *journey) base() model.Request { return j.Clean.Edit(j.Base...) }

func (j *journey) sweep(senders []cell) model.Sweep {
	s := model.Sweep{Base: j.base().Metric(j.Metric), Source: j.Corrupted.Metric(j.Metric)}
	for _, sender := range senders {
		s.Variants = append(s.Variants, model.Variant{Name: sender.set.String(), Edits: j.send(sender), Rows: sender.rows})
	}
	if j.Receivers != nil {
		for _, r := range j.Receivers {
			if r.Find(s.Captures) < 0 { // heads may share a key
				s.Captures = append(s.Captures, r)
			}
		}
		s.Base = j.base().Capture(s.Captures...)
	}
	return s
}

// Explain is how the sweeps would be run and what they would cost, were all senders
// held at once.
func (p Paths) Explain(m *model.Model, t task.Paired) (Plans, error) {
	j, err := p.prepare(m, t)
	if err != nil {
		return nil, fmt.Errorf("path patching: %w", err)
	}
	first, err := m.Explain(j.sweep(j.cells))
	if err != nil {
		return nil, err
	}
	if p.Receivers == nil {
		return Plans{*first}, nil
	}
	receive := model.Sweep{Base: j.base().Metric(j.Metric)}
	for _, s := range j.cells {
		for _, group := range j.groups(s) {
			v := model.Variant{Name: s.set.String(), Rows: s.rows}
			for _, r := range j.points(group) {
				v.Edits = append(v.Edits, r.Zero()) // of what is received only the place matters here
			}
			v.Edits = append(v.Edits, j.holds(group)...)
			receive.Variants = append(receive.Variants, v)
		}
	}
	second, err := m.Explain(receive)
	if err != nil {
		return nil, err
	}
	return Plans{*first, *second}, nil
}

// Patch runs it: the clean run is changed and read, and senders take their values
// from the corrupted one ([task.Pairs.Swapped] exchanges the two). The prompts are
// paired row by row and equally long. The effects are changes of the metric; those
// of senders that come after their receivers are NaN. On the scale Normalised 1 is
// the clean run as Base leaves it.
func (p Paths) Patch(m *model.Model, t task.Paired) (*Effects, error) {
	fail := func(err error) (*Effects, error) { return nil, fmt.Errorf("path patching: %w", err) }
	j, err := p.prepare(m, t)
	if err != nil {
		return fail(err)
	}
	e := Effects{}
	var provenance model.Provenance
	if p.Receivers != nil {
		e, provenance, err = j.receive(m)
	} else {
		var run *model.SweepResult
		if run, err = m.Sweep(j.sweep(j.cells)); err == nil {
			e, provenance = j.effects(run, j.Metric, Noising), run.Provenance
		}
	}
	if err != nil {
		return fail(err)
	}
	to := p.to(j.conf)
	e.subject, e.runs = fmt.Sprintf("%s sent to %s", j.what, to), [2]string{"clean", "corrupted"}
	mlps := "recomputed"
	if p.FreezeMLPs {
		mlps = "frozen"
	}
	out, err := newEffects(e, fmt.Sprintf("path patching of %s to %s, MLPs %s", j.what, to, mlps), "Wang et al. 2022, algorithm 1", provenance, Change)
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// to names the receivers: the logits, q of 7.3 and 7.9, k of key head 7.1 (heads
// 7.2 and 7.3).
func (p Paths) to(c config.Config) string {
	if p.Receivers == nil {
		return "the logits"
	}
	s := ""
	for i, r := range p.Receivers {
		if i > 0 {
			s += ", "
		}
		if i == 4 && len(p.Receivers) > 5 {
			return s + fmt.Sprintf("and %d more", len(p.Receivers)-4)
		}
		s += name(r.Kind) + " of "
		if of := reading(c, r); shared(c, r) && r.Heads != nil && c.KVHeads != c.Heads && len(of) > len(r.Heads) {
			if i < len(p.Readers) && p.Readers[i] != nil {
				of = p.Readers[i]
			}
			s += "key-value head " + dotted(r.Layer, r.Heads) + " as read by " + dotted(r.Layer, of)
			continue
		}
		s += dotted(r.Layer, r.Heads)
	}
	return s
}

// dotted are heads of a layer, as 7.3 and 7.9, or the layer.
func dotted(layer int, heads []int) string {
	if len(heads) == 0 {
		return fmt.Sprint(layer)
	}
	names := make([]string, len(heads))
	for i, h := range heads {
		names[i] = fmt.Sprintf("%d.%d", layer, h)
	}
	return strings.Join(names, " and ")
}
