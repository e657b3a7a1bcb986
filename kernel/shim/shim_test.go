package shim

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestMain lets this program be the shims that the tests start, and the real
// programs behind them.
func TestMain(m *testing.M) {
	if Is(os.Args[0]) {
		os.Exit(Main(os.Args))
	}
	if strings.HasPrefix(filepath.Base(os.Args[0]), "real-") {
		wd, _ := os.Getwd()
		os.Stdout.WriteString(strings.Join(os.Args[1:], " ") + "\n" + wd + "\nCGO_ENABLED=" + os.Getenv("CGO_ENABLED") +
			"\nGOFLAGS=" + os.Getenv("GOFLAGS") + "\nPATH=" + os.Getenv("PATH") + "\nGOWORK=" + os.Getenv("GOWORK") + "\nGO111MODULE=" + os.Getenv("GO111MODULE") + "\n")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// world is what a supervisor prepares for the shims.
type world struct {
	dir, cell string
	env       []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: t.TempDir()}
	w.cell = filepath.Join(w.dir, "gonb_1")
	for _, d := range []string{w.cell, filepath.Join(w.dir, "module")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go", "gopls", "real-go", "real-gopls"} {
		if err := os.Symlink(self, filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"go.mod": "go 1.26\n", "go.sum": "sums\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, "module", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(),
		EnvGo+"="+filepath.Join(w.dir, "real-go"), EnvGopls+"="+filepath.Join(w.dir, "real-gopls"),
		EnvCellModule+"="+filepath.Join(w.dir, "module"), EnvShellFailed+"="+filepath.Join(w.dir, "failed"),
		EnvBasePath+"=/base", "GONB_TMP_DIR="+w.cell, "PATH="+w.dir+":/base", "GOFLAGS=", "GOENV=off", "GO111MODULE=off", "CGO_ENABLED=")
	return w
}

// run starts a shim in dir.
func (w *world) run(dir string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(w.dir, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = dir, append(w.env, "PWD="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestGoInACellsFolder(t *testing.T) {
	w := newWorld(t)
	if out, err := w.run(w.cell, "go", "mod", "init", "gonb_1"); err != nil {
		t.Fatal(out, err)
	}
	mod, _ := os.ReadFile(filepath.Join(w.cell, "go.mod"))
	sum, _ := os.ReadFile(filepath.Join(w.cell, "go.sum"))
	if string(mod) != "module gonb_1\n\ngo 1.26\n" || string(sum) != "sums\n" {
		t.Errorf("go.mod is %q, go.sum %q", mod, sum)
	}
	if out, err := w.run(w.cell, "go", "get"); err != nil || out != "" {
		t.Errorf("a look-up of modules was made: %q, %v", out, err)
	}
	out, err := w.run(w.cell, "go", "build", "-o", "x")
	want := "build -tags=golens_cell -buildvcs=false -ldflags=-w -o x\n" + w.cell + "\nCGO_ENABLED=0\nGOFLAGS=\nPATH=/base\nGOWORK=off\nGO111MODULE=on\n"
	if err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if out, _ := w.run(w.cell, "go", "get", "example.com/m@v1"); !strings.HasPrefix(out, "get example.com/m@v1\n") {
		t.Errorf("a wanted module is not got: %q", out)
	}
}

func TestGoElsewhereIsTheRealOne(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"go", "get"}, {"go", "mod", "init", "x"}, {"go", "build", "-o", "x"}} {
		out, err := w.run(w.dir, args...)
		if err != nil || !strings.HasPrefix(out, strings.Join(args[1:], " ")+"\n"+w.dir+"\nCGO_ENABLED=\n") {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
}

func TestNothingIsBuiltAfterAFailedShellLine(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(filepath.Join(w.dir, "failed"), []byte("7"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"go", "get"}, {"go", "build"}} {
		if out, err := w.run(w.cell, args...); err == nil || !strings.Contains(out, "exit status 7") {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
}

func TestOnlyTheCellsOwnWorkspaceIsObeyed(t *testing.T) {
	w := newWorld(t)
	planted := filepath.Join(w.dir, "go.work") // in the folder above the cell's
	own := filepath.Join(w.cell, "go.work")
	for _, step := range []struct{ write, want string }{{"", "off"}, {planted, "off"}, {own, own}} {
		if step.write != "" {
			if err := os.WriteFile(step.write, []byte("not a go.work"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{"go", "build"}, {"go", "list"}, {"gopls"}} {
			if out, err := w.run(w.cell, args...); err != nil || !strings.Contains(out, "\nGOWORK="+step.want+"\n") {
				t.Errorf("%v with %q: got %q, %v", args, step.write, out, err)
			}
		}
	}
	w.env = append(w.env, "GOWORK=/mine")
	if out, err := w.run(w.dir, "go", "build"); err != nil || !strings.Contains(out, "\nGOWORK=/mine\n") {
		t.Errorf("outside a cell: got %q, %v", out, err)
	}
}

func TestGoplsGetsTheCellsTag(t *testing.T) {
	w := newWorld(t)
	out, err := w.run(w.cell, "gopls", "-listen", "x")
	if err != nil || !strings.HasPrefix(out, "-listen x\n") || !strings.Contains(out, "GOFLAGS=-tags=golens_cell\n") || !strings.Contains(out, "CGO_ENABLED=0\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestShimAloneSaysWhatItIsFor(t *testing.T) {
	w := newWorld(t)
	w.env = append(w.env, EnvGo+"=")
	if out, err := w.run(w.dir, "go", "version"); err == nil || !strings.Contains(out, "GOLENS_GO is not set: this program is for gonb") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestCellFlags(t *testing.T) {
	for _, test := range []struct{ name, args, want string }{
		{"plain", "build -o x", "build -tags=golens_cell -buildvcs=false -ldflags=-w -o x"},
		{"own tags", "build -tags a,b", "build -tags=golens_cell,a,b -buildvcs=false -ldflags=-w"},
		{"own tags in one", "test --tags=a .", "test -tags=golens_cell,a -buildvcs=false -ldflags=-w ."},
		{"own ldflags", "build -ldflags=-X=a.b=c", "build -tags=golens_cell -buildvcs=false -ldflags=-X=a.b=c"},
		{"tags cut short", "build -tags", "build -tags=golens_cell, -buildvcs=false -ldflags=-w"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(CellFlags(strings.Fields(test.args)), " "); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestDedupKeepsTheLast(t *testing.T) {
	got := dedup([]string{"A=1", "B=2", "A=3", "C", "C=x=y"})
	env := map[string]string{}
	for _, e := range got {
		name, value, _ := strings.Cut(e, "=")
		if _, twice := env[name]; twice {
			t.Errorf("%s stands twice", name)
		}
		env[name] = value
	}
	if want := map[string]string{"A": "3", "B": "2", "C": "x=y"}; !reflect.DeepEqual(env, want) {
		t.Errorf("got %v, want %v", env, want)
	}
}

// Whoever works in a project with a vendor folder may have told the go command so, here
// or for good; golens and its cells are modules of their own.
func TestAVendorFolderIsNotTheCells(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.dir, "env")
	for _, test := range []struct{ flags, written, want string }{
		{"-mod=vendor", "", "-buildvcs=auto"},
		{"--mod=vendor -trimpath -modfile=x.mod", "", "-trimpath"},
		{"-trimpath", "GOFLAGS=-mod=vendor", "-trimpath"},
		{"", "GOPROXY=off\nGOFLAGS=-mod=vendor\n", "-buildvcs=auto"},
		{"", "GOPROXY=off\n", ""},
		{"", "GOFLAGS=-trimpath\n", ""}, // the go command reads it
	} {
		if err := os.WriteFile(file, []byte(test.written), 0o644); err != nil {
			t.Fatal(err)
		}
		env := w.env
		w.env = append(env[:len(env):len(env)], "GOFLAGS="+test.flags, "GOENV="+file)
		out, err := w.run(w.cell, "go", "build", "-o", "x")
		if err != nil || !strings.Contains(out, "\nGOFLAGS="+test.want+"\n") {
			t.Errorf("GOFLAGS=%s and %q: %q, %v", test.flags, test.written, out, err)
		}
		out, err = w.run(w.cell, "gopls", "-listen", "x")
		if err != nil || strings.Contains(out, "vendor") || !strings.Contains(out, "-tags=golens_cell\n") {
			t.Errorf("gopls, GOFLAGS=%s and %q: %q, %v", test.flags, test.written, out, err)
		}
		w.env = env
	}
}
