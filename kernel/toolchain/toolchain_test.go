package toolchain

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
)

// fakeGo acts as the go command: it writes down how it was called and makes
// the file that -o names.
const fakeGo = `#!/bin/sh
case "$1 $2" in
"mod edit") echo '{"Go": "1.26.5", "Require": [{"Path": "example.com/a", "Version": "v1.2.3"}], "Replace": [{"Old": {"Path": "example.com/b"}, "New": {"Path": "../b c"}}]}'; exit ;;
esac
echo "$* CGO_ENABLED=$CGO_ENABLED GOEXPERIMENT=$GOEXPERIMENT GOWORK=$GOWORK GO111MODULE=$GO111MODULE" >> "$FAKE_LOG"
if [ -e "$FAKE_LOG.fail" ]; then echo "x.go:1: broken" >&2; exit 1; fi
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then echo "built $RANDOM" > "$2"; fi
  shift
done
`

// newToolchain is a toolchain of sources made for a test.
func newToolchain(t *testing.T) *Toolchain {
	t.Helper()
	dir := t.TempDir()
	tc := &Toolchain{
		Source: Source{Dir: filepath.Join(dir, "src")}, Go: filepath.Join(dir, "go"), Bin: filepath.Join(dir, "bin"),
		env: goEnv{GOVERSION: "go1.26", GOARCH: "amd64"},
	}
	for path, text := range map[string]string{
		"src/go.mod": "module " + Module + "\n", "src/go.sum": "", "src/model/model.go": "package model",
		"src/interp/heads/heads.go": "package heads", "src/interp/empty/README": "", "src/kernel/nb/nb.go": "package nb",
		"src/model/testdata/x.go": "", "go": fakeGo,
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("FAKE_LOG", filepath.Join(dir, "log"))
	t.Setenv("CGO_ENABLED", "") // what tests are run with
	return tc
}

// calls returns the calls of the go command since the last look.
func calls(t *testing.T) []string {
	t.Helper()
	data, _ := os.ReadFile(os.Getenv("FAKE_LOG"))
	os.Remove(os.Getenv("FAKE_LOG"))
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func TestBuildOnlyWhatIsOutdated(t *testing.T) {
	tc := newToolchain(t)
	build := func() (lines []string) {
		t.Helper()
		if err := tc.Build(context.Background(), func(l string) { lines = append(lines, l) }, Gonb, Host); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	if lines := build(); len(lines) != 2 {
		t.Fatalf("first build: %q", lines)
	}
	got := calls(t)
	if !strings.Contains(got[0], "janpfeifer/gonb CGO_ENABLED=0 GOEXPERIMENT=") || strings.Contains(got[0], "simd") {
		t.Errorf("gonb was built by %q", got[0])
	}
	if !strings.Contains(got[1], "cmd/golens-host CGO_ENABLED= GOEXPERIMENT=simd") {
		t.Errorf("the host was built by %q", got[1])
	}
	for _, call := range got {
		if !strings.HasSuffix(call, " GOWORK=off GO111MODULE=on") {
			t.Errorf("a go.work would be obeyed by %q", call)
		}
	}
	if lines := build(); len(lines) != 0 {
		t.Errorf("nothing has changed, yet: %q", lines)
	}
	later := time.Now().Add(time.Minute)
	for _, test := range []struct {
		name   string
		change func() error
		want   string
	}{
		{"a source file", func() error { return os.Chtimes(filepath.Join(tc.Source.Dir, "model/model.go"), later, later) }, "golens-host"},
		{"a test", func() error { return os.WriteFile(filepath.Join(tc.Source.Dir, "model/a_test.go"), nil, 0o644) }, ""},
		{"a fixture", func() error {
			return os.Chtimes(filepath.Join(tc.Source.Dir, "model/testdata/x.go"), later, later)
		}, ""},
		{"a program is gone", func() error { return os.Remove(tc.Path(Gonb)) }, "gonb"},
		{"the Go version", func() error { tc.env.GOVERSION = "go1.27"; return nil }, "gonb golens-host"},
		{"the modules", func() error { return os.WriteFile(filepath.Join(tc.Source.Dir, "go.sum"), []byte("x"), 0o644) }, "gonb golens-host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.change(); err != nil {
				t.Fatal(err)
			}
			var built []string
			for _, l := range build() {
				built = append(built, strings.TrimSuffix(strings.Fields(l)[1], ","))
			}
			if got := strings.Join(built, " "); got != test.want {
				t.Errorf("built %q, want %q", got, test.want)
			}
		})
	}
}

func TestFailedBuildKeepsTheOldProgram(t *testing.T) {
	tc := newToolchain(t)
	if err := tc.Build(context.Background(), nil, Gonb); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(tc.Path(Gonb))
	tc.env.GOVERSION = "go1.27"
	if err := os.WriteFile(os.Getenv("FAKE_LOG")+".fail", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := tc.Build(context.Background(), nil, Gonb)
	if err == nil || !strings.Contains(err.Error(), "building gonb in "+tc.Source.Dir) || !strings.Contains(err.Error(), "x.go:1: broken") {
		t.Errorf("got %v", err)
	}
	if now, _ := os.ReadFile(tc.Path(Gonb)); string(now) != string(old) {
		t.Error("the old program is gone")
	}
	if left, _ := filepath.Glob(filepath.Join(tc.Bin, "new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCellsThatDoNotBuildDoNotStopAKernel(t *testing.T) {
	tc := newToolchain(t)
	if err := os.WriteFile(os.Getenv("FAKE_LOG")+".fail", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var lines []string
	if err := tc.Build(context.Background(), func(l string) { lines = append(lines, l) }, Cells); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(lines, "\n"), "x.go:1: broken") {
		t.Errorf("nobody is told: %q", lines)
	}
	if err := tc.Build(context.Background(), func(l string) { lines = nil }, Cells); err != nil || lines != nil {
		t.Error("what failed is not tried again")
	}
}

func TestCellsImportWhatIsThere(t *testing.T) {
	tc := newToolchain(t)
	got := strings.Join(tc.cellImports(), " ")
	if want := Module + "/kernel/nb " + Module + "/model " + Module + "/interp/heads"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBuildWaitsForAnother(t *testing.T) {
	tc := newToolchain(t)
	if err := os.Mkdir(tc.Bin, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := proc.Acquire(filepath.Join(tc.Bin, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan string, 4)
	done := make(chan error, 1)
	go func() { done <- tc.Build(context.Background(), func(l string) { waiting <- l }, Gonb) }()
	if line := <-waiting; line != "waiting for another golens that is building gonb" {
		t.Errorf("said %q", line)
	}
	// The other one builds it meanwhile.
	stamp, err := tc.stamp(Gonb)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{Gonb: "theirs", Gonb + ".stamp": stamp} {
		if err := os.WriteFile(tc.Path(name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(tc.Path(Gonb)); string(data) != "theirs" {
		t.Error("it was built twice")
	}
}

func TestUnknownProgram(t *testing.T) {
	if err := newToolchain(t).Build(context.Background(), nil, "gcc"); err == nil || !strings.Contains(err.Error(), `"gcc"`) {
		t.Errorf("got %v", err)
	}
}

func TestCellModule(t *testing.T) {
	tc := newToolchain(t)
	mod, _, err := tc.CellModule(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"go 1.26.5\n", "\t" + Module + " v0.0.0\n", "\texample.com/a v1.2.3\n",
		"\t" + Module + " => " + tc.Source.Dir + "\n",
		"\texample.com/b  => \"" + filepath.Join(filepath.Dir(tc.Source.Dir), "b c") + "\" \n",
	} {
		if !strings.Contains(string(mod), want) {
			t.Errorf("go.mod lacks %q:\n%s", want, mod)
		}
	}
}

func TestFindSource(t *testing.T) {
	tc := newToolchain(t)
	t.Setenv(SourceEnv, tc.Source.Dir)
	if got, err := FindSource(context.Background()); err != nil || got.Dir != tc.Source.Dir {
		t.Errorf("got %v, %v", got, err)
	}
	t.Setenv(SourceEnv, tc.Bin)
	if _, err := FindSource(context.Background()); err == nil || !strings.Contains(err.Error(), "is not a copy of "+Module) {
		t.Errorf("got %v", err)
	}
	t.Setenv(SourceEnv, "")
	for _, wd := range []string{filepath.Join(tc.Source.Dir, "interp", "heads"), t.TempDir()} {
		t.Chdir(wd)
		if got, err := FindSource(context.Background()); err != nil || !isSource(got.Dir) || got.Dir == tc.Source.Dir {
			t.Errorf("from %s: got %v, %v; want where this program was built", wd, got, err)
		}
	}
}

func TestWithSIMD(t *testing.T) {
	for in, want := range map[string]string{"": "simd", "simd": "simd", "a,b": "a,b,simd", "simd,x": "simd,x"} {
		if got := withSIMD(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// A clone that is tried once does not leave its programs for ever.
func TestUnusedProgramsGo(t *testing.T) {
	tc := newToolchain(t)
	cache := filepath.Dir(tc.Bin)
	tc.Bin = filepath.Join(cache, "bin-mine")
	old := time.Now().Add(-unused - time.Hour)
	for dir, file := range map[string]string{"bin-old": Gonb, "bin-installed": Kernel, "bin-building": Gonb, "bin-recent": Gonb, "corpora": Gonb} {
		dir = filepath.Join(cache, dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{file, lockFile} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if filepath.Base(dir) == "bin-recent" {
			continue
		}
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	l, err := proc.TryAcquire(filepath.Join(cache, "bin-building", lockFile))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Unlock()
	if err := tc.Build(t.Context(), nil, Gonb); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(cache, "*-*"))
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if got := strings.Join(left, " "); got != "bin-building bin-installed bin-mine bin-recent" {
		t.Errorf("left: %s", got)
	}
	if _, err := os.Stat(filepath.Join(cache, "corpora")); err != nil {
		t.Error(err)
	}
}

// A start that builds nothing notes that the programs are in use.
func TestUseIsNoted(t *testing.T) {
	tc := newToolchain(t)
	if err := tc.Build(t.Context(), nil, Gonb); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-unused)
	if err := os.Chtimes(tc.Bin, old, old); err != nil {
		t.Fatal(err)
	}
	if err := tc.Build(t.Context(), nil, Gonb); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(tc.Bin); err != nil || time.Since(info.ModTime()) > 24*time.Hour {
		t.Errorf("last used %v, %v", info.ModTime(), err)
	}
}
