package kernelspec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestInstallAndUninstall(t *testing.T) {
	place := Prefix(t.TempDir())
	if _, err := place.Uninstall(); err == nil || !strings.Contains(err.Error(), "not installed in "+place.Data) {
		t.Errorf("before it is installed: %v", err)
	}
	for range 2 { // over an older one
		if _, err := place.Install(Spec("/bin/golens", "/src")); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(place.Data, "kernels", "golens", "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Argv      []string
		Language  string
		Interrupt string `json:"interrupt_mode"`
		Env       map[string]string
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Argv, " ") != "/bin/golens kernel {connection_file}" || got.Language != "go" ||
		got.Interrupt != "message" || got.Env["GOLENS_SOURCE"] != "/src" {
		t.Errorf("installed %s", data)
	}
	dir, err := place.Uninstall()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}

func TestPlaces(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("JUPYTER_DATA_DIR", "/data")
	if p, err := User(); err != nil || p.Data != "/data" {
		t.Errorf("JUPYTER_DATA_DIR: %v, %v", p, err)
	}
	t.Setenv("JUPYTER_DATA_DIR", "")
	if p, err := User(); err != nil || !strings.HasPrefix(p.Data, "/home/u/") {
		t.Errorf("user: %v, %v", p, err)
	}
	if p := System(); p.Data != "/usr/local/share/jupyter" {
		t.Errorf("system: %v", p)
	}
}

func TestInstallSaysWhereItCannot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Prefix(file).Install(Spec("", "")); err == nil || !strings.Contains(err.Error(), "installing the kernel: mkdir "+file) {
		t.Errorf("got %v", err)
	}
}

// A careful root's umask closes no folder that all users go through.
func TestFoldersForAll(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "there")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if err := mkdirForAll(filepath.Join(closed, "jupyter", "kernels"), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]os.FileMode{"": 0o700, "jupyter": 0o755, "jupyter/kernels": 0o755} {
		if info, err := os.Stat(filepath.Join(closed, dir)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", dir, info.Mode().Perm(), err, want)
		}
	}
}
