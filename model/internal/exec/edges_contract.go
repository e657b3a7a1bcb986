package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/plan"
	"github.com/golens/golens/model/internal/products"
)

// near is how many senders stay near the processor while the host multiplies them with
// the gradients of several layers.
const near = 24

// A wayBack takes the gradients at what receivers read as they come, from above.
type wayBack struct {
	*scoring
	chunk  *chunk
	groups []*tensors.Tensor // of senders, where the host multiplies
	above  []*tensors.Tensor // and the gradients that it multiplies next
	first  int               // of the receivers that these are of
	stacks []*tensors.Tensor // of them, elsewhere
	single []*tensors.Tensor // the last stream's and the MLPs', which are multiplied together
	to     []int             // and which receivers they are
}

// last takes that at the last stream.
func (w *wayBack) last(g *tensors.Tensor) error {
	t, err := w.byRow(g) // a copy
	r := len(w.Graph.Receivers) - 1
	if w.Vectors {
		w.above, w.first = append(w.above, t), r
		return err
	}
	w.single, w.to = append(w.single, t), append(w.to, r)
	return err
}

// block takes those of a layer's attention and of its MLP, if there is one.
func (w *wayBack) block(ctx context.Context, layer int, gradients []*tensors.Tensor) error {
	first, n := layer*w.Graph.Reads(), w.Heads+2*w.KVHeads
	if w.Vectors {
		w.above, w.first = slices.Concat(gradients, w.above), first
		if layer%plan.Together > 0 {
			return nil
		}
		return w.flush(ctx)
	}
	defer free(gradients[0])
	if w.single = append(w.single, gradients[1:]...); len(gradients) > 1 {
		w.to = append(w.to, first+n)
	}
	return w.contract(w.chunk, gradients[:1], w.stacks[:w.StacksBefore(layer)], hook.UpTo(first + n)[first:])
}

// flush multiplies on the host what has come.
func (w *wayBack) flush(ctx context.Context) error {
	if len(w.above) == 0 {
		return nil
	}
	defer func() { free(w.above...); w.above = nil }()
	return w.multiply(ctx)
}

// end multiplies what is left.
func (w *wayBack) end(ctx context.Context) error {
	if w.Vectors || len(w.single) == 0 {
		return w.flush(ctx)
	}
	return w.contract(w.chunk, w.single, w.stacks, w.to)
}

func (w *wayBack) close() { free(slices.Concat(w.above, w.single)...) }

// multiply adds to the scores of receivers from the first on the products of their
// gradients [receiver, row, pos, d_model] with what the groups' senders wrote, on the
// host, where all lie. What is read of a position serves all layers.
func (w *wayBack) multiply(ctx context.Context) error {
	R, S := len(w.Graph.Receivers), len(w.Graph.Senders)
	factor := -1 / float32(len(w.job.Runs)) // senders lie as base less reference
	rows, d := w.chunk.rows, w.DModel
	stride := w.chunk.size * w.Rows.Width * d // from one sender or receiver to the next
	positions := w.Longest                    // that go to one array of scores
	if w.job.ByPosition {
		positions = 1
	}
	parts := (w.Longest + positions - 1) / positions
	return flat(slices.Concat(w.above, w.groups), func(x [][]float32) error {
		return each(ctx, hook.UpTo(len(rows)*parts), w.Inner, func(_ context.Context, part int) error {
			i, from := part/parts, part%parts*positions
			row := rows[i].Index
			to := w.out.Scores[row*R*S:]
			if w.job.ByPosition {
				to = w.out.Scores[(row*w.Longest+from)*R*S:]
			}
			for p := from; p < min(from+positions, w.Lens[row]); p++ {
				at := func(x [][]float32) (vectors [][]float32) {
					for _, x := range x {
						for k := (i*w.Rows.Width + p) * d; k < len(x); k += stride {
							vectors = append(vectors, x[k:][:d])
						}
					}
					return vectors
				}
				w.products(to, at(x[:len(w.above)]), at(x[len(w.above):]), factor)
			}
			return nil
		})
	})
}

// products adds products of the receivers' gradients with what all senders wrote.
func (w *wayBack) products(to []float32, gradients, senders [][]float32, factor float32) {
	S := len(senders)
	for u := 0; u < S; u += near {
		for r, n := 0, 0; r < len(gradients); r += n {
			before := w.Graph.Before(w.first + r)
			for n = 1; r+n < len(gradients) && w.Graph.Before(w.first+r+n) == before; n++ {
			}
			if u < before {
				products.Add(to[(w.first+r)*S+u:], S, gradients[r:r+n], senders[u:min(u+near, before)], factor)
			}
		}
	}
}

// flat reads tensors where they lie.
func flat(ts []*tensors.Tensor, do func(x [][]float32) error) (err error) {
	var x [][]float32
	var next func() error
	next = func() error {
		if len(x) == len(ts) {
			return do(x)
		}
		var failed error
		err := tensors.ConstFlatData(ts[len(x)], func(flat []float32) {
			x = append(x, flat)
			failed = next()
		})
		return cmp.Or(failed, err)
	}
	return next()
}

// contract adds to the scores of receivers the products of their gradients with what
// senders wrote.
func (s *scoring) contract(c *chunk, gradients, stacks []*tensors.Tensor, receivers []int) error {
	var args []any
	for _, t := range slices.Concat(stacks, gradients) {
		args = append(args, t)
	}
	t, err := s.one(fmt.Sprintf("score of %d, by position=%t", len(stacks), s.job.ByPosition), scoreGraph(len(stacks), s.job.ByPosition), args)
	if err != nil {
		return err
	}
	defer free(t)
	R, S := len(s.Graph.Receivers), len(s.Graph.Senders)
	factor := -1 / float32(len(s.job.Runs)) // senders lie as base less reference
	n, width := len(receivers), t.Shape().Dimensions[t.Rank()-2]
	return tensors.ConstFlatData(t, func(x []float32) {
		add := func(to, from []float32) {
			for i, r := range receivers {
				for u := range s.Graph.Before(r) {
					to[r*S+u] += factor * from[u*n+i]
				}
			}
		}
		for i, row := range c.rows {
			if !s.job.ByPosition {
				add(s.out.Scores[row.Index*R*S:], x[i*n*width:])
				continue
			}
			for p := range s.Lens[row.Index] {
				add(s.out.Scores[(row.Index*s.Longest+p)*R*S:], x[(i*s.Rows.Width+p)*n*width:])
			}
		}
	})
}

// stacks are groups of senders side by side with rows in front: products of each row are
// fastest with many senders at once.
func (s *scoring) stacks(r *traced) (all []*tensors.Tensor, err error) {
	groups, layer := r.groups, (len(r.groups)-1)/s.Layers // one group of a layer, or two
	for i, n := range s.Stacks() {
		if n *= layer; i == 0 {
			n -= layer - 1 // the embedding is one
		}
		t, err := s.byRow(groups[:n]...)
		if all = append(all, t); err != nil {
			return all, err
		}
		groups = groups[n:]
	}
	return all, nil
}

// byRow is senders, or gradients of receivers, side by side with rows in front.
func (s *scoring) byRow(parts ...*tensors.Tensor) (*tensors.Tensor, error) {
	var args []any
	for _, t := range parts {
		args = append(args, t)
	}
	return s.one(fmt.Sprint("by row ", s.order()), func(in []*Node) []*Node {
		for i, x := range in {
			if x.Rank() == 3 { // of one
				in[i] = ExpandAxes(x, 0)
			}
		}
		return []*Node{inOrder(Concatenate(in, 0), s.order())}
	}, args)
}

// order is how axes of x [sender or receiver, row, pos, d_model] lie where they are
// multiplied: with the row in front, or row and position, unless the host does it.
func (s *scoring) order() []int {
	switch {
	case s.Vectors:
		return nil
	case s.job.ByPosition:
		return []int{1, 2, 0, 3}
	}
	return []int{1, 0, 2, 3}
}

func inOrder(x *Node, order []int) *Node {
	if order == nil {
		return x
	}
	return TransposeAllAxes(x, order...)
}

// scoreGraph is the products of n stacks of senders with gradients, rows in front in
// both: [row, sender, receiver], or [row, pos, sender, receiver].
func scoreGraph(n int, byPosition bool) graphFn {
	return func(in []*Node) []*Node {
		axis := 1
		if byPosition {
			axis = 2
		}
		flatten := func(x *Node) *Node { // [row, receiver or sender, all that is summed]
			d := x.Shape().Dimensions
			if byPosition {
				return Reshape(x, d[0]*d[1], d[2], d[3])
			}
			return Reshape(x, d[0], d[1], d[2]*d[3])
		}
		d := in[0].Shape().Dimensions
		g, products := flatten(Concatenate(in[n:], axis)), []*Node(nil)
		for _, senders := range in[:n] {
			products = append(products, DotGeneral(flatten(senders), []int{2}, []int{0}, g, []int{2}, []int{0}))
		}
		y := Concatenate(products, 1)
		if byPosition {
			y = Reshape(y, d[0], d[1], y.Shape().Dimensions[1], y.Shape().Dimensions[2])
		}
		return []*Node{y}
	}
}
