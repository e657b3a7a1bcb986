package exec

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// Held says how weights lie in memory.
type Held struct {
	// AsPublished leaves the matrices of blocks as they lie on disk, in mapped
	// memory. A block's become float32 when it runs, the next one's while it does,
	// and they stay as long as they fit.
	AsPublished bool
	Most        int64         // bytes of blocks in float32; 0 means 2 GiB; two blocks are kept in any case
	Rest        time.Duration // after which float32 blocks are given back; 0 means 20 s
}

const (
	defaultMost = 2 << 30
	defaultRest = 20 * time.Second
)

// room is how many blocks of a size are kept.
func (h Held) room(size int64) int {
	most := h.Most
	if most == 0 {
		most = defaultMost
	}
	return max(2, int(most/max(1, size)))
}

// Bytes is the most that the weights of a plan take in float32 at a time.
func (h Held) Bytes(plan arch.Plan, layers int) (n int64) {
	if h.AsPublished {
		var blocks []map[string]*arch.Pending
		plan, blocks = split(plan, layers)
		size := blockBytes(blocks)
		n = size * int64(min(layers, h.room(size)))
	}
	seen := map[*arch.Pending]bool{}
	for _, w := range plan {
		if !seen[w] { // tied weights are one
			n, seen[w] = n+4*int64(w.Size()), true
		}
	}
	return n
}

// blockBytes is the size of a block's matrices in float32.
func blockBytes(blocks []map[string]*arch.Pending) (n int64) {
	for _, w := range blocks[0] {
		n += 4 * int64(w.Size())
	}
	return n
}

// blocks are the matrices of blocks that are not all in memory.
type blocks struct {
	e       *Engine
	pending []map[string]*arch.Pending // of each layer, by local name
	held    Held
	size    int64 // of a block in float32, in bytes

	mu     sync.Mutex
	loaded map[int]*block
	clock  int // rises with every use
	last   int // layer that was used last
	rest   *time.Timer
}

// A block is the matrices of one block in float32.
type block struct {
	ready   chan struct{} // closed when they are there, or failed
	weights map[string]*tensors.Tensor
	err     error
	users   int
	used    int // clock of its last use
}

// split takes the matrices of blocks out of a plan.
func split(plan arch.Plan, layers int) (rest arch.Plan, pending []map[string]*arch.Pending) {
	rest, pending = arch.Plan{}, make([]map[string]*arch.Pending, layers)
	for l := range pending {
		pending[l] = map[string]*arch.Pending{}
	}
	for name, w := range plan {
		if l, local, ok := arch.LayerOf(name); ok && l < layers && len(w.Shape) == 2 {
			pending[l][local] = w
		} else {
			rest[name] = w
		}
	}
	return rest, pending
}

func newBlocks(e *Engine, pending []map[string]*arch.Pending, held Held) *blocks {
	if held.Rest == 0 {
		held.Rest = defaultRest
	}
	return &blocks{e: e, pending: pending, held: held, loaded: map[int]*block{}, last: -1, size: blockBytes(pending)}
}

// use gives the matrices of a block in float32, and what to call when no graph
// reads them any more. The block that comes next, going on as before, is begun.
func (b *blocks) use(layer int) (map[string]*tensors.Tensor, func(), error) {
	b.mu.Lock()
	next := layer + 1
	if b.last == layer+1 {
		next = layer - 1
	}
	b.last = layer
	now := b.begin(layer)
	now.users++
	if next >= 0 && next < len(b.pending) {
		b.begin(next)
	}
	b.mu.Unlock()
	<-now.ready
	release := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		now.users--
		for _, x := range b.evict(b.room()) {
			x.free()
		}
	}
	if now.err != nil {
		release()
		b.forget(layer, now)
		return nil, func() {}, now.err
	}
	return now.weights, release, nil
}

// begin loads a block if it is not there. The lock is held.
func (b *blocks) begin(layer int) *block {
	b.clock++
	if b.rest == nil {
		b.rest = time.AfterFunc(b.held.Rest, b.drop)
	} else {
		b.rest.Reset(b.held.Rest)
	}
	if x := b.loaded[layer]; x != nil {
		x.used = b.clock
		return x
	}
	spare := &spares{}                           // fresh memory would be zeroed, page by page, before it is written
	for _, left := range b.evict(b.room() - 1) { // what is at work stays
		spare.add(b.e, left)
	}
	x := &block{ready: make(chan struct{}), weights: map[string]*tensors.Tensor{}, used: b.clock}
	b.loaded[layer] = x
	go func() {
		defer close(x.ready)
		defer spare.free()
		defer func() {
			if r := recover(); r != nil {
				x.err = fmt.Errorf("weights of block %d: %v", layer, r)
			}
		}()
		x.err = b.load(layer, x, spare)
	}()
	return x
}

// room is how many blocks are kept.
func (b *blocks) room() int { return b.held.room(b.size) }

// spares are tensors that nothing reads any more.
type spares struct {
	mu  sync.Mutex
	all []*tensors.Tensor
}

// add takes those of a block, if the backend shares its memory.
func (s *spares) add(e *Engine, x *block) {
	if !e.Backend.HasSharedBuffers() {
		x.free()
		return
	}
	seen := map[*tensors.Tensor]bool{}
	for _, t := range x.weights {
		if !seen[t] { // tied weights are one
			s.all, seen[t] = append(s.all, t), true
		}
	}
}

// take gives one of a shape, if there is such.
func (s *spares) take(shape []int) *tensors.Tensor {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(t *tensors.Tensor) bool { return slices.Equal(t.Shape().Dimensions, shape) })
	if i < 0 {
		return nil
	}
	t := s.all[i]
	s.all = slices.Delete(s.all, i, i+1)
	return t
}

// free gives back what was not taken.
func (s *spares) free() { free(s.all...) }

// load reads the matrices of a block, several at once.
func (b *blocks) load(layer int, x *block, spare *spares) error {
	plan := arch.Plan(b.pending[layer])
	var mu sync.Mutex
	return plan.Each(func(names []string, w *arch.Pending) error {
		t, err := b.e.upload(w, spare.take(w.Shape))
		if err != nil {
			return fmt.Errorf("weight %s: %w", arch.LayerName(layer, names[0]), err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			x.weights[name] = t
		}
		return nil
	})
}

// evict takes out blocks that nothing uses, the longest unused first, until so many
// are left. The lock is held.
func (b *blocks) evict(most int) (out []*block) {
	for len(b.loaded) > most {
		oldest := -1
		for l, x := range b.loaded {
			if x.users == 0 && x.done() && (oldest < 0 || x.used < b.loaded[oldest].used) {
				oldest = l
			}
		}
		if oldest < 0 {
			break
		}
		out = append(out, b.loaded[oldest])
		delete(b.loaded, oldest)
	}
	return out
}

// drop gives all blocks back after a rest, and their memory to the system.
func (b *blocks) drop() {
	defer backend.GiveBack()
	b.mu.Lock()
	defer b.mu.Unlock()
	for l, x := range b.loaded {
		if x.users > 0 || !x.done() {
			b.rest.Reset(b.held.Rest)
			continue
		}
		x.free()
		delete(b.loaded, l)
	}
}

// forget takes out a block that failed, so that it is tried again.
func (b *blocks) forget(layer int, x *block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.loaded[layer] == x && x.users == 0 {
		x.free()
		delete(b.loaded, layer)
	}
}

// close gives everything back; nothing is at work.
func (b *blocks) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rest != nil {
		b.rest.Stop()
	}
	for l, x := range b.loaded {
		<-x.ready
		x.free()
		delete(b.loaded, l)
	}
}

// resident is the bytes of blocks in float32 at this moment.
func (b *blocks) resident() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.loaded)) * b.size
}

func (x *block) done() bool {
	select {
	case <-x.ready:
		return true
	default:
		return false
	}
}

func (x *block) free() {
	for _, t := range x.weights {
		free(t)
	}
}

// Resident is the bytes of weights in float32 at this moment.
func (e *Engine) Resident() int64 {
	n := int64(0)
	seen := map[*tensors.Tensor]bool{}
	for _, t := range e.weights {
		if !seen[t] { // tied weights are one
			n, seen[t] = n+int64(t.Shape().ByteSize()), true
		}
	}
	if e.blocks != nil {
		n += e.blocks.resident()
	}
	return n
}

// Coming is the bytes of weights that become float32 at most, beside those that are, where
// so many blocks run.
func (e *Engine) Coming(blocks int) int64 {
	if e.blocks == nil {
		return 0
	}
	return max(0, e.blocks.size*int64(min(blocks, e.blocks.room()))-e.blocks.resident())
}

// use is a weight by its full name, nil if the model has none, and what to call
// when no graph reads it any more.
func (e *Engine) use(name string) (*tensors.Tensor, func(), error) {
	if t := e.weights[name]; t != nil || e.blocks == nil {
		return t, func() {}, nil
	}
	layer, local, ok := arch.LayerOf(name)
	if !ok || layer >= e.Config.Layers || e.blocks.pending[layer][local] == nil {
		return nil, func() {}, nil
	}
	weights, release, err := e.blocks.use(layer)
	return weights[local], release, err
}

// useBlock are the named weights of a block, in that order.
func (e *Engine) useBlock(layer int, names []string) ([]any, func(), error) {
	var held map[string]*tensors.Tensor
	release := func() {}
	if e.blocks != nil {
		var err error
		if held, release, err = e.blocks.use(layer); err != nil {
			return nil, release, err
		}
	}
	args := make([]any, len(names))
	for i, name := range names {
		if t := held[name]; t != nil {
			args[i] = t
		} else {
			args[i] = e.weights[arch.LayerName(layer, name)]
		}
	}
	return args, release, nil
}

// blockNames are the local names of a block's weights, sorted; every block has the
// same.
func (e *Engine) blockNames() (names []string) {
	prefix := arch.LayerName(0, "")
	for name := range e.weights {
		if local, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, local)
		}
	}
	if e.blocks != nil {
		for local := range e.blocks.pending[0] {
			names = append(names, local)
		}
	}
	slices.Sort(names)
	return names
}
