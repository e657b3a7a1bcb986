package circuit

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/golens/golens/model/config"
)

// A Kind is one sort of part.
type Kind string

// The kinds of parts.
const (
	KindEmbed  Kind = "embed"  // the embeddings
	KindHead   Kind = "head"   // an attention head
	KindMLP    Kind = "mlp"    // the MLP of a block
	KindLogits Kind = "logits" // the final residual stream, as the unembedding reads it
)

// A Part is one component of a model. In text it is "9.6" (a head), "mlp 3",
// "embed" or "logits".
type Part struct {
	Kind  Kind
	Layer int // of heads and MLPs
	Index int // of heads
}

// Embed is what the embeddings write.
func Embed() Part { return Part{Kind: KindEmbed} }

// Head is an attention head.
func Head(layer, index int) Part { return Part{KindHead, layer, index} }

// MLP is the MLP of a block.
func MLP(layer int) Part { return Part{Kind: KindMLP, Layer: layer} }

// Logits is where the logits are read off.
func Logits() Part { return Part{Kind: KindLogits} }

// String is the part in text.
func (p Part) String() string {
	switch p.Kind {
	case KindHead:
		return fmt.Sprintf("%d.%d", p.Layer, p.Index)
	case KindMLP:
		return fmt.Sprintf("mlp %d", p.Layer)
	}
	return string(p.Kind)
}

// ParsePart reads a part from its text.
func ParsePart(s string) (Part, error) {
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= 0 && strconv.Itoa(n) == s
	}
	if layer, index, found := strings.Cut(s, "."); found {
		l, ok := number(layer)
		h, also := number(index)
		if ok && also {
			return Head(l, h), nil
		}
	}
	if layer, found := strings.CutPrefix(s, "mlp "); found {
		if l, ok := number(layer); ok {
			return MLP(l), nil
		}
	}
	if s == string(KindEmbed) || s == string(KindLogits) {
		return Part{Kind: Kind(s)}, nil
	}
	return Part{}, fmt.Errorf(`there is no part %q; write a head as "9.6", or "mlp 3", "embed", "logits"`, s)
}

// MarshalText is [Part.String].
func (p Part) MarshalText() ([]byte, error) {
	if _, err := ParsePart(p.String()); err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}

// UnmarshalText is [ParsePart].
func (p *Part) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePart(string(text))
	return err
}

// rank orders parts as a forward pass meets them. Heads of one layer are equal.
func (p Part) rank() int {
	switch p.Kind {
	case KindEmbed:
		return -1
	case KindHead:
		return 2 * p.Layer
	case KindMLP:
		return 2*p.Layer + 1
	}
	return math.MaxInt
}

// in checks that a model has the part.
func (p Part) in(c config.Config) error {
	switch {
	case p.Kind == KindEmbed || p.Kind == KindLogits:
		return nil
	case p.Layer < 0 || p.Layer >= c.Layers:
		return fmt.Errorf("%s: the model has layers 0 to %d", p, c.Layers-1)
	case p.Kind == KindMLP && c.AttnOnly():
		return fmt.Errorf("%s: the model has no MLPs", p)
	case p.Kind == KindHead && (p.Index < 0 || p.Index >= c.Heads):
		return fmt.Errorf("%s: the model has heads 0 to %d in a layer", p, c.Heads-1)
	}
	return nil
}

// heads are all heads of a model, layer by layer.
func heads(c config.Config) []Part {
	var all []Part
	for l := range c.Layers {
		for h := range c.Heads {
			all = append(all, Head(l, h))
		}
	}
	return all
}
