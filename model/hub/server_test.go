package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeHub behaves as the Hub does: it lists files, redirects small ones within
// itself and large ones, with a signed address, to another host.
type fakeHub struct {
	t        testing.TB
	hub, cdn *httptest.Server
	token    Token // that gated and private models want

	mu     sync.Mutex
	models map[string]*fakeModel
	seen   []seen
	// fault may answer in place of either server; true if it has.
	fault func(w http.ResponseWriter, r *http.Request, cdn bool) bool
}

type fakeModel struct {
	refs           map[string]string            // branch or tag to commit
	commits        map[string]map[string][]byte // to files
	gated, private bool
}

// seen is a request that came.
type seen struct {
	cdn           bool
	method, path  string
	span, authori string
}

func newFakeHub(t testing.TB) *fakeHub {
	t.Helper()
	h := &fakeHub{t: t, models: map[string]*fakeModel{}}
	h.hub = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, false) }))
	h.cdn = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, true) }))
	t.Cleanup(h.hub.Close)
	t.Cleanup(h.cdn.Close)
	for _, name := range []string{"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN",
		"HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "XDG_CACHE_HOME"} {
		t.Setenv(name, "") // brings it back when the test ends
		os.Unsetenv(name)  // Python takes an empty one for set
	}
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_ENDPOINT", h.hub.URL)
	return h
}

// config is of a client that does not wait long.
func (h *fakeHub) config() Config { return Config{pause: time.Millisecond, stall: 5 * time.Second} }

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// publish adds a commit to which the branches and tags then point.
func (h *fakeHub) publish(id, commit string, files map[string][]byte, refs ...string) *fakeModel {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.models[id]
	if m == nil {
		m = &fakeModel{refs: map[string]string{}, commits: map[string]map[string][]byte{}}
		h.models[id] = m
	}
	m.commits[commit] = files
	for _, ref := range refs {
		m.refs[ref] = commit
	}
	return m
}

// files is a model of n bytes of weights.
func files(n int) map[string][]byte {
	return map[string][]byte{
		"config.json": []byte(`{"model_type":"gpt2"}`), "tokenizer.json": []byte(`{"model":{}}`), "README.md": []byte("# a model"),
		"model.safetensors": content(n, 1), "pytorch_model.bin": content(n, 2),
	}
}

// content is n bytes in which every run differs from every other.
func content(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func (h *fakeHub) requests() []seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]seen(nil), h.seen...)
}

func (h *fakeHub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = nil
}

func (h *fakeHub) serve(w http.ResponseWriter, r *http.Request, cdn bool) {
	h.mu.Lock()
	h.seen = append(h.seen, seen{cdn, r.Method, r.URL.Path, r.Header.Get("Range"), r.Header.Get("Authorization")})
	fault := h.fault
	h.mu.Unlock()
	if cdn && r.Header.Get("Authorization") != "" {
		h.t.Errorf("the token went to another host: %s %s", r.Method, r.URL.Path)
	}
	if fault != nil && fault(w, r, cdn) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if cdn {
		h.content(w, r)
		return
	}
	h.api(w, r)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
}

// api answers for the Hub itself.
func (h *fakeHub) api(w http.ResponseWriter, r *http.Request) {
	// The path as it was sent: a / inside of a revision is %2F there.
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	var id, revision, name, kind string
	switch {
	case strings.HasPrefix(path, "api/resolve-cache/models/"):
		kind = "file"
		parts := strings.Split(strings.TrimPrefix(path, "api/resolve-cache/models/"), "/")
		id, revision, name = strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2], parts[len(parts)-1]
	case strings.HasPrefix(path, "api/models/") && strings.Contains(path, "/tree/"): // newer Python clients ask for it
		kind = "tree"
		id, revision, _ = strings.Cut(strings.TrimPrefix(path, "api/models/"), "/tree/")
	case strings.HasPrefix(path, "api/models/"):
		kind = "list"
		id, revision, _ = strings.Cut(strings.TrimPrefix(path, "api/models/"), "/revision/")
	default:
		kind = "resolve"
		var rest string
		id, rest, _ = strings.Cut(path, "/resolve/")
		revision, name, _ = strings.Cut(rest, "/")
	}
	revision, _ = url.PathUnescape(revision)
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	m := h.models[id]
	switch {
	case token != "" && token != string(h.token):
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return
	case m == nil || m.private && token == "":
		status := http.StatusUnauthorized // to who does not show a token, a model that is not there looks private
		if token != "" {
			status = http.StatusNotFound
		}
		refuse(w, status, "RepoNotFound", "Repository not found")
		return
	case m.gated && token == "" && kind != "list":
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to model "+id+" is restricted. You must be authenticated to access it.")
		return
	}
	commit := revision
	if at, ok := m.refs[revision]; ok {
		commit = at
	}
	all, ok := m.commits[commit]
	if !ok {
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if kind == "list" {
		siblings := []map[string]string{}
		for n := range all {
			siblings = append(siblings, map[string]string{"rfilename": n})
		}
		json.NewEncoder(w).Encode(map[string]any{"id": id, "modelId": id, "sha": commit, "private": m.private, "tags": []string{}, "downloads": 1, "likes": 0, "siblings": siblings})
		return
	}
	if kind == "tree" {
		entries := []map[string]any{}
		for n, data := range all {
			e := map[string]any{"type": "file", "path": n, "size": len(data), "oid": etagOf("", data)}
			if large(n) {
				e["lfs"] = map[string]any{"oid": etagOf(n, data), "size": len(data), "pointerSize": 130}
			}
			entries = append(entries, e)
		}
		json.NewEncoder(w).Encode(entries)
		return
	}
	data, ok := all[name]
	if !ok {
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	switch {
	case large(name):
		w.Header().Set("X-Linked-Etag", `"`+etagOf(name, data)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(data)))
		w.Header().Set("ETag", `"pointer"`)
		w.Header().Set("Location", fmt.Sprintf("%s/%s/%s/%s?X-Signature=SECRET", h.cdn.URL, id, commit, name))
		w.WriteHeader(http.StatusFound)
	case kind == "resolve":
		w.Header().Set("Location", fmt.Sprintf("/api/resolve-cache/models/%s/%s/%s", id, commit, name))
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		w.Header().Set("ETag", `"`+etagOf(name, data)+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// large tells whether the file is kept apart from the others, as git LFS does.
func large(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".bin")
}

// etagOf is the name of a file's blob.
func etagOf(name string, data []byte) string {
	if large(name) {
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)))
}

// content serves what the Hub redirects to.
func (h *fakeHub) content(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "X-Signature=SECRET" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	id, commit, name := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2], parts[len(parts)-1]
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.models[id].commits[commit][name]))
}
