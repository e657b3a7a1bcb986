package toolchain

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// plant writes the go.mod of golens into a new folder and returns the folder,
// and one below it to work in.
func plant(t *testing.T, mode os.FileMode) (dir, below string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "shared")
	below = filepath.Join(dir, "work", "deep")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+Module+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir, below
}

func TestPlantedSourcesAreRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string // "": found
	}{
		{"the user's own", func(*testing.T, string) {}, ""},
		{"anybody writes to the folder", func(t *testing.T, dir string) { os.Chmod(dir, 0o777) }, "others may write to"},
		{"anybody writes to the file", func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "go.mod"), 0o666) }, "others may write to"},
		{"anybody writes to a folder above", func(t *testing.T, dir string) { os.Chmod(filepath.Dir(dir), 0o777) }, "others may write to"},
		{"a sticky folder above, as /tmp", func(t *testing.T, dir string) { os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky) }, ""},
		{"another's folder", func(t *testing.T, dir string) { own(t, dir) }, "belongs to user 12345"},
		{"another's file", func(t *testing.T, dir string) { own(t, filepath.Join(dir, "go.mod")) }, "belongs to user 12345"},
		{"another's file in a sticky folder", func(t *testing.T, dir string) {
			os.Chmod(dir, 0o777|os.ModeSticky)
			own(t, filepath.Join(dir, "go.mod"))
		}, "belongs to user 12345"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, below := plant(t, 0o755)
			test.change(t, dir)
			t.Chdir(below)
			got, err := around()
			if test.want == "" && (err != nil || got.Dir != dir) {
				t.Errorf("got %v, %v", got, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), SourceEnv+"="+dir)) {
				t.Errorf("got %v, %v; the error should say %q and how to use them", got, err, test.want)
			}
		})
	}
}

// A pipe in place of a go.mod, which anybody may put into /tmp, is passed over: to
// open it would wait for whoever put it there.
func TestAPipeIsNoSource(t *testing.T) {
	dir, below := plant(t, 0o755)
	if err := syscall.Mkfifo(filepath.Join(below, "go.mod"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got, err := around(); err != nil || got.Dir != dir {
		t.Errorf("got %v, %v; want what lies above, in %s", got, err, dir)
	}
}

// own gives path to a user who is not there.
func own(t *testing.T, path string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root gives files away; run as root")
	}
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
}

// What a program was built from may belong to whoever owns the checkout, but not
// to whoever came first to a temporary folder that was since emptied.
func TestWhereAProgramWasBuilt(t *testing.T) {
	dir, _ := plant(t, 0o775)
	mod := filepath.Join(dir, "go.mod")
	if err := trusted(mod, true); err != nil {
		t.Errorf("a group that the owner chose: %v", err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := trusted(mod, true); err == nil {
		t.Error("anybody may write there")
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	own(t, dir)
	if err := trusted(mod, true); err != nil {
		t.Errorf("another's checkout in a closed folder: %v", err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := trusted(mod, true); err == nil {
		t.Error("another's folder in a sticky one")
	}
}

// A program built with -trimpath does not know where from: a folder of the
// module's name in the working directory is not that.
func TestTrimmedPathsNameNoFolder(t *testing.T) {
	dir, _ := plant(t, 0o755)
	t.Chdir(filepath.Dir(dir))
	const file = "kernel/toolchain/source.go"
	if got := built(filepath.Join(filepath.Base(dir), file)); got != "" {
		t.Errorf("got %s", got)
	}
	if got := built(filepath.Join(dir, file)); got != dir {
		t.Errorf("got %q, want %s", got, dir)
	}
}

// Programs are run from the cache as long as their stamps hold: whoever could
// write there could put in both.
func TestProgramsOfOthersAreNotRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	bin := filepath.Join(dir, "golens", "bin-1")
	if err := keepable(bin); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := keepable(bin); err == nil || !strings.Contains(err.Error(), "others may write to "+dir) {
		t.Errorf("got %v", err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil { // as /tmp, where the folder below is the user's
		t.Fatal(err)
	}
	if err := keepable(bin); err != nil {
		t.Error(err)
	}
	own(t, filepath.Dir(bin))
	if err := keepable(bin); err == nil {
		t.Error("another's folder in a sticky one")
	}
}
