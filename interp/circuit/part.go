package circuit

import (
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model/config"
)

// What package graph knows under these names.
type (
	Part  = graph.Part
	Kind  = graph.PartKind
	Input = graph.Input
)

// The kinds of parts.
const (
	KindEmbed  = graph.EmbedPart
	KindHead   = graph.HeadPart
	KindMLP    = graph.MLPPart
	KindLogits = graph.LogitsPart
)

// The inputs of parts.
const (
	ToQuery  = graph.ToQuery
	ToKey    = graph.ToKey
	ToValue  = graph.ToValue
	ToMLP    = graph.ToMLP
	ToLogits = graph.ToLogits
)

// Embed is what the embeddings write.
func Embed() Part { return graph.Embed() }

// Head is an attention head.
func Head(layer, index int) Part { return graph.Head(layer, index) }

// MLP is the MLP of a block.
func MLP(layer int) Part { return graph.MLP(layer) }

// Logits is where the logits are read off.
func Logits() Part { return graph.Logits() }

// ParsePart reads a part from its text.
func ParsePart(s string) (Part, error) { return graph.ParsePart(s) }

func heads(c config.Config) []Part { return graph.Heads(c) }
