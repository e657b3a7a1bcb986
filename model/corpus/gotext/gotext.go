package gotext

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Text is what was taken of a source tree.
type Text struct {
	Documents []string // one for each package directory that has some, in order of path
	Files     int      // files that were read
}

// Hash is the SHA-256 of the documents, in hexadecimal.
func (t Text) Hash() string {
	h := sha256.New()
	for _, d := range t.Documents {
		h.Write([]byte(d))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Bytes is the length of all documents together.
func (t Text) Bytes() int {
	n := 0
	for _, d := range t.Documents {
		n += len(d)
	}
	return n
}

// Read takes the prose of the Go files of a tree such as GOROOT/src: package by
// package, file by file, comment by comment. Tests, test data, commands and
// vendored code are left out.
func Read(src fs.FS) (Text, error) {
	return read(src, func(name string) ([]string, error) { return comments(src, name) })
}

// read takes the parts that a function gives of each file, repeated ones once.
func read(src fs.FS, parts func(name string) ([]string, error)) (Text, error) {
	var text Text
	var doc strings.Builder
	var dir string
	flush := func() {
		if doc.Len() > 0 {
			text.Documents = append(text.Documents, doc.String())
		}
		doc.Reset()
	}
	seen := map[string]bool{} // platforms' files repeat each other's comments
	err := fs.WalkDir(src, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if slices.Contains([]string{"cmd", "vendor", "testdata"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		if path.Dir(name) != dir {
			flush()
			dir = path.Dir(name)
		}
		of, err := parts(name)
		if err != nil {
			return err
		}
		text.Files++
		for _, p := range of {
			if !seen[p] {
				seen[p] = true
				doc.WriteString(p)
				doc.WriteString("\n")
			}
		}
		return nil
	})
	flush()
	if err == nil && len(text.Documents) == 0 {
		err = fmt.Errorf("gotext: no text in %d Go files; is this GOROOT/src?", text.Files)
	}
	return text, err
}

// comments are the paragraphs of a file's comments.
func comments(src fs.FS, name string) ([]string, error) {
	code, err := fs.ReadFile(src, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, code, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("gotext: %w", err)
	}
	var all []string
	for _, group := range file.Comments {
		all = append(all, prose(group.Text())...)
	}
	return all, nil
}
