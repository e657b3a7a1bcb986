package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/internal/rundir"
)

// Remains is what a kernel leaves when its supervisor is killed.
type Remains struct {
	Groups  []int    // process groups to end
	Folders []string // folders to remove, made by package rundir
}

// Write stores r at path.
func (r Remains) Write(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// Written aside and renamed: the guard never reads half a file.
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Guard ends and removes what the file at path names. A supervisor that ends in
// order removes the file first, so no file means nothing to do.
func Guard(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var r Remains
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("guard file %s: %w", path, err)
	}
	for _, g := range r.Groups {
		// A second is what gonb needs to remove its own files.
		proc.End(g, time.Second)
	}
	var errs []error
	for _, dir := range r.Folders {
		errs = append(errs, rundir.Remove(dir))
	}
	return errors.Join(errs...)
}
