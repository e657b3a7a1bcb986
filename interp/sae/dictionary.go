package sae

import (
	"fmt"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
)

// A Dictionary is a sparse autoencoder or a transcoder of a model.
type Dictionary struct {
	*dictionary.Coder
	Read  hook.Point // the activation that it encodes
	Write hook.Point // that it stands for; of an autoencoder Read itself

	Model      string           // that it was trained on, as its files say; "" if they do not
	Processing model.Processing // of the weights that it was trained on
	// BeforeGain says that Read was normalized, but not yet multiplied by the norm's
	// weight, as TransformerLens has it for RMS norms. [Dictionary.For] folds the
	// weight of a model into the encoder.
	BeforeGain bool

	BOS      bool    // trained on texts with a begin token
	Context  int     // tokens of a text in training; 0: unknown
	Layers   int     // that it writes to, its own and those above; more than 1 for a cross-layer transcoder
	Path     string  // where it was opened
	Layout   string  // of its files
	Scale    float64 // of inputs in training, folded into the weights; 0: unknown
	Warnings []string

	headCount int    // of the written activation, in the model that it was opened for
	part      string // which features, if not all
	norms     []float32
}

// decoderNorms are the norms of the decoder's rows, computed once.
func (d *Dictionary) decoderNorms() []float32 {
	if d.norms == nil { // also of a copy: the decoder is the same
		d.norms = d.DecoderNorms()
	}
	return d.norms
}

// Transcoder tells whether it writes another activation than it reads.
func (d *Dictionary) Transcoder() bool { return !d.Read.Equal(d.Write) }

// String is a line or two.
func (d *Dictionary) String() string {
	var b strings.Builder
	what := "SAE"
	if d.Layers > 1 {
		what = "cross-layer transcoder"
	} else if d.Transcoder() {
		what = "transcoder"
	}
	fmt.Fprintf(&b, "%s %s of %d features at %s", d.Kind, what, d.Features, d.Read)
	if d.Transcoder() {
		fmt.Fprintf(&b, ", for %s", d.Write)
	}
	if d.Kind == dictionary.TopK {
		fmt.Fprintf(&b, ", k = %d", d.K)
	}
	if d.Model != "" {
		fmt.Fprintf(&b, ", of %s", d.Model)
	}
	if d.Processing != (model.Processing{}) {
		fmt.Fprintf(&b, " (%s)", d.Processing)
	}
	if d.Path != "" {
		fmt.Fprintf(&b, "\nfrom %s (%s)", d.Path, d.Layout)
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(&b, "\nwarning: %s", w)
	}
	return b.String()
}

// A Set is dictionaries of several layers, such as transcoders of all MLPs.
type Set []*Dictionary

// width is how many values stand at a position where a point reads.
func width(m *model.Model, p hook.Point) int {
	n := 1
	for _, d := range m.Config().Selected(p, 1, 1)[2:] {
		n *= d
	}
	return n
}

// For is the dictionary for a model: it fails if hooks, widths, the model or the
// processing of its weights do not fit, and folds in what is the model's.
func (d *Dictionary) For(m *model.Model) (*Dictionary, error) {
	fail := func(format string, args ...any) (*Dictionary, error) {
		return nil, fmt.Errorf("dictionary %s: %s", d.name(), fmt.Sprintf(format, args...))
	}
	c, info := m.Config(), m.Info()
	for _, p := range []hook.Point{d.Read, d.Write} {
		if p.Kind == "" {
			return fail("its files do not say which activation it reads; give it: sae.Options{Read: ...}")
		}
		if p.Layer >= c.Layers || !c.Has(p.ID) {
			return fail("it is at %s, which %s with %d layers does not have", p, info.Name, c.Layers)
		}
	}
	if n := width(m, d.Read); n != d.In {
		return fail("it reads width %d at %s; in %s that is %d wide: it is of another model%s", d.In, d.Read, info.Name, n, d.of())
	}
	if n := width(m, d.Write) * max(1, d.Layers); n != d.Out {
		return fail("it writes width %d at %s; in %s that is %d wide: it is of another model%s", d.Out, d.Write, info.Name, n, d.of())
	}
	if err := d.Scaled(); err != nil {
		return nil, fmt.Errorf("dictionary %s: %w", d.name(), err)
	}
	if d.Processing != info.Processing && !(d.Processing == (model.Processing{}) && harmless(d, info.Processing)) {
		return fail("it was trained on weights that are %s, these are %s; open it with m.Process(s.Processing), or, if its card is wrong, give sae.Options{Processing: ...}", d.Processing, info.Processing)
	}
	out := *d
	if !sameModel(d.Model, info.Name) {
		if named(info) {
			return fail("its files say that it is of %s; this is %s. If they are the same, give sae.Options{Model: %q}", d.Model, info.Name, info.Name)
		}
		out.Warnings = append(out.Warnings[:len(out.Warnings):len(out.Warnings)], fmt.Sprintf("its files say that it is of %s; it was opened for %s", d.Model, info.Name))
	}
	if d.Write.Kind.HeadAxis() > 0 {
		out.headCount = c.ValueDims(d.Write)[0]
	}
	if d.BeforeGain {
		if err := out.foldGain(m); err != nil {
			return nil, fmt.Errorf("dictionary %s: %w", d.name(), err)
		}
	}
	return &out, nil
}

// harmless tells whether processing leaves the activation as it was: only the
// unembedding changes.
func harmless(_ *Dictionary, p model.Processing) bool {
	return p == model.Processing{CenterUnembed: true}
}

func (d *Dictionary) of() string {
	if d.Model == "" {
		return ""
	}
	return ", " + d.Model
}

func (d *Dictionary) name() string {
	if d.Path != "" {
		return d.Path
	}
	return "at " + d.Read.String()
}

// named tells whether a model's name says which one it is: that of the Hub or the zoo
// does, that of a folder or file need not.
func named(info model.Info) bool {
	n := info.Name
	return info.Folder == "" && strings.Count(n, "/") <= 1 && !strings.HasPrefix(n, ".") && !strings.HasPrefix(n, "/") && !strings.HasSuffix(n, ".gguf")
}

// sameModel tells whether two names may be of one model: by their last parts,
// without case and separators.
func sameModel(a, b string) bool {
	short := func(s string) string {
		s, _, _ = strings.Cut(s, "@")
		s = strings.ToLower(s[strings.LastIndex(s, "/")+1:])
		s = strings.TrimSuffix(strings.TrimSuffix(s, ".gguf"), "-small")
		return strings.NewReplacer("-", "", "_", "", ".", "").Replace(s)
	}
	a, b = short(a), short(b)
	return a == "" || b == "" || strings.Contains(a, b) || strings.Contains(b, a)
}

// foldGain takes the weight of the norm before the MLP off the input, so that the
// dictionary reads what comes behind the weight.
func (d *Dictionary) foldGain(m *model.Model) error {
	d.BeforeGain = false
	if m.Config().Norm == "layernorm" {
		return nil // TransformerLens has weight and bias of a LayerNorm in it
	}
	w, err := m.Product(model.Factor{Name: fmt.Sprintf("blocks.%d.ln2.w", d.Read.Layer)})
	if err != nil {
		return err
	}
	gain := w.Values()
	c := *d.Coder
	c.WEnc = append([]float32(nil), c.WEnc...)
	c.WSkip = append([]float32(nil), c.WSkip...)
	for i, g := range gain {
		if g == 0 {
			return fmt.Errorf("the weight of the norm before the MLP is 0 at coordinate %d, so what it was before cannot be told", i)
		}
		for k := range c.Features {
			c.WEnc[i*c.Features+k] /= g
		}
		for o := 0; o < len(c.WSkip)/c.In; o++ {
			c.WSkip[o*c.In+i] /= g
		}
	}
	if len(c.WSkip) == 0 {
		c.WSkip = nil
	}
	d.Coder = &c
	return nil
}
