// Package docker_test holds the images to what can be checked without Docker.
package docker_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestImages(t *testing.T) {
	files, err := filepath.Glob("*.Dockerfile")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		for line := range strings.Lines(read(t, file)) {
			if strings.Contains(line, "pip install") && !strings.Contains(line, "--only-binary=:all: --require-hashes") {
				t.Errorf("%s takes whatever an index gives: %s", file, line)
			}
			if p := regexp.MustCompile(`-p (\S+)`).FindStringSubmatch(line); p != nil && !strings.HasPrefix(p[1], "127.0.0.1:") {
				t.Errorf("%s publishes a port on every address: %s", file, line)
			}
		}
	}
	for line := range strings.Lines(read(t, "cuda-wheels.txt")) {
		if !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}\n$`).MatchString(line) {
			t.Errorf("not pinned: %q", line)
		}
	}
	if ignored := read(t, "../.dockerignore"); !strings.Contains(ignored, "\n.git\n") {
		t.Error("the history goes into the image")
	}
}

// An empty element of LD_LIBRARY_PATH is the working directory: whoever may
// write there would choose the libraries.
func TestNoLibraryOfTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	script := strings.ReplaceAll(read(t, "cuda-env.sh"), "/usr/bin/python3 -c", "echo /site; :") // as if JAX were there
	if err := os.WriteFile(filepath.Join(dir, "env.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", "/a:/b"} {
		cmd := exec.Command("sh", filepath.Join(dir, "env.sh"), "sh", "-c", "printf %s \"$LD_LIBRARY_PATH\"")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + before}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if path := string(out); strings.Contains(path, "::") || strings.HasSuffix(path, ":") || strings.HasPrefix(path, ":") || !strings.HasSuffix(path, before) || !strings.Contains(path, "/nccl/lib") {
			t.Errorf("with %q: %q", before, path)
		}
	}
}
