// Package files writes what a user keeps: whole or not at all, and never in the
// place of something that is not a file. It needs the standard library alone, and
// may be linked anywhere.
package files

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Write writes data to path: into a new file beside it, which then takes its place
// and its mode, if there was one. An error says why, and that what stood there
// before, if anything, still does.
func Write(path string, data []byte) error {
	return put(path, 0, len(data), func(f *os.File) error { _, err := f.Write(data); return err })
}

// Secret writes data to path as Write does, for the user's own eyes whoever could read
// what stood there.
func Secret(path string, data []byte) error {
	return put(path, 0o600, len(data), func(f *os.File) error { _, err := f.Write(data); return err })
}

// Stream writes what write gives to path as Write does. An error of write's own is
// returned as it is.
func Stream(path string, write func(io.Writer) error) error {
	var own error
	err := put(path, 0, 0, func(f *os.File) error {
		w := bufio.NewWriter(f)
		wrote := write(w)
		if err := w.Flush(); err != nil {
			return err
		}
		own = wrote
		return own
	})
	if own != nil {
		return own
	}
	return err
}

// put writes a file of size bytes, 0 if that is not known. A mode of 0 is that of the
// file that stood there, or of any new one.
func put(path string, mode fs.FileMode, size int, write func(*os.File) error) (err error) {
	defer func() {
		switch full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT); {
		case full && size > 0:
			err = fmt.Errorf("%s was not written: the disk is full (%d bytes are needed): %w", path, size, err)
		case full:
			err = fmt.Errorf("%s was not written: the disk is full: %w", path, err)
		case err != nil:
			err = fmt.Errorf("%s was not written: %w", path, err)
		}
	}()
	old, err := Regular(path)
	if err != nil {
		return err
	}
	f, err := Beside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if mode == 0 && old != nil {
		mode = old.Mode().Perm()
	}
	if mode != 0 {
		if err = f.Chmod(mode); err != nil {
			return err
		}
	}
	if err = write(f); err != nil {
		return err
	}
	// The blocks of a file may only be found missing when they reach the disk.
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Beside makes a new file in path's folder, with the mode of any new file.
func Beside(path string) (*os.File, error) {
	return os.OpenFile(filepath.Join(filepath.Dir(path), ".golens-"+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
}

// Regular describes the file at path, nil if there is none. What is no regular
// file is an error: a rename would put a file in the place of a device or a
// pipe that others hold, or in that of a link, and not where the link leads.
func Regular(path string) (fs.FileInfo, error) {
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

// Read returns what the file at path holds. A pipe or a device is an error: the one
// would be waited for, the other read without end.
func Read(path string) ([]byte, error) {
	if err := readable(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Open opens the file at path, as Read does.
func Open(path string) (*os.File, error) {
	if err := readable(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil // to open it says so
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file in it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file (%v): copy what it gives into one", path, info.Mode())
	}
	return nil
}
