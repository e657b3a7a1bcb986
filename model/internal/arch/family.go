package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/weights"
)

// A Source gives tensors by their names in the file.
type Source interface {
	Names() []string
	Tensor(name string) (weights.View, error)
}

// A Family knows how one model_type is written down.
type Family struct {
	// Config reads config.json. A value that is not implemented is an error.
	Config func(raw json.RawMessage) (config.Config, error)
	// Load finds the weights, and reads none. It uses every tensor, or says which
	// it leaves.
	Load func(c config.Config, src Source) (Plan, error)
}

var families = map[string]Family{}

// Families are the known model types, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Parse reads a config.json and finds its family.
func Parse(raw []byte) (config.Config, Family, error) {
	var head struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return config.Config{}, Family{}, fmt.Errorf("config.json: %w", err)
	}
	family, ok := families[head.ModelType]
	if !ok {
		return config.Config{}, Family{}, fmt.Errorf("config.json: model_type %q is not known; known: %s",
			head.ModelType, strings.Join(Families(), ", "))
	}
	c, err := family.Config(raw)
	if err != nil {
		return config.Config{}, Family{}, fmt.Errorf("config.json: %w", err)
	}
	c.Family = head.ModelType
	c.BOS, c.EOS = within(c.BOS, c.Vocab), within(c.EOS, c.Vocab)
	return c, family, c.Check()
}

// within drops a special token that the vocabulary does not hold, as in configs
// of small models that kept the big model's ids: such a model has no such token.
func within(id *int, vocab int) *int {
	if id == nil || *id < 0 || *id >= vocab {
		return nil
	}
	return id
}

// loader takes tensors from a source one by one and keeps the first error.
type loader struct {
	src    Source
	prefix string // that every tensor name may carry
	used   map[string]bool
	plan   Plan
	err    error
}

func newLoader(src Source, prefix string) *loader {
	l := &loader{src: src, used: map[string]bool{}, plan: Plan{}}
	for _, name := range src.Names() {
		if strings.HasPrefix(name, prefix) {
			l.prefix = prefix
			break
		}
	}
	return l
}

// has tells whether the source holds the tensor.
func (l *loader) has(name string) bool { return slices.Contains(l.src.Names(), l.full(name)) }

func (l *loader) full(name string) string {
	for _, beside := range []string{"lm_head.", "embed_out.", "cls."} { // the prefixed model
		if strings.HasPrefix(name, beside) {
			return name
		}
	}
	return l.prefix + name
}

// tensor is one tensor of the given shape.
func (l *loader) tensor(name string, shape ...int) weights.View {
	if l.err != nil {
		return weights.View{}
	}
	v, err := l.src.Tensor(l.full(name))
	switch {
	case err != nil:
		l.err = err
	case !slices.Equal(v.Shape, shape):
		l.err = fmt.Errorf("tensor %s has shape %v; the config asks for %v", l.full(name), v.Shape, shape)
	}
	l.used[l.full(name)] = true
	return v
}

// put plans a weight that is made of a tensor, which is not read again soon.
func (l *loader) put(weight string, shape []int, v weights.View, fill func(dst []float32) error) {
	if l.err != nil {
		return
	}
	l.plan[weight] = &Pending{shape, func(dst []float32) error {
		defer v.Release()
		return fill(dst)
	}}
}

// take reads a tensor into a weight of the same layout.
func (l *loader) take(weight, name string, shape ...int) {
	v := l.tensor(name, shape...)
	l.put(weight, shape, v, func(dst []float32) error { return v.Read(dst, 0) })
}

// unembed reads the unembedding, which tied models share with the embedding.
func (l *loader) unembed(c config.Config, name string, bias bool) {
	if c.Tied {
		l.plan["unembed.W_U"] = l.plan["embed.W_E"]
		l.used[name+".weight"] = true // some files hold it beside its twin
	} else {
		l.take("unembed.W_U", name+".weight", c.Vocab, c.DModel)
	}
	if bias {
		l.take("unembed.b_U", name+".bias", c.Vocab)
	}
}

// masks tells whether a tensor is a buffer that older files carry: causal
// masks and rotary tables.
func masks(name string) bool {
	return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".masked_bias") || strings.HasSuffix(name, ".attention.bias") ||
		strings.HasSuffix(name, ".rotary_emb.inv_freq") || strings.HasSuffix(name, ".position_ids")
}

// split reads a tensor [rows, n*cols] into n weights [rows, cols]; rows 0
// means vectors.
func (l *loader) split(name string, rows, cols int, into ...string) {
	n := len(into)
	shape := []int{rows, n * cols}
	if rows == 0 {
		shape, rows = shape[1:], 1
	}
	v := l.tensor(name, shape...)
	for i, weight := range into {
		part := slices.Clone(shape)
		part[len(part)-1] = cols
		l.put(weight, part, v, func(dst []float32) error {
			for r := range rows {
				if err := v.Read(dst[r*cols:][:cols], r*n*cols+i*cols); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// done fails if a tensor was left that nothing accounts for.
func (l *loader) done(ignore func(name string) bool) (Plan, error) {
	if l.err != nil {
		return nil, l.err
	}
	for _, name := range l.src.Names() {
		if !l.used[name] && !ignore(strings.TrimPrefix(name, l.prefix)) {
			return nil, fmt.Errorf("tensor %s: this model type does not use it; is config.json that of these weights?", name)
		}
	}
	return l.plan, nil
}
