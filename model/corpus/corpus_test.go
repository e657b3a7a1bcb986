package corpus_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	goparquet "github.com/parquet-go/parquet-go"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/corpus/parquet"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

func open(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.Open("zoo:godoc-2l")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// folder writes files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			var b strings.Builder
			z := gzip.NewWriter(&b)
			_, _ = z.Write([]byte(text))
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			text = b.String()
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// texts are those of a source, and its first error.
func texts(src corpus.Source) (all []string, err error) {
	for d, bad := range src {
		if bad != nil {
			return all, bad
		}
		all = append(all, d.Text)
	}
	return all, nil
}

func TestSources(t *testing.T) {
	dir := folder(t, map[string]string{
		"b.txt": "one\ntwo\n", "a.jsonl": `{"text": "x", "n": 1}` + "\n\n" + `{"text": "y"}` + "\n", "sub/c.md.gz": "packed", "d.bin": "no text",
		"man/man1/ls.1.gz": ".TH LS 1\n.SH NAME\nls \\- list\n.SH DESCRIPTION\nList information about the \\fIFILEs\\fR, of\n.B \"the folder\"\nthat is current.\n.nf\n$ ls -l | an example that is left out of the text, as it is no prose\n.fi\n",
		"man/man1/dir.1":   ".so man1/ls.1\n",
	})
	table := filepath.Join(dir, "e.parquet")
	type line struct {
		Text  *string `parquet:"text,optional"`
		Other string  `parquet:"other"`
	}
	y := "from parquet"
	if err := goparquet.WriteFile(table, []line{{&y, "a"}, {nil, "b"}}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_CACHE", folder(t, map[string]string{
		"datasets--who--what/refs/main": "abc", "datasets--who--what/snapshots/abc/data/train.jsonl": `{"text": "cached"}`,
	}))
	for _, c := range []struct {
		name string
		src  corpus.Source
		want []string
	}{
		{"a folder, in order of paths", corpus.Folder(dir), []string{"x", "y", "one\ntwo\n", "from parquet", "", "packed"}},
		{"a pattern", corpus.Folder(dir, "*.txt"), []string{"one\ntwo\n"}},
		{"lines", corpus.Lines(filepath.Join(dir, "b.txt")), []string{"one", "two"}},
		{"another key", corpus.JSONLines(filepath.Join(dir, "a.jsonl"), "text").Head(1), []string{"x"}},
		{"a column", parquet.File(table, "other"), []string{"a", "b"}},
		{"a data set", corpus.DataSet("who/what"), []string{"cached"}},
		{"a manual", corpus.Manual(filepath.Join(dir, "man")), []string{"List information about the FILEs, of the folder that is current.\n"}},
		{"joined", corpus.Join(corpus.Texts("p"), corpus.Texts("q", "r").Head(1)), []string{"p", "q"}},
	} {
		got, err := texts(c.src)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestBrokenCorpora(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // else there must be a HOME
	dir := folder(t, map[string]string{
		"bad.jsonl": `{"text": "x"}` + "\n{", "key.jsonl": `{"body": "x"}`, "number.jsonl": `{"text": 3}`, "not.parquet": "PAR1 is not enough", "plain.gz": "",
		"latin1.txt": "caf\xe9",
	})
	if err := os.WriteFile(filepath.Join(dir, "cut.txt.gz"), []byte("\x1f\x8b no"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := open(t)
	for name, says := range map[string]string{
		"bad.jsonl": "bad.jsonl:2: unexpected end", "key.jsonl": `no key "text"; there are ["body"]`, "number.jsonl": "number.jsonl:1: json", "not.parquet": "not.parquet",
		"latin1.txt": "byte 3 of the text is not UTF-8", "none.txt": "no such file", "cut.txt.gz": "cut.txt.gz", "plain.gz": "nobody reads",
	} {
		src := corpus.Join(corpus.File(filepath.Join(dir, name)), corpus.Texts("a text", " "))
		_, err := corpus.Tokenize(context.Background(), m, src, corpus.Settings{Dir: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v; it should say %q", name, err, says)
		}
		text, err := corpus.Tokenize(context.Background(), m, src, corpus.Settings{Dir: t.TempDir(), SkipBroken: true})
		if err != nil || text.Broken != 1 || text.Empty != 1 || !strings.Contains(text.String(), says) {
			t.Errorf("%s, left out: %v (%v)", name, text, err)
		}
	}
	if _, err := texts(corpus.Folder(t.TempDir())); err == nil {
		t.Error("an empty folder gives no error")
	}
	if _, err := texts(corpus.Folder(folder(t, map[string]string{"a.arrow": "", "sub/b.arrow": "", "c.bin": ""}))); err == nil || !strings.Contains(err.Error(), `end in [".arrow" ".bin"]`) {
		t.Errorf("a folder of files that nobody reads: %v", err)
	}
	if _, err := texts(corpus.DataSet("who/what")); err == nil || !strings.Contains(err.Error(), "snapshot_download") {
		t.Errorf("a data set that is not there: %v", err)
	}
}

// of is a corpus of two labels that come in turn.
func of(t testing.TB, m *model.Model, n int) *corpus.Tokens {
	t.Helper()
	var parts []corpus.Source
	for i := range n {
		parts = append(parts, corpus.Texts(fmt.Sprintf("The reader reads %d bytes of the file.", i)).As([]string{"a", "b"}[i%2]))
	}
	text, err := corpus.Tokenize(context.Background(), m, corpus.Join(parts...), corpus.Settings{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Rows hold the tokens of the text, in order, and nothing else.
func TestRowsAreTheText(t *testing.T) {
	m := open(t)
	text := of(t, m, 20)
	want := map[string][]int32{}
	for i := range 20 {
		ids, err := m.Encode(fmt.Sprintf("The reader reads %d bytes of the file.", i))
		if err != nil {
			t.Fatal(err)
		}
		label := []string{"a", "b"}[i%2]
		want[label] = slices.Concat(want[label], m.Info().Begin, ids[0])
	}
	packed, err := text.Rows(corpus.Rows{Length: 16, Packed: true})
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, label := range []string{"a", "b"} {
		rows, err := packed.Tokens(label)
		if err != nil {
			t.Fatal(err)
		}
		joined := slices.Concat(rows...)
		if all += len(joined); !slices.Equal(joined, want[label][:len(joined)]) {
			t.Errorf("rows of %s are %v, want %v", label, joined, want[label])
		}
	}
	if left := len(want["a"]) + len(want["b"]) - all; packed.Left != int64(left) || left >= 32 || !strings.Contains(packed.String(), "fill no row") {
		t.Errorf("%d tokens are left; it says %s", left, packed)
	}
	each, err := text.Rows(corpus.Rows{Length: 8})
	if err != nil || each.Len() != 20 || each.Short != 20 {
		t.Fatalf("a document a row: %v (%v)", each, err)
	}
	if row, err := each.Row(0); err != nil || !slices.Equal(row, want["a"][:8]) {
		t.Errorf("row 0 is %v (%v)", row, err)
	}
	bare, err := text.Rows(corpus.Rows{Length: 8, NoBegin: true, Labels: []string{"b"}})
	if err != nil || bare.Len() != 10 {
		t.Fatalf("%v (%v)", bare, err)
	}
	if row, err := bare.Row(0); err != nil || !slices.Equal(row, want["b"][len(m.Info().Begin):][:8]) {
		t.Errorf("without what begins it, row 0 is %v (%v)", row, err)
	}
}

func TestSamplesAreSeeded(t *testing.T) {
	text := of(t, open(t), 30)
	draw := func(seed uint64) [][]int32 {
		c, err := text.Rows(corpus.Rows{Each: 4, Seed: seed})
		if err != nil || !slices.Equal(c.Of, []int{4, 4}) {
			t.Fatalf("%v (%v)", c, err)
		}
		rows, err := c.Tokens("")
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if a, b, c := draw(1), draw(1), draw(2); !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("the same seed must draw the same rows, another one others")
	}
}

// A text is tokenized once, by each tokenizer.
func TestTokensAreKept(t *testing.T) {
	dir := t.TempDir()
	take := func(m *model.Model, text string) *corpus.Tokens {
		got, err := corpus.Tokenize(context.Background(), m, corpus.Texts("hello", text).As("x"), corpus.Settings{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	m := open(t)
	first, again := take(m, "there"), take(m, "there")
	if first.Kept || !again.Kept || first.Tokens != again.Tokens || !slices.Equal(first.Labels, again.Labels) {
		t.Errorf("first %v, then %v", first, again)
	}
	if take(m, "here").Kept {
		t.Error("another text was taken for the same")
	}
	other, err := model.Open("zoo:ioi-4l")
	if err != nil {
		t.Fatal(err)
	}
	if take(other, "there").Kept {
		t.Error("another tokenizer was taken for the same")
	}
	if err := os.Truncate(filepath.Join(dir, first.Hash+".tokens"), 4); err != nil {
		t.Fatal(err)
	}
	if take(m, "there").Kept {
		t.Error("a file cut short was taken as it is")
	}
}

// A tally of a corpus in one walk, and of one that stopped and went on.
func TestTalliesGoOn(t *testing.T) {
	m := open(t)
	cut, err := of(t, m, 40).Rows(corpus.Rows{Length: 16, Packed: true, Each: 10, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	ask := model.Tally{Groups: 2, Of: cut.Len(), Reducers: []tally.Reducer{
		{Point: hook.ResidPost(1), Kind: tally.Above, By: tally.ByLabel}, {Point: hook.ResidPost(1), Kind: tally.Moments}, {Point: hook.ResidPost(1), Kind: tally.Top, K: 2},
	}}
	var told [][2]int
	ctx := model.WithProgress(context.Background(), func(done, total int) { told = append(told, [2]int{done, total}) })
	whole, err := m.TallyOver(ctx, ask, cut.All(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || told[len(told)-1] != [2]int{20, 20} {
		t.Errorf("progress was %v", told)
	}
	part, err := m.TallyOver(ctx, ask, func(yield func(model.TallyRow, error) bool) {
		n := 0
		for row, err := range cut.All() {
			if n++; n > 7 || !yield(row, err) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if part, err = m.TallyOver(ctx, ask, cut.From(int(part.Rows)), part); err != nil {
		t.Fatal(err)
	}
	for i, s := range whole.States {
		p := part.States[i]
		if !slices.Equal(s.Count, p.Count) || !slices.Equal(s.Seen, p.Seen) || len(s.Top) != len(p.Top) {
			t.Errorf("%s: in two pieces it differs", ask.Reducers[i])
		}
		for k := range s.Sum {
			// Sums are exact; a product of another number of rows rounds otherwise.
			if a, b := s.Sum[k].Value(), p.Sum[k].Value(); math.Abs(a-b) > 1e-6*(1+math.Abs(a)) {
				t.Fatalf("%s: sum %d is %g, in two pieces %g", ask.Reducers[i], k, a, b)
			}
		}
		for u := range s.Top {
			for k, place := range s.Top[u] {
				if q := p.Top[u][k]; place.Row != q.Row || place.Pos != q.Pos || math.Abs(float64(place.Value-q.Value)) > 1e-5 {
					t.Fatalf("unit %d: place %d is %v, in two pieces %v", u, k, place, q)
				}
			}
		}
	}
}

func TestRowsThatAreWrong(t *testing.T) {
	text := of(t, open(t), 2)
	for _, r := range []corpus.Rows{{Length: 1}, {Length: 1000}, {Sample: -1}, {Sample: 1, Each: 1}, {Labels: []string{"c"}}, {Length: 128, Packed: true}} {
		if c, err := text.Rows(r); err == nil {
			t.Errorf("%+v gives no error but %v", r, c)
		}
	}
}
