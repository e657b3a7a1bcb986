package verify

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/weights"
)

// An Oracle is what some activations should be on some tokens.
type Oracle struct {
	Name   string // what it was read from, or recorded on
	Rows   [][]int32
	Points []hook.Point // what it holds, in the order of the forward pass
	Want   map[hook.ID]*array.Array
}

// Read reads a recording of a model of this config. A tensor whose name means no
// activation of golens is an error.
func Read(path string, c config.Config) (*Oracle, error) {
	store, err := weights.Open(path)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	defer store.Close()
	o := &Oracle{Name: filepath.Base(path), Want: map[hook.ID]*array.Array{}}
	tokens, err := store.Tensor("tokens")
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	if o.Rows, err = rows(tokens); err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	for _, name := range store.Names() {
		point, ok, err := meaning(name, c)
		if err != nil {
			return nil, fmt.Errorf("oracle: %s: tensor %s: %w", path, name, err)
		}
		if !ok {
			continue
		}
		view, err := store.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("oracle: %w", err)
		}
		values := make([]float32, len(view.Bytes)/width(view.DType))
		if err := view.Read(values, 0); err != nil {
			return nil, fmt.Errorf("oracle: %w", err)
		}
		axes := point.Kind.Axes()
		if len(view.Shape) != len(axes) {
			return nil, fmt.Errorf("oracle: %s: tensor %s has shape %v; %s has axes %v", path, name, view.Shape, point, axes)
		}
		dims := make([]array.Axis, len(axes))
		for i, axis := range axes {
			dims[i] = array.Dim(axis, view.Shape[i])
		}
		o.add(point, array.Of(values, dims...))
	}
	if len(o.Points) == 0 {
		return nil, fmt.Errorf("oracle: %s holds tokens, but no logits and no activations", path)
	}
	return o, nil
}

// Record makes an oracle of a model, to hold another against it. Without points
// it records the residual stream into every block, the attention patterns, the
// stream's end and the logits.
func Record(m *model.Model, rows [][]int32, points ...hook.Point) (*Oracle, error) {
	if points == nil {
		n := m.Config().Layers
		for l := range n {
			points = append(points, hook.ResidPre(l), hook.Pattern(l))
		}
		points = append(points, hook.ResidPost(n-1), hook.Logits())
	}
	run, err := m.Run(m.Rows(rows).Capture(points...))
	if err != nil {
		return nil, err
	}
	o := &Oracle{Name: m.Info().Name + " on " + m.Info().Backend, Rows: rows, Want: map[hook.ID]*array.Array{}}
	for _, c := range run.Captures {
		o.add(c.Point, c.Array)
	}
	return o, nil
}

func (o *Oracle) add(p hook.Point, a *array.Array) {
	o.Points = append(o.Points, p)
	o.Want[p.ID] = a
	kinds := hook.Kinds()
	slices.SortStableFunc(o.Points, func(a, b hook.Point) int {
		rank := func(p hook.Point) int {
			switch k := slices.Index(kinds, p.Kind); {
			case !p.Kind.Global():
				return (p.Layer+1)*len(kinds) + k
			case p.Kind == hook.KindEmbed || p.Kind == hook.KindPosEmbed:
				return k
			default:
				return 1<<40 + k
			}
		}
		return rank(a) - rank(b)
	})
}

// meaning is the activation that a tensor records. Not every tensor is one.
func meaning(name string, c config.Config) (p hook.Point, ok bool, err error) {
	switch name {
	case "tokens", "loss", "padded_tokens", "attention_mask", "padded_logits":
		return p, false, nil
	}
	number := func(prefix string, most int) (int, bool) {
		rest, found := strings.CutPrefix(name, prefix)
		if !found {
			return 0, false
		}
		n, bad := strconv.Atoi(rest)
		if bad != nil || n < 0 || n >= most {
			err = fmt.Errorf("the model has %d layers", c.Layers)
		}
		return n, true
	}
	if n, is := number("hidden_states.", c.Layers+1); is {
		switch {
		case n < c.Layers:
			return hook.ResidPre(n), err == nil, err
		case c.NoFinal: // OPT-350m's is behind a projection that is folded into the unembedding here
			return p, false, err
		case c.Encoder:
			return hook.ResidPost(n - 1), err == nil, err
		}
		return hook.LNFinalNormalized(), err == nil, err
	}
	if n, is := number("attentions.", c.Layers); is {
		return hook.Pattern(n), err == nil, err
	}
	if p, err = hook.Parse(name); err == nil && !p.Kind.Global() && p.Layer >= c.Layers {
		err = fmt.Errorf("the model has %d layers", c.Layers)
	}
	return p, err == nil, err
}

// rows are the token ids of a tensor [batch, pos] of integers.
func rows(v weights.View) ([][]int32, error) {
	if len(v.Shape) != 2 || v.Shape[0] == 0 || v.Shape[1] == 0 || v.DType != "I64" && v.DType != "I32" {
		return nil, fmt.Errorf("%s: tensor tokens is %s %v; it must be I64 or I32 [batch, pos]", v.File, v.DType, v.Shape)
	}
	out := make([][]int32, v.Shape[0])
	n := width(v.DType)
	for i := range v.Shape[0] * v.Shape[1] {
		id := int64(int32(binary.LittleEndian.Uint32(v.Bytes[n*i:])))
		if n == 8 {
			id = int64(binary.LittleEndian.Uint64(v.Bytes[n*i:]))
		}
		if id < 0 || id > 1<<31-1 {
			return nil, fmt.Errorf("%s: token %d is %d, which is no token id", v.File, i, id)
		}
		out[i/v.Shape[1]] = append(out[i/v.Shape[1]], int32(id))
	}
	return out, nil
}

// width is the bytes of a value.
func width(dtype string) int {
	switch dtype {
	case "F64", "I64":
		return 8
	case "F16", "BF16":
		return 2
	}
	return 4
}
