package render

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile writes data to path whole or not at all: into a new file beside it,
// which then takes its place and its mode.
func writeFile(path string, data []byte) (err error) {
	defer func() {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			err = fmt.Errorf("%s was not written: the disk is full (%d bytes are needed)", path, len(data))
		} else if err != nil {
			err = fmt.Errorf("%s was not written: %w", path, err)
		}
	}()
	old, err := regular(path)
	if err != nil {
		return err
	}
	f, err := beside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	// The blocks of a file may only be found missing when they reach the disk.
	if err = f.Sync(); err != nil {
		return err
	}
	if old != nil {
		if err = f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// beside makes a new file in path's folder, with the mode of any new file.
func beside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// regular describes the file at path, nil if there is none. What is no regular
// file is an error: a rename would put a file in the place of a device or a
// pipe that others hold, or in that of a link, and not where the link leads.
func regular(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a link: name the file that it leads to", path)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name a file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file (%v) and would be replaced: name another", path, info.Mode())
	}
	return info, nil
}

// stdout is the name of standard output.
const stdout = "-"

// writable checks, before minutes of computing, that files can be made where
// the results are to go, and that they replace neither the notebook nor each
// other. The executed notebook alone may take the notebook's place.
func writable(notebook, html, executed string) error {
	in, err := os.Stat(notebook)
	if err != nil {
		return err
	}
	for _, p := range []string{html, executed} {
		if p == "" || p == stdout {
			continue
		}
		old, err := regular(p)
		if err != nil {
			return fmt.Errorf("cannot write: %w", err)
		}
		if p == html && os.SameFile(in, old) {
			return fmt.Errorf("cannot write the report to %s: that is the notebook", p)
		}
		f, err := beside(p)
		if err != nil {
			return fmt.Errorf("cannot write %s: %w", p, err)
		}
		f.Close()
		os.Remove(f.Name())
	}
	if same(html, executed) {
		return fmt.Errorf("cannot write both the report and the executed notebook to %s", html)
	}
	return nil
}

// same tells whether two paths name one file, which need not exist.
func same(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == stdout || b == stdout {
		return a == b
	}
	dirA, errA := os.Stat(filepath.Dir(a))
	dirB, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(dirA, dirB) && filepath.Base(a) == filepath.Base(b)
}
