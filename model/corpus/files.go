package corpus

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/golens/golens/model/files"
)

// A Reader gives the documents of a file.
type Reader func(path string) Source

var (
	readersMu sync.Mutex
	readers   = map[string]Reader{
		".txt": Text, ".md": Text, ".jsonl": func(path string) Source { return JSONLines(path, "text") },
		".ndjson": func(path string) Source { return JSONLines(path, "text") },
	}
)

// Register says how files whose names end so are read, such as ".parquet"; also with
// .gz behind it. A package that reads a format calls it.
func Register(ending string, r Reader) {
	readersMu.Lock()
	defer readersMu.Unlock()
	readers[ending] = r
}

// readerOf is how a file is read, nil if nobody knows.
func readerOf(name string) Reader {
	readersMu.Lock()
	defer readersMu.Unlock()
	return readers[strings.ToLower(path.Ext(strings.TrimSuffix(name, ".gz")))]
}

// File is the documents of a file, by the ending of its name: .txt and .md are one
// document, .jsonl and .ndjson one a line, whose text is the key "text"; .gz behind it
// is unpacked. Others must be registered, as package parquet does.
func File(name string) Source {
	if r := readerOf(name); r != nil {
		return r(name)
	}
	return failed(fmt.Errorf("corpus: %s: nobody reads files that end so; .txt, .md, .jsonl and .ndjson are known, .parquet where package parquet is imported", name))
}

// Text is a file that is one document.
func Text(name string) Source {
	return func(yield func(Document, error) bool) {
		raw, err := readAll(name)
		if err != nil {
			err = fmt.Errorf("corpus: %w", err)
		}
		yield(Document{Text: string(raw), Source: name}, err)
	}
}

// Lines is a file of which every line is a document.
func Lines(name string) Source {
	return lines(name, func(line []byte) (string, error) { return string(line), nil })
}

// JSONLines is a file with a JSON object a line, whose text is one of its keys.
func JSONLines(name, key string) Source {
	return lines(name, func(line []byte) (string, error) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			return "", err
		}
		raw, ok := fields[key]
		if !ok {
			keys := make([]string, 0, len(fields))
			for k := range fields {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			return "", fmt.Errorf("there is no key %q; there are %q", key, keys)
		}
		var text string
		return text, json.Unmarshal(raw, &text)
	})
}

// longestLine bounds a line.
const longestLine = 64 << 20

func lines(name string, text func(line []byte) (string, error)) Source {
	return func(yield func(Document, error) bool) {
		f, err := open(name)
		if err != nil {
			yield(Document{Source: name}, fmt.Errorf("corpus: %w", err))
			return
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(nil, longestLine)
		for n := 1; s.Scan(); n++ {
			if len(bytes.TrimSpace(s.Bytes())) == 0 {
				continue
			}
			at := fmt.Sprintf("%s:%d", name, n)
			d, err := text(s.Bytes())
			if err != nil {
				err = fmt.Errorf("corpus: %s: %w", at, err)
			}
			if !yield(Document{Text: d, Source: at}, err) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(Document{Source: name}, fmt.Errorf("corpus: %s: %w", name, err))
		}
	}
}

// Folder is the files of a folder and of those in it, in the order of their paths, that
// match one of the patterns; without patterns, all whose format is known. It is an error
// if there are none.
func Folder(dir string, patterns ...string) Source {
	return func(yield func(Document, error) bool) {
		var names, others []string
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			takes := len(patterns) == 0 && readerOf(name) != nil
			for _, p := range patterns {
				ok, err := filepath.Match(p, filepath.Base(name))
				if err != nil {
					return fmt.Errorf("pattern %q: %w", p, err)
				}
				takes = takes || ok
			}
			if end := path.Ext(name); takes {
				names = append(names, name)
			} else if end != "" && !slices.Contains(others, end) {
				others = append(others, end)
			}
			return nil
		})
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("%s holds no file that matches %q or has a known format; its files end in %q, of which package parquet, imported, reads .parquet", dir, patterns, others)
		}
		if err != nil {
			yield(Document{Source: dir}, fmt.Errorf("corpus: %w", err))
			return
		}
		for _, name := range names {
			for d, err := range File(name) {
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// DataSet is the files of a data set in the Hugging Face cache, such as
// "wikimedia/wikipedia", that match one of the patterns or whose format is known. It
// downloads nothing.
func DataSet(name string, patterns ...string) Source {
	cache := os.Getenv("HF_HUB_CACHE")
	if cache == "" {
		home := os.Getenv("HF_HOME")
		if home == "" {
			user, err := os.UserCacheDir()
			if err != nil {
				return failed(fmt.Errorf("corpus: %w", err))
			}
			home = filepath.Join(user, "huggingface")
		}
		cache = filepath.Join(home, "hub")
	}
	repo := filepath.Join(cache, "datasets--"+strings.ReplaceAll(name, "/", "--"))
	commit, err := files.Read(filepath.Join(repo, "refs", "main"))
	if err != nil {
		return failed(fmt.Errorf("corpus: the data set %s is not in the cache: %w; Python's snapshot_download(%q, repo_type=\"dataset\") brings it", name, err, name))
	}
	return Folder(filepath.Join(repo, "snapshots", strings.TrimSpace(string(commit))), patterns...)
}

// readAll reads a file, unpacked if it ends in .gz.
func readAll(name string) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, nil
}

type unpacked struct {
	io.Reader
	io.Closer
}

func open(name string) (io.ReadCloser, error) {
	f, err := files.Open(name)
	if err != nil || !strings.HasSuffix(name, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return unpacked{z, f}, nil
}
