package training

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

const (
	// embedSpread is the spread of initial embeddings of tokens and positions,
	// small against what a head writes, so that heads matter early: with 0.5 the
	// heads learned to copy tokens seen before much later.
	embedSpread = 0.1
	// slowest is the longest wavelength of the initial positions, in units of
	// the shortest, two positions. With slow ones, up to the context, the heads
	// that attend to the token before stayed blurred over many tokens.
	slowest = 6
	// unembedSpread is the standard deviation of the initial unembedding: small,
	// so that a new model finds all tokens about equally likely.
	unembedSpread = 0.02
	// scope holds the model's weights among the store's variables, apart from
	// the optimizer's.
	scope = "/weights/"
)

// Initial are random weights: matrices with a spread that keeps the size of
// what they map, norms that do nothing, no attention biases.
func Initial(c config.Config, seed uint64) arch.Params {
	rng := rand.New(rand.NewPCG(seed, 0))
	params := arch.Params{}
	shapes := arch.Shapes(c)
	all := arch.Params{}
	for name, shape := range shapes {
		all[name] = arch.Param{Shape: shape}
	}
	for _, name := range all.Names() { // sorted, so that a seed always gives the same weights
		local := name[strings.LastIndex(name, ".")+1:]
		norm := strings.Contains(name, "ln")
		if strings.HasPrefix(local, "b") && !norm {
			continue
		}
		size := 1
		for _, n := range shapes[name] {
			size *= n
		}
		spread := 1 / math.Sqrt(float64(shapes[name][0])) // of a matrix [in, out]
		switch {
		case name == "unembed.W_U":
			spread = unembedSpread
		case strings.Contains(name, "embed"):
			spread = embedSpread
		case local == "W_O" || local == "W_out":
			spread /= math.Sqrt(2 * float64(c.Layers)) // every layer adds to the stream
		}
		data := make([]float32, size)
		for i := range data {
			switch {
			case norm && local == "w":
				data[i] = 1
			case norm:
			default:
				data[i] = float32(rng.NormFloat64() * spread)
			}
		}
		if name == "pos_embed.W_pos" {
			sinusoids(data, c.Context, c.DModel)
		}
		params[name] = arch.Param{Shape: shapes[name], Data: data}
	}
	return params
}

// sinusoids fills rows [context, d_model] with sines and cosines, of
// wavelengths from two positions up. Positions are learned from
// there: random ones would have to be learned one by one before any head can
// find the token before.
func sinusoids(data []float32, context, dModel int) {
	size := embedSpread * math.Sqrt2 // the spread of a sine is 1/sqrt(2)
	for p := range context {
		for i := range dModel {
			frequency := math.Pi * math.Pow(slowest, -float64(i/2+1)/float64((dModel+1)/2))
			angle := float64(p) * frequency
			if i%2 == 1 {
				angle += math.Pi / 2
			}
			data[p*dModel+i] = float32(size * math.Sin(angle))
		}
	}
}

// tie makes the unembedding a copy of the embedding, as small as it was.
func tie(p arch.Params) {
	for i, v := range p["embed.W_E"].Data {
		p["unembed.W_U"].Data[i] = v * unembedSpread / embedSpread
	}
}

// newStore puts weights into trainable variables.
func newStore(params arch.Params) (*model.Store, error) {
	store := model.NewStore()
	for _, name := range params.Names() {
		p := params[name]
		if _, err := store.CreateVariable(scope+name, tensors.FromFlatDataAndDimensions(p.Data, p.Shape...)); err != nil {
			return nil, err
		}
	}
	return store, nil
}

// nodes are the store's weights in a graph.
func nodes(store *model.Store, g *graph.Graph, names []string) arch.Nodes {
	w := arch.Nodes{}
	for _, name := range names {
		w[name] = store.GetVariable(scope + name).NodeValue(g)
	}
	return w
}

// read copies the weights out of the store.
func read(store *model.Store, names []string) (arch.Params, error) {
	params := arch.Params{}
	for _, name := range names {
		value, err := store.GetVariable(scope + name).Value()
		if err != nil {
			return nil, err
		}
		data, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return nil, err
		}
		params[name] = arch.Param{Shape: value.Shape().Dimensions, Data: data}
	}
	return params, nil
}

// KnockOut is a copy of the weights in which a head writes nothing.
func KnockOut(c config.Config, params arch.Params, layer, head int) arch.Params {
	out := maps.Clone(params)
	name := arch.LayerName(layer, "attn.W_O") // [head*d_head, d_model]
	w := arch.Param{Shape: params[name].Shape, Data: slices.Clone(params[name].Data)}
	size := c.DHead * c.DModel
	clear(w.Data[head*size : (head+1)*size])
	out[name] = w
	return out
}
