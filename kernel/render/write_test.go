package render

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnlyRegularFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	notebook := at("n.ipynb")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(notebook, []byte("{}"), 0o640))
	must(os.WriteFile(at("target"), []byte("kept"), 0o644))
	must(os.Symlink(at("target"), at("link")))
	must(os.Symlink(at("nowhere"), at("dangling")))
	must(os.Link(notebook, at("hard")))
	must(os.Mkdir(at("folder"), 0o755))
	must(syscall.Mkfifo(at("pipe"), 0o644))
	for _, test := range []struct{ name, html, executed, want string }{
		{"a device", os.DevNull, "", "is no regular file"},
		{"a pipe", at("pipe"), "", "is no regular file"},
		{"a link", at("link"), "", "is a link"},
		{"a link to nothing", at("dangling"), "", "is a link"},
		{"a folder", at("folder"), "", "is a folder"},
		{"the notebook", notebook, "", "that is the notebook"},
		{"the notebook by another path", filepath.Join(dir, "folder", "..", "n.ipynb"), "", "that is the notebook"},
		{"the notebook by another name", at("hard"), "", "that is the notebook"},
		{"the executed notebook to a pipe", at("new"), at("pipe"), "is no regular file"},
		{"both to one file", at("new"), filepath.Join(dir, "folder", "..", "new"), "cannot write both"},
		{"new files", at("new"), at("new2"), ""},
		{"the executed notebook in the notebook's place", at("new"), notebook, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := writable(notebook, test.html, test.executed)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if files, _ := filepath.Glob(at(".*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// A pipe or a folder among the notebooks of a folder, which others may have put there,
// is none of them.
func TestAPipeIsNoNotebook(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "a.ipynb"), []byte("{}"), 0o644), syscall.Mkfifo(filepath.Join(dir, "b.ipynb"), 0o644), os.Mkdir(filepath.Join(dir, "c.ipynb"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if paths, err := (Site{Folder: dir}).notebooks(); err != nil || len(paths) != 1 || filepath.Base(paths[0]) != "a.ipynb" {
		t.Errorf("got %v, %v", paths, err)
	}
}
