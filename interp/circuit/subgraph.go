package circuit

import (
	"fmt"
	"maps"
	"slices"

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
	*bench
	batch, pos int
	resid      []float32           // the stream into the block [batch, pos, d_model]
	lost       map[receiver][]lack // what each receiver lacks, senders in order
	written    map[Part][]float32  // u - u' of each sender so far [batch, pos, d_model]
	all        []float64           // their sum
}

// A lack is a sender whose edge is cut, and where [batch, pos]; nil is
// everywhere.
type lack struct {
	from Part
	at   []bool
}

// runEdges is bench.run for ablations that cut edges: a run of every block, and
// of every MLP that lacks something, for each list.
func (b *bench) runEdges(base []gone, variants [][]gone) (alone []float64, each [][]float64, err error) {
	s := &subgraph{bench: b, batch: b.t.Len()}
	for _, ids := range b.t.Clean.IDs {
		s.pos = max(s.pos, len(ids))
	}
	embedded, err := s.run(b.t.Clean.Capture(hook.ResidPre(0)))
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
func (s *subgraph) without(start []float32, list []gone) (metric []float64, err error) {
	if s.lost, err = s.lacks(list); err != nil {
		return nil, err
	}
	s.resid, s.written, s.all = start, map[Part][]float32{}, make([]float64, len(start))
	if s.a.Components == Edges {
		s.write(Embed(), start, 1)
	}
	layers := s.m.Config().Layers
	for l := range layers {
		if err := s.block(l); err != nil {
			return nil, fmt.Errorf("block %d: %w", l, err)
		}
	}
	final := s.stream(s.lacking(s.resid, s.lost[receiver{Logits(), ToLogits}]))
	run, err := s.m.Run(s.t.Clean.Start(layers, final).Metric(s.t.Metric))
	if err != nil {
		return nil, err
	}
	s.provenance = run.Provenance
	return float64s(run.PerRow(0).Values()), nil
}

// lacks are what receivers lack by a list of what is gone. Of what is there
// twice they lack the union.
func (s *subgraph) lacks(list []gone) (map[receiver][]lack, error) {
	c := s.m.Config()
	lost := map[receiver][]lack{}
	for _, g := range list {
		var at []bool
		if len(g.at) > 0 {
			rows, err := s.positions(g.at, g.rest)
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
		from := g.from
		if from == nil {
			for _, r := range receiversOf(c) {
				if feeds(c, g.part, r.part) {
					from = append(from, r)
				}
			}
		}
		for _, r := range from {
			i := slices.IndexFunc(lost[r], func(k lack) bool { return k.from == g.part })
			if i < 0 {
				lost[r] = append(lost[r], lack{g.part, at})
			} else {
				lost[r][i].at = union(lost[r][i].at, at)
			}
		}
	}
	return lost, nil
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
	c := s.m.Config()
	request := func() model.Request {
		r := s.t.Clean.Request()
		if l > 0 {
			r = r.Start(l, s.stream(s.resid))
		}
		return r.Stop(l + 1)
	}
	attention := request().Capture(hook.HeadResult(l), hook.AttnOut(l))
	for _, in := range []struct {
		input Input
		point hook.Point
		heads int
	}{{ToQuery, hook.QInput(l), c.Heads}, {ToKey, hook.KInput(l), c.KVHeads}, {ToValue, hook.VInput(l), c.KVHeads}} {
		if values := s.heads(l, in.input, in.heads); values != nil {
			attention = attention.Edit(in.point.Replace(values))
		}
	}
	mlp, lacking := receiver{MLP(l), ToMLP}, false
	if !c.AttnOnly() {
		if lacking = len(s.lost[mlp]) > 0; !lacking {
			attention = attention.Capture(hook.MLPOut(l))
		}
	}
	got, err := s.run(attention)
	if err != nil {
		return err
	}
	after := add(s.resid, got[hook.AttnOut(l).ID])
	heads := func() {
		for h := range c.Heads {
			s.write(Head(l, h), got[hook.HeadResult(l).ID][h*c.DModel:], c.Heads)
		}
	}
	reads := s.resid // as a parallel MLP does
	if !c.Parallel {
		heads()
		reads = after
	}
	if lacking {
		in := s.stream(s.lacking(reads, s.lost[mlp]))
		other, err := s.run(request().Edit(hook.MLPIn(l).Replace(in)).Capture(hook.MLPOut(l)))
		if err != nil {
			return err
		}
		maps.Copy(got, other)
	}
	if c.Parallel {
		heads()
	}
	if !c.AttnOnly() {
		out := got[hook.MLPOut(l).ID]
		after = add(after, out)
		if s.a.takesMLPs() {
			s.write(MLP(l), out, 1)
		}
	}
	s.resid = after
	return nil
}

// run gives what a request captures, with 0 past the end of rows.
func (s *subgraph) run(r model.Request) (map[hook.ID][]float32, error) {
	got, err := s.m.Run(r)
	if err != nil {
		return nil, err
	}
	all := map[hook.ID][]float32{}
	for _, p := range r.Captures {
		a := got.At(p)
		if err := a.Err(); err != nil {
			return nil, err
		}
		rowsEndInZeros(a.Values())
		all[p.ID] = a.Values()
	}
	return all, nil
}

// write notes by how much what a part writes differs from the reference. The
// values [batch, pos, parts, d_model] begin with the part's.
func (s *subgraph) write(p Part, values []float32, parts int) {
	d := s.m.Config().DModel
	diff := make([]float32, s.batch*s.pos*d)
	point := s.a.point(p)
	offset := 0
	if p.Kind == KindHead {
		offset = p.Index * d
	}
	for row, ids := range s.t.Clean.IDs {
		var reference []float32
		if s.a.Value != Zero {
			reference = s.values[point.ID][s.group[row]]
		}
		for pos := range ids {
			at := row*s.pos + pos
			to := diff[at*d:][:d]
			copy(to, values[at*parts*d:][:d])
			if reference == nil {
				continue
			}
			from := pos
			if s.uniform {
				from = 0
			}
			for i, v := range reference[from*parts*d+offset:][:d] {
				to[i] -= v
			}
		}
	}
	s.written[p] = diff
	for i, v := range diff {
		s.all[i] += float64(v)
	}
}

// lacking is a stream [batch, pos, d_model] without what is cut of what senders
// wrote so far. That is subtracted, or what is not cut is added to what is left
// without any sender, whichever is less.
func (s *subgraph) lacking(stream []float32, cut []lack) []float32 {
	sum := make([]float64, len(stream))
	for i, v := range stream {
		sum[i] = float64(v)
	}
	whole := 0 // cut everywhere
	for _, k := range cut {
		if s.written[k.from] != nil && k.at == nil {
			whole++
		}
	}
	if 2*whole <= len(s.written) {
		for _, k := range cut {
			s.add(sum, k.from, -1, k.at, true)
		}
		return float32s(sum)
	}
	for i, v := range s.all {
		sum[i] -= v
	}
	places := map[Part][]bool{}
	for _, k := range cut {
		places[k.from] = k.at
	}
	for _, p := range sendersOf(s.m.Config()) {
		if at, known := places[p]; !known || at != nil {
			s.add(sum, p, 1, at, false)
		}
	}
	return float32s(sum)
}

// add adds what a part writes, where it is cut or where it is not; nil are all
// places.
func (s *subgraph) add(sum []float64, p Part, sign float64, at []bool, where bool) {
	d := s.m.Config().DModel
	values := s.written[p]
	for i := range len(values) / max(1, d) {
		if at == nil || at[i] == where {
			for j, v := range values[i*d:][:d] {
				sum[i*d+j] += sign * float64(v)
			}
		}
	}
}

// heads are what heads read by one input [batch, pos, head, d_model], nil if
// they lack nothing. Where query heads share a key head it lacks what all of them
// lack.
func (s *subgraph) heads(l int, input Input, n int) *array.Array {
	c := s.m.Config()
	cut := make([][]lack, n)
	any := false
	for h := range c.Heads {
		lacks := s.lost[receiver{Head(l, h), input}]
		to := h
		if n != c.Heads {
			to = c.KVHead(h)
		}
		if n == c.Heads || h == 0 || c.KVHead(h-1) != to {
			cut[to] = lacks
		} else {
			cut[to] = common(cut[to], lacks)
		}
		any = any || len(lacks) > 0
	}
	if !any {
		return nil
	}
	out := make([]float32, s.batch*s.pos*n*c.DModel)
	for h := range n {
		values := s.lacking(s.resid, cut[h])
		for i := range s.batch * s.pos {
			copy(out[(i*n+h)*c.DModel:][:c.DModel], values[i*c.DModel:])
		}
	}
	return array.Of(out, array.Dim("batch", s.batch), array.Dim("pos", s.pos), array.Dim("head", n), array.Dim("d_model", c.DModel))
}

// common is what two receivers both lack.
func common(a, b []lack) []lack {
	var both []lack
	for _, k := range a {
		i := slices.IndexFunc(b, func(o lack) bool { return o.from == k.from })
		switch {
		case i < 0:
			continue
		case k.at == nil:
			k.at = b[i].at
		case b[i].at != nil:
			k.at = slices.Clone(k.at)
			for j, in := range b[i].at {
				k.at[j] = k.at[j] && in
			}
		}
		both = append(both, k)
	}
	return both
}

// stream is values as a residual stream.
func (s *subgraph) stream(values []float32) *array.Array {
	return array.Of(values, array.Dim("batch", s.batch), array.Dim("pos", s.pos), array.Dim("d_model", s.m.Config().DModel))
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
