package arch

import (
	"bytes"
	"encoding/json"
	"errors"
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
	Config func(f *fields) (config.Config, error)
	// Load finds the weights, and reads none. It uses every tensor, or says which
	// it leaves. What the weights tell of the model goes to the config: that it
	// has no head, and warnings.
	Load func(c *config.Config, src Source) (Plan, error)
}

var families = map[string]Family{}

// Families are the known model types, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Parse reads a config.json and finds its family.
func Parse(raw []byte) (config.Config, Family, error) {
	var head struct {
		ModelType string `json:"model_type"`
	}
	raw = AsJSON(raw)
	if err := json.Unmarshal(raw, &head); err != nil {
		if what := new(json.UnmarshalTypeError); errors.As(err, &what) {
			err = errors.New("it must be an object with keys such as model_type, a text")
		}
		return config.Config{}, Family{}, fmt.Errorf("config.json: %w", weights.Mistaken(raw, err))
	}
	family, ok := families[head.ModelType]
	if !ok {
		return config.Config{}, Family{}, fmt.Errorf("config.json: %w", unknown(head.ModelType))
	}
	f := newFields(raw)
	c, err := family.Config(f)
	if err != nil {
		return config.Config{}, Family{}, fmt.Errorf("config.json: %w", err)
	}
	c.Family, c.Warnings = head.ModelType, f.warnings
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
	names  map[string]bool
	prefix string // that every tensor name may carry
	tokens string // the tensor of the embedding
	used   map[string]bool
	plan   Plan
	layout *layout // if the weights are to be written: no tensor is there yet
	err    error
}

func newLoader(src Source, prefix string) *loader {
	l := &loader{src: src, names: map[string]bool{}, used: map[string]bool{}, plan: Plan{}}
	if layout, ok := src.(*layout); ok {
		l.layout, l.prefix = layout, prefix
	}
	for _, name := range src.Names() {
		l.names[name] = true
		if strings.HasPrefix(name, prefix) {
			l.prefix = prefix
		}
	}
	return l
}

// has tells whether the source holds the tensor.
func (l *loader) has(name string) bool {
	if l.layout != nil {
		return l.layout.has(name)
	}
	return l.names[l.full(name)]
}

// wants tells whether the source holds the tensor of a weight that a model may
// have or not.
func (l *loader) wants(weight, name string) bool {
	if l.layout != nil {
		return l.layout.wants(weight)
	}
	return l.has(name)
}

// find is a tensor as it lies in the source. The shape is what is expected.
func (l *loader) find(name string, shape ...int) (weights.View, error) {
	if l.layout != nil {
		return l.layout.ask(l.full(name), shape), nil
	}
	return l.src.Tensor(l.full(name))
}

// full is the tensor's name in the file.
func (l *loader) full(name string) string {
	full := l.prefix + name
	for _, beside := range []string{"lm_head.", "embed_out.", "cls.", "vocab_"} { // the prefixed model
		if strings.HasPrefix(name, beside) {
			full = name
		}
	}
	if !l.names[full] {
		// As TensorFlow names the weights of norms, and BERT's first files.
		for now, old := range map[string]string{".weight": ".gamma", ".bias": ".beta"} {
			if rest, ok := strings.CutSuffix(full, now); ok && l.names[rest+old] {
				return rest + old
			}
		}
	}
	return full
}

// tensor is one tensor of the given shape.
func (l *loader) tensor(name string, shape ...int) weights.View {
	if l.err != nil {
		return weights.View{}
	}
	v, err := l.find(name, shape...)
	switch {
	case err != nil:
		l.err = err
	case len(v.Shape) == 2 && len(shape) == 2 && v.Shape[1] == shape[1] && v.Shape[0] < shape[0] && strings.Contains(name, "embed"):
		l.err = fmt.Errorf("tensor %s has %d rows; config.json asks for %d", l.full(name), v.Shape[0], shape[0])
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
	if l.layout != nil {
		l.layout.note(weight, v)
	}
	l.plan[weight] = &Pending{shape, func(dst []float32) error {
		defer v.Release()
		return fill(dst)
	}}
}

// take reads a tensor into a weight of the same layout.
func (l *loader) take(weight, name string, shape ...int) {
	v := l.tensor(name, shape...)
	l.put(weight, shape, v, v.Drain)
}

// words reads a matrix with a row for each token. Files may hold more rows, so
// that their number is even to the hardware: those are no tokens.
func (l *loader) words(c *config.Config, weight, name string, width int) {
	if l.err != nil {
		return
	}
	v, err := l.find(name, c.Vocab, width)
	if err == nil && len(v.Shape) == 2 && v.Shape[0] > c.Vocab && v.Shape[1] == width {
		c.Warnings = append(c.Warnings, fmt.Sprintf("tensor %s has %d rows; config.json says that %d of them are tokens", l.full(name), v.Shape[0], c.Vocab))
		l.used[l.full(name)] = true
		l.put(weight, []int{c.Vocab, width}, v, v.Drain)
		return
	}
	l.take(weight, name, c.Vocab, width)
}

// embed reads the embedding, which some files of tied models hold under the
// head's name alone.
func (l *loader) embed(c *config.Config, name, head string) {
	if c.Tied && !l.has(name+".weight") && l.has(head+".weight") {
		name = head
	}
	l.tokens = l.full(name + ".weight")
	l.words(c, "embed.W_E", name+".weight", c.DModel)
}

// unembed reads the unembedding, which tied models share with the embedding. A
// model without one has no head: it was saved for its hidden states.
func (l *loader) unembed(c *config.Config, name string, bias bool) {
	switch {
	case c.Tied:
		l.tie(c, name+".weight")
	case !l.has(name + ".weight"):
		c.Headless = true
		l.plan["unembed.W_U"] = l.plan["embed.W_E"] // so that every model has one; nothing reads it
		return
	default:
		l.words(c, "unembed.W_U", name+".weight", c.DModel)
	}
	if bias {
		l.take("unembed.b_U", name+".bias", c.Vocab)
	}
}

// tie makes the unembedding the embedding. A file may hold it once more under a
// name of its own.
func (l *loader) tie(c *config.Config, name string) {
	l.plan["unembed.W_U"] = l.plan["embed.W_E"]
	full := l.full(name)
	if l.err != nil || !l.names[full] || l.used[full] {
		return
	}
	l.used[full] = true
	own, err := l.src.Tensor(full)
	words, other := l.src.Tensor(l.tokens)
	if err != nil || other != nil {
		l.err = errors.Join(err, other)
		return
	}
	if own.DType == words.DType && !bytes.Equal(own.Bytes, words.Bytes) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("tensor %s is not %s, though config.json says that they are tied (tie_word_embeddings): "+
			"the embedding is used, as by transformers 4; transformers 5 uses this tensor, and so does golens once config.json says false", full, l.tokens))
	}
}

// masks tells whether a tensor is one that nothing here needs: a causal mask or a
// rotary table, as older files carry them.
func masks(name string) bool {
	return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".masked_bias") || strings.HasSuffix(name, ".attention.bias") ||
		strings.HasSuffix(name, "rotary_emb.inv_freq") || strings.HasSuffix(name, "position_ids") ||
		strings.HasPrefix(name, "pooler.") || strings.HasPrefix(name, "cls.seq_relationship.") // BERT's, for pairs of sentences
}

// otherHeads are what models that were trained further for other tasks have in
// place of the head for words, or beside it.
var otherHeads = []string{"score.", "classifier.", "qa_outputs.", "v_head.", "pre_classifier."}

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
func (l *loader) done(c *config.Config, ignore func(name string) bool) (Plan, error) {
	if l.err != nil {
		return nil, l.err
	}
	var heads []string
	for _, name := range l.src.Names() {
		local := strings.TrimPrefix(name, l.prefix)
		switch {
		case l.used[name] || ignore(local):
		case slices.ContainsFunc(otherHeads, func(head string) bool { return strings.HasPrefix(local, head) }):
			heads = append(heads, name)
		default:
			return nil, fmt.Errorf("tensor %s: this model type does not use it; is config.json that of these weights?", name)
		}
	}
	if heads != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("a head for another task is left out: tensors %s", strings.Join(heads, ", ")))
	}
	return l.plan, nil
}
