package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/golens/golens/kernel/shim"
)

// modFile is what `go mod edit -json` prints, as far as it matters here.
type modFile struct {
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// CellModule returns go.mod (without its module line) and go.sum for the
// programs that gonb makes of cells: golens itself at the place of its sources,
// and every module that golens needs at the version that golens pins. A cell
// that imports only these needs no download and no look-up.
func (t *Toolchain) CellModule(ctx context.Context) (mod, sum []byte, err error) {
	cmd := exec.CommandContext(ctx, t.Go, "mod", "edit", "-json")
	cmd.Dir = t.Source.Dir
	cmd.Env = append(append(os.Environ(), shim.Modules()...), noWorkspace, "PWD="+t.Source.Dir)
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go mod edit -json in %s: %w%s", t.Source.Dir, err, stderrOf(err))
	}
	var own modFile
	if err := json.Unmarshal(out, &own); err != nil {
		return nil, nil, fmt.Errorf("go mod edit -json in %s: %w", t.Source.Dir, err)
	}
	sum, err = os.ReadFile(filepath.Join(t.Source.Dir, "go.sum"))
	if err != nil {
		return nil, nil, fmt.Errorf("sources of golens: %w", err)
	}
	return own.forCells(t.Source.Dir), sum, nil
}

// forCells writes the go.mod of cells.
func (m modFile) forCells(source string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "go %s\n\nrequire (\n\t%s v0.0.0\n", m.Go, Module)
	for _, r := range m.Require {
		fmt.Fprintf(&b, "\t%s %s\n", r.Path, r.Version)
	}
	// replace stands in a block: gonb watches every file under a folder that a
	// one-line replace names, and sends them all to gopls.
	fmt.Fprintf(&b, ")\n\nreplace (\n\t%s => %s\n", Module, quote(source))
	for _, r := range m.Replace {
		to := r.New.Path
		if r.New.Version == "" && !filepath.IsAbs(to) {
			to = filepath.Join(source, to)
		}
		fmt.Fprintf(&b, "\t%s %s => %s %s\n", r.Old.Path, r.Old.Version, quote(to), r.New.Version)
	}
	b.WriteString(")\n")
	return []byte(b.String())
}

// quote returns path as go.mod wants it.
func quote(path string) string {
	if strings.ContainsAny(path, " \t\"'`()[]{},") {
		return fmt.Sprintf("%q", path)
	}
	return path
}
