package hub

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/model/hub/hubtest"
	"github.com/golens/golens/model/internal/frugal"
)

// most is what reading n bytes may allocate. JSON makes 16 bytes of a string's
// three, twice while a slice grows; the constant is what cannot be seen.
func most(n int) int { return 128*n + 1<<20 }

// inside fails if a path leads out of a folder.
func inside(t *testing.T, root, path string) {
	t.Helper()
	if rel, err := filepath.Rel(root, path); err != nil || !filepath.IsLocal(rel) || rel == "." {
		t.Errorf("%q leads out of %s", path, root)
	}
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"gpt2", "org/name@main", "a/b@refs/pr/1", "../x", "a/../b", "/etc/passwd", "a@../../x", "a@/x", "a@b/../../c",
		`a\b`, "a--b", "a@.hidden", "C:/x", "a@b\x00c", "a.git", "-a", "a@" + hubtest.CommitA, "zoo:induction"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, err := Parse(name)
		if err != nil {
			return
		}
		if again, err := Parse(r.String()); err != nil || again != r {
			t.Errorf("%q is %+v, which reads as %+v, %v", name, r, again, err)
		}
		repo := Config{Cache: "/cache"}.repo(r)
		if filepath.Dir(repo.root) != "/cache" || filepath.Dir(repo.locks) != "/cache/.locks" {
			t.Errorf("%q is in %+v", name, repo)
		}
		inside(t, filepath.Join(repo.root, "refs"), repo.ref(r.revision()))
		if req, err := http.NewRequest("GET", "http://hub/"+r.ID+"/resolve/main/config.json", nil); err != nil || req.URL.Host != "hub" {
			t.Errorf("%q makes a bad address: %v", name, err)
		}
	})
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"sha":"` + hubtest.CommitA + `","siblings":[{"rfilename":"config.json"},{"rfilename":"model.safetensors"}]}`))
	f.Add([]byte(`{"sha":"` + hubtest.CommitA + `","siblings":[{"rfilename":"../../config.json"},{},{"rfilename":"model.safetensors.index.json"}]}`))
	f.Add([]byte(`{"sha":"../..","siblings":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Check(t, most(len(data)), func() {
			l, err := parseListing(data)
			if err != nil {
				return
			}
			inside(t, "/snapshots", filepath.Join("/snapshots", l.commit))
			need, absent, err := choose(Ref{ID: "gpt2"}, l.files)
			if err != nil {
				if strings.ContainsAny(err.Error(), "\x1b\x00") {
					t.Errorf("the error has control characters: %q", err)
				}
				return
			}
			for _, name := range append(need, absent...) {
				if !plain(name) {
					t.Errorf("file %q", name)
				}
			}
		})
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(`"`+strings.Repeat("a", 40)+`"`, "", "", int64(7))
	f.Add(`W/"x"`, `"`+strings.Repeat("b", 64)+`"`, "123", int64(-1))
	f.Add(`"../../etc"`, `"."`, "-5", int64(0))
	f.Add(`"x.incomplete"`, "", "99999999999999999999", int64(0))
	f.Fuzz(func(t *testing.T, etag, linked, size string, length int64) {
		h := http.Header{"X-Repo-Commit": {hubtest.CommitA}, "Etag": {etag}, "X-Linked-Etag": {linked}, "X-Linked-Size": {size}}
		e, err := parseEntry(h, length, hubtest.CommitA, "model.safetensors")
		if err != nil {
			return
		}
		inside(t, "/blobs", filepath.Join("/blobs", e.etag))
		if e.size < 0 || filepath.Ext(e.etag) != "" {
			t.Errorf("%+v", e)
		}
		_ = e.hash()
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("bytes 1-2/3", "7", "t=5")
	f.Add("bytes */3", "Tue, 24 Nov 2026 12:00:09 GMT", `"api";r=0;t=-1`)
	f.Fuzz(func(t *testing.T, span, after, limit string) {
		if from, size := contentRange(http.Header{"Content-Range": {span}}); from < -1<<62 && size < -1<<62 {
			t.Errorf("%q", span)
		}
		if wait := asked(http.Header{"Retry-After": {after}, "Ratelimit": {limit}}, time.Unix(0, 0)); wait < 0 {
			t.Errorf("%q, %q ask for %s", after, limit, wait)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}`))
	for _, name := range []string{"../a.safetensors", "/a.safetensors", `a\\b.safetensors`, "a/b.safetensors", ".safetensors", "C:a.safetensors", "a\\u0000.safetensors"} {
		f.Add(fmt.Appendf(nil, `{"weight_map":{"a":"%s"}}`, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Check(t, most(len(data)), func() {
			all, err := shards(data)
			if err != nil {
				return
			}
			for _, name := range all {
				if path := filepath.Join("/snapshot", name); filepath.Dir(path) != "/snapshot" || !strings.HasSuffix(path, ".safetensors") {
					t.Errorf("shard %q", name)
				}
			}
		})
	})
}

func FuzzRefsFile(f *testing.F) {
	f.Add([]byte(hubtest.CommitA))
	f.Add([]byte(hubtest.CommitA + "\n"))
	f.Add([]byte("../../../../etc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if commit, ok := commitIn(data); ok {
			inside(t, "/snapshots", repo{root: "/"}.snapshot(commit))
		}
	})
}
