package task_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// label is the token at a place of a row, without spaces around it.
func label(p model.Prompts, at hook.Positions, row int) string {
	return strings.TrimSpace(p.Labels[row][at.In(row)[0]])
}

func place(t *testing.T, task *task.Task, name string) hook.Positions {
	t.Helper()
	p, err := task.At(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGreaterThan(t *testing.T) {
	for _, name := range []string{"GPT-2", "GPT-2 with begin token"} {
		m := open(t, name)
		g, err := task.GreaterThan(m, task.GreaterThanOptions{N: 50, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		tok := m.Runner().(words).Tokenizer
		for i := range g.Len() {
			text, _ := m.Text(g.Clean.IDs[i])
			century, yy := label(g.Clean, g.Century, i), label(g.Clean, g.Year, i)
			noun := label(g.Clean, g.Noun, i)
			if want := "The " + noun + " lasted from the year " + century + yy + " to the year " + century; !strings.HasSuffix(text, want) {
				t.Errorf("%s: row %d reads %q, its places say %q", name, i, text, want)
			}
			if got := label(g.Corrupted, g.Year, i); got != "01" {
				t.Errorf("%s: row %d is corrupted to the year %s", name, i, got)
			}
			if label(g.Clean, g.End, i) != century {
				t.Errorf("%s: row %d ends with %q", name, i, label(g.Clean, g.End, i))
			}
			year, err := strconv.Atoi(yy)
			if err != nil {
				t.Fatal(err)
			}
			answers, wrong := g.Answer.Sets[i], g.Wrong.Sets[i]
			if len(answers) != 99-year || len(wrong) != year+1 {
				t.Errorf("%s: after year %d there are %d later and %d other years", name, year, len(answers), len(wrong))
			}
			for _, id := range answers {
				if n, err := strconv.Atoi(tok.Label(id)); err != nil || n <= year {
					t.Errorf("%s: %q counts as later than %d", name, tok.Label(id), year)
				}
			}
			after, before := tok.Label(g.Cutoff.Answer.IDs[i]), tok.Label(g.Cutoff.Wrong.IDs[i])
			if a, _ := strconv.Atoi(after); a != year+1 {
				t.Errorf("%s: the year after %d is %s", name, year, after)
			}
			if b, _ := strconv.Atoi(before); b != year-1 {
				t.Errorf("%s: the year before %d is %s", name, year, before)
			}
		}
	}
	if _, err := task.GreaterThan(open(t, "trained"), task.GreaterThanOptions{Nouns: []string{"store"}}); err == nil || !strings.Contains(err.Error(), "00 to 99") {
		t.Errorf("error %v; it should say that numbers are cut up", err)
	}
}

func TestDocstring(t *testing.T) {
	m := open(t, "GPT-2 with begin token")
	d, err := task.Docstring(m, task.DocstringOptions{N: 40, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.Len() {
		for side, p := range []model.Prompts{d.Clean, d.Corrupted} {
			at := func(name string) string { return label(p, place(t, d.Task, name), i) }
			text, _ := m.Text(p.IDs[i])
			head := "(self, " + at("A_def") + ", " + at("B_def") + ", " + at("C_def") + ", " + at("LAST") + "):\n"
			if !strings.Contains(text, head) || !strings.Contains(text, ":param "+at("A_doc")+": ") || !strings.Contains(text, ":param "+at("B_doc")+": ") {
				t.Errorf("row %d reads %q, its places say %q, %s, %s", i, text, head, at("A_doc"), at("B_doc"))
			}
			if at("A_doc") != at("A_def") || at("B_doc") != at("B_def") || at("END") != "param" {
				t.Errorf("row %d: the docstring and the definition differ in %q", i, text)
			}
			c := strings.TrimSpace(m.Runner().(words).Label(d.Answer.IDs[i]))
			if side == 0 && at("C_def") != c {
				t.Errorf("row %d: the answer is %q, C is %q", i, c, at("C_def"))
			}
			if side == 1 && strings.Contains(text, " "+c+",") {
				t.Errorf("row %d: the corrupted prompt holds the answer %q: %q", i, c, text)
			}
			for _, id := range d.Wrong.Sets[i] {
				if side == 0 && id == d.Answer.IDs[i] {
					t.Errorf("row %d: the answer counts as wrong", i)
				}
			}
		}
		if n := len(d.Wrong.Sets[i]); n != 7 { // A, B and LAST, and the four of the corrupted prompt
			t.Errorf("row %d has %d wrong arguments", i, n)
		}
	}
}

func TestAgreement(t *testing.T) {
	m := open(t, "GPT-2")
	for _, o := range []task.AgreementOptions{{}, {Same: true}, {Both: true}, {Same: true, Both: true}} {
		same := o.Same
		o.N, o.Seed = 60, 3
		a, err := task.Agreement(m, o)
		if err != nil {
			t.Fatal(err)
		}
		plurals := 0
		for i := range a.Len() {
			subject, between := label(a.Clean, a.Subject, i), label(a.Clean, a.Between, i)
			plural := strings.HasSuffix(subject, "s")
			if plural {
				plurals++
			}
			if strings.HasSuffix(between, "s") != (plural == same) {
				t.Errorf("same %t: row %d has %q and %q", same, i, subject, between)
			}
			if other := label(a.Corrupted, a.Subject, i); strings.TrimSuffix(other, "s") != strings.TrimSuffix(subject, "s") || other == subject {
				t.Errorf("row %d: the subject %q is corrupted to %q", i, subject, other)
			}
			after := label(a.Corrupted, a.Between, i)
			if (after != between) != o.Both || strings.TrimSuffix(after, "s") != strings.TrimSuffix(between, "s") {
				t.Errorf("%+v: the noun in between %q becomes %q", o, between, after)
			}
			agrees := strings.HasSuffix(after, "s") != plural // with the corrupted subject
			if says := strings.Contains(a.Name, "agrees with"); says != agrees || says == strings.Contains(a.Name, "differs from") {
				t.Errorf("row %d: the corrupted subject agrees with the noun in between: %t; the task is called %q", i, agrees, a.Name)
			}
			right, wrong := m.Runner().(words).Label(a.Answer.IDs[i]), m.Runner().(words).Label(a.Wrong.IDs[i])
			if slices.Contains([]string{" are", " were", " have"}, right) != plural || slices.Contains([]string{" are", " were", " have"}, wrong) == plural {
				t.Errorf("row %d: %q goes on with %q, not %q", i, subject, right, wrong)
			}
		}
		if plurals != a.Len()/2 {
			t.Errorf("%d of %d subjects are plural", plurals, a.Len())
		}
	}
}

// The hand-made induction network does what repeats, and nothing else.
func TestRepeated(t *testing.T) {
	m, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	r, err := task.Repeated(m, task.RepeatedOptions{N: 20, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range r.Clean.IDs {
		c, n, e := r.Copy.In(i)[0], r.Next.In(i)[0], r.End.In(i)[0]
		if e != len(row)-1 || row[c] != row[e] || n != c+1 || row[n] != r.Answer.IDs[i] || !slices.Equal(row[e-c+1:], row[1:c+1]) {
			t.Errorf("row %v: copy at %d, next %d, end %d, answer %d", row, c, n, e, r.Answer.IDs[i])
		}
		other := r.Corrupted.IDs[i]
		if slices.Contains(other[:21], row[e]) || slices.Contains(other, r.Answer.IDs[i]) || len(other) != len(row) {
			t.Errorf("row %v is corrupted to %v", row, other)
		}
	}
	s, err := r.Evaluate(m)
	if err != nil {
		t.Fatal(err)
	}
	if top := s.At(0, 2); top != 1 {
		t.Errorf("the answer's rank is %g on average, want 1", top)
	}
	if clean, corrupted := s.At(0, 0), s.At(1, 0); clean < -0.1 || corrupted > -math.Log(20) {
		t.Errorf("log probability %g where tokens repeat and %g where they do not", clean, corrupted)
	}
	for _, o := range []task.RepeatedOptions{{N: -1}, {Len: 1}, {Len: 40}, {Len: 300}} {
		if _, err := task.Repeated(m, o); err == nil {
			t.Errorf("%+v is no error", o)
		}
	}
}

// What cannot be a task is said to be so.
func TestBadDataIsAnError(t *testing.T) {
	m := open(t, "GPT-2 with begin token")
	good := func() task.Row {
		return task.Row{
			Frame: "The capital of {COUNTRY} is", Clean: map[string]string{"COUNTRY": "France"}, Corrupted: map[string]string{"COUNTRY": "Japan"},
			Answer: []string{" Paris"}, Wrong: []string{" Tokyo"},
		}
	}
	made, err := task.New(m, task.Data{Name: "capitals", Rows: []task.Row{good()}, Positions: []string{"COUNTRY", "COUNTRY+1"}})
	if err != nil {
		t.Fatal(err)
	}
	if label(made.Clean, place(t, made, "COUNTRY"), 0) != "France" || label(made.Clean, place(t, made, "COUNTRY+1"), 0) != "is" || made.Metric.Kind != model.KindLogitDiff {
		t.Errorf("%s\n%v", made, made.Table)
	}
	for _, c := range []struct {
		name   string
		change func(*task.Data)
		says   string
	}{
		{"no rows", func(d *task.Data) { d.Rows = nil }, "no rows"},
		{"open brace", func(d *task.Data) { d.Rows[0].Frame = "The {COUNTRY" }, "without its }"},
		{"empty slot", func(d *task.Data) { d.Rows[0].Clean = nil }, `nothing fills the slot "COUNTRY"`},
		{"blank slot", func(d *task.Data) { d.Rows[0].Clean["COUNTRY"] = " " }, "is empty"},
		{"slot twice", func(d *task.Data) { d.Rows[0].Frame += " {COUNTRY}" }, "twice"},
		{"unknown position", func(d *task.Data) { d.Positions = []string{"CITY"} }, `no slot is called "CITY"`},
		{"nothing after", func(d *task.Data) { d.Rows[0].Frame = "The capital of {COUNTRY}" }, "no token comes after COUNTRY"},
		{"other length", func(d *task.Data) { d.Rows[0].Corrupted["COUNTRY"] = "the Federated States of Micronesia" }, "equally many tokens"},
		{"part of a token", func(d *task.Data) { d.Rows[0].Frame = "The capitals of {COUNTRY}s are" }, "not whole tokens"},
		{"no answer", func(d *task.Data) { d.Rows[0].Answer = nil }, "no answer"},
		{"answer is wrong", func(d *task.Data) { d.Rows[0].Wrong = []string{" Paris"} }, "the same token"},
		{"wrong here, none there", func(d *task.Data) { d.Rows = append(d.Rows, good()); d.Rows[1].Wrong = nil }, "row 1 has 0 wrong"},
		{"empty prompt", func(d *task.Data) { d.Rows[0].Frame, d.Positions = "", nil }, "row 0 is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := task.Data{Name: "capitals", Rows: []task.Row{good()}, Positions: []string{"COUNTRY", "COUNTRY+1"}}
			c.change(&d)
			if _, err := task.New(m, d); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v; it should say %q", err, c.says)
			}
		})
	}
}
