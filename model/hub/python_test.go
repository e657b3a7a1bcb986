package hub

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model/hub/hubtest"
)

// python runs a verb of testdata/python.py with the environment of the test. It
// skips the test where Python's huggingface_hub is not installed.
func python(t *testing.T) func(env string, args ...string) string {
	t.Helper()
	program := os.Getenv("GOLENS_PYTHON")
	if program == "" {
		program = "python3"
	}
	run := func(env string, args ...string) (string, error) {
		cmd := exec.Command(program, append([]string{"testdata/python.py"}, args...)...)
		cmd.Env = append(os.Environ(), "HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_XET=1", env)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(string(exit.Stderr))
		}
		return strings.TrimSpace(string(out)), err
	}
	version, err := run("", "version")
	if err != nil {
		t.Skipf("%s has no huggingface_hub to compare with: install it, in a virtual environment say, and set GOLENS_PYTHON to that Python", program)
	}
	t.Logf("huggingface_hub %s", version)
	return func(env string, args ...string) string {
		t.Helper()
		out, err := run(env, args...)
		if err != nil {
			t.Fatalf("python %v: %v", args, err)
		}
		return out
	}
}

func TestPythonFindsWhatGolensFetched(t *testing.T) {
	h := hubtest.New(t)
	py := python(t)
	want := filesOf(100_000)
	h.Publish("org/tiny", hubtest.CommitA, want, "main", "step3")
	dir := get(t, "org/tiny", config())
	get(t, "org/tiny@step3", config())
	names := []string{"config.json", "tokenizer.json", "model.safetensors"}
	h.Forget()
	for _, revision := range []string{"main", "step3", hubtest.CommitA} {
		out := py("HF_HUB_OFFLINE=1", append([]string{"read", "org/tiny", revision}, names...)...)
		for i, path := range strings.Split(out, "\n") {
			if path != filepath.Join(dir, names[i]) {
				t.Errorf("Python finds %s at %s, golens at %s", names[i], path, dir)
			}
		}
	}
	if out := py("", "absent", "org/tiny", "main", "vocab.txt"); out != "True" {
		t.Errorf("Python does not know that vocab.txt does not exist: %s", out)
	}
	if out := py("", "scan"); out != "org/tiny "+hubtest.CommitA+" main,step3 3" {
		t.Errorf("Python's scan of the cache: %s", out)
	}
	// Online, Python finds all up to date and downloads nothing.
	py("HF_HUB_OFFLINE=0", append([]string{"read", "org/tiny", "main"}, names...)...)
	for _, r := range h.Requests() {
		if r.Method == "GET" && (r.CDN || strings.Contains(r.Path, "resolve")) {
			t.Errorf("Python downloads again: %v", r)
		}
	}
}

func TestGolensFindsWhatPythonFetched(t *testing.T) {
	h := hubtest.New(t)
	py := python(t)
	want := filesOf(100_000)
	h.Publish("org/tiny", hubtest.CommitA, want, "main", "step3")
	for _, revision := range []string{"main", "step3"} {
		dir := py("", "fetch", "org/tiny", revision, "*.json", "*.safetensors")
		h.Forget()
		name := "org/tiny@" + revision
		found, err := Find(ref(t, name), Config{})
		if err != nil || found != dir {
			t.Errorf("golens finds %s (%v), Python %s", found, err, dir)
		}
		if got := get(t, name, config()); got != dir || len(h.Requests()) != 0 {
			t.Errorf("golens goes for it again: %s, %v", got, h.Requests())
		}
		holds(t, dir, want, "config.json", "tokenizer.json", "model.safetensors")
	}
	// A half-fetched model is completed.
	h.Publish("org/half", hubtest.CommitA, want, "main")
	dir := py("", "fetch", "org/half", "main", "config.json")
	if _, err := Find(ref(t, "org/half"), Config{}); !errors.Is(err, ErrNotCached) {
		t.Errorf("half a model is found: %v", err)
	}
	if got := get(t, "org/half", config()); got != dir {
		t.Errorf("%s is not where Python began: %s", got, dir)
	}
	holds(t, dir, want, "config.json", "tokenizer.json", "model.safetensors")
	if out := py("", "scan"); strings.Contains(out, "warning") {
		t.Errorf("Python's scan of the cache: %s", out)
	}
}

func TestLocksArePythons(t *testing.T) {
	hubtest.New(t)
	py := python(t)
	c, err := config().filled()
	if err != nil {
		t.Fatal(err)
	}
	r := c.repo(ref(t, "gpt2"))
	path := filepath.Join(r.locks, "etag.lock")
	release, ok, err := r.lock(context.Background(), "etag")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if out := py("", "try", path); out != "taken" {
		t.Errorf("golens holds the lock, to Python it is %s", out)
	}
	release()
	if out := py("", "try", path); out != "free" {
		t.Errorf("golens has released the lock, to Python it is %s", out)
	}
	program := os.Getenv("GOLENS_PYTHON")
	if program == "" {
		program = "python3"
	}
	cmd := exec.Command(program, "testdata/python.py", "hold", path)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	if _, _, err := r.lock(ctx, "etag"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Python holds the lock, and golens gets it: %v", err)
	}
	cancel()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if release, ok, err = r.lock(context.Background(), "etag"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	release()
}
