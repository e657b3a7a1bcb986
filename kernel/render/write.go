package render

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/golens/golens/model/files"
)

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
		old, err := files.Regular(p)
		if err != nil {
			return fmt.Errorf("cannot write: %w", err)
		}
		if p == html && os.SameFile(in, old) {
			return fmt.Errorf("cannot write the report to %s: that is the notebook", p)
		}
		f, err := files.Beside(p)
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
