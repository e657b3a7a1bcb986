//go:build unix

package weights

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe that somebody has put into a model's folder hangs nobody.
func TestPipesAreRefused(t *testing.T) {
	for _, name := range []string{singleName, indexName, "config.json"} {
		dir := t.TempDir()
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		if name == "config.json" {
			_, err = fs.ReadFile(Folder(dir), name)
		}
		if err == nil || !strings.Contains(err.Error(), "regular") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := fs.ReadFile(Folder(dir), "a"); err != nil || string(data) != "x" {
		t.Errorf("a file: %q, %v", data, err)
	}
}
