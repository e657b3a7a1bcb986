package exec

import . "github.com/gomlx/gomlx/core/graph"

// compileWork is how many multiplications XLA does on a CPU while it compiles
// the graphs of one more batch: two seconds' worth.
var compileWork = 2e10

// fewer is the batch that is left when so many of its rows are not at their end,
// with steps to come: the same, unless a smaller one pays. XLA's are halves, so
// that few graphs are compiled. On an accelerator no batch is smaller: its step
// takes as long, until hundreds of rows.
func (e *Engine) fewer(batch, live, steps int) int {
	if e.Backend.Go() {
		if batch > rowsPerStep && 2*live <= batch {
			return live
		}
		return batch
	}
	size := batch
	for 2*live <= size {
		size = (size + 1) / 2
	}
	saved := float64(batch-size) * float64(steps) * float64(e.Config.Params())
	if e.Backend.Name != "xla:cpu" || saved < compileWork {
		return batch
	}
	return size
}

// leave takes rows that have ended out of the batch, where that pays.
func (r *rows) leave() error {
	var live []int
	for i, ended := range r.ended {
		if !ended {
			live = append(live, i)
		}
	}
	size := r.fewer(r.batch, len(live), r.gen.job.New-r.step)
	if size == r.batch {
		return nil
	}
	index := make([]int32, size) // rows out of use are copies of row 0
	courses := make([]course, len(live))
	for to, from := range live {
		index[to], courses[to] = int32(from), r.courses[from]
	}
	at, err := r.tensor(index, size, 1)
	if err != nil {
		return err
	}
	defer free(at)
	p, err := r.program("leave", leaveGraph)
	if err != nil {
		return err
	}
	for l, c := range r.cache {
		out, err := call("leave", p, []any{at, c.k, c.v})
		if err != nil {
			return err
		}
		free(c.k, c.v)
		r.cache[l] = cache{out[0], out[1]}
	}
	r.courses, r.batch, r.ended = courses, size, make([]bool, len(live))
	return nil
}

// leaveGraph keeps rows of keys and values, by index.
func leaveGraph(in []*Node) []*Node {
	return []*Node{Gather(in[1], in[0]), Gather(in[2], in[0])}
}
