package notebooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/golens/golens/kernel/notebook"
)

// maxReport is what a report may weigh: more is slow to open and to send.
const maxReport = 4 << 20

// Every notebook runs, and its report needs nothing but itself.
func TestNotebooksRender(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every notebook in a kernel; leave -short away")
	}
	golens := filepath.Join(t.TempDir(), "golens")
	if out, err := exec.Command("go", "build", "-o", golens, "../kernel/cmd/golens").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A link that a reader may follow is no part of the page.
	elsewhere := regexp.MustCompile(`(src=|url\()["']?(https?:|//|file:)|<link|<script`)
	for _, path := range all(t) {
		t.Run(path, func(t *testing.T) {
			html := filepath.Join(t.TempDir(), "report.html")
			executed := filepath.Join(t.TempDir(), "executed.ipynb")
			out, err := exec.Command(golens, "render", "-o", html, "-ipynb", executed, path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			page, err := os.ReadFile(html)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d KB", len(page)>>10)
			if len(page) > maxReport {
				t.Errorf("the report has %d bytes, more than %d", len(page), maxReport)
			}
			if at := elsewhere.FindIndex(page); at != nil {
				t.Errorf("the report is not self-contained: %q", page[at[0]:min(len(page), at[1]+80)])
			}
			if ansi := regexp.MustCompile("\x1b").FindIndex(page); ansi != nil {
				t.Errorf("the report holds a raw escape sequence at byte %d", ansi[0])
			}
			for i, c := range read(t, executed).Cells {
				for _, o := range c.Outputs {
					if o.Type == "error" {
						t.Errorf("cell %d ended with an error", i)
					}
				}
			}
		})
	}
}

// Outputs are made, not kept: a reader renders them, and a change of a notebook
// shows as a change of its words.
func TestNotebooksAreKeptWithoutOutputs(t *testing.T) {
	for _, path := range all(t) {
		for i, c := range read(t, path).Cells {
			if len(c.Outputs) > 0 {
				t.Errorf("%s: cell %d has outputs; clear them before committing", path, i)
			}
		}
	}
}

func all(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no notebooks here: %v", err)
	}
	return paths
}

func read(t *testing.T, path string) *notebook.Notebook {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := notebook.Read(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return n
}
