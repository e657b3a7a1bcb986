// Package docker_test holds the images to what can be checked without Docker.
package docker_test

import (
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
			if strings.Contains(line, "pip install") && !strings.Contains(line, "/opt/jupyter/bin/pip ") { // where cuda-env.sh looks
				t.Errorf("%s: which pip the PATH finds is not said: %s", file, line)
			}
			if p := regexp.MustCompile(`-p (\S+)`).FindStringSubmatch(line); p != nil && !strings.HasPrefix(p[1], "127.0.0.1:") {
				t.Errorf("%s publishes a port on every address: %s", file, line)
			}
		}
	}
	for _, file := range []string{"cuda-wheels.txt", "jupyter-wheels.txt"} {
		for line := range strings.Lines(read(t, file)) {
			if !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^[a-z0-9-]+==[0-9a-z.]+ --hash=sha256:[0-9a-f]{64}\n$`).MatchString(line) {
				t.Errorf("%s: not pinned: %q", file, line)
			}
		}
	}
	if ignored := read(t, "../.dockerignore"); !strings.Contains(ignored, "\n.git\n") {
		t.Error("the history goes into the image")
	}
}

// What the images are built from is in their context: what is copied, and all that
// the build reads. The compiler is new enough.
func TestContextIsWhole(t *testing.T) {
	ignored := ignore(t)
	files, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}`, "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	needed := []string{"go.mod", "go.sum", "notebooks/01-induction-heads.ipynb", "docker/smoke.sh"}
	for _, file := range strings.Fields(string(files)) {
		needed = append(needed, strings.TrimPrefix(file, root+"/"))
	}
	dockerfiles, _ := filepath.Glob("*.Dockerfile")
	for _, file := range dockerfiles {
		for _, copied := range regexp.MustCompile(`(?m)^COPY (\S+) `).FindAllStringSubmatch(read(t, file), -1) {
			needed = append(needed, copied[1])
		}
	}
	if len(needed) < 500 {
		t.Fatalf("%d files", len(needed))
	}
	for _, file := range needed {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Error(err)
		}
		if file != "." && ignored(file) {
			t.Errorf(".dockerignore leaves %s out of the image", file)
		}
	}
	if !ignored(".git/config") || !ignored("report.html") || !ignored("model/.cache") || ignored("plotting/dashboard.html") {
		t.Error(".dockerignore is not read as Docker does")
	}
	needs := regexp.MustCompile(`(?m)^go (\S+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	has := regexp.MustCompile(`(?m)^FROM golang:([0-9.]+)-`).FindStringSubmatch(read(t, "cpu.Dockerfile"))[1]
	if version.Compare("go"+has, "go"+needs) < 0 {
		t.Errorf("cpu.Dockerfile has Go %s, go.mod needs %s", has, needs)
	}
}

// ignore tells what .dockerignore leaves out, of its patterns without exceptions and
// classes: what matches, or lies in what matches.
func ignore(t *testing.T) func(path string) bool {
	var all []string
	for line := range strings.Lines(read(t, "../.dockerignore")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.ContainsAny(line, "![\\") {
			t.Fatalf(".dockerignore: %s is more than this test reads", line)
		}
		p := strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(regexp.QuoteMeta(line))
		all = append(all, p)
	}
	return regexp.MustCompile(`^(` + strings.Join(all, "|") + `)(/|$)`).MatchString
}

// Recipes of workers: shell that parses, commands and flags that there are, nothing
// published on every address.
func TestClusterRecipes(t *testing.T) {
	if out, err := exec.Command("bash", "-n", "cluster/slurm.sbatch").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	front := read(t, "../kernel/cmd/golens/cluster.go")
	for _, file := range []string{"cluster/compose.yaml", "cluster/kubernetes.yaml"} {
		text := read(t, file)
		if out, err := exec.Command("python3", "-c", "import sys, yaml; assert all(yaml.safe_load_all(open(sys.argv[1])))", file).CombinedOutput(); err != nil && !strings.Contains(string(out), "No module named") {
			t.Errorf("%s: %v: %s", file, err, out)
		}
		commands := regexp.MustCompile(`command: \["golens", "(cluster|worker)"(.*)\]`).FindAllStringSubmatch(text, -1)
		if len(commands) < 2 {
			t.Errorf("%s starts %d workers and servers", file, len(commands))
		}
		for _, c := range commands {
			for _, f := range regexp.MustCompile(`"-(\w+)"`).FindAllStringSubmatch(c[2], -1) {
				if !strings.Contains(front, `("`+f[1]+`",`) {
					t.Errorf("%s: golens %s has no flag -%s", file, c[1], f[1])
				}
			}
		}
		if volumes := regexp.MustCompile(`VOLUME \["(.*)", "(.*)"\]`).FindStringSubmatch(read(t, "cpu.Dockerfile")); volumes == nil {
			t.Error("cpu.Dockerfile names no volumes")
		} else { // elsewhere the image's user may not write
			for _, at := range regexp.MustCompile(`(?:state:|models:|models, mountPath: )(/[^",:}]*)`).FindAllStringSubmatch(text, -1) {
				if !slices.Contains(volumes[1:], at[1]) {
					t.Errorf("%s: the image has no volume at %s, but %q", file, at[1], volumes[1:])
				}
			}
		}
		if user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(read(t, "cpu.Dockerfile")); user == nil {
			t.Error("cpu.Dockerfile names no user")
		} else if want := "runAsUser: " + user[1] + ", runAsGroup: " + user[2] + ", fsGroup: " + user[2]; strings.Count(text, "secretName") != strings.Count(text, want) {
			t.Errorf("%s: not every pod that reads the secret has %s", file, want)
		}
		for _, p := range regexp.MustCompile(`ports: \["([^"]*)`).FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(p[1], "127.0.0.1:") {
				t.Errorf("%s publishes a port on every address", file)
			}
		}
	}
}

// An empty element of LD_LIBRARY_PATH is the working directory: whoever may
// write there would choose the libraries.
func TestNoLibraryOfTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	script := strings.ReplaceAll(read(t, "cuda-env.sh"), "/opt/jupyter/bin/python3 -c", "echo /site; :") // as if JAX were there
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
