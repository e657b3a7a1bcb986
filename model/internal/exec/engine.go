package exec

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/internal/products"
)

// An Engine is a model's weights on a backend and the graphs compiled for it.
// It may be used from several goroutines.
type Engine struct {
	Config  config.Config
	Backend *backend.Backend

	weights map[string]*tensors.Tensor        // all, or all but the matrices of blocks
	blocks  *blocks                           // these, if they are not all in memory
	from    map[*arch.Pending]*tensors.Tensor // where weights were read
	shared  map[*tensors.Tensor]bool          // weights that are another engine's
	names   names
	kinds   []hook.Kind // of a block

	residents residents

	mu       sync.Mutex
	programs map[string]*Exec
	kept     *kept           // of edges
	rotary   [2][2][]float32 // cosines and sines of positions [pos, Dim/2], in global and in local layers
}

// names are the weights that graphs have as inputs, in their order; those of
// blocks by their local names, which are the same in every block.
type names struct{ embed, block, final []string }

func (e *Engine) findNames() {
	present := func(names ...string) []string {
		return slices.DeleteFunc(names, func(name string) bool { return e.weights[name] == nil })
	}
	e.names.embed = present("embed.W_E", "pos_embed.W_pos", "embed.ln.w", "embed.ln.b")
	e.names.final = present("head.W", "head.b", "ln_final.w", "ln_final.b", "unembed.W_U", "unembed.b_U")
	e.names.block = e.blockNames()
}

// machine is what plans know of the engine.
func (e *Engine) machine() plan.Machine {
	m := plan.Machine{Config: e.Config, Exact: e.Backend.Go(), Workers: 1, Cores: 1} // XLA has threads of its own
	if e.Backend.HasSharedBuffers() {
		m.Cores = runtime.GOMAXPROCS(0) // but wakes them for large products only
		m.Vectors = vectors
	}
	if m.Exact {
		m.Workers = m.Cores
	}
	return m
}

// vectors tells whether the host multiplies vectors, where it has the engine's memory.
var vectors = products.Wide

// Cut is how the engine cuts jobs into chunks.
func (e *Engine) Cut() plan.Cut {
	m := e.machine()
	return plan.Cut{Exact: m.Exact, Workers: m.Workers}
}

// rotaryTables are cosines and sines of at least the first n positions, in the
// layers that are local, or in the others.
func (e *Engine) rotaryTables(layer, n int) [2][]float32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.Config.RotaryOf(layer)
	t := &e.rotary[0]
	if e.Config.IsLocal(layer) {
		t = &e.rotary[1]
	}
	if len(t[0]) < n*r.Dim/2 {
		t[0], t[1] = arch.RotaryTables(r, n)
	}
	return *t
}

// New brings the weights to the backend, as far as they are not held as published.
// Weights that come from where those of another engine on the same backend do are
// that one's own; it is closed last.
func New(c config.Config, plan arch.Plan, b *backend.Backend, held Held, other *Engine) (*Engine, error) {
	e := &Engine{Config: c, Backend: b, weights: map[string]*tensors.Tensor{}, kinds: c.BlockKinds(), programs: map[string]*Exec{},
		from: map[*arch.Pending]*tensors.Tensor{}, shared: map[*tensors.Tensor]bool{}}
	if held.AsPublished {
		var pending []map[string]*arch.Pending
		plan, pending = split(plan, c.Layers)
		e.blocks = newBlocks(e, pending, held)
	}
	var mu sync.Mutex
	err := plan.Each(func(names []string, w *arch.Pending) error {
		var t *tensors.Tensor
		var err error
		if other != nil && other.Backend == e.Backend {
			t = other.from[w]
		}
		theirs := t != nil
		if !theirs {
			if t, err = e.upload(w, nil); err != nil {
				return fmt.Errorf("weight %s: %w", names[0], err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		e.from[w] = t
		if theirs {
			e.shared[t] = true
		}
		for _, name := range names { // tied weights are one tensor
			e.weights[name] = t
		}
		return nil
	})
	if err != nil {
		e.Close()
		return nil, err
	}
	e.findNames()
	return e, nil
}

// upload reads a weight into the backend's memory, which may be that of another of its
// shape.
func (e *Engine) upload(w *arch.Pending, over *tensors.Tensor) (t *tensors.Tensor, err error) {
	var bad error
	write := func(values []float32) { bad = w.Fill(values) }
	if t = over; t != nil {
		err = tensors.MutableFlatData(t, write)
	} else {
		t, err = fill(e, write, w.Shape...)
	}
	if err = cmp.Or(bad, err); err != nil {
		free(t)
		return nil, err
	}
	return t, nil
}

// tensor copies float32, int32 or bool values to the backend.
func (e *Engine) tensor(values any, dims ...int) (*tensors.Tensor, error) {
	var dtype dtypes.DType
	var data []byte
	switch v := values.(type) {
	case []float32:
		dtype, data = dtypes.Float32, bytesOf(v)
	case []int32:
		dtype, data = dtypes.Int32, bytesOf(v)
	case []bool:
		dtype, data = dtypes.Bool, bytesOf(v)
	default:
		return nil, fmt.Errorf("exec: no tensor of %T", values)
	}
	return tensors.FromRaw(e.Backend.Backend, 0, shapes.Make(dtype, dims...), data)
}

func bytesOf[T any](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// Weight is the shape and a copy of the values of a weight, by its full name.
func (e *Engine) Weight(name string) ([]int, []float32, error) {
	t, release, err := e.use(name)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	if t == nil {
		return nil, nil, fmt.Errorf("weight %s does not exist in this model", name)
	}
	values, err := tensors.CopyFlatData[float32](t)
	return t.Shape().Dimensions, values, err
}

// program is the compiled graph function of that name, built at first use.
func (e *Engine) program(name string, build func(in []*Node) []*Node) (*Exec, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.programs[name]; p != nil {
		return p, nil
	}
	p, err := NewExec(e.Backend.Backend, build)
	if err != nil {
		return nil, err
	}
	p.SetMaxCache(-1) // one graph per tuple of shapes; chunks keep these few
	e.programs[name] = p
	return p, nil
}

// call runs a program and turns the library's panics into errors.
func call(name string, p *Exec, args []any) (out []*tensors.Tensor, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("exec %s: %v", name, r)
		}
	}()
	out, err = p.Call(args...)
	if err != nil {
		return nil, fmt.Errorf("exec %s: %w", name, err)
	}
	if atCall != nil {
		atCall(name, p)
	}
	return out, nil
}

// atCall is what a test does after each call of a program, while what it gave is held.
var atCall func(name string, p *Exec)

// free gives device memory back at once; XLA's is invisible to the collector.
func free(ts ...*tensors.Tensor) {
	for _, t := range ts {
		if t != nil {
			_ = t.FinalizeAll() // nothing to do about a buffer that is gone already
		}
	}
}

// Rest gives back what is kept of blocks in float32 and of runs whose edges were cut,
// unless it is at work.
func (e *Engine) Rest() {
	e.putKept(nil)
	if e.blocks != nil {
		e.blocks.drop()
	}
}

// Close frees the weights.
func (e *Engine) Close() {
	e.putKept(nil)
	if e.blocks != nil {
		e.blocks.close()
	}
	for _, t := range e.weights {
		if !e.shared[t] {
			free(t)
		}
	}
	e.residents.close()
}
