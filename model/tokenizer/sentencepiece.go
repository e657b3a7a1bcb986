package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// openSentencePiece reads tokenizer.model: the pieces, and how SentencePiece was
// told to normalize a text. Which tokens begin and end a text it does not say:
// tokenizer_config.json does or, where that is silent, a text begins with the
// begin token, as Llama's, Gemma's and Mistral's do.
func openSentencePiece(_ fs.FS, data []byte, set *settings) (*Tokenizer, error) {
	p, err := readPieces(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.model: %w", err)
	}
	if set.PrefixSpace != nil {
		p.SpacePrefix = *set.PrefixSpace
	}
	p.AddBOS = set.AddBOS == nil
	t, err := p.tokenizer(set)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.model: %w", err)
	}
	set.ends(t)
	return t, nil
}

var errNotSentencePiece = errors.New("it is no file of SentencePiece's; Llama 3 and others have a list of tiktoken's under this name. AutoTokenizer's save_pretrained in Python makes a tokenizer.json of it")

// Fields of SentencePiece's ModelProto, TrainerSpec and NormalizerSpec.
const (
	modelPieces, modelTrainer, modelNormalizer = 1, 2, 3

	pieceText, pieceScore, pieceType = 1, 2, 3

	trainerKind, trainerSuffix                      = 3, 24
	trainerUnknown, trainerBegin, trainerEnd        = 40, 41, 42
	normalizerMap, normalizerPrefix, normalizerTrim = 2, 3, 4
	normalizerEscape                                = 5

	kindBPE = 2
)

// readPieces reads a ModelProto. What would cut texts otherwise than golens does is
// an error.
func readPieces(data []byte) (Pieces, error) {
	p := Pieces{Model: "llama", BOS: 1, EOS: 2, Unknown: 0, SpacePrefix: true}
	kind, trim, escape := uint64(1), true, true
	var characters []byte
	suffix := false
	err := fields(data, func(number protowire.Number, value field) error {
		switch number {
		case modelPieces:
			text, score, sort := "", float32(0), uint64(PieceNormal)
			err := fields(value.bytes, func(number protowire.Number, v field) error {
				switch number {
				case pieceText:
					text = string(v.bytes)
				case pieceScore:
					score = math.Float32frombits(uint32(v.number))
				case pieceType:
					sort = v.number
				}
				return nil
			})
			p.Tokens, p.Scores, p.Types = append(p.Tokens, text), append(p.Scores, score), append(p.Types, int32(sort))
			return err
		case modelTrainer:
			return fields(value.bytes, func(number protowire.Number, v field) error {
				switch number {
				case trainerKind:
					kind = v.number
				case trainerSuffix:
					suffix = v.number != 0
				case trainerUnknown:
					p.Unknown = int(int32(v.number))
				case trainerBegin:
					p.BOS = int(int32(v.number))
				case trainerEnd:
					p.EOS = int(int32(v.number))
				}
				return nil
			})
		case modelNormalizer:
			return fields(value.bytes, func(number protowire.Number, v field) error {
				switch number {
				case normalizerMap:
					characters = v.bytes
				case normalizerPrefix:
					p.SpacePrefix = v.number != 0
				case normalizerTrim:
					trim = v.number != 0
				case normalizerEscape:
					escape = v.number != 0
				}
				return nil
			})
		}
		return nil
	})
	const instead = "AutoTokenizer's save_pretrained in Python makes a tokenizer.json of it"
	switch {
	case err != nil || len(p.Tokens) == 0 || !slices.Contains(p.Types, PieceUnknown):
		return p, errNotSentencePiece
	case kind != kindBPE:
		return p, fmt.Errorf("the model is of kind %d (1 is Unigram, 3 words, 4 characters); BPE (2) is read. %s", kind, instead)
	case len(characters) > 0:
		return p, fmt.Errorf("characters are replaced by a table of %d bytes (precompiled_charsmap), which is not read. %s", len(characters), instead)
	case trim:
		return p, fmt.Errorf("spaces that follow each other become one (remove_extra_whitespaces), which is not implemented. %s", instead)
	case !escape || suffix:
		return p, fmt.Errorf("escape_whitespaces is %t and treat_whitespace_as_suffix %t; true and false are implemented. %s", escape, suffix, instead)
	}
	return p, nil
}

// A field is a value of a message: bytes, or a number in any of its encodings.
type field struct {
	bytes  []byte
	number uint64
}

// fields gives every field of a message.
func fields(data []byte, use func(protowire.Number, field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var v field
		switch kind {
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(data)
			v.number = uint64(bits)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := use(number, v); err != nil {
			return err
		}
	}
	return nil
}
