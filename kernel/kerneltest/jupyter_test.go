package kerneltest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/golens/golens/kernel/kernelspec"
	"github.com/golens/golens/kernel/kerneltest"
)

// withJupyter returns a Python that has Jupyter's client, "" if there is none.
func withJupyter() string {
	// The first on the PATH may be one that Debian's packages do not reach.
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import jupyter_client, nbclient, nbformat").Run() == nil {
			return python
		}
	}
	return ""
}

func TestRealJupyter(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts Jupyter's client; run without -short")
	}
	python := withJupyter()
	if python == "" {
		t.Skip("no Python with Jupyter's client: install Debian's python3-nbclient, or jupyter-client and nbclient with pip")
	}
	data := t.TempDir()
	source := os.Getenv("GOLENS_SOURCE")
	if source == "" {
		dir, err := filepath.Abs("../..")
		if err != nil {
			t.Fatal(err)
		}
		source = dir
	}
	spec := kernelspec.Spec("", source)
	spec.Argv = kerneltest.Command(t)
	if _, err := (kernelspec.Place{Data: data}).Install(spec); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/jupyter.py")
	cmd.Env = append(os.Environ(), "JUPYTER_DATA_DIR="+data)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
