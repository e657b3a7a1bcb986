package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/golens/golens/kernel/kernelspec"
	"github.com/golens/golens/kernel/toolchain"
)

// The variables that make this program golens, and that make a test run where
// /usr/local is its own.
const (
	asGolens = "GOLENS_TEST_AS_GOLENS"
	ownMount = "GOLENS_TEST_OWN_MOUNT"
)

func init() {
	if os.Getenv(asGolens) != "" {
		main()
		os.Exit(0)
	}
}

// What root installs for all, every user can run and build from, and none can
// change; and it goes where only root can.
func TestInstallForAllUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root installs for all; run as root")
	}
	if os.Getenv(ownMount) != "" {
		forAllUsers(t)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), ownMount+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") || len(out) == 0 {
		t.Skipf("no mounts of its own here: %v\n%s", err, out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func forAllUsers(t *testing.T) {
	data := kernelspec.System().Data
	for _, dir := range []string{filepath.Dir(toolchain.Shared), filepath.Dir(data)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", dir, "tmpfs", 0, "mode=0755"); err != nil {
			t.Skipf("cannot mount: %v", err)
		}
	}
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	syscall.Umask(0o077) // that of a careful root
	golens := func(args ...string) (err error) {
		said(t, &os.Stdout, func() { err = run(context.Background(), args) })
		return err
	}
	for range 2 { // the second replaces the first
		if err := golens("install", "-system"); err != nil {
			t.Fatal(err)
		}
	}
	another := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", asGolens + "=1", toolchain.SourceEnv + "=" + filepath.Join(toolchain.Shared, "source")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("another user's %s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	var spec kernelspec.KernelSpec
	if err := json.Unmarshal([]byte(another("cat", filepath.Join(data, "kernels", "golens", "kernel.json"))), &spec); err != nil {
		t.Fatal(err)
	}
	source := spec.Env[toolchain.SourceEnv]
	if spec.Argv[0] != filepath.Join(toolchain.Shared, "golens") || source != filepath.Join(toolchain.Shared, "source") {
		t.Fatalf("installed %+v", spec)
	}
	if text := another(spec.Argv[0], "version"); !strings.Contains(text, "golens") {
		t.Errorf("as another user it says %q", text)
	}
	if text := another("cat", filepath.Join(source, "go.mod")); !strings.Contains(text, "module "+toolchain.Module+"\n") {
		t.Errorf("its go.mod is %q", text)
	}
	where := []string{toolchain.Shared, filepath.Dir(toolchain.Shared), data, filepath.Dir(data)}
	for _, wrong := range []string{"-writable", "! -readable"} {
		if text := another("find", slices.Concat(where, strings.Fields("! -type l "+wrong))...); text != "" {
			t.Errorf("for another user there is %s:\n%s", wrong, text)
		}
	}
	kernels := filepath.Join(data, "kernels")
	for name, change := range map[string]func() error{
		"anybody's":      func() error { return os.Chmod(kernels, 0o777) },
		"another user's": func() error { return os.Chown(kernels, 12345, 12345) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := golens("install", "-system"); err == nil || !strings.Contains(err.Error(), "is no place for what all users run") {
			t.Errorf("where the folder of kernels is %s: %v", name, err)
		}
		if err := os.Chown(kernels, 0, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(kernels, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := golens("uninstall", "-system"); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{toolchain.Shared, filepath.Join(kernels, "golens")} {
		if _, err := os.Stat(gone); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
}
