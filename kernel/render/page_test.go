package render

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/notebook"
)

var regen = flag.Bool("regen", false, "rewrite the golden pages")

// facts are the same at every run.
var facts = Provenance{
	Notebook: "kinds.ipynb", Hash: "abc", Golens: "v1", Go: "1.26", System: "linux/amd64",
	Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 1500 * time.Millisecond,
	Models: []Model{{Model: "zoo:induction", Config: "2 layers", Weights: "f00", Processing: "raw weights",
		Backend: "go (SIMD)", Requests: map[string]int{"run": 3, "encode": 1}}},
}

func page1(t *testing.T, file string, failed *FailedCell) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	nb, err := notebook.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := HTML(nb, file, facts, failed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoldenPages(t *testing.T) {
	for _, test := range []struct {
		file   string
		failed *FailedCell
	}{
		{"kinds.ipynb", nil},
		{"failed.ipynb", &FailedCell{Index: 1, Number: 1, Total: 2, Line: "panic(1)", Err: errors.New("Panic: 1 <&>")}},
	} {
		t.Run(test.file, func(t *testing.T) {
			// The style sheet is left out: it is looked at, not compared.
			got := bytes.Replace(page1(t, test.file, test.failed), []byte(styleSource), nil, 1)
			golden := filepath.Join("testdata", strings.TrimSuffix(test.file, ".ipynb")+".golden.html")
			if *regen {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				diff(t, string(got), string(want))
			}
		})
	}
}

// diff shows the first line that differs.
func diff(t *testing.T, got, want string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d:\n got %s\nwant %s\n(-regen rewrites it)", i+1, g[i], w[i])
		}
	}
	t.Fatalf("%d lines, want %d (-regen rewrites it)", len(g), len(w))
}

// An attribute or style that makes a browser fetch something.
var fetches = regexp.MustCompile(`(?i)(\bsrc|\bsrcset|<link[^>]*href|@import|url\()\s*=?\s*["'(]?\s*(https?:|//)`)

func TestPageNeedsNoNetwork(t *testing.T) {
	out := string(page1(t, "kinds.ipynb", nil))
	if m := fetches.FindString(out); m != "" {
		t.Errorf("the page fetches: %s", m)
	}
	if !strings.Contains(out, `Content-Security-Policy" content="default-src 'none'`) {
		t.Error("nothing keeps an output from fetching or running scripts")
	}
	if strings.Contains(out, "\x1b") {
		t.Error("raw terminal sequences in the page")
	}
}

func TestHostileOutputsCannotRun(t *testing.T) {
	out := string(page1(t, "hostile.ipynb", nil))
	whole(t, out)
	// The policy must come before the first output, or it would come too late.
	policy, first := strings.Index(out, "Content-Security-Policy"), strings.Index(out, `class="output"`)
	if policy < 0 || policy > first {
		t.Error("the policy does not come first")
	}
	for _, bad := range []string{
		`<script>alert("stream")`, `<script>alert("svg")`, `<script>alert("error")`, `<script>alert("plain")`, `<script>alert("mime")`,
		`"><script>alert("alt")`, `<script>alert("title")`, `<script>alert("source")`,
	} {
		if strings.Contains(out, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
}

func TestNotFoundFormIsNamed(t *testing.T) {
	p := &page{}
	got, err := p.outputHTML(notebook.Output{Type: notebook.Display, Data: notebook.Bundle{"application/x-thing": "a"}})
	if err != nil || !strings.Contains(string(got), "application/x-thing") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestProgressIsNotShown(t *testing.T) {
	p := &page{}
	got, err := p.outputHTML(notebook.Output{Type: notebook.Display,
		Data: notebook.Bundle{"text/plain": "[###...]"}, Metadata: map[string]any{"golens_progress": true}})
	if err != nil || got != "" {
		t.Errorf("got %s, %v", got, err)
	}
}

// A long text is folded whole: its end is in the page, behind a fold.
func TestLongTextsAreFolded(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	for n, want := range map[int]string{200: "line 199</pre>", 1000: "line 99</pre><details><summary>900 more lines</summary><pre class=\"out\">line 100\n"} {
		got := folded("out", strings.Join(lines[:n], "\n"))
		if !strings.Contains(got, want) || !strings.Contains(got, fmt.Sprintf("line %d</pre>", n-1)) || strings.Count(got, "line ") != n {
			t.Errorf("%d lines: %d are shown, without %q", n, strings.Count(got, "line "), want)
		}
	}
}

func TestDeepJSONIsNotIndented(t *testing.T) {
	for n, want := range map[int]bool{3: true, 5000: false} {
		p := &page{}
		var v any = "x"
		for range n {
			v = []any{v}
		}
		got, err := p.form("application/json", notebook.Bundle{"application/json": v})
		if err != nil || strings.Contains(got, "\n") != want || len(got) > 100*n+100 {
			t.Errorf("%d deep: %d bytes, %v", n, len(got), err)
		}
	}
}

func TestLanguagesOfCode(t *testing.T) {
	for name, want := range map[string]string{"py": "Python", "Python": "Python", "yml": "YAML", "sh": "Bash", "go": "Go", "": "", "zz": ""} {
		got := ""
		if l := languages()[strings.ToLower(name)]; l != nil {
			got = l.Config().Name
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
