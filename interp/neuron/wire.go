package neuron

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
)

// A Port is something that reads from the residual stream or writes to it along one
// direction, or along those of a head.
type Port struct {
	Name   string
	Reads  model.Factor // [d_model, n]; the zero value if it reads nothing
	Writes model.Factor // [n, d_model]; likewise
	// From and To are the places along the stream at which it reads and writes: twice the
	// layer for attention, one more for the MLP; -1 for the embedding.
	From, To int
	norm     hook.Point // whose divisor scales what it reads
}

// Of is a neuron as a port. It reads what its activation function takes: in a gated MLP
// the gate, whose linear branch is [Linear].
func Of(m *model.Model, u Unit) Port {
	in := model.WIn(u.Layer)
	if m.Config().Gated {
		in = model.WGate(u.Layer)
	}
	return mlp(m, u, in, u.String())
}

// Linear is a neuron of a gated MLP that reads by its linear branch.
func Linear(m *model.Model, u Unit) Port { return mlp(m, u, model.WIn(u.Layer), u.String()+" linear") }

func mlp(m *model.Model, u Unit, in model.Factor, name string) Port {
	norm, from := hook.LN2Scale(u.Layer), 2*u.Layer+1
	if c := m.Config(); c.Parallel {
		if from = 2 * u.Layer; c.SharedNorm {
			norm = hook.LN1Scale(u.Layer)
		}
	}
	return Port{name, in.Neuron(u.Neuron).BehindNorm(), model.WOut(u.Layer).Neuron(u.Neuron).AfterNorm(), from, 2*u.Layer + 1, norm}
}

// Query, Key and Value are what a head reads; its output is what each of them writes.
func Query(m *model.Model, layer, head int) Port {
	return attention(m, "query", model.WQ(layer).Head(head), layer, head)
}

// Key is what a head's keys read. Heads of queries share those of keys in some models.
func Key(m *model.Model, layer, head int) Port {
	return attention(m, "key", model.WK(layer).Head(m.Config().KVHead(head)), layer, head)
}

// Value is what a head's values read.
func Value(m *model.Model, layer, head int) Port {
	return attention(m, "value", model.WV(layer).Head(m.Config().KVHead(head)), layer, head)
}

func attention(_ *model.Model, what string, w model.Factor, layer, head int) Port {
	return Port{fmt.Sprintf("%d.%d %s", layer, head, what), w.BehindNorm(), model.WO(layer).Head(head).AfterNorm(), 2 * layer, 2 * layer, hook.LN1Scale(layer)}
}

// Token is a token: it writes its embedding, and its logit is read at the end.
func Token(m *model.Model, id int32) Port {
	p := Port{Name: text(m, []int32{id}), Writes: model.WE().Of(id), From: 2 * m.Config().Layers, To: -1, norm: hook.LNFinalScale()}
	if !m.Config().Headless {
		p.Reads = model.WU().Of(id).BehindNorm()
	}
	return p
}

// Direction is a direction that is read and one that is written behind a block, such as
// a feature's of a dictionary of the residual stream; either may be nil. What is read is
// taken as it is, without a norm.
func Direction(name string, layer int, reads, writes []float32) Port {
	p := Port{Name: name, From: 2*layer + 2, To: 2*layer + 1}
	if reads != nil {
		p.Reads = model.Given(reads).T()
	}
	if writes != nil {
		p.Writes = model.Given(writes)
	}
	return p
}

// Norms says what becomes of the norms in virtual weights, which depend on the input.
// The zero value folds their weights in and leaves their divisors out, so that weights
// into one reader compare with each other, and not with those into another.
type Norms struct {
	// Prompts, if there are some, linearise the norms: what is read is divided by the
	// norm's mean divisor over the tokens of these, but for the first of each, so that a
	// weight is by how much the reader rises on average for each unit written.
	Prompts model.Prompts
}

// String says what becomes of the norms.
func (n Norms) String() string {
	if len(n.Prompts.IDs) == 0 {
		return "norms' weights folded in, divisors left out"
	}
	return fmt.Sprintf("norms linearised at their mean divisor over %d prompts", len(n.Prompts.IDs))
}

// divisors are the mean divisors in front of ports.
func (n Norms) divisors(m *model.Model, to []Port) (map[hook.ID]float64, error) {
	if len(n.Prompts.IDs) == 0 || m.Config().Norm == config.NormNone {
		return nil, n.Prompts.Err()
	}
	request := n.Prompts.Request()
	for _, p := range to {
		if p.norm.Kind != "" && p.norm.Find(request.Captures) < 0 {
			request = request.Capture(p.norm)
		}
	}
	if len(request.Captures) == 0 {
		return nil, nil
	}
	run, err := m.Run(request)
	if err != nil {
		return nil, err
	}
	all := map[hook.ID]float64{}
	for _, c := range run.Captures {
		sum, count := 0.0, 0.0
		width := c.Array.Shape()[1]
		for row, ids := range n.Prompts.IDs {
			for pos := range ids[min(1, len(ids)-1):] {
				sum, count = sum+float64(c.Array.Values()[row*width+pos+min(1, len(ids)-1)]), count+1
			}
		}
		all[c.Point.ID] = sum / count
	}
	return all, nil
}

// Weights are the virtual weights between ports through the residual stream [from, to]:
// what a writer writes, as a reader reads it, directly. Between single directions it is a
// product; to or from a head, the length of the vector, or the Frobenius norm of the
// matrix. NaN where the writer comes behind the reader. Products of weights alone.
//
// It says what is wired, and nothing of whether the two are ever active together, nor of
// what lies between them. Source: Olah et al. 2020; Elhage et al. 2021, "virtual weights".
func Weights(m *model.Model, from, to []Port, norms Norms) (*interp.Result, error) {
	if len(from) == 0 || len(to) == 0 {
		return nil, errors.New("virtual weights: there are no writers, or no readers")
	}
	divisor, err := norms.divisors(m, to)
	if err != nil {
		return nil, fmt.Errorf("virtual weights: %w", err)
	}
	var chains []model.Chain
	var at [][2]int
	names := func(ports []Port) (all []string) {
		for _, p := range ports {
			all = append(all, p.Name)
		}
		return all
	}
	out := array.New(array.Labels("from", names(from)), array.Labels("to", names(to))).Named("virtual weight", "")
	for i, a := range from {
		for j, b := range to {
			out.Set(math.NaN(), i, j)
			if a.Writes.Name == "" || b.Reads.Name == "" {
				return nil, fmt.Errorf("virtual weights: %s writes nothing, or %s reads nothing", a.Name, b.Name)
			}
			if a.To < b.From {
				chains, at = append(chains, model.Chain{a.Writes, b.Reads}), append(at, [2]int{i, j})
			}
		}
	}
	if len(chains) > 0 {
		products, err := m.Products(chains...)
		if err != nil {
			return nil, fmt.Errorf("virtual weights: %w", err)
		}
		for k, p := range products {
			v := float64(p.Values()[0])
			if len(p.Values()) > 1 {
				v = length(p.Values())
			}
			if d := divisor[to[at[k][1]].norm.ID]; d != 0 {
				v /= d
			}
			out.Set(v, at[k][0], at[k][1])
		}
	}
	return &interp.Result{Array: out, Method: "virtual weights; " + norms.String(), Source: "Olah et al. 2020", Provenance: m.Info().Provenance()}, nil
}

func length(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// A Wire is a virtual weight.
type Wire struct {
	From, To Port
	Weight   float64
}

// String names its ends.
func (w Wire) String() string {
	return fmt.Sprintf("%s → %s: %.4g", w.From.Name, w.To.Name, w.Weight)
}

// Strongest are the n wires of the largest size into a port and the n out of it: from and
// to all neurons, heads and tokens of the model. A head counts by the length of what it
// writes or reads there, so that many coordinates make it large.
func Strongest(m *model.Model, p Port, n int, norms Norms) (in, out []Wire, err error) {
	if n < 1 {
		return nil, nil, fmt.Errorf("virtual weights: the %d strongest; at least one", n)
	}
	c := m.Config()
	if p.Reads.Name != "" {
		divisor, err := norms.divisors(m, []Port{p})
		if err != nil {
			return nil, nil, fmt.Errorf("virtual weights: %w", err)
		}
		scale := cmp.Or(divisor[p.norm.ID], 1)
		for l := range c.Layers {
			if 2*l < p.From {
				for h := range c.Heads {
					w, err := m.Product(model.WO(l).Head(h).AfterNorm(), p.Reads)
					if err != nil {
						return nil, nil, err
					}
					head := Query(m, l, h)
					head.Name = fmt.Sprintf("%d.%d", l, h)
					in = append(in, Wire{head, p, length(w.Values()) / scale})
				}
			}
			if 2*l+1 < p.From && !c.AttnOnly() {
				w, err := m.Product(model.WOut(l).AfterNorm(), p.Reads)
				if err != nil {
					return nil, nil, err
				}
				for i, v := range lines(w) {
					in = append(in, Wire{Of(m, Unit{l, i}), p, v / scale})
				}
			}
		}
		w, err := m.Product(model.WE(), p.Reads)
		if err != nil {
			return nil, nil, err
		}
		for id, v := range lines(w) {
			in = append(in, Wire{Port{Name: fmt.Sprint(id), To: -1, Writes: model.WE().Of(int32(id))}, p, v / scale})
		}
	}
	if p.Writes.Name != "" {
		if out, err = outOf(m, p, norms); err != nil {
			return nil, nil, fmt.Errorf("virtual weights: %w", err)
		}
	}
	in, out = largest(in, n), largest(out, n)
	for i := range in {
		name(m, &in[i].From)
	}
	for i := range out {
		name(m, &out[i].To)
	}
	return in, out, nil
}

// name gives a port of a token its text.
func name(m *model.Model, p *Port) {
	for _, f := range []model.Factor{p.Writes, p.Reads} {
		if f.Tokens != nil {
			*p = Token(m, f.Tokens[0])
			return
		}
	}
}

// outOf are all wires out of a port.
func outOf(m *model.Model, p Port, norms Norms) (out []Wire, err error) {
	c := m.Config()
	var readers []Port
	for l := range c.Layers {
		if !c.AttnOnly() {
			readers = append(readers, Of(m, Unit{l, 0}))
		}
		readers = append(readers, Query(m, l, 0))
	}
	readers = append(readers, Port{norm: hook.LNFinalScale()})
	divisor, err := norms.divisors(m, readers)
	if err != nil {
		return nil, err
	}
	add := func(to Port, v float64) { out = append(out, Wire{p, to, v / cmp.Or(divisor[to.norm.ID], 1)}) }
	for l := range c.Layers {
		if p.To < 2*l {
			for h := range c.Heads {
				for _, to := range []Port{Query(m, l, h), Key(m, l, h), Value(m, l, h)} {
					w, err := m.Product(p.Writes, to.Reads)
					if err != nil {
						return nil, err
					}
					add(to, length(w.Values()))
				}
			}
		}
		if c.AttnOnly() || p.To >= Of(m, Unit{l, 0}).From {
			continue
		}
		all := Of(m, Unit{l, 0}).Reads
		all.Neurons = nil
		w, err := m.Product(p.Writes, all)
		if err != nil {
			return nil, err
		}
		for i, v := range columns(w) {
			add(Of(m, Unit{l, i}), v)
		}
	}
	if c.Headless {
		return out, nil
	}
	w, err := m.Product(p.Writes, model.WU().BehindNorm())
	if err != nil {
		return nil, err
	}
	for id, v := range columns(w) {
		add(Port{Name: fmt.Sprint(id), Reads: model.WU().Of(int32(id)).BehindNorm(), From: 2 * c.Layers, norm: hook.LNFinalScale()}, v)
	}
	return out, nil
}

// lines are the rows of a matrix: its values if they have one each, else their lengths.
func lines(a *array.Array) []float64 {
	rows, n := a.Shape()[0], a.Shape()[1]
	out := make([]float64, rows)
	for i := range out {
		if out[i] = float64(a.Values()[i*n]); n > 1 {
			out[i] = length(a.Values()[i*n:][:n])
		}
	}
	return out
}

// columns are the same of the columns.
func columns(a *array.Array) []float64 {
	rows, n := a.Shape()[0], a.Shape()[1]
	out := make([]float64, n)
	for j := range out {
		own := make([]float32, rows)
		for i := range own {
			own[i] = a.Values()[i*n+j]
		}
		if out[j] = float64(own[0]); rows > 1 {
			out[j] = length(own)
		}
	}
	return out
}

// largest are the n wires of the largest size.
func largest(all []Wire, n int) []Wire {
	slices.SortStableFunc(all, func(a, b Wire) int { return cmp.Compare(math.Abs(b.Weight), math.Abs(a.Weight)) })
	return all[:min(n, len(all))]
}

// A Wiring is virtual weights as a graph, which package plotting draws: parts by layers,
// and between them the weights.
type Wiring struct {
	Name  string
	Wires []Wire
	nodes []node
}

// String is its wires, a line each.
func (w *Wiring) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d wires\n", w.Name, len(w.Wires))
	for _, x := range w.Wires {
		fmt.Fprintf(&b, "%s\n", x)
	}
	return b.String()
}

// node is a port where it is drawn.
type node struct {
	name, class string
	layer       int
}

// as is a port as a writer, or a reader.
func (p Port) as(writer bool) node {
	f, at := p.Reads, p.From
	if writer {
		f, at = p.Writes, p.To
	}
	n := node{p.Name, "direction", at / 2}
	switch {
	case at < 0:
		n.class, n.layer = "token", -1
	case f.Name == "unembed.W_U":
		n.class = "token"
	case strings.Contains(f.Name, ".mlp."):
		n.class = "neuron"
	case strings.Contains(f.Name, ".attn."):
		n.class, n.name = "head", strings.Fields(p.Name)[0]
	}
	return n
}

// NewWiring is a graph of wires.
func NewWiring(name string, wires ...Wire) *Wiring {
	w := &Wiring{Name: name, Wires: wires}
	for _, one := range wires {
		for _, n := range []node{one.From.as(true), one.To.as(false)} {
			if !slices.Contains(w.nodes, n) {
				w.nodes = append(w.nodes, n)
			}
		}
	}
	return w
}

// Title is the graph's name.
func (w *Wiring) Title() string { return w.Name }

// Len is the number of parts.
func (w *Wiring) Len() int { return len(w.nodes) }

// Node is the i-th part.
func (w *Wiring) Node(i int) (label, class, column string, layer int) {
	if i < 0 || i >= len(w.nodes) {
		return "", "", "", 0
	}
	return w.nodes[i].name, w.nodes[i].class, "", w.nodes[i].layer
}

// Columns are none.
func (w *Wiring) Columns() []string { return nil }

// Links is the number of weights.
func (w *Wiring) Links() int { return len(w.Wires) }

// Link is the i-th weight.
func (w *Wiring) Link(i int) (from, to int, kind string, effect float64) {
	if i < 0 || i >= len(w.Wires) {
		return 0, 0, "", 0
	}
	one := w.Wires[i]
	for _, input := range []string{"query", "key", "value"} {
		if strings.HasSuffix(one.To.Name, " "+input) {
			kind = input
		}
	}
	return slices.Index(w.nodes, one.From.as(true)), slices.Index(w.nodes, one.To.as(false)), kind, one.Weight
}

// EffectUnit is that of weights, which have none.
func (w *Wiring) EffectUnit() string { return "" }
