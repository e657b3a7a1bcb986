package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// Receivers that read together, and where in the result their effects begin.
type receivers struct {
	receivers []int
	at        int
}

// groups are the receivers after a sender, all together or each by itself.
func (j *journey) groups(s cell) []receivers {
	first, _ := firstWrite(s.set) // checked when prepared
	all := []receivers{{}}
	if j.Apart {
		all = nil
	}
	each := 1 // values of a receiver
	for _, ax := range j.axes {
		each *= ax.Len
	}
	for r, at := range j.reads {
		switch {
		case at <= first:
		case j.Apart:
			all = append(all, receivers{[]int{r}, r * each})
		default:
			all[0].receivers = append(all[0].receivers, r)
		}
	}
	return all
}

// one is the paths to one receiver.
func (p Paths) one(receiver int) Paths {
	one := Paths{Receivers: p.Receivers[receiver : receiver+1]}
	if p.Readers != nil {
		one.Readers = p.Readers[receiver : receiver+1]
	}
	return one
}

// receive sends and receives, as many senders at a time as can be held. Rows whose
// receivers read nothing new are as they were.
func (j *journey) receive(m *model.Model) (e Effects, provenance model.Provenance, err error) {
	n := len(j.Clean.IDs)
	whole := j.grid
	if j.Apart {
		names := make([]string, len(j.Receivers))
		for i := range names {
			names[i] = j.one(i).to(j.conf)
		}
		whole.axes = append([]array.Axis{array.Labels("receiver", names)}, j.axes...)
	}
	e = Effects{metric: j.Metric, direction: Noising, Metric: whole.empty(n)}
	var hashes []string
	for senders := range slices.Chunk(j.cells, j.holding) {
		send := j.sweep(senders)
		if e.Other != nil { // was measured
			send.Source = j.Corrupted.Request()
		}
		sent, err := m.Sweep(send)
		if err != nil {
			return e, provenance, err
		}
		if e.Other == nil {
			e.Other = perSample(sent.Source)
		}
		s, to, err := j.messages(sent, senders)
		if err != nil {
			return e, provenance, err
		}
		e.Plans, hashes, provenance = append(e.Plans, sent.Plan), append(hashes, sent.Request), sent.Provenance
		var rows *array.Array
		if len(s.Variants) > 0 {
			run, err := m.Sweep(s)
			if err != nil {
				return e, provenance, err
			}
			e.Base, rows = perSample(run.Base), run.PerRow(0)
			e.Plans, hashes = append(e.Plans, run.Plan), append(hashes, run.Request)
		} else if e.Base == nil { // nothing is received
			base, err := m.Run(s.Base)
			if err != nil {
				return e, provenance, err
			}
			e.Base = perSample(base)
		}
		for _, c := range senders {
			for _, g := range j.groups(c) {
				whole.put(e.Metric, g.at+c.at, func(row int) float32 {
					if c.rows != nil && !slices.Contains(c.rows, row) {
						return nan
					}
					return e.Base.Values()[row]
				})
			}
		}
		for i, v := range s.Variants {
			for _, row := range v.Rows {
				e.Metric.Values()[row*len(e.Metric.Values())/n+to[i]] = rows.Values()[i*n+row]
			}
		}
	}
	provenance.Request = joined(hashes...)
	return e, provenance, nil
}

// points are where receivers read: heads may share a key.
func (j *journey) points(g receivers) (all []hook.Point) {
	for _, k := range g.receivers {
		if r := j.Receivers[k]; r.Find(all) < 0 {
			all = append(all, r)
		}
	}
	return all
}

// holds hold the heads that receivers reach and that read none of them.
func (j *journey) holds(g receivers) (edits []hook.Edit) {
	held := j.held(j.conf, g.receivers)
	for _, layer := range slices.Sorted(maps.Keys(held)) {
		edits = append(edits, hook.Z(layer).Head(held[layer]...).Freeze())
	}
	return edits
}

// messages is the second sweep: the receivers read what they read under each
// sender. It also says where in the result each variant belongs.
func (j *journey) messages(sent *model.SweepResult, senders []cell) (s model.Sweep, to []int, err error) {
	s = model.Sweep{Base: j.base().Metric(j.Metric)}
	n := len(j.Clean.IDs)
	for i, c := range senders {
		for _, g := range j.groups(c) {
			v := model.Variant{Name: c.set.String()}
			changed := make([]bool, n)
			for _, r := range j.points(g) {
				read, was := sent.At(r).Pick(hook.Variant, i), sent.Base.At(r)
				for _, a := range []*array.Array{read, was} {
					if err := a.Err(); err != nil {
						return s, nil, err
					}
				}
				size := len(read.Values()) / n
				for row := range n {
					part := func(a *array.Array) []float32 { return interp.Finite(a.Values()[row*size : (row+1)*size]) }
					runs := c.rows == nil || slices.Contains(c.rows, row)
					changed[row] = changed[row] || runs && !slices.Equal(part(read), part(was))
				}
				v.Edits = append(v.Edits, r.Replace(array.Of(interp.Finite(read.Values()), read.Axes()...)))
			}
			v.Edits = append(v.Edits, j.holds(g)...)
			for row, is := range changed {
				if is {
					v.Rows = append(v.Rows, row)
				}
			}
			if v.Rows != nil {
				s.Variants, to = append(s.Variants, v), append(to, g.at+c.at)
			}
		}
	}
	return s, to, nil
}

// joined identifies several requests as one.
func joined(hashes ...string) string {
	sum := sha256.New()
	for _, h := range hashes {
		sum.Write([]byte(h))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
