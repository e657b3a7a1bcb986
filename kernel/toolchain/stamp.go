package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// stamp returns a hash of all that decides the named program: the go command,
// the modules' versions and, for a program of this module in a working copy,
// name, size and time of every source file.
func (t *Toolchain) stamp(program string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%+v\n%s\n%s\n", t.env, program, strings.Join(t.buildEnv(program)[len(os.Environ()):], " "))
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(t.Source.Dir, name))
		if err != nil {
			return "", fmt.Errorf("sources of golens: %w", err)
		}
		h.Write(data)
	}
	if (program == Host || program == Cluster || program == Cells) && t.Source.Version == "" {
		err := filepath.WalkDir(t.Source.Dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				if skipped(d.Name()) {
					return filepath.SkipDir
				}
				return nil
			case strings.HasSuffix(d.Name(), "_test.go"), !d.Type().IsRegular():
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return nil // removed meanwhile
			}
			fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("sources of golens: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// skipped tells whether a folder holds nothing that a program is built from.
func skipped(dir string) bool {
	return dir == "testdata" || dir == "notebooks" || dir == "docker" ||
		(strings.HasPrefix(dir, ".") && dir != ".")
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
