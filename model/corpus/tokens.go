package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/files"
)

// Settings are how a corpus is tokenized. The zero value stops at what is broken, and
// keeps the tokens in the user's cache.
type Settings struct {
	// Dir is where tokens are kept; empty for golens/corpora in the user's cache
	// folder, which GOLENS_CORPORA names otherwise.
	Dir string
	// SkipBroken counts files, lines and texts that cannot be read, in place of
	// stopping with an error at the first.
	SkipBroken bool
}

// DirEnv names the environment variable with the folder in which tokens are kept.
const DirEnv = "GOLENS_CORPORA"

// Tokens are the documents of a corpus as tokens, on disk.
type Tokens struct {
	Hash   string   // of the text and the tokenizer
	Labels []string // that the documents have, in the order in which they came
	Begin  []int32  // the tokens that begin a text
	Kept   bool     // nothing was tokenized: the tokens were there
	Counts
	context int
	file    string
	docs    []span
}

// Counts are what was read.
type Counts struct {
	Documents int   // with text
	Empty     int   // without
	Broken    int   // that could not be read
	Bytes     int64 // of text
	Tokens    int64
	First     string `json:",omitempty"` // the error of the first that could not be read
}

// span is a document in the file of tokens.
type span struct {
	At, Len int64
	Label   int
}

// String says how much there is.
func (t *Tokens) String() string {
	s := fmt.Sprintf("%d documents, %d bytes, %d tokens; labels %q", t.Documents, t.Bytes, t.Tokens, t.Labels)
	if t.Empty > 0 {
		s += fmt.Sprintf("; %d documents without text", t.Empty)
	}
	if t.Broken > 0 {
		s += fmt.Sprintf("; %d could not be read, the first: %s", t.Broken, t.First)
	}
	return s
}

// Tokenize walks over a source and keeps its documents as tokens of a model's, without
// those that begin or end a text. If the same text was tokenized before by the same
// tokenizer, that is taken. The text is read either way, to know.
func Tokenize(ctx context.Context, m *model.Model, src Source, s Settings) (*Tokens, error) {
	dir, err := s.dir()
	if err != nil {
		return nil, err
	}
	t := &Tokens{Begin: m.Info().Begin, context: m.Config().Context}
	var size int64
	if t.Hash, size, err = t.hash(ctx, m, src, s); err != nil {
		return nil, err
	}
	base := filepath.Join(dir, t.Hash)
	t.file = base + ".tokens"
	if t.load(base+".json") == nil {
		t.Kept = true
		return t, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	if err := t.write(ctx, m, src, s, size); err != nil {
		return nil, err
	}
	index, err := json.Marshal(kept{t.Labels, t.Counts, t.docs})
	if err == nil {
		err = files.Write(base+".json", index)
	}
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	return t, nil
}

func (s Settings) dir() (string, error) {
	if s.Dir != "" {
		return s.Dir, nil
	}
	if dir := os.Getenv(DirEnv); dir != "" {
		return dir, nil
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("corpus: %w; name a folder in Settings.Dir or %s", err, DirEnv)
	}
	return filepath.Join(user, "golens", "corpora"), nil
}

// walk gives the documents that have text, and counts the others.
func (c *Counts) walk(ctx context.Context, src Source, s Settings, take func(Document) error) error {
	for d, err := range src {
		if stop := ctx.Err(); stop != nil {
			return stop
		}
		if err == nil {
			err = d.check()
		}
		switch {
		case err != nil && !s.SkipBroken:
			return err
		case err != nil:
			if c.Broken++; c.Broken == 1 {
				c.First = err.Error()
			}
		case strings.TrimSpace(d.Text) == "":
			c.Empty++
		default:
			c.Documents++
			c.Bytes += int64(len(d.Text))
			if err := take(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// hash is that of all texts, their labels, and the tokenizer: what each id reads as,
// and how the first documents are cut.
func (t *Tokens) hash(ctx context.Context, m *model.Model, src Source, s Settings) (hash string, size int64, err error) {
	h := sha256.New()
	var first []string
	var c Counts
	err = c.walk(ctx, src, s, func(d Document) error {
		if len(first) < 4 {
			first = append(first, d.Text[:min(len(d.Text), 1<<12)])
		}
		fmt.Fprintf(h, "%d %d ", len(d.Label), len(d.Text))
		_, _ = io.WriteString(h, d.Label) // a hash takes everything
		_, _ = io.WriteString(h, d.Text)
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	ids := make([]int32, m.Config().Vocab)
	for i := range ids {
		ids[i] = int32(i)
	}
	words, err := m.Decode(ids)
	if err != nil {
		return "", 0, fmt.Errorf("corpus: %w", err)
	}
	cut, err := m.Encode(first...)
	if err != nil {
		return "", 0, fmt.Errorf("corpus: %w", err)
	}
	fmt.Fprintf(h, "%q %v %d", words.Labels, cut, t.Begin)
	return hex.EncodeToString(h.Sum(nil)), c.Bytes, nil
}

// kept is the index of a file of tokens.
type kept struct {
	Labels []string
	Counts Counts
	Docs   []span
}

// load reads an index; a file of tokens that does not fit it is as none.
func (t *Tokens) load(index string) error {
	raw, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return err
	}
	info, err := os.Stat(t.file)
	if err != nil {
		return err
	}
	if info.Size() != 4*k.Counts.Tokens {
		return errors.New("cut short")
	}
	t.Labels, t.Counts, t.docs = k.Labels, k.Counts, k.Docs
	return nil
}

// textsPerAsk bounds what is tokenized at a time, so that it ends at once when it is
// stopped.
const textsPerAsk = 1 << 20 // bytes

// write tokenizes so many bytes.
func (t *Tokens) write(ctx context.Context, m *model.Model, src Source, s Settings, all int64) error {
	t.Counts, t.docs, t.Labels = Counts{}, nil, nil
	return files.Stream(t.file, func(w io.Writer) error {
		var texts []string
		size := 0
		flush := func() error {
			if len(texts) == 0 {
				return nil
			}
			rows, err := m.Encode(texts...)
			if err != nil {
				return fmt.Errorf("corpus: %w", err)
			}
			for i, row := range rows {
				d := &t.docs[len(t.docs)-len(rows)+i]
				d.At, d.Len = t.Tokens, int64(len(row))
				t.Tokens += d.Len
				if err := binary.Write(w, binary.LittleEndian, row); err != nil {
					return fmt.Errorf("corpus: %w", err)
				}
			}
			texts, size = nil, 0
			model.Report(ctx, int(t.Bytes>>10), int(all>>10))
			return nil
		}
		err := t.walk(ctx, src, s, func(d Document) error {
			label := slices.Index(t.Labels, d.Label)
			if label < 0 {
				label = len(t.Labels)
				t.Labels = append(t.Labels, d.Label)
			}
			t.docs = append(t.docs, span{Label: label})
			texts, size = append(texts, d.Text), size+len(d.Text)
			if size < textsPerAsk {
				return nil
			}
			return flush()
		})
		if err != nil {
			return err
		}
		return flush()
	})
}
