package hub

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ref parses a name that is right.
func ref(t testing.TB, name string) Ref {
	t.Helper()
	r, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// get fetches a model that is there.
func get(t testing.TB, name string, c Config) string {
	t.Helper()
	dir, err := Get(context.Background(), ref(t, name), c)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// holds compares files of a folder with what was published.
func holds(t testing.TB, dir string, want map[string][]byte, names ...string) {
	t.Helper()
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != string(want[name]) {
			t.Errorf("%s: %d bytes (%v), want %d", name, len(got), err, len(want[name]))
		}
	}
}

// tree is the files below a folder, with where links lead.
func tree(t testing.TB, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if to, err := os.Readlink(path); err == nil {
			name += " -> " + to
		}
		all = append(all, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLayoutIsPythons(t *testing.T) {
	h := newFakeHub(t)
	want := files(1000)
	h.publish("org/tiny", commitA, want, "main", "step3")
	dir := get(t, "org/tiny", h.config())
	cache := filepath.Join(os.Getenv("HF_HOME"), "hub")
	if dir != filepath.Join(cache, "models--org--tiny", "snapshots", commitA) {
		t.Errorf("the model is in %s", dir)
	}
	holds(t, dir, want, "config.json", "tokenizer.json", "model.safetensors")
	sums := map[string]int{"model.safetensors": 64, "config.json": 40, "tokenizer.json": 40} // digits of SHA-256 and of SHA-1
	var plainNames []string
	for _, line := range tree(t, cache) {
		name, to, link := strings.Cut(line, " -> ")
		base := filepath.Base(name)
		if link != strings.Contains(name, "/snapshots/") {
			t.Errorf("%s: links are in snapshots, and only there", line)
		}
		if link {
			if !strings.HasPrefix(to, "../../blobs/") {
				t.Errorf("%s leads out of the model's folder", line)
			}
			if len(filepath.Base(to)) != sums[base] {
				t.Errorf("%s: large files are named by SHA-256, others by git's SHA-1", line)
			}
		}
		if !strings.Contains(name, "/blobs/") && !strings.HasPrefix(name, ".locks/models--org--tiny/") {
			plainNames = append(plainNames, name)
		}
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{"models--org--tiny"}, parts...)...) }
	wanted := []string{in("refs", "main"), in("snapshots", commitA, "config.json"), in("snapshots", commitA, "model.safetensors"), in("snapshots", commitA, "tokenizer.json")}
	for _, name := range smallFiles {
		if want[name] == nil {
			wanted = append(wanted, in(".no_exist", commitA, name))
		}
	}
	slices.Sort(wanted)
	slices.Sort(plainNames)
	if !slices.Equal(plainNames, wanted) {
		t.Errorf("the cache holds\n%s\nwant\n%s", strings.Join(plainNames, "\n"), strings.Join(wanted, "\n"))
	}
	if data, _ := os.ReadFile(filepath.Join(cache, in("refs", "main"))); string(data) != commitA {
		t.Errorf("refs/main holds %q", data)
	}
}

func TestWhatIsThereIsNotFetched(t *testing.T) {
	h := newFakeHub(t)
	h.publish("gpt2", commitA, files(1000), "main", "v1")
	dir := get(t, "gpt2", h.config())
	h.forget()
	if again := get(t, "gpt2", h.config()); again != dir || len(h.requests()) != 0 {
		t.Errorf("%s again, with requests %v", again, h.requests())
	}
	// Another name of the same commit needs its list only.
	if again := get(t, "gpt2@v1", h.config()); again != dir || len(h.requests()) != 1 {
		t.Errorf("%s by its tag, with requests %v", again, h.requests())
	}
	h.forget()
	// A newer commit shares what did not change.
	newer := files(1000)
	newer["config.json"] = []byte(`{"model_type":"gpt2","n_layer":2}`)
	h.publish("gpt2", commitB, newer, "main")
	if old := get(t, "gpt2", h.config()); old != dir {
		t.Errorf("without Update a branch is what the cache says, but got %s", old)
	}
	c := h.config()
	c.Update = true
	updated := get(t, "gpt2", c)
	holds(t, updated, newer, "config.json", "tokenizer.json", "model.safetensors")
	for _, r := range h.requests() {
		if r.cdn {
			t.Errorf("the same weights came again: %v", r)
		}
	}
	if again := get(t, "gpt2", h.config()); again != updated || filepath.Base(again) != commitB {
		t.Errorf("after the update, %s", again)
	}
	holds(t, get(t, "gpt2@"+commitA, h.config()), files(1000), "config.json")
}

func TestRevisions(t *testing.T) {
	h := newFakeHub(t)
	steps := map[string][]byte{"step0": nil, "step3000": nil, "refs/pr/1": nil, "deep/branch": nil}
	n := 0
	for name := range steps {
		n++
		commit := strings.Repeat(string(rune('0'+n)), 40)
		h.publish("EleutherAI/pythia-70m", commit, files(100+n), name)
		dir := get(t, "EleutherAI/pythia-70m@"+name, h.config())
		holds(t, dir, files(100+n), "model.safetensors")
		if filepath.Base(dir) != commit {
			t.Errorf("%s is %s, want %s", name, dir, commit)
		}
		if found, err := Find(ref(t, "EleutherAI/pythia-70m@"+name), Config{}); err != nil || found != dir {
			t.Errorf("found %s, %v", found, err)
		}
	}
	if _, err := Find(ref(t, "EleutherAI/pythia-70m"), Config{}); !errors.Is(err, ErrNotCached) {
		t.Errorf("main was never fetched: %v", err)
	}
}

func TestShards(t *testing.T) {
	h := newFakeHub(t)
	all := map[string][]byte{
		"config.json": []byte(`{}`), "vocab.json": []byte(`{}`), "merges.txt": []byte(`#`),
		"model-00001-of-00002.safetensors": content(3000, 1), "model-00002-of-00002.safetensors": content(5000, 2), "unused.safetensors": content(10, 3),
		indexFile: []byte(`{"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}`),
	}
	h.publish("big", commitA, all, "main")
	dir := get(t, "big", h.config())
	holds(t, dir, all, "config.json", "vocab.json", "merges.txt", indexFile, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
	if isFile(filepath.Join(dir, "unused.safetensors")) {
		t.Error("a file came that the index does not name")
	}
	if err := os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(ref(t, "big"), Config{}); !errors.Is(err, ErrNotCached) || !strings.Contains(err.Error(), "model-00002-of-00002.safetensors") {
		t.Errorf("a shard is missing, and Find says %v", err)
	}
	holds(t, get(t, "big", h.config()), all, "model-00002-of-00002.safetensors")
}

func TestProgressAddsUp(t *testing.T) {
	h := newFakeHub(t)
	h.publish("gpt2", commitA, files(3<<20), "main")
	var last Progress
	c := h.config()
	c.Progress = func(p Progress) {
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}
	get(t, "gpt2", c)
	want := int64(3<<20 + len(files(0)["config.json"]) + len(files(0)["tokenizer.json"]))
	if last.Done != want || last.Total != want || last.Model != "gpt2" {
		t.Errorf("at the end %+v, want %d bytes", last, want)
	}
}

func TestProgressSays(t *testing.T) {
	now := time.Unix(0, 0)
	var got []string
	m := newMeter("gpt2", func(p Progress) { got = append(got, p.String()) })
	m.now, m.last = func() time.Time { return now }, now
	m.expect(548_105_171)
	m.have(48_105_171)
	for range 4 {
		now = now.Add(50 * time.Millisecond)
		m.add(2_500_000)
	}
	now = now.Add(time.Second)
	m.add(100_000_000)
	m.end()
	want := []string{
		"gpt2: 53.1 MB of 548 MB, 50.0 MB/s, 10s left",
		"gpt2: 58.1 MB of 548 MB, 50.0 MB/s, 10s left",
		"gpt2: 158 MB of 548 MB, 64.2 MB/s, 6s left", // 100 MB/s weighs 1-exp(-1/3)
		"gpt2: 158 MB of 548 MB, 64.2 MB/s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 99_960: "100 kB", 999_600: "1.0 MB", 1_500_000_000: "1.5 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
