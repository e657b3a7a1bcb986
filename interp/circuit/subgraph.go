package circuit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A subgraph is a run in which single edges are cut: what a receiver reads is
// the residual stream of this run, less what each sender whose edge is cut wrote
// in this run, plus what it writes in the reference:
//
//	resid(v) - Σ cut(u,v) (u - u')
//
// It goes block by block, since what a block writes in this run is known only
// when all that it reads is. Source: the subgraph runs of Conmy et al. 2023 and
// Hanna et al. 2024.
type subgraph struct {
	*knockOut
	batch, pos int
	resid      []float32     // the stream into the block [batch, pos, d_model]
	cut        [][]cutSender // of each receiver
	written    [][]float32   // u - u' of each sender so far [batch, pos, d_model]
	all        []float64     // their sum
}

// A cutSender is a sender whose edge is cut, and where [batch, pos]; nil is
// everywhere.
type cutSender struct {
	sender int
	at     []bool
}

// runEdges is [knockOut.run] where edges are cut: a run of every block, and of
// every MLP that lacks something, for each list.
func (k *knockOut) runEdges(base []removal, variants [][]removal) (alone []float64, each [][]float64, err error) {
	s := &subgraph{knockOut: k, batch: k.Task.Len()}
	for _, ids := range k.Task.Clean.IDs {
		s.pos = max(s.pos, len(ids))
	}
	embedded, err := s.capture(k.Task.Clean.Capture(hook.ResidPre(0)))
	if err != nil {
		return nil, nil, err
	}
	start := embedded[hook.ResidPre(0).ID]
	if alone, err = s.without(start, base); err != nil {
		return nil, nil, err
	}
	for _, list := range variants {
		metric, err := s.without(start, slices.Concat(base, list))
		if err != nil {
			return nil, nil, err
		}
		each = append(each, metric)
	}
	return alone, each, nil
}

// without measures the task's metric of each row without some edges, from the
// stream into the first block on.
func (s *subgraph) without(start []float32, list []removal) (metric []float64, err error) {
	if s.cut, err = s.removed(list); err != nil {
		return nil, err
	}
	s.resid, s.written, s.all = start, make([][]float32, len(s.graph.Senders)), make([]float64, len(start))
	if s.Components == AllEdges {
		s.write(graph.Embed(), start, 1)
	}
	layers := s.Model.Config().Layers
	for l := range layers {
		if err := s.block(l); err != nil {
			return nil, fmt.Errorf("block %d: %w", l, err)
		}
	}
	final := s.stream(s.reads(s.resid, graph.Logits(), graph.ToLogits))
	run, err := s.Model.Run(s.Task.Clean.Start(layers, final).Metric(s.Task.Metric))
	if err != nil {
		return nil, err
	}
	s.provenance = run.Provenance
	return float64s(run.PerRow(0).Values()), nil
}

// removed are the senders that each receiver reads no longer. What is removed twice is
// cut wherever either says so.
func (s *subgraph) removed(list []removal) ([][]cutSender, error) {
	cut := make([][]cutSender, len(s.graph.Receivers))
	for _, gone := range list {
		sender, _ := s.graph.Sender(gone.part)
		var at []bool
		if len(gone.at) > 0 {
			rows, err := s.positions(gone.at, gone.rest)
			if err != nil {
				return nil, err
			}
			at = make([]bool, s.batch*s.pos)
			for row, places := range rows {
				for _, pos := range places {
					at[row*s.pos+pos] = true
				}
			}
		}
		for r := range cut {
			if !s.graph.Has(sender, r) || gone.from != nil && !slices.Contains(gone.from, r) {
				continue
			}
			if i := slices.IndexFunc(cut[r], func(c cutSender) bool { return c.sender == sender }); i < 0 {
				cut[r] = append(cut[r], cutSender{sender, at})
			} else {
				cut[r][i].at = union(cut[r][i].at, at)
			}
		}
	}
	return cut, nil
}

// union of two sets of places, of which nil is the whole.
func union(a, b []bool) []bool {
	if a == nil || b == nil {
		return nil
	}
	both := slices.Clone(a)
	for i, in := range b {
		both[i] = both[i] || in
	}
	return both
}

// block runs a block with what its heads and its MLP read.
func (s *subgraph) block(l int) error {
	c := s.Model.Config()
	request := func() model.Request {
		r := s.Task.Clean.Request()
		if l > 0 {
			r = r.Start(l, s.stream(s.resid))
		}
		return r.Stop(l + 1)
	}
	attention := request().Capture(hook.HeadResult(l), hook.AttnOut(l))
	for _, in := range []struct {
		input graph.Input
		point hook.Point
		heads int
	}{{graph.ToQuery, hook.QInput(l), c.Heads}, {graph.ToKey, hook.KInput(l), c.KVHeads}, {graph.ToValue, hook.VInput(l), c.KVHeads}} {
		if values := s.heads(l, in.input, in.heads); values != nil {
			attention = attention.Edit(in.point.Replace(values))
		}
	}
	mlp := !c.AttnOnly()
	lacking := mlp && len(s.cutInto(graph.MLP(l), graph.ToMLP)) > 0
	if mlp && !lacking {
		attention = attention.Capture(hook.MLPOut(l))
	}
	got, err := s.capture(attention)
	if err != nil {
		return err
	}
	after := add(s.resid, got[hook.AttnOut(l).ID])
	heads := func() {
		for h := range c.Heads {
			s.write(graph.Head(l, h), got[hook.HeadResult(l).ID][h*c.DModel:], c.Heads)
		}
	}
	reads := s.resid // as a parallel MLP does
	if !c.Parallel {
		heads()
		reads = after
	}
	if lacking {
		in := s.stream(s.reads(reads, graph.MLP(l), graph.ToMLP))
		other, err := s.capture(request().Edit(hook.MLPIn(l).Replace(in)).Capture(hook.MLPOut(l)))
		if err != nil {
			return err
		}
		maps.Copy(got, other)
	}
	if c.Parallel {
		heads()
	}
	if mlp {
		out := got[hook.MLPOut(l).ID]
		after = add(after, out)
		if s.takesMLPs() {
			s.write(graph.MLP(l), out, 1)
		}
	}
	s.resid = after
	return nil
}

// capture gives what a request captures, with 0 past the end of rows.
func (s *subgraph) capture(r model.Request) (map[hook.ID][]float32, error) {
	got, err := s.Model.Run(r)
	if err != nil {
		return nil, err
	}
	all := map[hook.ID][]float32{}
	for _, p := range r.Captures {
		a := got.At(p)
		if err := a.Err(); err != nil {
			return nil, err
		}
		for i, v := range a.Values() {
			if v != v {
				a.Values()[i] = 0
			}
		}
		all[p.ID] = a.Values()
	}
	return all, nil
}

// write notes by how much what a part writes differs from the reference. The
// values [batch, pos, parts, d_model] begin with the part's.
func (s *subgraph) write(p graph.Part, values []float32, parts int) {
	d := s.Model.Config().DModel
	diff := make([]float32, s.batch*s.pos*d)
	point, offset := s.point(p), 0
	if p.IsHead() {
		offset = p.Index * d
	}
	for row, ids := range s.Task.Clean.IDs {
		for pos := range ids {
			at := row*s.pos + pos
			to := diff[at*d:][:d]
			copy(to, values[at*parts*d:][:d])
			if s.Ablation.Value != ablate.Zero {
				for i, v := range s.values.At(point.ID, row, pos)[offset:][:d] {
					to[i] -= v
				}
			}
		}
	}
	sender, _ := s.graph.Sender(p)
	s.written[sender] = diff
	for i, v := range diff {
		s.all[i] += float64(v)
	}
}

// cutInto are the senders that an input reads no longer.
func (s *subgraph) cutInto(p graph.Part, input graph.Input) []cutSender {
	r, _ := s.graph.Receiver(p, input)
	return s.cut[r]
}

// reads is a stream [batch, pos, d_model] as an input reads it: without what is cut
// of what senders wrote so far. That is subtracted, or what is not cut is added to
// what is left without any sender, whichever is less.
func (s *subgraph) reads(stream []float32, p graph.Part, input graph.Input) []float32 {
	sum := make([]float64, len(stream))
	for i, v := range stream {
		sum[i] = float64(v)
	}
	cut, whole, writers := s.cutInto(p, input), 0, 0
	for _, c := range cut {
		if s.written[c.sender] != nil && c.at == nil {
			whole++
		}
	}
	for _, values := range s.written {
		if values != nil {
			writers++
		}
	}
	if 2*whole <= writers {
		for _, c := range cut {
			s.add(sum, c.sender, -1, c.at, true)
		}
		return float32s(sum)
	}
	for i, v := range s.all {
		sum[i] -= v
	}
	places := map[int][]bool{}
	for _, c := range cut {
		places[c.sender] = c.at
	}
	for sender := range s.written {
		if at, known := places[sender]; !known || at != nil {
			s.add(sum, sender, 1, at, false)
		}
	}
	return float32s(sum)
}

// add adds what a sender wrote, where it is cut or where it is not; nil are all
// places.
func (s *subgraph) add(sum []float64, sender int, sign float64, at []bool, where bool) {
	d := s.Model.Config().DModel
	values := s.written[sender]
	for i := range len(values) / max(1, d) {
		if at == nil || at[i] == where {
			for j, v := range values[i*d:][:d] {
				sum[i*d+j] += sign * float64(v)
			}
		}
	}
}

// heads are what n heads, or groups of heads that share a key, read by one input
// [batch, pos, head, d_model], nil if they lack nothing.
func (s *subgraph) heads(l int, input graph.Input, n int) *array.Array {
	c := s.Model.Config()
	first := func(i int) graph.Part { return graph.Head(l, i*c.Heads/n) }
	any := false
	for i := range n {
		any = any || len(s.cutInto(first(i), input)) > 0
	}
	if !any {
		return nil
	}
	out := make([]float32, s.batch*s.pos*n*c.DModel)
	for h := range n {
		values := s.reads(s.resid, first(h), input)
		for i := range s.batch * s.pos {
			copy(out[(i*n+h)*c.DModel:][:c.DModel], values[i*c.DModel:])
		}
	}
	return array.Of(out, array.Dim("batch", s.batch), array.Dim("pos", s.pos), array.Dim("head", n), array.Dim("d_model", c.DModel))
}

// stream is values as a residual stream.
func (s *subgraph) stream(values []float32) *array.Array {
	return array.Of(values, array.Dim("batch", s.batch), array.Dim("pos", s.pos), array.Dim("d_model", s.Model.Config().DModel))
}

func add(a, b []float32) []float32 {
	sum := slices.Clone(a)
	for i, v := range b {
		sum[i] += v
	}
	return sum
}

func float32s(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
