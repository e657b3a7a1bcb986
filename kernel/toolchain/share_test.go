package toolchain

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestShareIsRootsAlone(t *testing.T) {
	tc := newToolchain(t)
	if os.Getuid() != 0 {
		if _, _, err := tc.Share(filepath.Join(t.TempDir(), "golens")); err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("got %v", err)
		}
		t.Skip("the rest needs root; run as root")
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(tc.Source.Dir, "model", "link.go")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{tc.Source.Dir, filepath.Join(tc.Source.Dir, "go.mod"), filepath.Join(tc.Source.Dir, "model", "model.go")} {
		if err := os.Chown(path, 12345, 12345); err != nil { // the sources are a user's
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	old := syscall.Umask(0o077) // that of a careful root
	defer syscall.Umask(old)
	parent := filepath.Join(t.TempDir(), "lib")
	if err := os.Mkdir(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "golens")
	for range 2 { // the second replaces the first
		program, source, err := tc.Share(dir)
		if err != nil {
			t.Fatal(err)
		}
		if program != filepath.Join(dir, "golens") || !isSource(source) {
			t.Errorf("%s, %s", program, source)
		}
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		seen[rel] = true
		want := fs.FileMode(0o644)
		if d.IsDir() || rel == "golens" {
			want = 0o755
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || info.Mode().Perm() != want || info.Mode()&fs.ModeSymlink != 0 {
			t.Errorf("%s belongs to %d, mode %v", rel, st.Uid, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["source/model/model.go"] || seen["source/model/testdata"] || seen["source/model/link.go"] {
		t.Errorf("copied: %v", seen)
	}
	if left, _ := filepath.Glob(filepath.Join(parent, ".golens-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Chmod(parent, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tc.Share(dir); err == nil || !strings.Contains(err.Error(), "is no place for what all users run") {
		t.Errorf("below a folder that anybody writes to: %v", err)
	}
}
