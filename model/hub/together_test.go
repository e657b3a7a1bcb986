package hub

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/model/hub/hubtest"
)

const childEnv = "GOLENS_HUB_TEST_CHILD"

// TestMain lets the tests start this program as another process that fetches a
// model.
func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		r, err := Parse(name)
		if err == nil {
			_, err = Get(context.Background(), r, Config{pause: time.Millisecond})
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestProcessesFetchTogether(t *testing.T) {
	h := hubtest.New(t)
	want := filesOf(4 << 20)
	h.Publish("gpt2", hubtest.CommitA, want, "main")
	var downloads atomic.Int32
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if cdn {
			downloads.Add(1)
			time.Sleep(200 * time.Millisecond) // so that the others come meanwhile
		}
		return false
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=gpt2")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		wg.Go(func() {
			if _, err := Get(context.Background(), Ref{ID: "gpt2"}, config()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	dir, err := Find(Ref{ID: "gpt2"}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, dir, want, "config.json", "tokenizer.json", "model.safetensors")
	if n := downloads.Load(); n != 1 {
		t.Errorf("the weights were downloaded %d times", n)
	}
}

func TestWithoutLinks(t *testing.T) {
	symlink = func(string, string) error { return syscall.EPERM }
	t.Cleanup(func() { symlink = os.Symlink })
	h := hubtest.New(t)
	want := filesOf(1000)
	h.Publish("gpt2", hubtest.CommitA, want, "main")
	dir := get(t, "gpt2", config())
	holds(t, dir, want, "config.json", "tokenizer.json", "model.safetensors")
	if info, err := os.Lstat(filepath.Join(dir, "model.safetensors")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a link, or nothing: %v", err)
	}
	h.Forget()
	if again := get(t, "gpt2", config()); again != dir || len(h.Requests()) != 0 {
		t.Errorf("not found where it is: %s, %v", again, h.Requests())
	}
	// A blob that links of other programs need stays.
	symlink = os.Symlink
	h.Publish("two", hubtest.CommitA, want, "main")
	two := get(t, "two", config())
	symlink = func(string, string) error { return syscall.EPERM }
	h.Publish("two", hubtest.CommitB, want, "next")
	next := get(t, "two@next", config())
	holds(t, two, want, "model.safetensors")
	holds(t, next, want, "model.safetensors")
}

func TestBlobsCanBeReadByOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes on Windows")
	}
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	dir := get(t, "gpt2", config())
	for _, path := range []string{filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "../../refs/main")} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o444 != 0o444 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
