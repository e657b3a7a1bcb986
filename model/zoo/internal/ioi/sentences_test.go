package ioi

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/tokenizer"
)

// drawn is how many sentences the tests look at: each of the frames' parts
// comes up hundreds of times.
const drawn = 20000

// Frames that training draws are never those that it must not see, and are of
// great variety; those of the tests are only those.
func TestFramesAreKeptOut(t *testing.T) {
	w := newWriter(1, 9)
	seen := map[string]bool{}
	for i := range drawn {
		pairs := 1 + i%2
		f := w.frameIs(false, pairs)
		seen[f] = true
		if slices.Contains(KeptOut, f) {
			t.Fatalf("training draws %q", f)
		}
		slots := []string{"{1}", "{2}", "{S}", "{3}", "{4}"}[:1+2*pairs]
		for _, slot := range slots {
			if strings.Count(f, slot) != 1 {
				t.Fatalf("%q does not have the slot %s once", f, slot)
			}
		}
		if !strings.HasSuffix(f, " to") {
			t.Fatalf("%q does not ask for a name", f)
		}
	}
	if len(seen) < 5000 {
		t.Errorf("%d different frames in %d", len(seen), drawn)
	}
	for i := range drawn / 10 {
		pairs := 1 + i%2
		if f := w.frameIs(true, pairs); seen[f] {
			t.Fatalf("the tests draw %q, which training saw", f)
		}
	}
}

// Some of the frames kept out by name would be drawn otherwise: keeping them out
// is not idle.
func TestKeptOutFramesCouldBeDrawn(t *testing.T) {
	w := newWriter(1, 9)
	could := map[string]bool{}
	for range 40 * drawn {
		if f := w.frame(1); slices.Contains(KeptOut, f) {
			could[f] = true
		}
	}
	if len(could) < 8 {
		t.Errorf("only %d of %d frames could come up at all", len(could), len(KeptOut))
	}
}

var word = regexp.MustCompile(`[A-Z][a-z]+`)

// Stories are filled sentences, in a few of which the one who acts is the one
// who gets it.
func TestStories(t *testing.T) {
	w := newWriter(2, 1)
	task := regexp.MustCompile(`([A-Z][a-z]+)[^.]* to ([A-Z][a-z]+)\.`)
	pairs, slips := 0, 0
	for range drawn / 4 {
		story := w.story(200)
		if len(story) < 199 || strings.ContainsAny(story, "{}") {
			t.Fatalf("story %q", story)
		}
		for _, m := range task.FindAllStringSubmatch(story, -1) {
			acts := slices.DeleteFunc(word.FindAllString(m[0], -1), func(s string) bool { return !slices.Contains(names, s) })
			if len(acts) < 2 {
				continue
			}
			s, io := acts[len(acts)-2], acts[len(acts)-1]
			pairs++
			if s == io {
				slips++
			}
		}
	}
	if pairs < drawn/4 {
		t.Fatalf("only %d sentences of the task", pairs)
	}
	// 3% of seven in eight; five standard deviations of so many draws.
	if share := float64(slips) / float64(pairs); share < 0.015 || share > 0.04 {
		t.Errorf("%.3f of the sentences slip", share)
	}
}

func TestPairsAreKeptOut(t *testing.T) {
	w := newWriter(3, 1)
	out := 0
	for range drawn {
		if c := w.castIs(false, nil); pairKeptOut(c.gets, c.acts) || c.gets == c.acts {
			t.Fatalf("training draws %v", c)
		}
		if c := w.castIs(true, nil); !pairKeptOut(c.gets, c.acts) {
			t.Fatalf("the tests draw %v", c)
		}
	}
	for _, a := range names {
		for _, b := range names {
			if a != b && pairKeptOut(a, b) {
				out++
			}
		}
	}
	all := len(names) * (len(names) - 1)
	if out < all/held*8/10 || out > all/held*12/10 {
		t.Errorf("%d of %d pairs are kept out, want about one in %d", out, all, held)
	}
	if used := w.castIs(false, names[:len(names)-3]); !slices.Contains(names[len(names)-3:], used.first) {
		t.Errorf("%v was used already", used)
	}
}

// Every word of the sentences is one token, at the start of a row as inside.
func TestTokenizerKeepsWordsWhole(t *testing.T) {
	raw, err := Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range slices.Concat(names, places, objects) {
		if ids, err := tok.Encode(" " + w); err != nil || len(ids) != 1 {
			t.Errorf("%q is %d tokens (%v)", w, len(ids), err)
		}
	}
	d, size, err := Drill(raw, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s := Settings(size, 1, Steps); s.Check() != nil {
		t.Error(s.Check())
	}
	for _, test := range d.Tests {
		for i, row := range test.Rows {
			text := tok.Decode(row)
			if parts := word.FindAllString(text, -1); len(row) != 1+len(regexp.MustCompile(`\w+|[.,]`).FindAllString(strings.TrimPrefix(text, BOS), -1)) || len(parts) < 3 {
				t.Errorf("%s: %q is %d tokens", test.Name, text, len(row))
			}
			answer, wrong := strings.TrimSpace(tok.Label(test.Answer[i])), strings.TrimSpace(tok.Label(test.Wrong[i]))
			if strings.Count(text, " "+answer) < 1 || strings.Count(text, wrong) < 2 || answer == wrong {
				t.Errorf("%s: %q goes on with %q, not %q", test.Name, text, answer, wrong)
			}
		}
	}
	row, again := make([]int32, context+1), make([]int32, context+1)
	if err := d.Row(row); err != nil {
		t.Fatal(err)
	}
	other, _, err := Drill(raw, 1)
	if err != nil || other.Row(again) != nil || !slices.Equal(row, again) {
		t.Error("the same seed gives other rows")
	}
	if id, _ := tok.ID(BOS); row[0] != id || slices.Contains(row[1:], id) {
		t.Errorf("row %v does not begin with %s, once", row, BOS)
	}
}
