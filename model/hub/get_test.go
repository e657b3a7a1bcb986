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

	"github.com/golens/golens/model/hub/hubtest"
)

// config is of a client that does not wait long.
func config() Config { return Config{pause: time.Millisecond, stall: 4 * time.Minute} }

// filesOf is a model of n bytes of weights.
func filesOf(n int) map[string][]byte {
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
	h := hubtest.New(t)
	want := filesOf(1000)
	h.Publish("org/tiny", hubtest.CommitA, want, "main", "step3")
	dir := get(t, "org/tiny", config())
	cache := filepath.Join(os.Getenv("HF_HOME"), "hub")
	if dir != filepath.Join(cache, "models--org--tiny", "snapshots", hubtest.CommitA) {
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
	wanted := []string{in("refs", "main"), in("snapshots", hubtest.CommitA, "config.json"), in("snapshots", hubtest.CommitA, "model.safetensors"), in("snapshots", hubtest.CommitA, "tokenizer.json")}
	for _, name := range smallFiles {
		if want[name] == nil {
			wanted = append(wanted, in(".no_exist", hubtest.CommitA, name))
		}
	}
	slices.Sort(wanted)
	slices.Sort(plainNames)
	if !slices.Equal(plainNames, wanted) {
		t.Errorf("the cache holds\n%s\nwant\n%s", strings.Join(plainNames, "\n"), strings.Join(wanted, "\n"))
	}
	if data, _ := os.ReadFile(filepath.Join(cache, in("refs", "main"))); string(data) != hubtest.CommitA {
		t.Errorf("refs/main holds %q", data)
	}
}

func TestWhatIsThereIsNotFetched(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(1000), "main", "v1")
	dir := get(t, "gpt2", config())
	h.Forget()
	if again := get(t, "gpt2", config()); again != dir || len(h.Requests()) != 0 {
		t.Errorf("%s again, with requests %v", again, h.Requests())
	}
	// Another name of the same commit needs its list only.
	if again := get(t, "gpt2@v1", config()); again != dir || len(h.Requests()) != 1 {
		t.Errorf("%s by its tag, with requests %v", again, h.Requests())
	}
	h.Forget()
	// A newer commit shares what did not change.
	newer := filesOf(1000)
	newer["config.json"] = []byte(`{"model_type":"gpt2","n_layer":2}`)
	h.Publish("gpt2", hubtest.CommitB, newer, "main")
	if old := get(t, "gpt2", config()); old != dir {
		t.Errorf("without Update a branch is what the cache says, but got %s", old)
	}
	c := config()
	c.Update = true
	updated := get(t, "gpt2", c)
	holds(t, updated, newer, "config.json", "tokenizer.json", "model.safetensors")
	for _, r := range h.Requests() {
		if r.CDN {
			t.Errorf("the same weights came again: %v", r)
		}
	}
	if again := get(t, "gpt2", config()); again != updated || filepath.Base(again) != hubtest.CommitB {
		t.Errorf("after the update, %s", again)
	}
	holds(t, get(t, "gpt2@"+hubtest.CommitA, config()), filesOf(1000), "config.json")
}

func TestRevisions(t *testing.T) {
	h := hubtest.New(t)
	steps := map[string][]byte{"step0": nil, "step3000": nil, "refs/pr/1": nil, "deep/branch": nil}
	n := 0
	for name := range steps {
		n++
		commit := strings.Repeat(string(rune('0'+n)), 40)
		h.Publish("EleutherAI/pythia-70m", commit, filesOf(100+n), name)
		dir := get(t, "EleutherAI/pythia-70m@"+name, config())
		holds(t, dir, filesOf(100+n), "model.safetensors")
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
	h := hubtest.New(t)
	all := map[string][]byte{
		"config.json": []byte(`{}`), "vocab.json": []byte(`{}`), "merges.txt": []byte(`#`),
		"model-00001-of-00002.safetensors": content(3000, 1), "model-00002-of-00002.safetensors": content(5000, 2), "unused.safetensors": content(10, 3),
		indexFile: []byte(`{"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}}`),
	}
	h.Publish("big", hubtest.CommitA, all, "main")
	dir := get(t, "big", config())
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
	holds(t, get(t, "big", config()), all, "model-00002-of-00002.safetensors")
}

func TestProgressAddsUp(t *testing.T) {
	h := hubtest.New(t)
	h.Publish("gpt2", hubtest.CommitA, filesOf(3<<20), "main")
	var last Progress
	c := config()
	c.Progress = func(p Progress) {
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}
	get(t, "gpt2", c)
	want := int64(3<<20 + len(filesOf(0)["config.json"]) + len(filesOf(0)["tokenizer.json"]))
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
		"0 B of 548 MB",
		"53.1 MB of 548 MB, 50.0 MB/s, 10s left",
		"58.1 MB of 548 MB, 50.0 MB/s, 10s left",
		"158 MB of 548 MB, 93.8 MB/s, 4s left", // 100 MB/s for a second, after 50 for a fifth that has faded to 0.143
		"158 MB of 548 MB, 93.8 MB/s",
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
