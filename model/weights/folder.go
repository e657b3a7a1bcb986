package weights

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is the files of a model's folder. What is no regular file is an error:
// reading a pipe would wait for whoever put it there, and a device has no end.
type Folder string

// Open implements [fs.FS].
func (f Folder) Open(name string) (fs.File, error) {
	dir := os.DirFS(string(f))
	if info, err := fs.Stat(dir, name); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(string(f), name), Err: fmt.Errorf("it is no regular file (%v)", info.Mode())}
	}
	return dir.Open(name)
}
