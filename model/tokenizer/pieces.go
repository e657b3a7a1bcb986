package tokenizer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pieces are a vocabulary with what is known of each token, as GGUF files and
// SentencePiece's tokenizer.model hold it in place of a tokenizer.json.
type Pieces struct {
	Model  string    // gpt2: byte-level BPE; llama: SentencePiece's BPE
	Pre    string    // llama.cpp's name of the byte-level pre-tokenizer
	Tokens []string  // by id
	Types  []int32   // by id, of [PieceNormal] and the others; nil: all normal
	Scores []float32 // by id, of SentencePiece: of two merges the higher comes first
	Merges []string  // of byte-level BPE, earliest first

	BOS, EOS, Unknown int  // ids; negative if there is none
	AddBOS, AddEOS    bool // whether a text begins and ends with them
	SpacePrefix       bool // whether SentencePiece puts a space before a text
}

// Types of tokens, as SentencePiece numbers them.
const (
	PieceNormal  = 1
	PieceUnknown = 2
	PieceControl = 3 // found in the text before anything else, not readable
	PieceUser    = 4 // found in the text before anything else
	PieceUnused  = 5
	PieceByte    = 6
)

// pres are the byte-level pre-tokenizers by llama.cpp's names.
var pres = map[string]string{
	"": gpt2Pre, "default": gpt2Pre, "gpt-2": gpt2Pre, "phi-2": gpt2Pre, "olmo": gpt2Pre, "jais": gpt2Pre, "mpt": gpt2Pre, "roberta-bpe": gpt2Pre,
	"smollm": digitsPre, "starcoder": digitsPre, "refact": digitsPre, "command-r": digitsPre, "codeshell": digitsPre, "exaone": digitsPre,
	"llama-bpe": splitPre(llama3Pattern), "llama3": splitPre(llama3Pattern), "llama-v3": splitPre(llama3Pattern),
	"dbrx": splitPre(llama3Pattern), "smaug-bpe": splitPre(llama3Pattern), "falcon3": splitPre(llama3Pattern),
	"qwen2": splitPre(qwen2Pattern), "deepseek-r1-qwen": splitPre(qwen2Pattern), "stablelm2": splitPre(qwen2Pattern),
	"gpt-4o": splitPre(o200kPattern), "llama4": splitPre(o200kPattern), "tekken": splitPre(tekkenPattern),
}

const (
	gpt2Pre   = `{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}`
	digitsPre = `{"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, ` + gpt2Pre + `]}`
)

func splitPre(pattern string) string {
	quoted, err := json.Marshal(pattern)
	if err != nil {
		panic(err) // a string is JSON
	}
	return `{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ` + string(quoted) +
		`}, "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}`
}

// FromPieces makes a tokenizer of a vocabulary. Without tokens, the error wraps
// [fs.ErrNotExist].
func FromPieces(p Pieces) (*Tokenizer, error) {
	t, err := p.tokenizer(new(settings))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func (p Pieces) tokenizer(set *settings) (*Tokenizer, error) {
	if len(p.Tokens) == 0 {
		return nil, fmt.Errorf("there are no tokens: %w", fs.ErrNotExist)
	}
	if p.Types != nil && len(p.Types) != len(p.Tokens) || p.Scores != nil && len(p.Scores) != len(p.Tokens) {
		return nil, fmt.Errorf("%d tokens, but types of %d and scores of %d", len(p.Tokens), len(p.Types), len(p.Scores))
	}
	var f file
	var b *bpe
	var err error
	switch p.Model {
	case "gpt2":
		b, err = p.byteLevel(&f)
	case "llama":
		b, err = p.sentencePiece(&f)
	default:
		return nil, fmt.Errorf("the model %q is not read; gpt2 (byte-level BPE) and llama (SentencePiece's BPE) are", p.Model)
	}
	if err != nil {
		return nil, err
	}
	// SentencePiece looks for its users' tokens where spaces are marked already, and
	// another is before the text.
	for id, text := range p.Tokens {
		if kind := p.kind(id); text != "" && (kind == PieceControl || kind == PieceUser || kind == PieceUnknown) {
			f.AddedTokens = append(f.AddedTokens, addedToken{ID: int64(id), Content: text, Special: kind != PieceUser,
				Normalized: kind == PieceUser && p.Model == "llama", AsWritten: true})
		}
	}
	t, err := assemble(b.vocab, b, &f, set)
	if err != nil {
		return nil, err
	}
	for _, end := range []struct {
		on   bool
		id   int
		into *[]int32
	}{{p.AddBOS, p.BOS, &t.template.before}, {p.AddEOS, p.EOS, &t.template.after}} {
		if end.on && end.id >= 0 && end.id < len(p.Tokens) {
			*end.into = []int32{int32(end.id)}
		}
	}
	return t, nil
}

func (p Pieces) kind(id int) int32 {
	if p.Types == nil {
		return PieceNormal
	}
	return p.Types[id]
}

// ids are the tokens of the model by their text; of two that are the same the
// first counts, unless it is a special one.
func (p Pieces) ids() (map[string]int64, error) {
	ids := make(map[string]int64, len(p.Tokens))
	for id, text := range p.Tokens {
		if text == "" || !utf8.ValidString(text) {
			return nil, fmt.Errorf("token %d is %q", id, text)
		}
		if other, twice := ids[text]; twice {
			return nil, fmt.Errorf("tokens %d and %d are both %q", other, id, text)
		}
		ids[text] = int64(id)
	}
	return ids, nil
}

func (p Pieces) byteLevel(f *file) (*bpe, error) {
	pre, ok := pres[p.Pre]
	if !ok {
		return nil, fmt.Errorf("the pre-tokenizer %q is not known; known: %s", p.Pre, strings.Join(slices.Sorted(maps.Keys(pres))[1:], ", "))
	}
	f.PreTokenizer, f.Decoder = json.RawMessage(pre), json.RawMessage(`{"type": "ByteLevel"}`)
	if pre == pres["qwen2"] {
		f.Normalizer = json.RawMessage(`{"type": "NFC"}`)
	}
	ids, err := p.ids()
	if err != nil {
		return nil, err
	}
	b, err := newBPE(ids, true)
	if err != nil {
		return nil, err
	}
	merges := make([][2]string, len(p.Merges))
	for i, line := range p.Merges {
		if merges[i], err = splitMerge(line); err != nil {
			return nil, err
		}
	}
	b.whole = pre == pres["llama-bpe"]
	return b, b.addMerges(merges)
}

// sentencePiece makes merges of the pieces: two that stand side by side become
// one where there is such a piece, the one with the highest score first.
func (p Pieces) sentencePiece(f *file) (*bpe, error) {
	replace := `{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}`
	back := `{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}`
	if p.SpacePrefix {
		replace = `{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, ` + replace + `]}`
		back += `, {"type": "Strip", "content": " ", "start": 1, "stop": 0}`
	}
	f.Normalizer, f.Decoder = json.RawMessage(replace), json.RawMessage(`{"type": "Sequence", "decoders": [`+back+`]}`)
	if p.Scores == nil {
		return nil, fmt.Errorf("the pieces have no scores")
	}
	ids, err := p.ids()
	if err != nil {
		return nil, err
	}
	b, err := newBPE(ids, false)
	if err != nil {
		return nil, err
	}
	var whole []int // pieces that others become
	for id := range p.Tokens {
		if p.merges(id) {
			whole = append(whole, id)
		}
	}
	slices.SortStableFunc(whole, func(x, y int) int { return -cmp.Compare(p.Scores[x], p.Scores[y]) })
	b.merges = make(map[pair]merged, 3*len(whole))
	rank := int32(-1)
	for i, id := range whole {
		if i == 0 || p.Scores[id] != p.Scores[whole[i-1]] {
			rank++
		}
		text := p.Tokens[id]
		for at := range text {
			left, ok := ids[text[:at]]
			if at == 0 || !ok {
				continue
			}
			if right, ok := ids[text[at:]]; ok && p.merges(int(left)) && p.merges(int(right)) {
				b.merges[pair{int32(left), int32(right)}] = merged{rank, int32(id)}
			}
		}
	}
	b.fuse = true
	if p.Unknown >= 0 && p.Unknown < len(p.Tokens) {
		b.unknown = int32(p.Unknown)
	}
	var bytes int
	b.bytes, bytes = b.vocab.byteTokens()
	b.fallback = bytes > 0
	return b, nil
}

// merges says whether a piece can be part of another.
func (p Pieces) merges(id int) bool {
	kind := p.kind(id)
	return kind == PieceNormal || kind == PieceUser
}
