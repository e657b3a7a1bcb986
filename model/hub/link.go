package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/golens/golens/model/files"
)

// symlink is [os.Symlink], but in tests.
var symlink = os.Symlink

// link puts a blob into a snapshot under the file's name: as a link or, where
// links cannot be made, as the file itself. A new blob, which no other snapshot
// can need yet, is then moved; an old one is copied.
func (r repo) link(commit string, e entry, isNew bool) error {
	at := r.pointer(commit, e.name)
	if isFile(at) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		return r.unwritable(err)
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) { // a link to a blob that is gone
		return r.unwritable(err)
	}
	up := strings.Repeat("../", strings.Count(e.name, "/"))
	err := symlink(filepath.Join(filepath.FromSlash(up), "..", "..", "blobs", e.etag), at)
	switch {
	case err == nil, errors.Is(err, fs.ErrExist) && isFile(at): // somebody was faster
		return nil
	case isNew:
		err = os.Rename(r.blob(e.etag), at)
	default:
		err = duplicate(r.blob(e.etag), at)
	}
	if err != nil {
		return r.unwritable(err)
	}
	return nil
}

// duplicate copies a file. The copy appears whole or not at all.
func duplicate(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	return files.Stream(to, func(w io.Writer) error { _, err := io.Copy(w, src); return err })
}

// unwritable adds to an error of the file system what to do about it.
func (r repo) unwritable(err error) error {
	cache := filepath.Dir(r.root)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("the disk of the Hugging Face cache %s is full; make room and try again (the download goes on where it stopped), "+
			"or set HF_HOME to a folder on another disk: %w", cache, err)
	}
	return fmt.Errorf("the Hugging Face cache %s cannot be written; set HF_HOME to a folder that can: %w", cache, err)
}
