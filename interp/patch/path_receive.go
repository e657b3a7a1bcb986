package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// receive is the second sweep: the receivers read what they read under each
// sender. Rows whose receivers read nothing new are as they were.
func (p Paths) receive(m *model.Model, l layout, sent *model.SweepResult, original, other model.Prompts, metric model.Metric) (Effects, model.Provenance, error) {
	fail := func(err error) (Effects, model.Provenance, error) { return Effects{}, sent.Provenance, err }
	s := model.Sweep{Base: original.Metric(metric)}
	var ran []cell // those with a variant
	n := len(original.IDs)
	for i, c := range l.cells {
		v := model.Variant{Name: c.set.String()}
		changed := make([]bool, n)
		for _, r := range p.Receivers {
			read := sent.At(r).Select(hook.Variant, i).Squeeze(hook.Variant)
			was := sent.Base.At(r)
			for _, a := range []*array.Array{read, was} {
				if err := a.Err(); err != nil {
					return fail(err)
				}
			}
			size := len(read.Values()) / n
			for row := range n {
				part := func(a *array.Array) []float32 { return finite(a.Values()[row*size : (row+1)*size]) }
				runs := c.rows == nil || slices.Contains(c.rows, row)
				changed[row] = changed[row] || runs && !slices.Equal(part(read), part(was))
			}
			v.Edits = append(v.Edits, r.Replace(array.Of(finite(read.Values()), read.Axes()...)))
		}
		for row, is := range changed {
			if is {
				v.Rows = append(v.Rows, row)
			}
		}
		if v.Rows != nil {
			s.Variants, ran = append(s.Variants, v), append(ran, c)
		}
	}
	plain, err := m.Run(other.Metric(metric))
	if err != nil {
		return fail(err)
	}
	e := Effects{metric: metric, direction: Noising, Plans: Plans{sent.Plan}, Other: perSample(plain), Metric: l.empty(n)}
	p1 := sent.Provenance
	var rows *array.Array
	if s.Variants == nil { // nobody receives anything
		base, err := m.Run(original.Metric(metric))
		if err != nil {
			return fail(err)
		}
		e.Base = perSample(base)
	} else {
		run, err := m.Sweep(s)
		if err != nil {
			return fail(err)
		}
		e.Base, rows, e.Plans = perSample(run.Base), run.PerRow(0), append(e.Plans, run.Plan)
		p1.Request = joined(sent.Request, run.Request)
	}
	for _, c := range l.cells {
		l.put(e.Metric, c, func(row int) float32 {
			if c.rows != nil && !slices.Contains(c.rows, row) {
				return nan
			}
			return e.Base.Values()[row]
		})
	}
	for i, c := range ran {
		for _, row := range s.Variants[i].Rows {
			e.Metric.Values()[row*len(e.Metric.Values())/n+c.at] = rows.Values()[i*n+row]
		}
	}
	return e, p1, nil
}

// joined identifies several requests as one.
func joined(hashes ...string) string {
	sum := sha256.New()
	for _, h := range hashes {
		sum.Write([]byte(h))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
