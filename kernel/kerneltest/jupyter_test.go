package kerneltest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/golens/golens/kernel/kernelspec"
	"github.com/golens/golens/kernel/kerneltest"
)

// pythonWith returns a Python that has these modules, "" if there is none.
func pythonWith(modules string) string {
	// The first on the PATH may be one that Debian's packages do not reach.
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import "+modules).Run() == nil {
			return python
		}
	}
	return ""
}

// TestRealJupyter drives a kernel by Jupyter's own client.
func TestRealJupyter(t *testing.T) {
	inPython(t, "jupyter_client, nbclient, nbformat", "testdata/jupyter.py",
		"Debian's python3-nbclient, or jupyter-client and nbclient with pip")
}

// TestJupyterKernelTest has Jupyter's own tests of kernels.
func TestJupyterKernelTest(t *testing.T) {
	inPython(t, "jupyter_kernel_test", "testdata/kernel_test.py", "jupyter_kernel_test with pip")
}

// TestPapermill runs a notebook with parameters.
func TestPapermill(t *testing.T) {
	inPython(t, "papermill", "testdata/with_papermill.py", "papermill with pip")
}

// TestJupyterLab drives JupyterLab in a browser: cells, a figure that answers to the
// pointer, completion, an interrupt, an input box, two notebooks, a restart.
// GOLENS_SCREENSHOTS names a folder for pictures of them.
func TestJupyterLab(t *testing.T) {
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		t.Skip("no Chromium on the PATH")
	}
	inPython(t, "jupyterlab, playwright", "testdata/with_jupyterlab.py", "jupyterlab and playwright with pip",
		"CHROMIUM="+browser, "SCREENSHOTS="+os.Getenv("GOLENS_SCREENSHOTS"))
}

// inPython runs a script that finds the kernel among Jupyter's.
func inPython(t *testing.T, modules, script, install string, env ...string) {
	if testing.Short() {
		t.Skip("-short: starts Jupyter's client; run without -short")
	}
	python := pythonWith(modules)
	if python == "" {
		t.Skip("no Python with " + modules + ": install " + install)
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
	cmd := exec.Command(python, script)
	cmd.Env = append(append(os.Environ(), "JUPYTER_DATA_DIR="+data, "GOLENS_TEST_GOPLS=1"), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
