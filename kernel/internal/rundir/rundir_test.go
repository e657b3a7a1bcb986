package rundir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFolderIsPrivateAndGoes(t *testing.T) {
	base := filepath.Join(t.TempDir(), "b")
	d, err := Make(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{base, d.Path} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v", dir, info.Mode(), err)
		}
	}
	// As Go's module cache is.
	closed := filepath.Join(d.Path, "mod", "closed")
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(closed, "f"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestSweepTakesOnlyWhatNobodyHolds(t *testing.T) {
	base := filepath.Join(t.TempDir(), "b")
	held, err := Make(base)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Remove()
	stale, err := Make(base)
	if err != nil {
		t.Fatal(err)
	}
	if err := stale.lock.Unlock(); err != nil { // as the end of its process does
		t.Fatal(err)
	}
	if _, err := Make(base); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale.Path); !os.IsNotExist(err) {
		t.Error("the stale folder is still there")
	}
	if _, err := os.Stat(held.Path); err != nil {
		t.Error("a folder in use was swept")
	}
}

func TestOpenFolderIsClosed(t *testing.T) {
	base := filepath.Join(t.TempDir(), "b")
	if err := os.Mkdir(base, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(base); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(base); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestWhatIsNoFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, link); err != nil { // could be another user's trap
		t.Fatal(err)
	}
	for _, base := range []string{file, link} {
		if _, err := Make(base); err == nil || !strings.Contains(err.Error(), "is not a folder") {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestSocketsAvoidLongPaths(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 90))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", long)
	t.Setenv("TMPDIR", "/tmp")
	d, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove()
	if strings.HasPrefix(d.Path, long) || len(d.Path)+socketNames > maxSocketPath {
		t.Errorf("sockets are in %s", d.Path)
	}
	if left, _ := filepath.Glob(filepath.Join(long, "*", "k-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Anybody may be first to make a folder of the user's name among the temporary
// ones.
func TestAnothersFolderDoesNotBlock(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives folders away; run as root")
	}
	tmp, cache := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("XDG_RUNTIME_DIR", "")
	taken := base(tmp)
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(taken, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	d, err := Work()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove()
	if want := filepath.Join(cache, "golens", "run"); filepath.Dir(d.Path) != want {
		t.Errorf("temporary files are in %s, want them below %s", d.Path, want)
	}
	s, err := Sockets()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Remove()
	if strings.HasPrefix(s.Path, tmp) {
		t.Errorf("sockets are in %s", s.Path)
	}
	t.Setenv("XDG_CACHE_HOME", "/proc/none")
	if _, err := Work(); err == nil || !strings.Contains(err.Error(), taken+" belongs to another user") {
		t.Errorf("got %v", err)
	}
}
