package godoc

import (
	"bytes"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/golens/golens/model/tokenizer"
)

const comment = "package p\n\n// Reader reads from the underlying reader until it has read enough bytes for the reader.\nvar Reader int\n"

func TestReadIsDocumentsAfterBOS(t *testing.T) {
	tree := fstest.MapFS{"a/x.go": {Data: []byte(comment)}, "b/x.go": {Data: bytes.Replace([]byte(comment), []byte("enough"), []byte("all the"), 1)}}
	text, err := Read(tree)
	if err != nil {
		t.Fatal(err)
	}
	words, err := tokenizer.Parse(text.Tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	bos := int32(*Config().BOS)
	if id, ok := words.ID(BOS); !ok || id != bos {
		t.Errorf("%s is token %d (%t); the config says %d", BOS, id, ok, bos)
	}
	var got []string
	for i, id := range text.Tokens {
		if id == bos {
			rest := text.Tokens[i+1:]
			if next := slices.Index(rest, bos); next >= 0 {
				rest = rest[:next]
			}
			got = append(got, words.Decode(rest))
		}
	}
	if !slices.Equal(got, text.Documents) {
		t.Errorf("tokens say %q, documents are %q", got, text.Documents)
	}
}

func TestSettingsAreValidForAnyLength(t *testing.T) {
	for _, steps := range []int{1, 2, 50, 700, Steps, 2 * Steps} {
		s := Settings(1, steps)
		if err := s.Check(); err != nil {
			t.Errorf("%d steps: %v", steps, err)
		}
		if last := s.Checkpoints[len(s.Checkpoints)-1]; last != steps {
			t.Errorf("%d steps: the last checkpoint is %d", steps, last)
		}
	}
}
