package syntax

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Word of a sentence.
type Word struct {
	Form, Lemma, Tag, Features, Relation string
	Head                                 int // index of its head among the words, -1 for the root
	token                                int // that holds it
}

// A Sentence and its dependency tree.
type Sentence struct {
	ID    string
	Words []Word

	tokens []token // what is written: words, or several of them as one
}

// A token is a piece of the written text.
type token struct {
	form  string
	space bool // stands before it
	words int  // how many it holds
}

// Text is the sentence as it is written.
func (s Sentence) Text() string {
	var b strings.Builder
	for _, t := range s.tokens {
		b.WriteString(t.text())
	}
	return b.String()
}

func (t token) text() string {
	if t.space {
		return " " + t.form
	}
	return t.form
}

// ReadCoNLLU reads sentences in the format of Universal Dependencies. Words that
// are written as one (lines such as 3-4) are words of the tree that share a token;
// empty nodes (lines such as 5.1) belong to the enhanced graph and are passed
// over. A sentence that is no tree is an error that names its line. name is the
// file's, for errors.
func ReadCoNLLU(name string, r io.Reader) ([]Sentence, error) {
	p := &reader{name: name}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line++
		if err := p.read(strings.TrimSuffix(lines.Text(), "\r")); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, p.line+1, err)
	}
	p.line++
	if err := p.end(); err != nil {
		return nil, err
	}
	if len(p.all) == 0 {
		return nil, fmt.Errorf("%s: there are no sentences in it", name)
	}
	return p.all, nil
}

// reader takes sentences line by line.
type reader struct {
	name  string
	line  int
	first int // line of the sentence
	all   []Sentence
	now   Sentence
	space bool // before the next token
	until int  // last word of the token that was written before its words
}

func (p *reader) fail(format string, args ...any) error {
	where := fmt.Sprintf("%s:%d", p.name, p.line)
	if p.now.ID != "" {
		where += ", sentence " + p.now.ID
	}
	return fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...))
}

func (p *reader) read(line string) error {
	switch {
	case strings.TrimSpace(line) == "":
		return p.end()
	case strings.HasPrefix(line, "#"):
		if key, value, ok := strings.Cut(line[1:], "="); ok && strings.TrimSpace(key) == "sent_id" {
			p.now.ID = strings.TrimSpace(value)
		}
		return nil
	}
	if p.first == 0 {
		p.first = p.line
	}
	f := strings.Split(line, "\t")
	if len(f) != 10 {
		return p.fail("%d columns; CoNLL-U has 10, between tabs", len(f))
	}
	if f[1] == "" {
		return p.fail("word %s has no form", f[0])
	}
	id, rest, several := strings.Cut(f[0], "-")
	switch {
	case strings.Contains(f[0], "."): // an empty node
		return nil
	case several:
		from, err := strconv.Atoi(id)
		to, other := strconv.Atoi(rest)
		if err != nil || other != nil || from != len(p.now.Words)+1 || to < from || p.until >= from {
			return p.fail("token %q; it must begin with the next word, %d", f[0], len(p.now.Words)+1)
		}
		p.until = to
		p.write(f, to-from+1)
		return nil
	}
	n, err := strconv.Atoi(id)
	if err != nil || n != len(p.now.Words)+1 {
		return p.fail("word number %q; the next one is %d", f[0], len(p.now.Words)+1)
	}
	head, err := strconv.Atoi(f[6])
	switch {
	case err != nil:
		return p.fail("word %d, %q, has no head (%q)", n, f[1], f[6])
	case head == n:
		return p.fail("word %d, %q, is its own head", n, f[1])
	case f[7] == "" || f[7] == "_":
		return p.fail("word %d, %q, has no relation", n, f[1])
	}
	if n > p.until {
		p.until = n
		p.write(f, 1)
	}
	blank := func(s string) string {
		if s == "_" {
			return ""
		}
		return s
	}
	p.now.Words = append(p.now.Words, Word{
		Form: f[1], Lemma: blank(f[2]), Tag: blank(f[3]), Features: blank(f[5]), Relation: f[7], Head: head - 1, token: len(p.now.tokens) - 1,
	})
	return nil
}

// write notes a token of the text.
func (p *reader) write(f []string, words int) {
	p.now.tokens = append(p.now.tokens, token{f[1], p.space && len(p.now.tokens) > 0, words})
	p.space = true
	for _, part := range strings.Split(f[9], "|") {
		if part == "SpaceAfter=No" {
			p.space = false
		}
	}
}

// end checks the tree of a sentence and takes it.
func (p *reader) end() error {
	s := p.now
	if len(s.Words) == 0 {
		if p.first > 0 {
			return p.fail("the sentence has no words")
		}
		p.now, p.space, p.until = Sentence{}, false, 0
		return nil
	}
	p.line, p.first = p.first, p.line // errors of the tree are of the sentence
	if p.until > len(s.Words) {
		return p.fail("a token reaches to word %d; there are %d words", p.until, len(s.Words))
	}
	root := -1
	for i, w := range s.Words {
		switch {
		case w.Head >= len(s.Words) || w.Head < -1:
			return p.fail("word %d, %q, has head %d; there are %d words", i+1, w.Form, w.Head+1, len(s.Words))
		case w.Head == -1 && root >= 0:
			return p.fail("two roots, words %d and %d", root+1, i+1)
		case w.Head == -1:
			root = i
		}
	}
	if root < 0 {
		return p.fail("no word is the root")
	}
	for i := range s.Words {
		steps := 0
		for at := i; at >= 0; at = s.Words[at].Head {
			if steps++; steps > len(s.Words) {
				return p.fail("heads go in a circle from word %d, %q", i+1, s.Words[i].Form)
			}
		}
	}
	p.line, p.first = p.first, 0
	p.all = append(p.all, s)
	p.now, p.space, p.until = Sentence{}, false, 0
	return nil
}
