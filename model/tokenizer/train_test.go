package tokenizer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The reference trained the small fixtures on training.txt, three times over,
// with another pattern; with that pattern, ours learns the same merges.
func TestTrainerLearnsTheReferenceMerges(t *testing.T) {
	lines := slices.Collect(strings.Lines(strings.Repeat(string(fixture(t, "training.txt")), 3)))
	for _, c := range []struct {
		name     string
		scan     scanner
		specials int
	}{
		{"bpe_llama3", scanCL100K(3), 2},
		{"bpe_qwen2", scanCL100K(1), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f struct {
				Model struct {
					Vocab  map[string]int32
					Merges [][2]string
				}
			}
			if err := json.Unmarshal(fixture(t, c.name+"/tokenizer.json"), &f); err != nil {
				t.Fatal(err)
			}
			tr := &trainer{scan: c.scan, ids: map[string]int32{}, tokens: make([]string, c.specials)}
			for _, b := range byteOrder {
				tr.letters[b] = tr.add(string([]byte{b}))
			}
			tr.count(slices.Values(lines), &finder{})
			tr.train(600)
			if len(tr.merges) != len(f.Model.Merges) {
				t.Fatalf("%d merges, want %d", len(tr.merges), len(f.Model.Merges))
			}
			for i, m := range tr.merges {
				got := [2]string{letters(tr.tokens[m.left]), letters(tr.tokens[m.right])}
				if got != f.Model.Merges[i] {
					t.Fatalf("merge %d is %q, want %q", i, got, f.Model.Merges[i])
				}
			}
			for id, token := range tr.tokens[c.specials:] {
				if want := f.Model.Vocab[letters(token)]; int32(id+c.specials) != want {
					t.Errorf("%q has id %d, want %d", token, id+c.specials, want)
				}
			}
		})
	}
}

func TestTrain(t *testing.T) {
	docs := []string{"the cat sat on the mat<|end|>the end", "that hat, the cat's hat \xff\xfe", "", "über über über 日本 日本"}
	data, err := Train(slices.Values(docs), 270, []string{"<|pad|>", "<|end|>"})
	if err != nil {
		t.Fatal(err)
	}
	reversed := slices.Clone(docs)
	slices.Reverse(reversed)
	again, err := Train(slices.Values(reversed), 270, []string{"<|pad|>", "<|end|>"})
	if err != nil || !bytes.Equal(data, again) {
		t.Fatalf("the same documents in another order give another file (%v)", err)
	}
	tok, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Size() != 270 {
		t.Errorf("Size() = %d, want 270", tok.Size())
	}
	for text, want := range map[string]int32{"<|pad|>": 0, "<|end|>": 1, "!": 2, "\x00": 2 + 188, "at": 258} {
		if id, ok := tok.ID(text); !ok || id != want {
			t.Errorf("ID(%q) = %d, %v, want %d", text, id, ok, want)
		}
	}
	if _, ok := tok.ID("<|"); ok {
		t.Error("a special token was learned from")
	}
	for _, doc := range docs {
		ids, err := tok.Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tok.DecodeBytes(ids); err != nil || string(got) != doc {
			t.Errorf("%q comes back as %q, %v", doc, got, err)
		}
	}
}

func TestTrainStopsWhenNothingRepeats(t *testing.T) {
	data, err := Train(slices.Values([]string{"abab"}), 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	// ab occurs twice, abab once.
	if tok.Size() != 257 {
		t.Errorf("Size() = %d, want 257", tok.Size())
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		size     int
		specials []string
		want     string
	}{
		{"too small", 256, []string{"<s>"}, "need 257"},
		{"too large", maxID + 1, nil, "are the most"},
		{"empty special", 300, []string{""}, "is empty"},
		{"special twice", 300, []string{"<s>", "<s>"}, "given twice"},
		{"special is a byte", 300, []string{"a"}, "also how the file spells"},
		{"special is a spelling", 300, []string{"Ġthe"}, "also how the file spells"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Train(slices.Values([]string{"x"}), c.size, c.specials)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}
