package arch

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/weights"
)

// Save is a model as its family keeps it in files: its config.json and its
// tensors. raw is the config.json of the model that it was made from, whose
// config is from; keys that need no change stay as they are.
//
// How weights lie in tensors is written down once, in [Family].Load. Save runs it
// on tensors that hold their own indices and sees where each value arrives. A
// weight that has no place in the family's files, or a size that its config.json
// cannot say, is an error.
func Save(raw []byte, from, c config.Config, params Params) ([]byte, []weights.Tensor, error) {
	family, ok := families[c.Family]
	if !ok {
		return nil, nil, fmt.Errorf("model type %q is not known", c.Family)
	}
	if err := params.Check(c); err != nil {
		return nil, nil, err
	}
	if c.Tied && !slices.Equal(params["embed.W_E"].Data, params["unembed.W_U"].Data) {
		c.Tied = false
	}
	params, flags := completed(c, params)
	raw, err := rewrite(raw, from, c, flags)
	if err != nil {
		return nil, nil, err
	}
	lay, err := newLayout(raw, c, params)
	if err != nil {
		return nil, nil, err
	}
	like := c
	plan, err := family.Load(&like, lay)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range params.Names() {
		if plan[name] == nil {
			return nil, nil, fmt.Errorf("weight %s: the files of model type %s have no place for it", name, c.Family)
		}
	}
	err = lay.fill(plan, c, params)
	return raw, lay.tensors(), err
}

// A layout is a Source without tensors, which takes down what it is asked for.
type layout struct {
	config config.Config
	params Params
	keys   map[string]json.RawMessage // of config.json
	asked  []*wanted
	by     map[string]*wanted
	feeds  map[string][]*wanted // of each weight, in the order in which they were asked for
}

// wanted is a tensor to be written.
type wanted struct {
	view   weights.View
	values []float32
}

func newLayout(raw []byte, c config.Config, params Params) (*layout, error) {
	l := &layout{config: c, params: params, by: map[string]*wanted{}, feeds: map[string][]*wanted{}}
	return l, json.Unmarshal(AsJSON(raw), &l.keys)
}

// Names implements [Source].
func (l *layout) Names() []string { return nil }

// Tensor implements [Source].
func (l *layout) Tensor(name string) (weights.View, error) {
	return weights.View{}, fmt.Errorf("tensor %s: it is to be written", name)
}

// has tells whether the files that are written hold a tensor.
func (l *layout) has(name string) bool {
	switch {
	case strings.Contains(name, "qkv_proj") || strings.Contains(name, "gate_up_proj"):
		return l.config.Family == "phi3"
	case strings.Contains(name, "block_sparse_moe"):
		return l.config.Family == "mixtral"
	case strings.Contains(name, "project_"):
		return false // OPT-350m's are multiplied into the embeddings
	case strings.Contains(name, "token_type"):
		return l.config.Family != "distilbert"
	}
	for _, head := range []string{"lm_head.", "embed_out.", "cls.", "vocab_"} {
		if strings.HasPrefix(name, head) {
			return !l.config.Headless
		}
	}
	return true
}

// wants tells whether an optional weight is written.
func (l *layout) wants(weight string) bool {
	return l.params[weight].Data != nil && canBias(l.config.Family, weight)
}

// ask is an empty tensor of the shape.
func (l *layout) ask(name string, shape []int) weights.View {
	if t := l.by[name]; t != nil {
		return t.view
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	t := &wanted{weights.View{File: "the files of the family", Name: name, DType: "F32", Shape: slices.Clone(shape), Bytes: make([]byte, 4*n)}, make([]float32, n)}
	l.by[name], l.asked = t, append(l.asked, t)
	return t.view
}

// note says that a weight is made of a tensor.
func (l *layout) note(weight string, v weights.View) {
	if t := l.by[v.Name]; t != nil {
		l.feeds[weight] = append(l.feeds[weight], t)
	}
}

// before is how many rows of a table of positions stand in front of the first.
func (l *layout) before() int {
	if l == nil || l.config.Family != "roberta" {
		return 0
	}
	return l.number("pad_token_id", 1) + 1
}

// segments is how many kinds of segments a table of them has.
func (l *layout) segments() int {
	if l == nil {
		return 0
	}
	return l.number("type_vocab_size", 2)
}

func (l *layout) number(key string, otherwise int) int {
	_ = json.Unmarshal(l.keys[key], &otherwise) // absent or null: the default
	return otherwise
}

// stride is how far indices go in one look: float32 holds them exactly, and their
// multiples nearly.
const stride = 1 << 20

// fill finds where each value of a weight comes from, and puts it there. A value is
// a*v + b of one value v of a tensor, with a and b of its own; what further tensors
// add to it is 0.
func (l *layout) fill(plan Plan, c config.Config, params Params) error {
	for _, name := range slices.Sorted(maps.Keys(plan)) {
		pending := plan[name]
		if name == "unembed.W_U" && (c.Tied || c.Headless) {
			continue
		}
		want, ok := params[name]
		if !ok {
			want = Param{pending.Shape, absent(name, pending.Size())}
		}
		if !slices.Equal(want.Shape, pending.Shape) {
			return fmt.Errorf("weight %s has shape %v; the files have room for %v", name, want.Shape, pending.Shape)
		}
		base := make([]float32, pending.Size()) // where all tensors are 0
		if err := pending.Fill(base); err != nil {
			return err
		}
		placed := make([]bool, len(base))
		for _, t := range l.feeds[name] {
			if err := t.take(want.Data, base, placed, pending); err != nil {
				return fmt.Errorf("weight %s: %w", name, err)
			}
		}
		for i, v := range want.Data {
			if !placed[i] && v != base[i] {
				return fmt.Errorf("weight %s: value %d is %g; the files have no place for it and it must be %g", name, i, v, base[i])
			}
		}
	}
	return nil
}

// take puts those values of a weight into the tensor that come from it.
func (t *wanted) take(values, base []float32, placed []bool, pending *Pending) error {
	var looks [3][]float32
	for k, value := range []func(int) float32{
		func(int) float32 { return 1 },
		func(i int) float32 { return float32(i % stride) },
		func(i int) float32 { return float32(i / stride) },
	} {
		t.set(value)
		looks[k] = make([]float32, len(values))
		if err := pending.Fill(looks[k]); err != nil {
			return err
		}
	}
	t.set(func(int) float32 { return 0 })
	for i, v := range values {
		b := float64(base[i])
		a := float64(looks[0][i]) - b
		if a == 0 || placed[i] {
			continue
		}
		at := math.Round((float64(looks[1][i])-b)/a) + stride*math.Round((float64(looks[2][i])-b)/a)
		if !(at >= 0 && at < float64(len(t.values))) {
			return fmt.Errorf("value %d is not one of tensor %s", i, t.view.Name)
		}
		t.values[int(at)], placed[i] = float32((float64(v)-b)/a), true
	}
	return nil
}

// set makes every value of the tensor that is read what it says of its index.
func (t *wanted) set(value func(i int) float32) {
	for i := range t.values {
		binary.LittleEndian.PutUint32(t.view.Bytes[4*i:], math.Float32bits(value(i)))
	}
}

// absent are the values of a weight that changes nothing.
func absent(name string, n int) []float32 {
	all := make([]float32, n)
	if strings.HasSuffix(name, ".w") {
		for i := range all {
			all[i] = 1
		}
	}
	return all
}

// tensors are what is written.
func (l *layout) tensors() []weights.Tensor {
	var all []weights.Tensor
	for _, t := range l.asked {
		all = append(all, weights.Tensor{Name: t.view.Name, Shape: t.view.Shape, Values: t.values})
	}
	return all
}
