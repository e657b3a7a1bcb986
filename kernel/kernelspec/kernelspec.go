package kernelspec

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Name is what Jupyter calls the kernel: jupyter nbconvert --ExecutePreprocessor.kernel_name=golens.
const Name = "golens"

// DisplayName is what people see in Jupyter's menus.
const DisplayName = "golens (Go)"

//go:embed logo-svg.svg
var logo []byte

// KernelSpec is the content of kernel.json.
type KernelSpec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode"`
	Env           map[string]string `json:"env"`
	Metadata      map[string]any    `json:"metadata"`
}

// Spec is the kernel spec for a golens program and the sources that it is to
// use.
func Spec(program, source string) KernelSpec {
	return KernelSpec{
		Argv:        []string{program, "kernel", "{connection_file}"},
		DisplayName: DisplayName,
		Language:    "go",
		// Signals would also reach what the kernel has started.
		InterruptMode: "message",
		Env:           map[string]string{"GOLENS_SOURCE": source},
		Metadata:      map[string]any{"debugger": false},
	}
}

// Place is a Jupyter data folder.
type Place struct{ Data string }

// User is this user's data folder: JUPYTER_DATA_DIR if that is set, else the
// one that Jupyter takes on this system.
func User() (Place, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return Place{dir}, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return Place{}, fmt.Errorf("no home folder to install the kernel in: %w", err)
	}
	if runtime.GOOS == "darwin" {
		return Place{filepath.Join(home, "Library", "Jupyter")}, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return Place{filepath.Join(dir, "jupyter")}, nil
	}
	return Place{filepath.Join(home, ".local", "share", "jupyter")}, nil
}

// Prefix is the data folder of an installation of Python below dir.
func Prefix(dir string) Place { return Place{filepath.Join(dir, "share", "jupyter")} }

// System is the data folder of all users of the machine.
func System() Place { return Prefix("/usr/local") }

// Dir is the folder of the spec.
func (p Place) Dir() string { return filepath.Join(p.Data, "kernels", Name) }

// Install writes the spec, over an older one if there is one, and returns its
// folder.
func (p Place) Install(spec KernelSpec) (dir string, err error) {
	dir = p.Dir()
	makeDir := os.MkdirAll
	if p == System() {
		makeDir = mkdirForAll
	}
	if err := makeDir(dir, 0o755); err != nil {
		return "", fmt.Errorf("installing the kernel: %w", err)
	}
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{"kernel.json": append(data, '\n'), "logo-svg.svg": logo} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", fmt.Errorf("installing the kernel: %w", err)
		}
	}
	if p == System() { // for all users, whatever root's umask is
		return dir, errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "kernel.json"), 0o644), os.Chmod(filepath.Join(dir, "logo-svg.svg"), 0o644))
	}
	return dir, nil
}

// mkdirForAll is os.MkdirAll, whatever the umask is. Folders that are there stay
// as they are.
func mkdirForAll(dir string, mode fs.FileMode) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := mkdirForAll(filepath.Dir(dir), mode); err != nil {
		return err
	}
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// Uninstall removes the spec and returns the folder that it was in.
func (p Place) Uninstall() (dir string, err error) {
	dir = p.Dir()
	if _, err := os.Stat(filepath.Join(dir, "kernel.json")); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the kernel is not installed in %s; -user, -prefix and -system name the other places", p.Data)
	}
	return dir, os.RemoveAll(dir)
}
