package toolchain

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Shared is where Share keeps the copy for all users of a machine.
const Shared = "/usr/local/lib/golens"

// Share copies the running program and the sources below dir, whatever was
// there before, and returns where they are. Every user's kernel runs and builds
// them, so they must not be one user's to change: dir and the folders above it
// must be root's, as the copy is, and closed to the writing of others.
func (t *Toolchain) Share(dir string) (program, source string, err error) {
	if os.Geteuid() != 0 {
		return "", "", errors.New("all users would run the files of one: only root installs for all (sudo golens install -system)")
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", "", err
	}
	if err := RootsAlone(parent); err != nil {
		return "", "", err
	}
	tmp, err := os.MkdirTemp(parent, ".golens-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", "", err
	}
	self, err := os.Executable()
	if err == nil {
		err = copyFile(self, filepath.Join(tmp, Kernel), 0o755)
	}
	if err == nil {
		err = copySource(t.Source.Dir, filepath.Join(tmp, "source"))
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return "", "", fmt.Errorf("copying golens for all users: %w", err)
	}
	return filepath.Join(dir, Kernel), filepath.Join(dir, "source"), nil
}

// RootsAlone returns an error if anybody but root can change what is in dir or, where
// that is not there yet, in the nearest folder above it.
func RootsAlone(dir string) error {
	at := dir
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil {
			break
		}
	}
	if err := trusted(at, false); err != nil {
		return fmt.Errorf("%s is no place for what all users run: %w", dir, err)
	}
	return nil
}

// copySource copies what programs are built from: regular files, with modes and
// an owner of their own.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && path != from && skipped(d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			if err := os.Mkdir(filepath.Join(to, rel), 0o755); err != nil {
				return err
			}
			return os.Chmod(filepath.Join(to, rel), 0o755) // whatever the umask is
		case d.Type().IsRegular():
			return copyFile(path, filepath.Join(to, rel), 0o644)
		}
		return nil
	})
}

// copyFile writes a new file of that mode, whatever the umask is.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Chmod(mode); err != nil {
		return err
	}
	return out.Close()
}
