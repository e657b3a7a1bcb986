// Package hubtest is an HTTP server that behaves as the Hugging Face Hub does,
// for tests of what downloads models.
package hubtest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
)

// Commits to publish under.
const (
	CommitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	CommitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// A Hub lists files, redirects small ones within itself and large ones, with a
// signed address, to another host. It fails its test if a token gets there.
type Hub struct {
	Front, CDN *httptest.Server
	Token      string // that gated and private models want
	// Fault may answer in place of either server; it returns true if it has.
	Fault func(w http.ResponseWriter, r *http.Request, cdn bool) bool

	t      testing.TB
	mu     sync.Mutex
	models map[string]*Model
	seen   []Seen
}

// A Model is a repository.
type Model struct {
	Gated, Private bool

	refs    map[string]string            // branch or tag to commit
	commits map[string]map[string][]byte // to files
}

// Seen is a request that came.
type Seen struct {
	CDN                  bool // to the other host
	Method, Path         string
	Range, Authorization string
}

// New starts a hub and points the environment at it, with an empty cache.
func New(t testing.TB) *Hub {
	t.Helper()
	h := &Hub{t: t, models: map[string]*Model{}}
	h.Front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, false) }))
	h.CDN = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, true) }))
	t.Cleanup(h.Front.Close)
	t.Cleanup(h.CDN.Close)
	for _, name := range []string{"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN",
		"HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "XDG_CACHE_HOME"} {
		t.Setenv(name, "") // brings it back when the test ends
		os.Unsetenv(name)  // Python takes an empty one for set
	}
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_ENDPOINT", h.Front.URL)
	return h
}

// Publish adds a commit to which the branches and tags then point.
func (h *Hub) Publish(id, commit string, files map[string][]byte, refs ...string) *Model {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.models[id]
	if m == nil {
		m = &Model{refs: map[string]string{}, commits: map[string]map[string][]byte{}}
		h.models[id] = m
	}
	m.commits[commit] = files
	for _, ref := range refs {
		m.refs[ref] = commit
	}
	return m
}

// Requests are those that came since the last Forget.
func (h *Hub) Requests() []Seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Seen(nil), h.seen...)
}

// Forget forgets the requests that came.
func (h *Hub) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = nil
}

// Content serves what the Hub redirects to; for a Fault that spoils it.
func (h *Hub) Content(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.content(w, r)
}
