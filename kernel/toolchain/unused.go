package toolchain

import (
	"os"
	"path/filepath"
	"time"

	"github.com/golens/golens/kernel/internal/proc"
)

// unused is how long programs are kept that nobody starts.
const unused = 60 * 24 * time.Hour

// used notes on the folder of programs that they are in use, once a day.
func (t *Toolchain) used() {
	if info, err := os.Stat(t.Bin); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
		now := time.Now()
		os.Chtimes(t.Bin, now, now) // else they may be built once more
	}
}

// removeUnused removes programs of other sources, a hundred megabytes for each version
// and each clone that was ever tried, once nobody has started them for so long. Folders
// from which a kernel was installed stay, and those in which something is being built.
func (t *Toolchain) removeUnused() {
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(t.Bin), binPrefix+"*"))
	for _, dir := range others {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || dir == t.Bin || time.Since(info.ModTime()) < unused {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, Kernel)); err == nil {
			continue
		}
		l, err := proc.TryAcquire(filepath.Join(dir, lockFile))
		if err != nil {
			continue
		}
		os.RemoveAll(dir) // what stays is tried again
		l.Unlock()
	}
}
