// Package rundir makes the private folders of a running kernel, and sweeps
// those that kernels killed without warning have left.
//
// A folder belongs to the process that holds the lock file in it. The lock
// ends with the process, however it ends, so an unlocked folder is stale.
package rundir

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/golens/golens/kernel/internal/proc"
)

// maxSocketPath is the longest path of a unix socket that works everywhere:
// sun_path has 104 bytes on the BSDs and macOS, 108 on Linux, with a final 0.
const maxSocketPath = 103

// socketNames is the room that the names of sockets need inside a folder.
const socketNames = len("/host.sock")

// Dir is a private folder, locked by this process.
type Dir struct {
	Path string
	lock *proc.Lock
}

// Sockets makes a folder for sockets: under XDG_RUNTIME_DIR if that is set, else
// under the folder for temporary files, or the user's cache where another user
// has taken the folder's name there. Every path of a socket in it fits into
// the system's limit.
func Sockets() (*Dir, error) {
	places := append([]string{base(os.TempDir()), base("/tmp")}, own()...)
	if x := os.Getenv("XDG_RUNTIME_DIR"); x != "" {
		places = append([]string{base(x)}, places...)
	}
	d, err := first(places, func(d *Dir) error {
		if len(d.Path)+socketNames > maxSocketPath {
			return fmt.Errorf("%s is too long a path for a unix socket (limit %d bytes)", d.Path, maxSocketPath)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("no folder for the kernel's sockets: %w; set XDG_RUNTIME_DIR to a short path that you own", err)
	}
	return d, nil
}

// own is where nobody else can be in the way: anybody may take the name that the
// user's folder has in the one for temporary files.
func own() []string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(cache, "golens", "run")}
}

// first makes a folder at the first of the places where that can be done and
// that fits. The error is that of the first place.
func first(places []string, fits func(*Dir) error) (*Dir, error) {
	var why error
	for _, p := range places {
		d, err := Make(p)
		if err == nil {
			if err = fits(d); err == nil {
				return d, nil
			}
			d.Remove()
		}
		if why == nil {
			why = err
		}
	}
	return nil, why
}

// Work makes a folder for a kernel's temporary files.
func Work() (*Dir, error) {
	d, err := first(append([]string{base(os.TempDir())}, own()...), func(*Dir) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("no folder for the kernel's temporary files: %w; set TMPDIR to a folder that you own", err)
	}
	return d, nil
}

func base(parent string) string {
	return filepath.Join(parent, "golens-"+strconv.Itoa(os.Getuid()))
}

// Make sweeps base, which it creates if needed, and makes a new folder in it.
// base must belong to this user and be closed to others.
func Make(base string) (*Dir, error) {
	if err := private(base); err != nil {
		return nil, err
	}
	// Held while folders are made and swept, so that a folder is never seen
	// between its making and its locking.
	all, err := proc.Acquire(filepath.Join(base, "lock"))
	if err != nil {
		return nil, err
	}
	defer all.Unlock()
	sweep(base)
	path, err := os.MkdirTemp(base, "k-")
	if err != nil {
		return nil, err
	}
	l, err := proc.Acquire(filepath.Join(path, "lock"))
	if err != nil {
		os.RemoveAll(path)
		return nil, err
	}
	return &Dir{Path: path, lock: l}, nil
}

// private makes dir with mode 0700, or checks that it is ours and closed.
func private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err == nil || !os.IsExist(err) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !ok || int(st.Uid) != os.Getuid():
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o077 != 0:
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// sweep removes the folders of base whose process is gone.
func sweep(base string) {
	old, _ := filepath.Glob(filepath.Join(base, "k-*"))
	for _, path := range old {
		l, err := proc.TryAcquire(filepath.Join(path, "lock"))
		if err != nil {
			continue // in use, or being removed by its owner
		}
		_ = removeAll(path) // what cannot be removed now is tried at the next start
		_ = l.Unlock()
	}
}

// Remove deletes the folder with all it holds.
func (d *Dir) Remove() error {
	err := removeAll(d.Path)
	_ = d.lock.Unlock()
	return err
}

// Remove deletes the kernel folder at path, made by another process.
func Remove(path string) error { return removeAll(path) }

// removeAll is os.RemoveAll that opens read-only folders first: the go command
// makes its module cache read-only, and a cell may have put one there.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
