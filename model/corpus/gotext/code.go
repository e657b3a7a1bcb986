package gotext

import (
	"bytes"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
)

// longestFile is the size above which a file is mostly tables.
const longestFile = 40 << 10

// Code takes the Go code of a tree such as GOROOT/src, formatted and without
// comments: a document for each package directory, of the files that [Read] reads.
// Files that are mostly tables are left out.
func Code(src fs.FS) (Text, error) {
	return read(src, func(name string) ([]string, error) {
		raw, err := fs.ReadFile(src, name)
		if err != nil || len(raw) > longestFile {
			return nil, err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, raw, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("gotext: %w", err)
		}
		var b bytes.Buffer
		if err := format.Node(&b, files, file); err != nil {
			return nil, fmt.Errorf("gotext: %s: %w", name, err)
		}
		return []string{b.String()}, nil
	})
}
