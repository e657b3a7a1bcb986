package hubtest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func (h *Hub) serve(w http.ResponseWriter, r *http.Request, cdn bool) {
	h.mu.Lock()
	h.seen = append(h.seen, Seen{cdn, r.Method, r.URL.Path, r.Header.Get("Range"), r.Header.Get("Authorization")})
	fault := h.Fault
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
func (h *Hub) api(w http.ResponseWriter, r *http.Request) {
	// The path as it was sent: a / inside of a revision is %2F there.
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	var id, revision, name, kind string
	switch {
	case strings.HasPrefix(path, "api/resolve-cache/models/"):
		kind = "file"
		id, revision, name = split(strings.TrimPrefix(path, "api/resolve-cache/models/"))
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
	case token != "" && token != h.Token:
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return
	case m == nil || m.Private && token == "":
		status := http.StatusUnauthorized // to who does not show a token, a model that is not there looks private
		if token != "" {
			status = http.StatusNotFound
		}
		refuse(w, status, "RepoNotFound", "Repository not found")
		return
	case m.Gated && token == "" && kind != "list":
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
		json.NewEncoder(w).Encode(map[string]any{"id": id, "modelId": id, "sha": commit, "private": m.Private, "tags": []string{}, "downloads": 1, "likes": 0, "siblings": siblings})
		return
	}
	if kind == "tree" {
		entries := []map[string]any{}
		for n, data := range all {
			e := map[string]any{"type": "file", "path": n, "size": len(data), "oid": ETag("", data)}
			if Large(n) {
				e["lfs"] = map[string]any{"oid": ETag(n, data), "size": len(data), "pointerSize": 130}
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
	case Large(name):
		w.Header().Set("X-Linked-Etag", `"`+ETag(name, data)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(data)))
		w.Header().Set("ETag", `"pointer"`)
		w.Header().Set("Location", fmt.Sprintf("%s/%s/%s/%s?X-Signature=SECRET", h.CDN.URL, id, commit, name))
		w.WriteHeader(http.StatusFound)
	case kind == "resolve":
		w.Header().Set("Location", fmt.Sprintf("/api/resolve-cache/models/%s/%s/%s", id, commit, name))
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		w.Header().Set("ETag", `"`+ETag(name, data)+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// split cuts ID/COMMIT/NAME, whose name may have folders.
func split(path string) (id, commit, name string) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if len(p) == 40 && i > 0 && i < len(parts)-1 {
			return strings.Join(parts[:i], "/"), p, strings.Join(parts[i+1:], "/")
		}
	}
	return path, "", ""
}

// Large tells whether the file is kept apart from the others, as git LFS does.
func Large(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".bin")
}

// ETag is the name of a file's blob.
func ETag(name string, data []byte) string {
	if Large(name) {
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	return fmt.Sprintf("%x", sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...)))
}

// content serves what the Hub redirects to.
func (h *Hub) content(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "X-Signature=SECRET" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	id, commit, name := split(strings.TrimPrefix(r.URL.Path, "/"))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.models[id].commits[commit][name]))
}
