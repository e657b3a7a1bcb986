package tokenizer

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// fixture reads a file of testdata, through gzip if its name says so.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fixtureCase is one line of the recorded cases.
type fixtureCase struct {
	Text    string
	IDs     []int32
	Plain   []int32 `json:"ids_without_special"`
	Offsets [][2]int
	Decoded string
	All     string `json:"decoded_with_special"`
}

func fixtureCases(t testing.TB, name string) []fixtureCase {
	t.Helper()
	var out []fixtureCase
	lines := bufio.NewScanner(strings.NewReader(string(fixture(t, name))))
	lines.Buffer(nil, 1<<20) // the longest line has about 10 kB
	for lines.Scan() {
		var c fixtureCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) < 100 {
		t.Fatalf("%s holds %d cases", name, len(out))
	}
	return out
}

var gpt2Once struct {
	sync.Once
	fs fstest.MapFS
}

// gpt2Files is GPT-2's vocab.json and merges.txt; the first follows from the
// second.
func gpt2Files(t testing.TB) fstest.MapFS {
	t.Helper()
	gpt2Once.Do(func() {
		merges := fixture(t, "gpt2_merges.txt.gz")
		ids := map[string]int{}
		for _, b := range byteOrder {
			ids[string(byteLetter[b])] = len(ids)
		}
		for line := range strings.Lines(string(merges)) {
			if !strings.HasPrefix(line, "#version") {
				ids[strings.ReplaceAll(strings.TrimRight(line, "\n"), " ", "")] = len(ids)
			}
		}
		ids[endOfText] = len(ids)
		vocabulary, err := json.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		gpt2Once.fs = fstest.MapFS{"merges.txt": {Data: merges}, "vocab.json": {Data: vocabulary}}
	})
	return gpt2Once.fs
}

func openGPT2(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := Open(gpt2Files(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// smallTokenizers are the folders of testdata, one of each kind.
var smallTokenizers = []string{
	"bpe_llama3", "bpe_qwen2", "bpe_o200k", "bpe_added", "sentencepiece_llama2", "sentencepiece_gemma", "sentencepiece_first",
	"metaspace_always", "metaspace_never", "unigram_t5", "unigram_bytes", "wordpiece_bert", "wordpiece_cased", "wordpiece_plain",
}

func openSmall(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tok, err := Open(os.DirFS("testdata/" + name))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
