package graph

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/golens/golens/model/config"
)

// A PartKind is one sort of part.
type PartKind string

// The kinds of parts.
const (
	EmbedPart  PartKind = "embed"  // the embeddings
	HeadPart   PartKind = "head"   // an attention head
	MLPPart    PartKind = "mlp"    // the MLP of a block
	LogitsPart PartKind = "logits" // the final residual stream, as the unembedding reads it
)

// A Part is one component of a model. In text it is "9.6" (a head), "mlp 3",
// "embed" or "logits".
type Part struct {
	Kind  PartKind
	Layer int // of heads and MLPs
	Index int // of heads
}

// Embed is what the embeddings write.
func Embed() Part { return Part{Kind: EmbedPart} }

// Head is an attention head.
func Head(layer, index int) Part { return Part{HeadPart, layer, index} }

// MLP is the MLP of a block.
func MLP(layer int) Part { return Part{Kind: MLPPart, Layer: layer} }

// Logits is where the logits are read off.
func Logits() Part { return Part{Kind: LogitsPart} }

// IsHead tells whether the part is an attention head.
func (p Part) IsHead() bool { return p.Kind == HeadPart }

// String is the part in text.
func (p Part) String() string {
	switch p.Kind {
	case HeadPart:
		return fmt.Sprintf("%d.%d", p.Layer, p.Index)
	case MLPPart:
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
	if s == string(EmbedPart) || s == string(LogitsPart) {
		return Part{Kind: PartKind(s)}, nil
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

// Before tells whether a part has written when another one reads, in blocks that
// run attention and MLP one after the other.
func (p Part) Before(q Part) bool { return p.rank() < q.rank() }

// rank orders parts as a forward pass meets them. Heads of one layer are equal.
func (p Part) rank() int {
	switch p.Kind {
	case EmbedPart:
		return -1
	case HeadPart:
		return 2 * p.Layer
	case MLPPart:
		return 2*p.Layer + 1
	}
	return math.MaxInt
}

// In checks that a model has the part.
func (p Part) In(c config.Config) error {
	switch {
	case p.Kind == EmbedPart || p.Kind == LogitsPart:
		return nil
	case p.Kind != HeadPart && p.Kind != MLPPart:
		return fmt.Errorf("there is no part of kind %q", p.Kind)
	case p.Layer < 0 || p.Layer >= c.Layers:
		return fmt.Errorf("%s: the model has layers 0 to %d", p, c.Layers-1)
	case p.Kind == MLPPart && c.AttnOnly():
		return fmt.Errorf("%s: the model has no MLPs", p)
	case p.Kind == HeadPart && (p.Index < 0 || p.Index >= c.Heads):
		return fmt.Errorf("%s: the model has heads 0 to %d in a layer", p, c.Heads-1)
	}
	return nil
}

// AllHeads are the heads of a model, layer by layer.
func AllHeads(c config.Config) []Part {
	var all []Part
	for l := range c.Layers {
		for h := range c.Heads {
			all = append(all, Head(l, h))
		}
	}
	return all
}
