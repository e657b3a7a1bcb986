package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/products"
)

// A wayBack takes the gradients at what receivers read as they come, from above.
type wayBack struct {
	*scoring
	chunk  *chunk
	groups []*tensors.Tensor // of senders, where the host multiplies
	stacks []*tensors.Tensor // of them, elsewhere
	single []*tensors.Tensor // the last stream's and the MLPs', which are multiplied together
	to     []int             // and which receivers they are
}

// last takes that at the last stream.
func (w *wayBack) last(ctx context.Context, g *tensors.Tensor) error {
	receiver := len(w.Graph.Receivers) - 1
	if w.Vectors {
		return w.multiply(ctx, receiver, g)
	}
	t, err := w.byRow([]*tensors.Tensor{g}, 1)
	w.single, w.to = append(w.single, t), append(w.to, receiver)
	return err
}

// block takes those of a layer's attention and of its MLP, if there is one.
func (w *wayBack) block(ctx context.Context, layer int, gradients []*tensors.Tensor) error {
	first, n := layer*w.Graph.Reads(), w.Heads+2*w.KVHeads
	if w.Vectors {
		defer free(gradients...)
		return w.multiply(ctx, first, gradients...)
	}
	defer free(gradients[0])
	if w.single = append(w.single, gradients[1:]...); len(gradients) > 1 {
		w.to = append(w.to, first+n)
	}
	return w.contract(w.chunk, gradients[:1], w.stacks[:w.StacksBefore(layer)], hook.UpTo(first + n)[first:])
}

// end multiplies what is left.
func (w *wayBack) end() error {
	if w.Vectors {
		return nil
	}
	return w.contract(w.chunk, w.single, w.stacks, w.to)
}

// multiply adds to the scores of receivers from the first on the products of their
// gradients [receiver, row, pos, d_model] with what the groups' senders wrote, on the
// host, where all lie. What is read of one position serves all gradients.
func (w *wayBack) multiply(ctx context.Context, first int, gradients ...*tensors.Tensor) error {
	R, S := len(w.Graph.Receivers), len(w.Graph.Senders)
	factor := -1 / float32(len(w.job.Runs)) // senders lie as base less reference
	rows, d := w.chunk.rows, w.DModel
	stride := w.chunk.size * w.Rows.Width * d // from one sender or receiver to the next
	positions := w.Longest                    // that go to one array of scores
	if w.job.ByPosition {
		positions = 1
	}
	parts := (w.Longest + positions - 1) / positions
	return flat(slices.Concat(gradients, w.groups), func(x [][]float32) error {
		return each(ctx, hook.UpTo(len(rows)*parts), w.Inner, func(_ context.Context, part int) error {
			i, from := part/parts, part%parts*positions
			row := rows[i].Index
			to := w.out.Scores[row*R*S:]
			if w.job.ByPosition {
				to = w.out.Scores[(row*w.Longest+from)*R*S:]
			}
			var a, b [][]float32
			for p := from; p < min(from+positions, w.Lens[row]); p++ {
				at := func(vectors [][]float32, x []float32) [][]float32 {
					for k := (i*w.Rows.Width + p) * d; k < len(x); k += stride {
						vectors = append(vectors, x[k:][:d])
					}
					return vectors
				}
				b = b[:0]
				for _, x := range x[len(gradients):] {
					b = at(b, x)
				}
				r := first
				for _, x := range x[:len(gradients)] {
					a = at(a[:0], x)
					products.Add(to[r*S:], S, a, b[:w.Graph.Before(r)], factor)
					r += len(a)
				}
			}
			return nil
		})
	})
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

// stacks are what groups of senders write less what they write in the reference, side
// by side with rows in front: products of each row are fastest with many senders at once.
func (s *scoring) stacks(r *traced) (all []*tensors.Tensor, err error) {
	first := 0
	for _, n := range s.Stacks() {
		groups := r.groups[first:][:n]
		if r.reference.writes() {
			groups = slices.Concat(groups, r.reference.groups[first:][:n])
		}
		t, err := s.byRow(groups, n)
		if all = append(all, t); err != nil {
			return all, err
		}
		first += n
	}
	return all, nil
}

// byRow is the first n groups of senders or receivers, less the others, side by side
// with rows in front.
func (s *scoring) byRow(groups []*tensors.Tensor, n int) (*tensors.Tensor, error) {
	var args []any
	for _, t := range groups {
		args = append(args, t)
	}
	return s.one(fmt.Sprintf("%d by row, by position=%t", n, s.job.ByPosition), func(in []*Node) []*Node {
		for i, x := range in {
			if x.Rank() == 3 { // of one
				in[i] = ExpandAxes(x, 0)
			}
			if i >= n {
				in[i-n] = Sub(in[i-n], perVariant(in[i], 1, in[i-n].Shape().Dimensions[1]))
			}
		}
		return []*Node{inOrder(Concatenate(in[:n], 0), s.order())}
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
