package render_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/kernel/render"
)

func TestMain(m *testing.M) { kerneltest.Main(m) }

// write makes a notebook of code cells in dir.
func write(t *testing.T, dir string, cells ...string) string {
	t.Helper()
	nb := &notebook.Notebook{}
	for _, source := range cells {
		nb.Cells = append(nb.Cells, &notebook.Cell{Type: notebook.Code, Source: source,
			// An output of an earlier run, which must not survive.
			Outputs: []notebook.Output{{Type: notebook.Stream, Name: "stdout", Text: "stale"}}})
	}
	data, err := nb.Write()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "n.ipynb")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// run renders a notebook of cells and returns the page, the executed notebook
// and what the terminal showed.
func run(t *testing.T, cells ...string) (page string, nb *notebook.Notebook, terminal string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts a kernel, which builds and runs programs; run without -short")
	}
	dir := t.TempDir()
	var shown bytes.Buffer
	cfg := render.Config{
		Notebook: write(t, dir, cells...), Executed: filepath.Join(dir, "out.ipynb"), Terminal: &shown,
		Timeout: 15 * time.Minute, Kernel: kerneltest.Command(t),
	}
	err = render.Run(context.Background(), cfg)
	html, readErr := os.ReadFile(filepath.Join(dir, "n.html"))
	if readErr != nil {
		t.Fatal(readErr, err)
	}
	data, readErr := os.ReadFile(cfg.Executed)
	if readErr != nil {
		t.Fatal(readErr)
	}
	nb, readErr = notebook.Read(data)
	if readErr != nil {
		t.Fatal(readErr)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return string(html), nb, shown.String(), err
}

func TestRunWritesPageAndNotebook(t *testing.T) {
	model, err := filepath.Abs("../../model/modeltest/testdata/gpt2")
	if err != nil {
		t.Fatal(err)
	}
	page, nb, terminal, err := run(t,
		`import (
	"github.com/golens/golens/kernel/nb"
	"github.com/golens/golens/model"
)
var m = nb.Must(model.Open("`+model+`"))`,
		"%%\nnb.Show(m.Config().Heads)",
		"%%\nnb.Must(m.Run(m.Rows([][]int32{{1, 2, 3}}).Request()))")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">4</pre>", "How this report was made", "<dt>Model</dt><dd>" + model, "weights sha256 ", "backend ", "1 run request"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "stale") {
		t.Error("an output of an earlier run is on the page")
	}
	if out := nb.Cells[1].Outputs; len(out) != 1 || strings.TrimSpace(out[0].Text) != "4" || nb.Cells[2].Count != 3 {
		t.Errorf("executed as %+v", nb.Cells[1])
	}
	for _, want := range []string{"[1/3] var m = nb.Must", "[3/3] nb.Must(m.Run(", "n.html written"} {
		if !strings.Contains(terminal, want) {
			t.Errorf("the terminal does not show %q:\n%s", want, terminal)
		}
	}
	if strings.ContainsAny(terminal, "\r\x1b") {
		t.Error("lines are drawn again on what is no terminal")
	}
}

func TestRunStopsAtAFailingCell(t *testing.T) {
	page, nb, _, err := run(t, "%%\nfmt.Println(\"one\")", "%%\nfmt.Println(\"two\")\npanic(\"no\")", "%%\nfmt.Println(\"three\")")
	var failed *render.FailedCell
	if !errors.As(err, &failed) || failed.Number != 2 || !strings.Contains(err.Error(), `code cell 2 of 3 (fmt.Println("two")) failed: Panic: no`) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{`This run stopped at <a href="#cell-2">`, ">one</pre>", ">two</pre>", "not run"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if len(nb.Cells[2].Outputs) != 0 || nb.Cells[1].Outputs[len(nb.Cells[1].Outputs)-1].Type != notebook.Error {
		t.Errorf("executed as %+v", nb.Cells[1:])
	}
}

func TestTagsOfRunCells(t *testing.T) {
	dir := t.TempDir()
	nb := &notebook.Notebook{Metadata: map[string]any{}}
	for _, c := range []struct {
		source string
		tag    any
	}{
		{"var n, name = 2, \"x\"", notebook.Parameters},
		{"%%\nfmt.Println(\"n\", n, name)", ""},
		{"%%\npanic(\"wanted\")", notebook.RaisesException},
		{"%%\nfmt.Println(\"ski\" + \"pped\")", notebook.SkipExecution},
		{"%%\nfmt.Println(\"la\" + \"st\")", ""},
	} {
		nb.Cells = append(nb.Cells, &notebook.Cell{Type: notebook.Code, Source: c.source, Metadata: map[string]any{"tags": []any{c.tag}}})
	}
	data, err := nb.Write()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		t.Skip("-short: starts a kernel, which builds and runs programs; run without -short")
	}
	path := filepath.Join(dir, "n.ipynb")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = render.Run(context.Background(), render.Config{Notebook: path, HTML: "-", Stdout: &out, Executed: filepath.Join(dir, "out.ipynb"),
		Parameters: []notebook.Parameter{{Name: "n", Value: "7"}}, Timeout: 15 * time.Minute, Kernel: kerneltest.Command(t)})
	if err != nil {
		t.Fatal(err)
	}
	for want, there := range map[string]bool{"n 7 x": true, "wanted": true, "skipped": false, ">last</pre>": true, "<dd>n=7</dd>": true} {
		if strings.Contains(out.String(), want) != there {
			t.Errorf("%s: there is %v, want %v", want, !there, there)
		}
	}
	if data, err = os.ReadFile(filepath.Join(dir, "out.ipynb")); err != nil {
		t.Fatal(err)
	}
	if nb, err = notebook.Read(data); err != nil || len(nb.Cells) != 6 || !nb.Fresh() {
		t.Errorf("%d cells, %v", len(nb.Cells), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.html")); len(left) > 0 {
		t.Errorf("written: %v", left)
	}
}

// An interrupt ends the run at once, and what ran is kept. On a busy machine what was
// printed is longer on its way, and the end takes longer: then it is tried again.
func TestInterruptKeepsWhatRan(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a kernel, which builds and runs programs; run without -short")
	}
	var fault string
	for _, wait := range []time.Duration{100 * time.Millisecond, 2 * time.Second, 20 * time.Second} {
		if fault = interrupted(t, wait); fault == "" {
			return
		}
		t.Log(fault)
	}
	t.Error(fault)
}

// interrupted interrupts a run a while after its second cell has printed something,
// and says what is wrong with what is left.
func interrupted(t *testing.T, wait time.Duration) (fault string) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "mark")
	path := write(t, dir, "%%\nfmt.Println(\"one\")", "%%\nfmt.Println(\"two\")\nos.WriteFile(\""+mark+"\", nil, 0o644)\ntime.Sleep(time.Hour)", "%%\nfmt.Println(\"three\")")
	ctx, cancel := context.WithCancel(context.Background())
	began := time.Now()
	var ran time.Duration // by then two cells have run
	var at time.Time
	go func() {
		for {
			if _, err := os.Stat(mark); err == nil {
				ran = time.Since(began)
				time.Sleep(wait) // what was printed is on its way
				at = time.Now()
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := render.Run(ctx, render.Config{Notebook: path, Kernel: kerneltest.Command(t)})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// The kernel has 5 seconds to end by itself; an interrupt does not wait for that.
	// A machine on which it takes longer takes longer to start the kernel, too.
	if took := time.Since(at); took > max(4*time.Second, ran) {
		return fmt.Sprintf("ended after %v, and had begun within %v", took, ran)
	}
	page, err := os.ReadFile(filepath.Join(dir, "n.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"This run stopped at", ">one</pre>", ">two</pre>", "interrupted", "not run"} {
		if !strings.Contains(string(page), want) {
			return fmt.Sprintf("the page lacks %q", want)
		}
	}
	return ""
}

func TestTimeLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a kernel, which builds and runs programs; run without -short")
	}
	for _, limit := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute} { // the cell must be built in it, and once the engine
		dir := t.TempDir()
		err := render.Run(context.Background(), render.Config{Notebook: write(t, dir, "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Hour)"),
			Timeout: limit, Kernel: kerneltest.Command(t)})
		if err == nil || !strings.Contains(err.Error(), "after "+limit.String()) {
			t.Fatalf("got %v", err)
		}
		if !strings.Contains(err.Error(), "stopped after") { // on a busy machine it is given up
			t.Log(err)
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, "n.html"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(page), "begun") {
			return
		}
	}
	t.Error("what was printed is not on the page")
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.ipynb")
	if err := os.WriteFile(bad, []byte(`{"cells": `), 0o644); err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(dir, "python.ipynb")
	if err := os.WriteFile(python, []byte(`{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3", "language": "python"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	good := write(t, dir)
	pipe := filepath.Join(dir, "pipe.ipynb")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		cfg  render.Config
		want string
	}{
		{"no notebook", render.Config{Notebook: filepath.Join(dir, "none.ipynb")}, "no such file"},
		{"a pipe", render.Config{Notebook: pipe}, "pipe.ipynb is no regular file"},
		{"a device", render.Config{Notebook: "/dev/zero", HTML: filepath.Join(dir, "zero.html")}, "/dev/zero is no regular file"},
		{"another kernel", render.Config{Notebook: python}, "python.ipynb: the notebook is for the kernel python3 (python); golens runs Go"},
		{"no such parameter", render.Config{Notebook: good, Parameters: []notebook.Parameter{{Name: "n", Value: "1"}}}, `no cell is tagged "parameters"`},
		{"standard output twice", render.Config{Notebook: good, HTML: "-", Executed: "-"}, "cannot write both"},
		{"not a notebook", render.Config{Notebook: bad}, "bad.ipynb: not a notebook"},
		{"no folder for the page", render.Config{Notebook: good, HTML: filepath.Join(dir, "no", "x.html")}, "cannot write"},
		{"no kernel", render.Config{Notebook: good, Kernel: []string{"/nonexistent"}}, "starting the kernel"},
		{"a kernel that ends", render.Config{Notebook: good, Kernel: []string{"sh", "-c", "echo why >&2; exit 3"}}, "the kernel ended (exit status 3):\nwhy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := render.Run(context.Background(), test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if test.cfg.HTML == "" {
				if _, err := os.Stat(filepath.Join(dir, "n.html")); err == nil {
					t.Error("a page was written")
				}
			}
		})
	}
}
