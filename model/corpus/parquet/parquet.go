// Package parquet reads corpora from parquet files, as data sets of the Hugging Face
// Hub are kept. Importing it lets [corpus.File], [corpus.Folder] and [corpus.DataSet]
// read files that end in .parquet, whose texts are in the column "text".
package parquet

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/files"
)

func init() {
	corpus.Register(".parquet", func(path string) corpus.Source { return File(path, "text") })
}

// File is the rows of a parquet file as documents, whose texts are a column of strings.
func File(path, column string) corpus.Source {
	return func(yield func(corpus.Document, error) bool) {
		row := 0
		err := read(path, column, func(text string) bool {
			row++
			return yield(corpus.Document{Text: text, Source: fmt.Sprintf("%s:%d", path, row)}, nil)
		})
		if err != nil {
			yield(corpus.Document{Source: path}, fmt.Errorf("corpus: %s: after %d rows: %w", path, row, err))
		}
	}
}

// read calls take for the texts of a column until it returns false.
func read(path, column string, take func(text string) bool) (err error) {
	defer func() { // the library panics on some broken files
		if r := recover(); r != nil {
			err = fmt.Errorf("not a whole parquet file: %v", r)
		}
	}()
	f, err := files.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return err
	}
	leaf, ok := file.Schema().Lookup(column)
	if !ok || leaf.Node.Type().Kind() != parquet.ByteArray {
		var names []string
		for _, c := range file.Schema().Columns() {
			names = append(names, strings.Join(c, "."))
		}
		return fmt.Errorf("there is no column of strings %q; there are %q", column, names)
	}
	for _, group := range file.RowGroups() {
		pages := group.ColumnChunks()[leaf.ColumnIndex].Pages()
		more, err := readPages(pages, take)
		if err := errors.Join(err, pages.Close()); err != nil || !more {
			return err
		}
	}
	return nil
}

func readPages(pages parquet.Pages, take func(text string) bool) (more bool, err error) {
	values := make([]parquet.Value, 256)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		for of := page.Values(); ; {
			n, err := of.ReadValues(values)
			for _, v := range values[:n] {
				text := "" // of a row that has none
				if !v.IsNull() {
					text = string(v.ByteArray()) // a copy: the page is given back
				}
				if !take(text) {
					return false, nil
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return false, err
			}
		}
		parquet.Release(page)
	}
}
