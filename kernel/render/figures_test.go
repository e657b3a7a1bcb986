package render

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/plotting/script"
)

// figurePage is the page of a notebook with these displays.
func figurePage(t *testing.T, displays ...notebook.Bundle) string {
	t.Helper()
	nb := &notebook.Notebook{Metadata: map[string]any{}}
	for _, d := range displays {
		nb.Cells = append(nb.Cells, &notebook.Cell{Type: notebook.Code, Source: "f", Outputs: []notebook.Output{{Type: notebook.Display, Data: d}}})
	}
	out, err := HTML(nb, "x", facts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const figureSVG = `<svg viewBox="0 0 1 1"><title>t</title><desc>What is &amp; seen.</desc></svg>`

func TestFiguresAnswer(t *testing.T) {
	live := notebook.Bundle{"image/svg+xml": figureSVG, "text/html": `<div class="golens-figure" style="margin:0" data-golens="{&#34;v&#34;:1}">` + "\n<img src=x>"}
	page := figurePage(t, live, live)
	for _, want := range []string{`<figure class="golens-figure" data-golens="{&#34;v&#34;:1}"><svg`, "<b>Figure 2</b>. What is &amp; seen.", "<script>" + script.Source + "</script>"} {
		if strings.Count(page, want) < 1 {
			t.Errorf("the page lacks %.80s", want)
		}
	}
	scripts := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllStringSubmatch(page, -1)
	if len(scripts) != 1 {
		t.Fatalf("%d scripts, want 1", len(scripts))
	}
	sum := sha256.Sum256([]byte(scripts[0][1]))
	if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(html.UnescapeString(page), want) {
		t.Errorf("the policy does not allow %s and nothing else", want)
	}
}

func TestNoFigureNoScript(t *testing.T) {
	for name, b := range map[string]notebook.Bundle{
		"other svg":       {"image/svg+xml": figureSVG, "text/html": `<p data-golens="x"><div class="golens-figure">`},
		"markup in data":  {"image/svg+xml": figureSVG, "text/html": `<div class="golens-figure" onclick="x<y" data-golens="x">`},
		"no html, no svg": {"text/plain": "x"},
	} {
		if page := figurePage(t, b); strings.Contains(page, "<script") || !strings.Contains(html.UnescapeString(page), "script-src 'none'") {
			t.Errorf("%s: a script is allowed", name)
		}
	}
}
