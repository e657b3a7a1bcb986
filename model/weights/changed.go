package weights

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// ErrChanged: a file was written to since it was opened. What is read of it is
// no longer what its hash says, and what was cut off cannot be read at all.
var ErrChanged = errors.New("the file has changed since it was opened: open the model again")

// Intact returns an error that wraps ErrChanged if a file was written to since
// it was opened. One that another has taken the place of is intact: the map is
// of the old one.
func (s *Store) Intact() error {
	for _, f := range s.files {
		if same, changed := f.now(); same && changed {
			return fmt.Errorf("%s: %w", f.name, ErrChanged)
		}
	}
	return nil
}

// Current tells whether the files that are at their places now are those that
// were opened.
func (s *Store) Current() bool {
	for _, f := range s.files {
		if same, changed := f.now(); !same || changed {
			return false
		}
	}
	return true
}

// now tells whether the file at f's place is the one that was mapped, and
// whether it was written to since. What is not mapped stays as it was.
func (f file) now() (same, changed bool) {
	if f.info == nil {
		return true, false
	}
	info, err := os.Stat(f.name)
	if err != nil || !os.SameFile(f.info, info) {
		return false, false
	}
	return true, f.info.Size() != info.Size() || !f.info.ModTime().Equal(info.ModTime())
}

// guarded calls f, which reads mapped memory, and gives ErrChanged where there
// is none: a file that was cut has no pages behind its end.
func guarded(f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			if _, fault := p.(interface{ Addr() uintptr }); !fault {
				panic(p)
			}
			err = ErrChanged
		}
	}()
	f()
	return nil
}
