package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/model/hub/hubtest"
)

// fails fetches a model that cannot be had and gives the error.
func fails(t testing.TB, name string, c Config) error {
	t.Helper()
	dir, err := Get(context.Background(), ref(t, name), c)
	if err == nil {
		t.Fatalf("got %s", dir)
	}
	if _, found := Find(ref(t, name), c); found == nil {
		t.Error("what failed is found in the cache")
	}
	return err
}

// leftovers are the blobs of the only model in the cache.
func leftovers(t testing.TB, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(os.Getenv("HF_HOME"), "hub", "models--*", "blobs", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// incomplete is where a download of gpt2's weights goes, in a folder that is
// there.
func incomplete(t testing.TB, weights []byte) string {
	t.Helper()
	blobs := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--gpt2", "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(blobs, hubtest.ETag("model.safetensors", weights)+".incomplete")
}

// cut sends only n bytes of each answer of the content's host.
func cut(h *hubtest.Hub, w http.ResponseWriter, r *http.Request, n int) {
	rec := &limited{ResponseWriter: w, left: n}
	h.Content(rec, r)
	if rec.left <= 0 {
		panic(http.ErrAbortHandler) // closes the connection
	}
}

type limited struct {
	http.ResponseWriter
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n, err := l.ResponseWriter.Write(b[:min(len(b), max(0, l.left))])
	l.left -= len(b)
	if err == nil && n < len(b) {
		_ = http.NewResponseController(l.ResponseWriter).Flush()
		err = io.ErrShortWrite
	}
	return n, err
}

func TestCutConnectionsAreResumed(t *testing.T) {
	h := hubtest.New(t)
	want := filesOf(1 << 20)
	h.Publish("gpt2", hubtest.CommitA, want, "main")
	var gets atomic.Int32
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if !cdn {
			return false
		}
		gets.Add(1)
		cut(h, w, r, 100_000)
		return true
	}
	holds(t, get(t, "gpt2", config()), want, "model.safetensors")
	if n := gets.Load(); n < 11 || n > 22 { // 1 MiB in pieces of 100,000 bytes; a cut may lose what was on the way
		t.Errorf("%d requests", n)
	}
	asked := "none"
	for _, r := range h.Requests() {
		if r.CDN {
			if r.Range == asked {
				t.Errorf("range %q twice: nothing was kept", asked)
			}
			asked = r.Range
		}
	}
}

// A server that ignores ranges and cuts every answer gets nowhere, however much
// it sends.
func TestAlwaysCutAtTheSamePlace(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1<<20), "main")
	var gets atomic.Int32
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if !cdn {
			return false
		}
		gets.Add(1)
		r.Header.Del("Range")
		cut(h, w, r, 100_000)
		return true
	}
	err := fails(t, "gpt2", config())
	if n := gets.Load(); n > tries+2 || !strings.Contains(err.Error(), "the connection was cut after") { // a cut may lose what was on the way
		t.Errorf("after %d requests %v", n, err)
	}
}

func TestAnEarlierDownloadIsResumed(t *testing.T) {
	for name, c := range map[string]struct {
		begins    func(want []byte) []byte
		ignores   bool // the server ignores ranges
		from      string
		downloads int
	}{
		"begun":         {begins: func(b []byte) []byte { return b[:400_000] }, from: "bytes=400000-", downloads: 1},
		"all_there":     {begins: func(b []byte) []byte { return b }},
		"too_long":      {begins: func(b []byte) []byte { return append(b[:len(b):len(b)], 1, 2, 3) }, downloads: 1},
		"other_content": {begins: func(b []byte) []byte { return content(400_000, 99) }, from: "bytes=400000-", downloads: 2},
		"range_ignored": {begins: func(b []byte) []byte { return b[:400_000] }, ignores: true, from: "bytes=400000-", downloads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := hubtest.New(t)
			want := filesOf(1 << 20)
			h.Publish("gpt2", hubtest.CommitA, want, "main")
			weights := want["model.safetensors"]
			if err := os.WriteFile(incomplete(t, weights), c.begins(weights), 0o644); err != nil {
				t.Fatal(err)
			}
			if c.ignores {
				h.Fault = func(_ http.ResponseWriter, r *http.Request, cdn bool) bool {
					r.Header.Del("Range")
					return false
				}
			}
			holds(t, get(t, "gpt2", config()), want, "model.safetensors")
			n := 0
			for _, r := range h.Requests() {
				if r.CDN {
					if n++; n == 1 && r.Range != c.from {
						t.Errorf("asked for range %q, want %q", r.Range, c.from)
					}
				}
			}
			if left := leftovers(t, "*.incomplete"); n != c.downloads || len(left) != 0 {
				t.Errorf("%d downloads, want %d; left %v", n, c.downloads, left)
			}
		})
	}
}

func TestWrongContentIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"same_length": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"too_long":    func(b []byte) []byte { return append(b, 0) },
	} {
		for _, file := range []string{"config.json", "model.safetensors"} {
			t.Run(name+"/"+file, func(t *testing.T) {
				h := hubtest.New(t)
				h.Publish("gpt2", hubtest.CommitA, filesOf(100_000), "main")
				h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
					body := strings.Contains(r.URL.Path, "resolve-cache") || cdn
					if r.Method != http.MethodGet || !body || !strings.HasSuffix(r.URL.Path, file) {
						return false
					}
					w.Write(spoil(append([]byte(nil), filesOf(100_000)[file]...)))
					return true
				}
				err := fails(t, "gpt2", config())
				if !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), file) {
					t.Errorf("got %v", err)
				}
				if left := leftovers(t, hubtest.ETag(file, filesOf(100_000)[file])+"*"); name == "same_length" && len(left) != 0 {
					t.Errorf("the wrong content is kept: %v", left)
				}
				h.Fault = nil
				holds(t, get(t, "gpt2", config()), filesOf(100_000), file)
			})
		}
	}
}

// answer makes the first n requests of the Hub, or all of them, fail.
func answer(h *hubtest.Hub, n int32, status int, header ...string) *atomic.Int32 {
	var count atomic.Int32
	h.Fault = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
		if c := count.Add(1); n >= 0 && c > n {
			return false
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		return true
	}
	return &count
}

func TestPassingTroubleIsWaitedOut(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		h := hubtest.New(t)
		h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main")
		answer(h, 4, status)
		holds(t, get(t, "gpt2", config()), filesOf(1000), "model.safetensors")
		count := answer(h, -1, status)
		h.Publish("gpt3", hubtest.CommitA, filesOf(1000), "main")
		err := fails(t, "gpt3", config())
		if count.Load() != tries || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("after %d tries %v", count.Load(), err)
		}
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	answer(h, 1, http.StatusTooManyRequests, "Retry-After", "1")
	start := time.Now()
	get(t, "gpt2", config())
	if took := time.Since(start); took < time.Second {
		t.Errorf("came back after %s, not after the second that was asked for", took)
	}
	h.Publish("other", hubtest.CommitA, filesOf(10), "main")
	count := answer(h, -1, http.StatusTooManyRequests, "Retry-After", "3600")
	if err := fails(t, "other", config()); count.Load() != 1 || !strings.Contains(err.Error(), "1h0m0s") {
		t.Errorf("after %d tries %v", count.Load(), err)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		key, value string
		want       time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second}, {"Retry-After", "0.5", time.Second / 2}, {"Retry-After", "-3", 0}, {"Retry-After", "soon", 0},
		{"Retry-After", "Tue, 24 Nov 2026 12:00:09 GMT", 9 * time.Second}, {"Retry-After", "Tue, 24 Nov 2026 11:00:00 GMT", 0},
		{"RateLimit", `"api";r=0;t=55`, 55 * time.Second}, {"RateLimit", `"api";r=0;t=x`, 0}, {"Retry-After", "1e300", 0},
	} {
		header := http.Header{}
		header.Set(c.key, c.value)
		if got := asked(header, now); got != c.want {
			t.Errorf("%s: %s asks for %s, want %s", c.key, c.value, got, c.want)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	h := hubtest.New(t)
	h.Token = "hf_right"
	h.Publish("open/model", hubtest.CommitA, filesOf(10), "main")
	h.Publish("gated/model", hubtest.CommitA, filesOf(10), "main").Gated = true
	h.Publish("private/model", hubtest.CommitA, filesOf(10), "main").Private = true
	pickle := filesOf(10)
	delete(pickle, "model.safetensors")
	h.Publish("old/pickle", hubtest.CommitA, pickle, "main")
	h.Publish("quant/gguf", hubtest.CommitA, map[string][]byte{"a.gguf": nil, "README.md": nil}, "main")
	h.Publish("no/config", hubtest.CommitA, map[string][]byte{"model.safetensors": nil}, "main")
	h.Publish("bad/index", hubtest.CommitA, map[string][]byte{"config.json": nil, indexFile: []byte(`{"weight_map":{"a":"../a.safetensors"}}`)}, "main")
	h.Publish("lost/shard", hubtest.CommitA, map[string][]byte{"config.json": []byte(`{}`), indexFile: []byte(`{"weight_map":{"a":"a.safetensors"}}`)}, "main")
	for _, c := range []struct {
		name  string
		token Token
		is    error
		says  string
	}{
		{"gone/model", "", ErrRepository, "Check the name; for a private one set HF_TOKEN"},
		{"gone/model", "hf_right", ErrRepository, "whose token it is"},
		{"private/model", "", ErrRepository, "or it is private"},
		{"gated/model", "", ErrAccess, "Ask for access at " + h.Front.URL + "/gated/model"},
		{"open/model", "hf_wrong", ErrAccess, "does not accept the token"},
		{"open/model@nope", "", ErrRevision, `no such revision "nope"`},
		{"open/model@" + hubtest.CommitB, "", ErrRevision, hubtest.CommitB},
		{"old/pickle", "", ErrFormat, "AutoModelForCausalLM.from_pretrained(\"old/pickle\")"},
		{"quant/gguf", "", ErrFormat, ".gguf"},
		{"no/config", "", ErrFormat, "no config.json"},
		{"bad/index", "", nil, "not a safetensors file of the same folder"},
		{"lost/shard", "", ErrFile, "lost/shard"},
	} {
		cfg := config()
		cfg.Token = c.token
		err := fails(t, c.name, cfg)
		if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
		if strings.Contains(err.Error(), "hf_") {
			t.Errorf("%s: the error shows the token: %v", c.name, err)
		}
	}
	cfg := config()
	cfg.Token = Token(h.Token)
	for _, name := range []string{"gated/model", "private/model"} {
		holds(t, get(t, name, cfg), filesOf(10), "model.safetensors")
	}
}

func TestGatedWithATokenWithoutAccess(t *testing.T) {
	h := hubtest.New(t)
	h.Token = "hf_right"
	h.Publish("gated/model", hubtest.CommitA, filesOf(10), "main")
	h.Fault = func(w http.ResponseWriter, _ *http.Request, _ bool) bool {
		w.Header().Set("X-Error-Code", "GatedRepo")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":"Access for hf_right is \u001b[31mrestricted"}`)
		return true
	}
	c := config()
	c.Token = "hf_right"
	err := fails(t, "gated/model", c)
	if !errors.Is(err, ErrAccess) || !strings.Contains(err.Error(), "has not been granted access") || strings.ContainsAny(err.Error(), "\x1b") ||
		!strings.Contains(err.Error(), "Access for TOKEN is [31mrestricted") {
		t.Errorf("got %q", err)
	}
}

func TestStalledConnectionsAreGivenUp(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main")
	var gets atomic.Int32
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if !cdn || gets.Add(1) > 1 {
			return false
		}
		w.Header().Set("Content-Length", "1000")
		w.Write(filesOf(1000)["model.safetensors"][:300])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	}
	c := config()
	c.stall = time.Second
	holds(t, get(t, "gpt2", c), filesOf(1000), "model.safetensors")
	if gets.Load() < 2 { // more, where the machine itself stalls
		t.Errorf("%d requests", gets.Load())
	}
}

func TestCancel(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1<<20), "main")
	part := incomplete(t, filesOf(1 << 20)["model.safetensors"])
	ctx, cancel := context.WithCancel(context.Background())
	h.Fault = func(w http.ResponseWriter, r *http.Request, cdn bool) bool {
		if !cdn {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(1<<20))
		w.Write(filesOf(1 << 20)["model.safetensors"][:300_000])
		_ = http.NewResponseController(w).Flush()
		for info, err := os.Stat(part); err != nil || info.Size() == 0; info, err = os.Stat(part) { // until some of it has arrived
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	}
	c := config()
	c.stall = time.Hour // what ends the wait is the context
	if _, err := Get(ctx, ref(t, "gpt2"), c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	info, err := os.Stat(part)
	if err != nil || info.Size() == 0 {
		t.Fatalf("nothing was kept: %v", err)
	}
	h.Fault = nil
	h.Forget()
	holds(t, get(t, "gpt2", config()), filesOf(1<<20), "model.safetensors")
	for _, r := range h.Requests() {
		if r.CDN && r.Range != fmt.Sprintf("bytes=%d-", info.Size()) {
			t.Errorf("asked for %q, with %d bytes there", r.Range, info.Size())
		}
	}
}

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has no /dev/full to stand for a full disk; Linux has")
	}
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main")
	const full = 1<<8 | 7 // the number of /dev/full
	if err := syscall.Mknod(incomplete(t, filesOf(1000)["model.safetensors"]), syscall.S_IFCHR|0o666, full); err != nil {
		t.Skipf("no device can be made here to stand for a full disk (%v); run as root", err)
	}
	if err := fails(t, "gpt2", config()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full; make room") {
		t.Errorf("got %v", err)
	}
}

func TestUnwritableCache(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(10), "main")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Cache = filepath.Join(file, "hub")
	if err := fails(t, "gpt2", c); !strings.Contains(err.Error(), "cannot be written; set HF_HOME") {
		t.Errorf("got %v", err)
	}
}
