package render

import (
	"bytes"
	"context"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/notebook"
)

// notebooksIn writes notebooks, each a markdown and a code cell, into a folder.
func notebooksIn(t *testing.T, words map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range words {
		nb := &notebook.Notebook{Metadata: map[string]any{"kernelspec": map[string]any{"name": "golens", "language": "go"}}}
		nb.Cells = []*notebook.Cell{{Type: notebook.Markdown, ID: "a", Source: text}, {Type: notebook.Code, ID: "b", Source: "f(\"needle" + name + "\")", Count: 1,
			Outputs: []notebook.Output{{Type: notebook.Stream, Name: "stdout", Text: "stored output of " + name}}}}
		data, err := nb.Write()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSite(t *testing.T) {
	dir := notebooksIn(t, map[string]string{
		"1-a.ipynb": "# First & foremost\n\nWhat *this* is about, $x<y$.\n\nmore",
		"2-b.ipynb": "# Second\n\nwords",
		"3-c.ipynb": "no heading",
	})
	out := filepath.Join(t.TempDir(), "new", "site")
	var said bytes.Buffer
	if err := (Site{Folder: dir, Out: out, Title: "All", Stored: true, Each: Config{Terminal: &said}}).Write(context.Background()); err != nil {
		t.Fatal(err)
	}
	page := func(name string) string {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	index := page("index.html")
	for _, want := range []string{`<a href="1-a.html">First &amp; foremost</a>`, "<p>What this is about, x&lt;y.</p>", `<a href="3-c.html">3-c</a>`, "needle2-b.ipynb"} {
		if !strings.Contains(index, want) {
			t.Errorf("the index lacks %s", want)
		}
	}
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindStringSubmatch(index)
	policy := regexp.MustCompile(`script-src '(sha256-[^']*)'`).FindStringSubmatch(html.UnescapeString(index))
	if script == nil || policy == nil || script[1] != searchSource {
		t.Fatal("the search is not allowed, or not there")
	}
	second := page("2-b.html")
	for _, want := range []string{`rel="prev" href="1-a.html">← First &amp; foremost`, `href="index.html">All</a>`, `rel="next" href="3-c.html"`, "stored output of 2-b.ipynb"} {
		if !strings.Contains(second, want) {
			t.Errorf("the second page lacks %s", want)
		}
	}
	if strings.Contains(page("1-a.html"), `rel="prev"`) || strings.Contains(page("3-c.html"), `rel="next"`) {
		t.Error("a page leads beyond the ends")
	}
	if !strings.Contains(said.String(), "index.html written, with 3 reports") {
		t.Errorf("said %q", said.String())
	}
}

func TestSiteRefuses(t *testing.T) {
	python := notebooksIn(t, map[string]string{"a.ipynb": "x"})
	data := []byte(`{"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3", "language": "python"}}}`)
	if err := os.WriteFile(filepath.Join(python, "b.ipynb"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		site Site
		want string
	}{
		{"an empty folder", Site{Folder: t.TempDir(), Out: t.TempDir()}, "holds no notebooks"},
		{"another kernel", Site{Folder: python, Out: t.TempDir()}, "b.ipynb: the notebook is for the kernel python3 (python); golens runs Go"},
		{"a file in the way", Site{Folder: notebooksIn(t, map[string]string{"a.ipynb": "x"}), Out: filepath.Join(python, "a.ipynb", "x")}, "not a directory"},
	} {
		if err := c.site.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestTagsOfShownCells(t *testing.T) {
	cell := func(source string, tags ...any) *notebook.Cell {
		return &notebook.Cell{Type: notebook.Code, Source: source, Metadata: map[string]any{"tags": tags},
			Outputs: []notebook.Output{{Type: notebook.Stream, Name: "stdout", Text: "out of " + source}}}
	}
	nb := &notebook.Notebook{Metadata: map[string]any{}, Cells: []*notebook.Cell{cell("one", "x"), cell("two", notebook.RemoveInput), cell("three", notebook.RemoveOutput),
		cell("four", notebook.RemoveCell), cell("five"), {Type: notebook.Markdown, Source: "six", Metadata: map[string]any{"tags": []any{notebook.RemoveCell}}}}}
	data, err := HTML(nb, "x", facts, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for want, there := range map[string]bool{">one</pre>": true, ">two</pre>": false, "out of two": true, ">three</pre>": true, "out of three": false,
		">four</pre>": false, "out of four": false, ">five</pre>": true, `id="cell-5"`: true, "<p>six": false} {
		if strings.Contains(text, want) != there {
			t.Errorf("%s: there is %v, want %v", want, !there, there)
		}
	}
}
