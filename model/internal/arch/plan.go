package arch

import (
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/crew"
)

// A Pending is a weight that is not read yet.
type Pending struct {
	Shape []int
	// Fill writes the values, row-major, all of those that dst holds, whatever it held.
	Fill func(dst []float32) error
}

// Size is the number of values.
func (p *Pending) Size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// read is the values; those of an absent weight are nil.
func (p *Pending) read() ([]float32, error) {
	if p == nil {
		return nil, nil
	}
	values := make([]float32, p.Size())
	return values, p.Fill(values)
}

// then is a weight whose values are changed when they are read.
func (p *Pending) then(change func(values []float32) error) *Pending {
	return &Pending{p.Shape, func(dst []float32) error {
		if err := p.Fill(dst); err != nil {
			return err
		}
		return change(dst)
	}}
}

// A Plan is where a model's weights come from, by name. Tied weights are one
// Pending. Nothing is read until a Fill is called, so that weights can go from
// the file to where they are used without lying in memory between.
type Plan map[string]*Pending

// Check is [Params.Check] before anything is read.
func (p Plan) Check(c config.Config) error {
	shapes := Params{}
	for name, w := range p {
		shapes[name] = Param{Shape: w.Shape}
	}
	return shapes.Check(c)
}

// Each does a job for every weight, several at once and the largest first, so
// that what a job needs beside the weight is needed while little is there. Tied
// weights come once, under all their names. The first error ends it.
func (p Plan) Each(job func(names []string, w *Pending) error) error {
	names := map[*Pending][]string{}
	var all []*Pending
	for name, w := range p {
		if names[w] == nil {
			all = append(all, w)
		}
		names[w] = append(names[w], name)
	}
	for _, w := range all {
		slices.Sort(names[w])
	}
	slices.SortFunc(all, func(a, b *Pending) int {
		if n := b.Size() - a.Size(); n != 0 {
			return n
		}
		return slices.Compare(names[a], names[b])
	})
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	failed := make(chan struct{})
	next := make(chan *Pending)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for w := range next {
				if err := crew.Catch(func() error { return job(names[w], w) }); err != nil {
					once.Do(func() { first = err; close(failed) })
				}
			}
		})
	}
feed:
	for _, w := range all {
		select {
		case next <- w:
		case <-failed:
			break feed
		}
	}
	close(next)
	wg.Wait()
	return first
}

// Read reads all weights.
func (p Plan) Read() (Params, error) {
	params := Params{}
	var mu sync.Mutex
	err := p.Each(func(names []string, w *Pending) error {
		values, err := w.read()
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			params[name] = Param{w.Shape, values}
		}
		return nil
	})
	return params, err
}

// Plan is the plan of weights that are in memory.
func (p Params) Plan() Plan {
	plan := Plan{}
	seen := map[*float32]*Pending{} // tied weights share their memory
	for name, w := range p {
		at := unsafe.SliceData(w.Data)
		if seen[at] == nil || len(w.Data) == 0 {
			seen[at] = &Pending{w.Shape, func(dst []float32) error { copy(dst, w.Data); return nil }}
		}
		plan[name] = seen[at]
	}
	return plan
}
