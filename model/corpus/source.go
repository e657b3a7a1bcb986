package corpus

import (
	"fmt"
	"iter"
	"unicode/utf8"
)

// A Document is one text of a corpus.
type Document struct {
	Text   string
	Source string // where it comes from, such as a file and a line
	Label  string // what it is told apart by, such as its language
}

// A Source gives documents, or errors in their place. It can be walked again.
type Source iter.Seq2[Document, error]

// Texts are documents given here.
func Texts(texts ...string) Source {
	return func(yield func(Document, error) bool) {
		for i, text := range texts {
			if !yield(Document{Text: text, Source: fmt.Sprintf("text %d", i)}, nil) {
				return
			}
		}
	}
}

// As labels all documents.
func (s Source) As(label string) Source {
	return s.Map(func(d Document) Document { d.Label = label; return d })
}

// Map changes documents.
func (s Source) Map(change func(Document) Document) Source {
	return func(yield func(Document, error) bool) {
		for d, err := range s {
			if err == nil {
				d = change(d)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// Head ends after so many documents.
func (s Source) Head(n int) Source {
	return func(yield func(Document, error) bool) {
		left := n
		for d, err := range s {
			if left--; left < 0 || !yield(d, err) {
				return
			}
		}
	}
}

// Join gives the documents of sources one after the other.
func Join(sources ...Source) Source {
	return func(yield func(Document, error) bool) {
		for _, s := range sources {
			for d, err := range s {
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// failed is a source that gives an error alone.
func failed(err error) Source {
	return func(yield func(Document, error) bool) { yield(Document{}, err) }
}

// check finds bytes that are no text.
func (d Document) check() error {
	for i, r := range d.Text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(d.Text[i:]); n == 1 {
				return fmt.Errorf("corpus: %s: byte %d of the text is not UTF-8", d.Source, i)
			}
		}
	}
	return nil
}
