//go:build !unix

package weights

import (
	"fmt"
	"io/fs"
	"os"
)

// mapFile reads a file where there is no memory map.
func mapFile(path string) (data []byte, info fs.FileInfo, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%s: an empty file", path)
	}
	return data, nil, func() error { return nil }, err
}
