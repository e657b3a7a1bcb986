package tokenizer

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The light cell client links this package, so it may import only the standard
// library, NFC and the encoding of protocol buffers: nothing of the executor, no cgo.
func TestImportsStayLight(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			outside := strings.Contains(strings.Split(path, "/")[0], ".")
			if path == "C" || outside && path != "golang.org/x/text/unicode/norm" && path != "google.golang.org/protobuf/encoding/protowire" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
