package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/golens/golens/model/files"
)

// Find is the folder of a model in the cache, with its configuration and all
// its weights, or its one file. It never uses the network. The error wraps [ErrNotCached] if
// something is missing, and says what.
func Find(ref Ref, c Config) (dir string, err error) {
	if err := ref.check(); err != nil {
		return "", err
	}
	if c, err = c.filled(); err != nil {
		return "", err
	}
	return c.repo(ref).find(ref)
}

// Whole tells whether a model in the cache came with its tokenizer, or is known
// to have none.
func Whole(ref Ref, c Config) bool {
	dir, err := Find(ref, c)
	if err != nil {
		return false
	}
	c, err = c.filled()
	return err == nil && (ref.File != "" || c.repo(ref).whole(filepath.Base(dir)))
}

// repo is a model's folder in the cache.
type repo struct {
	root  string // models--ORGANIZATION--NAME
	locks string
}

func (c Config) repo(ref Ref) repo {
	return repo{filepath.Join(c.Cache, ref.folder()), filepath.Join(c.Cache, ".locks", ref.folder())}
}

func (r repo) snapshot(commit string) string { return filepath.Join(r.root, "snapshots", commit) }
func (r repo) blob(etag string) string       { return filepath.Join(r.root, "blobs", etag) }
func (r repo) ref(revision string) string {
	return filepath.Join(r.root, "refs", filepath.FromSlash(revision))
}
func (r repo) noExist(commit, n string) string { return filepath.Join(r.root, ".no_exist", commit, n) }
func (r repo) pointer(commit, n string) string { return filepath.Join(r.snapshot(commit), n) }
func (r repo) has(commit, name string) bool    { return isFile(r.pointer(commit, name)) }
func (r repo) known(commit, name string) bool {
	return r.has(commit, name) || isFile(r.noExist(commit, name))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// commit is what a revision means, as far as the cache knows; empty if it does
// not.
func (r repo) commit(revision string) (string, error) {
	if commitID.MatchString(revision) {
		return revision, nil
	}
	const most = 1 << 10 // a commit has 40 bytes
	data, err := readSmall(r.ref(revision), most)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	commit, ok := commitIn(data)
	if !ok {
		return "", fmt.Errorf("%s does not hold a commit; remove it", r.ref(revision))
	}
	return commit, nil
}

// commitIn is the commit that a revision's file holds.
func commitIn(data []byte) (commit string, ok bool) {
	commit = strings.TrimSpace(string(data))
	return commit, commitID.MatchString(commit)
}

// find is the snapshot of a revision whose weights are all there.
func (r repo) find(ref Ref) (string, error) {
	commit, err := r.commit(ref.revision())
	if err != nil {
		return "", err
	}
	if commit == "" {
		return "", fmt.Errorf("%s is %w in %s", ref, ErrNotCached, filepath.Dir(r.root))
	}
	missing, err := r.missing(commit, ref)
	if err != nil {
		return "", err
	}
	if missing != "" {
		return "", fmt.Errorf("%s is %w as a whole: %s has no %s", ref, ErrNotCached, r.snapshot(commit), missing)
	}
	return filepath.Join(r.snapshot(commit), ref.File), nil
}

// missing is a file without which a snapshot cannot be opened.
func (r repo) missing(commit string, ref Ref) (string, error) {
	if ref.File != "" {
		if r.has(commit, ref.File) {
			return "", nil
		}
		return ref.File, nil
	}
	if !r.has(commit, configFile) {
		return configFile, nil
	}
	if r.has(commit, weightsFile) {
		return "", nil
	}
	if !r.has(commit, indexFile) {
		return weightsFile, nil
	}
	all, err := r.shards(commit)
	if err != nil {
		return "", err
	}
	for _, shard := range all {
		if !r.has(commit, shard) {
			return shard, nil
		}
	}
	return "", nil
}

// maxIndex bounds an index file: models of a trillion weights have 10 MB.
const maxIndex = 256 << 20

func (r repo) shards(commit string) ([]string, error) {
	data, err := readSmall(r.pointer(commit, indexFile), maxIndex)
	if err != nil {
		return nil, err
	}
	all, err := shards(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.snapshot(commit), err)
	}
	return all, nil
}

// whole tells whether all is known about a snapshot: its tokenizer is there, or
// it is known to have none.
func (r repo) whole(commit string) bool {
	none := true
	for _, group := range tokenizerFiles {
		have := true
		for _, name := range group {
			have = have && r.has(commit, name)
			none = none && r.known(commit, name)
		}
		if have {
			return true
		}
	}
	return none
}

// remember writes down what a revision means, and which files its commit does
// not have.
func (r repo) remember(ref Ref, commit string, absent []string) error {
	for _, name := range absent {
		if err := writeSmall(r.noExist(commit, name), nil); err != nil {
			return err
		}
	}
	if ref.revision() == commit {
		return nil
	}
	return writeSmall(r.ref(ref.revision()), []byte(commit))
}

// writeSmall writes a file. One that holds the same already is left as it is.
func writeSmall(path string, data []byte) error {
	if old, err := readSmall(path, 1<<10); err == nil && string(old) == string(data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return files.Write(path, data)
}

// readSmall reads a file of at most most bytes.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %d bytes, or not a file; at most %d are expected", path, info.Size(), most)
	}
	return os.ReadFile(path)
}
