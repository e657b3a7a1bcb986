package task_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/tokenizer"
	"github.com/golens/golens/model/zoo"
)

// words is a model that is only a tokenizer.
type words struct {
	*tokenizer.Tokenizer
	bos *int
}

func (w words) Info() model.Info {
	info := model.Info{Config: config.Config{Vocab: w.Size(), BOS: w.bos}}
	if w.bos != nil {
		info.Begin = []int32{int32(*w.bos)}
	}
	return info
}

var errNoWeights = errors.New("only a tokenizer")

func (w words) Do(_ context.Context, ask model.Ask) (any, error) {
	switch ask := ask.(type) {
	case model.Encode:
		rows := make([][]int32, len(ask.Texts))
		for i, text := range ask.Texts {
			var err error
			if rows[i], err = w.Encode(text); err != nil {
				return nil, err
			}
		}
		return rows, nil
	case model.Decode:
		d := &model.Decoded{}
		for _, ids := range ask.Rows {
			labels := make([]string, len(ids))
			for i, id := range ids {
				labels[i] = w.Label(id)
			}
			d.Texts, d.Labels = append(d.Texts, w.Tokenizer.Decode(ids)), append(d.Labels, labels)
		}
		return d, nil
	}
	return nil, errNoWeights
}

func (w words) Process(context.Context, model.Processing) (model.Runner, error) {
	return nil, errNoWeights
}
func (w words) Close() error { return nil }

// gpt2 is GPT-2's tokenizer, from the merges that package tokenizer is tested
// with; the vocabulary follows from them.
var gpt2 = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	f, err := os.Open("../../model/tokenizer/testdata/gpt2_merges.txt.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	merges, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	ids := map[string]int{}
	for _, printable := range []bool{true, false} { // GPT-2's order of the bytes
		letter := rune(256)
		for b := range 256 {
			shown := b > 32 && b < 127 || b > 160 && b != 173
			switch {
			case shown && printable:
				ids[string(rune(b))] = len(ids)
			case !shown && !printable:
				ids[string(letter)] = len(ids)
			}
			if !shown {
				letter++
			}
		}
	}
	for line := range strings.Lines(string(merges)) {
		if !strings.HasPrefix(line, "#version") {
			ids[strings.ReplaceAll(strings.TrimRight(line, "\n"), " ", "")] = len(ids)
		}
	}
	ids["<|endoftext|>"] = len(ids)
	vocabulary, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return tokenizer.Open(fstest.MapFS{"merges.txt": {Data: merges}, "vocab.json": {Data: vocabulary}})
})

// trained is a small BPE of a text that knows few words whole: most names are
// several tokens.
var trained = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	text := strings.Repeat("Then Mary and John went to the store. Anna gave a ring to Paul. Tom and Emma met Max there, and sold it. "+
		"Za Ze Zo Zu. Ka Ke Ko Ku. Ba Be Bo Bu. La Le Lo Lu. Sa Se So Su. ", 3)
	raw, err := tokenizer.Train(func(yield func(string) bool) { yield(text) }, 340, []string{"<bos>"})
	if err != nil {
		return nil, err
	}
	return tokenizer.Parse(raw)
})

// tokenizers are models that are only tokenizers, each with and without a begin
// token.
func tokenizers(t *testing.T) map[string]*model.Model {
	t.Helper()
	all := map[string]*model.Model{}
	add := func(name string, tok *tokenizer.Tokenizer, err error, bos string) {
		if err != nil {
			t.Fatal(err)
		}
		all[name] = model.New(words{Tokenizer: tok})
		id, ok := tok.ID(bos)
		if !ok {
			t.Fatalf("%s has no token %s", name, bos)
		}
		begin := int(id)
		all[name+" with begin token"] = model.New(words{tok, &begin})
	}
	tok, err := gpt2()
	add("GPT-2", tok, err, "<|endoftext|>")
	tok, err = trained()
	add("trained", tok, err, "<bos>")
	for _, name := range []string{"godoc-2l", "ioi-planted", "ioi-4l"} {
		files, err := zoo.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := tokenizer.Open(files)
		add(name, tok, err, "<bos>")
	}
	return all
}
