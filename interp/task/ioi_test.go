package task_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tokenizer"
)

// manyNames are of one and of several tokens, some with letters of two bytes.
var manyNames = []string{
	"Mary", "John", "Anna", "Paul", "Tom", "Emma", "Max",
	"Zachary", "Ludmilla", "Anneliese", "Wolfgang", "Quentin", "Zuleika", "Bartholomew", "Konstantin", "José", "Zoë", "Łukasz", "Noël", "Agnès", "Søren",
	"Zig", "Kim", "Big", "Lis", "Sid", "Cid", "Gid", "Pid", "Tid", "Aid",
}

// occurrences are the byte ranges of the k-th time that a word stands in a text
// by itself.
func occurrence(text, name string, k int) (start, end int) {
	from := 0
	for {
		i := strings.Index(text[from:], " "+name)
		if i < 0 {
			return -1, -1
		}
		start, end = from+i+1, from+i+1+len(name)
		from = end
		if k == 0 {
			return start, end
		}
		k--
	}
}

// covering is the last token whose bytes reach into a range, by the offsets that
// the tokenizer itself reports.
func covering(tokens []tokenizer.Token, start, end int) (first, last int) {
	first = -1
	for i, tok := range tokens {
		if tok.Start < end && tok.End > start {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return first, last
}

// The index tables of every template, under every tokenizer, with and without a
// begin token, for names of one and of several tokens, are what the tokenizers'
// own offsets say.
func TestIOITablesByBruteForce(t *testing.T) {
	for name, m := range tokenizers(t) {
		for _, long := range []bool{false, true} {
			for _, bare := range []bool{false, true} {
				options := task.IOIOptions{N: 120, Seed: 3, Long: long, NoBOS: bare}
				if long {
					options.Names = manyNames
				}
				if small := strings.HasPrefix(name, "trained") || strings.HasPrefix(name, "godoc"); small && !long {
					options.Names = []string{"Mary", "John", "Anna", "Paul", "Tom", "Emma", "Max"}
				}
				if strings.HasPrefix(name, "trained") || strings.HasPrefix(name, "godoc") { // few words are single tokens
					options.Places, options.Objects = []string{"store", "it", "time", "type"}, []string{"ring", "it", "file", "value"}
				}
				ioi, err := task.IOI(m, options)
				if strings.HasPrefix(name, "ioi-planted") && long {
					continue // it cuts up no word
				}
				if strings.HasPrefix(name, "godoc") && !long { // it knows no names
					if err == nil || !strings.Contains(err.Error(), "names are left") {
						t.Errorf("%s: error %v; it should say that no names are left", name, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s, long %t: %v", name, long, err)
					continue
				}
				tok := m.Runner().(words).Tokenizer
				several := checkTables(t, name, ioi, tok, m.Config().BOS != nil && !bare)
				if long != (several > 0) {
					t.Errorf("%s, long %t: %d rows have names of several tokens", name, long, several)
				}
			}
		}
	}
}

// checkTables counts the rows whose names are several tokens.
func checkTables(t *testing.T, name string, ioi *task.IOITask, tok *tokenizer.Tokenizer, begun bool) (several int) {
	t.Helper()
	skip := 0
	if begun {
		skip = 1
	}
	seen := map[int]int{}
	for i := range ioi.Len() {
		number := ioi.Templates[i]
		seen[number]++
		text := tok.Decode(ioi.Clean.IDs[i][skip:])
		tokens, err := tok.EncodeOffsets(text, tokenizer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(tokens)+skip != len(ioi.Clean.IDs[i]) {
			t.Fatalf("%s: %q has %d tokens, the row %d", name, text, len(tokens), len(ioi.Clean.IDs[i]))
		}
		// Names as they stand in the text, by the frame: S is the one that
		// stands twice.
		names := namesOf(text)
		if len(names) != 3 {
			t.Fatalf("%s: names of %q are %q", name, text, names)
		}
		baba := number < 15
		io, s := names[0], names[1]
		if baba {
			io, s = names[1], names[0]
		}
		if names[2] != s || io == s {
			t.Fatalf("%s: template %d, %q: names %q", name, number, text, names)
		}
		want := map[string]int{"END": len(ioi.Clean.IDs[i]) - 1}
		at := func(who string, k int) (first, last int) {
			start, end := occurrence(text, who, k)
			first, last = covering(tokens, start, end)
			return first + skip, last + skip
		}
		firstIO, lastIO := at(io, 0)
		firstS, lastS := at(s, 0)
		_, want["S2"] = at(s, 1)
		want["IO"], want["S1"], want["S1+1"] = lastIO, lastS, lastS+1
		if lastS > firstS {
			several++
		}
		for place, pos := range want {
			p, err := ioi.At(place)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.In(i); len(got) != 1 || got[0] != pos {
				t.Errorf("%s: template %d, %q: %s at %v, want %d", name, number, text, place, got, pos)
			}
		}
		if !slices.Equal(ioi.S2.In(i), ioi.Table[3].In(i)) || !slices.Equal(ioi.IO.In(i), ioi.Table[0].In(i)) {
			t.Error("the fields and the table differ")
		}
		// The answer is what comes next, when one goes on to write.
		for choice, who := range map[*model.Choice]string{&ioi.Answer: io, &ioi.Wrong: s} {
			on, err := tok.Encode(text + " " + who)
			if err != nil {
				t.Fatal(err)
			}
			if got := choice.IDs[i]; got != on[len(tokens)] {
				t.Errorf("%s: %q goes on with %d for %s, want %d", name, text, got, who, on[len(tokens)])
			}
		}
		first := map[string]int{io: firstIO, s: firstS}
		if ioi.Clean.IDs[i][first[io]] != ioi.Answer.IDs[i] || ioi.Clean.IDs[i][first[s]] != ioi.Wrong.IDs[i] {
			t.Errorf("%s: %q: the answer is not the token that stands in the text", name, text)
		}
		if len(ioi.Corrupted.IDs[i]) != len(ioi.Clean.IDs[i]) {
			t.Errorf("%s: row %d has %d tokens clean and %d corrupted", name, i, len(ioi.Clean.IDs[i]), len(ioi.Corrupted.IDs[i]))
		}
		corrupted := namesOf(tok.Decode(ioi.Corrupted.IDs[i][skip:]))
		all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(corrupted, []string{io, s}))))
		if len(all) != 5 {
			t.Errorf("%s: clean names %s, %s, and corrupted ones %q: five different ones are wanted", name, io, s, corrupted)
		}
	}
	for number := range 30 {
		if seen[number] != ioi.Len()/30 {
			t.Errorf("%s: template %d was used %d times of %d", name, number, seen[number], ioi.Len())
		}
	}
	return several
}

// namesOf are the words of a text that begin with a capital, but for those that
// begin a sentence of a template.
func namesOf(text string) []string {
	var names []string
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,.", r) }) {
		first := []rune(w)[0]
		if first >= 'A' && first <= 'Z' || first == 'Ł' {
			if !slices.Contains(strings.Fields("Then When After While Yesterday Friends The Once Today Last There As In Because At Afterwards Since"), w) {
				names = append(names, w)
			}
		}
	}
	return names
}

func open(t *testing.T, name string) *model.Model {
	t.Helper()
	all := tokenizers(t)
	if all[name] == nil {
		t.Fatalf("no tokenizer %s", name)
	}
	return all[name]
}

func TestIOIIsSeeded(t *testing.T) {
	m := open(t, "GPT-2")
	rows := func(seed uint64) [][]int32 {
		ioi, err := task.IOI(m, task.IOIOptions{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if ioi.Len() != 100 || ioi.Clean.BOS || len(ioi.Dropped) != 0 {
			t.Errorf("%d rows, begin token %t, dropped %v", ioi.Len(), ioi.Clean.BOS, ioi.Dropped)
		}
		return slices.Concat(ioi.Clean.IDs, ioi.Corrupted.IDs)
	}
	if !reflect.DeepEqual(rows(1), rows(1)) || reflect.DeepEqual(rows(1), rows(2)) {
		t.Error("the same seed must give the same rows, another one others")
	}
}

// Every corruption changes the names as its letters say, and nothing else.
func TestCorruptions(t *testing.T) {
	m := open(t, "GPT-2 with begin token")
	base, err := task.IOI(m, task.IOIOptions{N: 60, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	abc := base.Corrupted
	for _, c := range slices.Concat(task.Signals[0][:], task.Signals[1][:], []task.Corruption{task.ABC}) {
		ioi, err := base.Corrupt(c)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(ioi.Clean, base.Clean) || !reflect.DeepEqual(ioi.Table, base.Table) || !reflect.DeepEqual(ioi.LogitDiff, base.LogitDiff) {
			t.Errorf("%s: the clean side changed", c)
		}
		for i := range ioi.Len() {
			io, s1, s2 := ioi.IO.In(i)[0], ioi.S1.In(i)[0], ioi.S2.In(i)[0]
			id := map[byte]int32{'A': base.Clean.IDs[i][io], 'B': base.Clean.IDs[i][s1], 'C': abc.IDs[i][io], 'D': abc.IDs[i][s1], 'E': abc.IDs[i][s2]}
			want := slices.Clone(base.Clean.IDs[i])
			for k, pos := range []int{io, s1, s2} {
				want[pos] = id[c[k]]
			}
			if !slices.Equal(ioi.Corrupted.IDs[i], want) {
				t.Errorf("%s, row %d: %v, want %v", c, i, ioi.Corrupted.IDs[i], want)
			}
		}
	}
}

// Words that the tokenizer cuts up are left out and named.
func TestDroppedWords(t *testing.T) {
	m := open(t, "GPT-2")
	ioi, err := task.IOI(m, task.IOIOptions{N: 10, Names: manyNames})
	if err != nil {
		t.Fatal(err)
	}
	var dropped []string
	for _, d := range ioi.Dropped {
		if d.Kind != "name" || !strings.HasSuffix(d.Why, " tokens") {
			t.Errorf("dropped %s", d)
		}
		dropped = append(dropped, d.Text)
	}
	for _, name := range manyNames {
		ids, err := m.Runner().(words).Tokenizer.Encode(" " + name)
		if err != nil {
			t.Fatal(err)
		}
		if (len(ids) > 1) != slices.Contains(dropped, name) {
			t.Errorf("%s is %d tokens; dropped: %t", name, len(ids), slices.Contains(dropped, name))
		}
	}
	if !strings.Contains(ioi.String(), "left out, among them name") {
		t.Errorf("String does not tell: %s", ioi)
	}
}

func TestBadIOIOptionsAreErrors(t *testing.T) {
	m := open(t, "GPT-2")
	for _, c := range []struct {
		name    string
		options task.IOIOptions
		says    string
	}{
		{"too few names", task.IOIOptions{Names: []string{"Mary", "John", "Wolfgang Amadeus"}}, "2 names are left"},
		{"no prompts", task.IOIOptions{N: -1}, "at least one"},
		{"template", task.IOIOptions{Templates: []int{30}}, "no template 30"},
		{"corruption", task.IOIOptions{Corruption: "ABX"}, `"ABX"`},
		{"no places", task.IOIOptions{Places: []string{"Llanfairpwll"}}, "0 places are left"},
		{"empty name", task.IOIOptions{Names: []string{""}}, "empty"},
		{"same name twice", task.IOIOptions{Names: []string{"Mary", "Mary", "Mary", "Mary", "Mary", "John"}}, "2 names are left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := task.IOI(m, c.options); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v; it should say %q", err, c.says)
			}
		})
	}
	ioi, err := task.IOI(m, task.IOIOptions{N: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ioi.At("S3"); err == nil || !strings.Contains(err.Error(), "IO, S1, S1+1, S2, END") {
		t.Errorf("error %v; it should list the positions", err)
	}
	if _, err := ioi.Corrupt("AB"); err == nil {
		t.Error("a corruption of two letters is no error")
	}
	if _, err := ioi.Evaluate(m); err == nil || !strings.Contains(err.Error(), errNoWeights.Error()) {
		t.Errorf("error %v", err)
	}
	var _ hook.Positions = ioi.S2
}

// A reference has equally many prompts of each template of the task, and no others.
func TestReference(t *testing.T) {
	m := open(t, "GPT-2")
	ioi, err := task.IOI(m, task.IOIOptions{N: 6, Seed: 1, Templates: []int{0, 3, 20}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ioi.Reference(20, 7)
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for _, template := range r.Templates {
		count[template]++
	}
	if len(count) != 3 || count[0] != 20 || count[3] != 20 || count[20] != 20 {
		t.Errorf("templates %v", count)
	}
	if _, err := ioi.Reference(0, 7); err == nil {
		t.Error("a reference of nothing is no error")
	}
}
