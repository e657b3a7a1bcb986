package gotext

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	sentence = "Reader reads from the underlying reader until it has read enough bytes for you."
	other    = "Writer writes what it was given to the underlying writer, in as few calls as it can."
)

func source(comments ...string) *fstest.MapFile {
	var b strings.Builder
	b.WriteString("package p\n")
	for _, c := range comments {
		b.WriteString("\n/*\n" + c + "\n*/\nvar _ = 0\n")
	}
	return &fstest.MapFile{Data: []byte(b.String())}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name string
		tree fstest.MapFS
		want []string
	}{
		{"a package is a document", fstest.MapFS{"b/x.go": source(sentence), "a/x.go": source(other)}, []string{other + "\n", sentence + "\n"}},
		{"files of a package are one", fstest.MapFS{"a/x.go": source(sentence), "a/y.go": source(other)}, []string{sentence + "\n" + other + "\n"}},
		{"repeated paragraphs once", fstest.MapFS{"a/x_linux.go": source(sentence), "a/x_windows.go": source(sentence)}, []string{sentence + "\n"}},
		{"lines are joined", fstest.MapFS{"a/x.go": source(strings.Replace(sentence, " until ", "\nuntil ", 1))}, []string{sentence + "\n"}},
		{"no tests, commands, vendored code, data", fstest.MapFS{
			"a/x.go": source(sentence), "a/x_test.go": source(other), "cmd/x.go": source(other), "vendor/x.go": source(other),
			"a/testdata/x.go": source(other), "a/x.txt": source(other),
		}, []string{sentence + "\n"}},
		{"no code, labels, licences or tables", fstest.MapFS{"a/x.go": source(
			sentence, "Short.", "Example:\n\tx := bufio.NewReader(os.Stdin) // a line of code that is long enough",
			"Copyright 2009 The Go Authors. All rights reserved. Use of this source code is governed",
			"0x00 0x01 0x02 0x03 0x04 0x05 0x06 0x07 0x08 0x09 0x0a 0x0b 0x0c 0x0d 0x0e 0x0f", "Ünïcödé "+other,
		)}, []string{sentence + "\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read(c.tree)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Documents, c.want) {
				t.Errorf("documents are %q, want %q", got.Documents, c.want)
			}
			if want := len(strings.Join(c.want, "")); got.Bytes() != want {
				t.Errorf("%d bytes, want %d", got.Bytes(), want)
			}
		})
	}
}

func TestBadTreesAreErrors(t *testing.T) {
	for name, tree := range map[string]fstest.MapFS{
		"no files": {}, "no prose": {"a/x.go": source("Short.")}, "no Go": {"a/x.go": {Data: []byte("hello")}},
	} {
		t.Run(name, func(t *testing.T) {
			if text, err := Read(tree); err == nil {
				t.Errorf("no error, documents %q", text.Documents)
			}
		})
	}
}

// The hash tells documents apart that hold the same bytes.
func TestHash(t *testing.T) {
	one, two := Text{Documents: []string{"ab"}}, Text{Documents: []string{"a", "b"}}
	if one.Hash() == two.Hash() {
		t.Error("one document and two have the same hash")
	}
	if one.Hash() != (Text{Documents: []string{"ab"}, Files: 3}).Hash() {
		t.Error("the hash is of more than the documents")
	}
}
