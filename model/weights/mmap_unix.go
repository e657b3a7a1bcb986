//go:build unix

package weights

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// mapFile maps a file for reading, and describes what it has mapped.
func mapFile(path string) (data []byte, info fs.FileInfo, unmap func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // to open a pipe would wait for somebody who writes
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, nil, err
	}
	if info.Size() == 0 || !info.Mode().IsRegular() {
		return nil, nil, nil, fmt.Errorf("%s: an empty file, or not a regular one", path)
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: cannot map %d bytes: %w", path, info.Size(), err)
	}
	return data, info, func() error { return syscall.Munmap(data) }, nil
}
