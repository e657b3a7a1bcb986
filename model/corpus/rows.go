package corpus

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/golens/golens/model"
)

// Rows say how a corpus is cut into rows.
type Rows struct {
	// Length is the most tokens of a row, those that begin it included; 0 for the
	// model's context.
	Length int
	// Packed puts the documents of a label one behind the other, each after the
	// tokens that begin a text, and cuts that into rows of exactly Length; what is
	// left at the end is counted. Else a row is a document, cut to Length.
	Packed bool
	// NoBegin leaves away the tokens that begin a text.
	NoBegin bool
	// Labels takes documents with these labels alone, nil all.
	Labels []string
	// Sample is how many rows are drawn, without repetition, 0 for all, and Each how
	// many of each label. Drawn rows come in an order that the seed decides.
	Sample, Each int
	Seed         uint64
}

// A Cut is the rows of a corpus.
type Cut struct {
	Labels []string // of rows; a row's label is an index into these
	Of     []int    // how many rows each label has
	Short  int      // documents that a row has no room for, and that were cut
	Left   int64    // tokens that fill no row
	tokens *Tokens
	rows   []row
	given  []model.TallyRow // in memory, in place of rows of a file
}

// Given are rows of tokens that were made elsewhere, each with the index of its label.
func Given(labels []string, rows []model.TallyRow) (*Cut, error) {
	c := &Cut{Labels: labels, Of: make([]int, len(labels)), given: rows}
	for i, row := range rows {
		if len(row.Tokens) == 0 || row.Label < 0 || row.Label >= len(labels) {
			return nil, fmt.Errorf("corpus: row %d has %d tokens and label %d; each has some, and one of %d labels", i, len(row.Tokens), row.Label, len(labels))
		}
		c.rows = append(c.rows, plain(i, row))
		c.Of[row.Label]++
	}
	return c, nil
}

// plain is a row that is given.
func plain(i int, r model.TallyRow) row { return row{doc: i, n: int64(len(r.Tokens)), label: r.Label} }

// row is tokens from one place of the stream of a label on. at counts the tokens that
// begin documents too.
type row struct {
	doc   int   // in which it begins
	skip  int64 // tokens of the document, with those that begin it, before it
	n     int64
	label int
}

// Rows cuts the corpus into rows. Nothing is read yet.
func (t *Tokens) Rows(r Rows) (*Cut, error) {
	if r.Length == 0 {
		r.Length = t.context
	}
	if r.NoBegin {
		copied := *t
		copied.Begin = nil
		t = &copied
	}
	begin := int64(len(t.Begin))
	if int64(r.Length) <= begin || r.Length > t.context || r.Sample < 0 || r.Each < 0 || r.Sample > 0 && r.Each > 0 {
		return nil, fmt.Errorf("corpus: rows of %d tokens, %d of them, %d of each label; a row has more than the %d tokens that begin it and at most the context of %d, and rows are drawn of all or of each label", r.Length, r.Sample, r.Each, begin, t.context)
	}
	c := &Cut{Labels: t.Labels, Of: make([]int, len(t.Labels)), tokens: t}
	takes := make([]bool, len(t.Labels))
	for i, label := range t.Labels {
		takes[i] = r.Labels == nil || slices.Contains(r.Labels, label)
	}
	for _, label := range r.Labels {
		if !slices.Contains(t.Labels, label) {
			return nil, fmt.Errorf("corpus: no document is labelled %q; labels are %q", label, t.Labels)
		}
	}
	for label := range t.Labels {
		if takes[label] {
			c.cut(label, int64(r.Length), r.Packed, begin)
		}
	}
	if r.Sample > 0 || r.Each > 0 {
		c.draw(r)
	}
	for _, row := range c.rows {
		c.Of[row.label]++
	}
	if len(c.rows) == 0 {
		return nil, fmt.Errorf("corpus: %d tokens fill no row of %d", t.Tokens, r.Length)
	}
	return c, nil
}

// cut makes the rows of a label.
func (c *Cut) cut(label int, length int64, packed bool, begin int64) {
	open := row{doc: -1}
	for i, d := range c.tokens.docs {
		if d.Label != label {
			continue
		}
		n := begin + d.Len
		if n == 0 {
			continue
		}
		if !packed {
			if n > length {
				c.Short++
			}
			c.rows = append(c.rows, row{i, 0, min(n, length), label})
			continue
		}
		for skip := int64(0); skip < n; {
			if open.doc < 0 {
				open = row{i, skip, 0, label}
			}
			take := min(n-skip, length-open.n)
			open.n, skip = open.n+take, skip+take
			if open.n == length {
				c.rows = append(c.rows, open)
				open.doc = -1
			}
		}
	}
	if open.doc >= 0 {
		c.Left += open.n
	}
}

// draw leaves a sample of the rows.
func (c *Cut) draw(r Rows) {
	rng := rand.New(rand.NewPCG(r.Seed, 0))
	order := rng.Perm(len(c.rows))
	var drawn []row
	of := make([]int, len(c.Labels))
	for _, i := range order {
		row := c.rows[i]
		if r.Sample > 0 && len(drawn) == r.Sample || r.Each > 0 && of[row.label] == r.Each {
			continue
		}
		of[row.label]++
		drawn = append(drawn, row)
	}
	c.rows = drawn
}

// Len is how many rows there are.
func (c *Cut) Len() int { return len(c.rows) }

// String says how many rows there are of each label, and what was left out.
func (c *Cut) String() string {
	s := fmt.Sprintf("%d rows", len(c.rows))
	for i, label := range c.Labels {
		if label != "" {
			s += fmt.Sprintf(", %d %s", c.Of[i], label)
		}
	}
	if c.Short > 0 {
		s += fmt.Sprintf("; %d documents are longer than a row and were cut", c.Short)
	}
	if c.Left > 0 {
		s += fmt.Sprintf("; %d tokens fill no row", c.Left)
	}
	return s
}

// All walks over the rows, for [model.Model.TallyOver].
func (c *Cut) All() iter.Seq2[model.TallyRow, error] { return c.From(0) }

// From walks over the rows behind the first n, such as those that a tally has already.
func (c *Cut) From(n int) iter.Seq2[model.TallyRow, error] {
	return func(yield func(model.TallyRow, error) bool) {
		if c.given != nil {
			for _, row := range c.given[min(n, len(c.given)):] {
				if !yield(row, nil) {
					return
				}
			}
			return
		}
		f, err := os.Open(c.tokens.file)
		if err != nil {
			yield(model.TallyRow{}, fmt.Errorf("corpus: %w", err))
			return
		}
		defer f.Close()
		for _, row := range c.rows[min(n, len(c.rows)):] {
			ids, err := c.read(f, row)
			if !yield(model.TallyRow{Tokens: ids, Label: row.label}, err) || err != nil {
				return
			}
		}
	}
}

// Row is one row.
func (c *Cut) Row(i int) ([]int32, error) {
	if i < 0 || i >= len(c.rows) {
		return nil, fmt.Errorf("corpus: there is no row %d; there are %d", i, len(c.rows))
	}
	if c.given != nil {
		return c.given[i].Tokens, nil
	}
	f, err := os.Open(c.tokens.file)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	defer f.Close()
	return c.read(f, c.rows[i])
}

// Tokens are the rows of a label, all of them in memory; of any label if it is empty.
func (c *Cut) Tokens(label string) (rows [][]int32, err error) {
	for row, err := range c.All() {
		if err != nil {
			return nil, err
		}
		if label == "" || c.Labels[row.Label] == label {
			rows = append(rows, row.Tokens)
		}
	}
	return rows, nil
}

// read reads a row.
func (c *Cut) read(f io.ReaderAt, r row) ([]int32, error) {
	t := c.tokens
	ids := make([]int32, 0, r.n)
	for i, skip := r.doc, r.skip; int64(len(ids)) < r.n; i, skip = i+1, 0 {
		d := t.docs[i]
		if d.Label != r.label {
			continue
		}
		for ; skip < int64(len(t.Begin)) && int64(len(ids)) < r.n; skip++ {
			ids = append(ids, t.Begin[skip])
		}
		at := skip - int64(len(t.Begin))
		n := min(d.Len-at, r.n-int64(len(ids)))
		part := make([]int32, n)
		if err := binary.Read(io.NewSectionReader(f, 4*(d.At+at), 4*n), binary.LittleEndian, part); n > 0 && err != nil {
			return nil, fmt.Errorf("corpus: %s: %w", t.file, err)
		}
		ids = append(ids, part...)
	}
	return ids, nil
}
