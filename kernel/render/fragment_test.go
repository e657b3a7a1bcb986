package render

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/golens/golens/kernel/notebook"
)

func TestFragment(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"a table", `<table><tr><td style="color:red">1</td></tr></table>`, `<table><tbody><tr><td style="color:red">1</td></tr></tbody></table>`},
		{"what is open is closed", `<div><b>x`, `<div><b>x</b></div>`},
		{"what is not open is not closed", `</div></main></body>x</html>`, `x`},
		{"a page's frame goes", `<!doctype html><html style="display:none"><body onload="x()">y</body></html>`, `y`},
		{"refresh", `a<meta http-equiv="refresh" content="0;url=https://x.y">b`, `ab`},
		{"base", `<base href="https://x.y/">a`, `a`},
		{"link hints", `<link rel="dns-prefetch" href="//x.y"><link rel="stylesheet" href="a.css">a`, `a`},
		{"style", `<style>footer{display:none}</style>a`, `a`},
		{"style in a figure", `<svg><style>footer{display:none}</style><g></g></svg>`, `<svg><g></g></svg>`},
		{"script", `<script>alert(1)</script>a`, `a`},
		{"a comment that HTML ends early", `<!--><style>footer{display:none}</style>-->a`, `--&gt;a`},
		{"frames", `<iframe srcdoc="<style>*{}</style>"></iframe><object data="x"></object><embed src="x">a`, `a`},
		{"where scripts do not run", `<noscript><meta http-equiv="refresh" content="0;url=x"></noscript>a`, `a`},
		{"the rest is text", `a<plaintext><b>`, `a`},
		{"handlers", `<img src="data:," onerror="x()" alt="y">`, `<img src="data:," alt="y"/>`},
		{"above all, by a command", `<dialog id="d" style="inset:0">x</dialog><button commandfor="d" command="show-modal">y</button>`, `<dialog id="d" style="inset:0">x</dialog><button>y</button>`},
		{"above all", `<div popover id="p">x</div><button popovertarget="p">y</button>`, `<div id="p">x</div><button>y</button>`},
		{"a figure's data stay", `<div class="golens-figure" data-golens="{&#34;v&#34;:1}"></div>`, `<div class="golens-figure" data-golens="{&#34;v&#34;:1}"></div>`},
		{"names of SVG", `<svg viewBox="0 0 1 1"><linearGradient id="a"><title>t</title></linearGradient></svg>`, `<svg viewBox="0 0 1 1"><linearGradient id="a"><title>t</title></linearGradient></svg>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fragment(test.in); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
	if got := fragment(strings.Repeat("<div>", 10_000)); strings.Contains(got, "<div>") {
		t.Error("what is nested too deeply to read is not shown as text")
	}
}

func TestPlainSVG(t *testing.T) {
	for _, test := range []struct {
		svg  string
		want bool
	}{
		{`<svg viewBox="0"><g id="a" fill="url(#b)"><text>x &amp; y</text></g><path d="M0 0"/></svg>`, true},
		{`<svg><style>footer{display:none}</style></svg>`, false},
		{`<svg><STYLE>footer{display:none}</STYLE></svg>`, false},
		{`<svg><script>alert(1)</script></svg>`, false},
		{`<svg><foreignObject><div/></foreignObject></svg>`, false},
		{`<svg><p/></svg>`, false}, // HTML leaves the figure here
		{`<svg><!--><style>footer{display:none}</style>--></svg>`, false},
		{`<svg><title><![CDATA[<meta http-equiv="refresh">]]></title></svg>`, false},
		{`<svg><g></svg>`, false},
		{`<svg></svg></figure>`, false},
		{`<svg onload="x()"></svg>`, false},
		{`<svg style="position:fixed;inset:0"></svg>`, false},
		{`<svg style="p\6fsition:fixed"></svg>`, false},
		{`<svg><g style="TRANSFORM:scale(99)"></g></svg>`, false},
		{`<svg style="fill:none; margin-top:-999px"></svg>`, false},
		{`<svg style="/**/scale/**/:99"></svg>`, false},
		{`<svg style="fill:none;stroke-width:2;stroke-dashoffset:1"></svg>`, true},
		{`<svg><x:style xmlns:x="http://www.w3.org/1999/xhtml">*{}</x:style></svg>`, false},
	} {
		if got := plainSVG(test.svg); got != test.want {
			t.Errorf("%s: %v", test.svg, got)
		}
	}
}

// attacks are outputs that try to reach beyond their place.
var attacks = []string{
	`</div></div></section></main><footer>faked</footer></body></html>`,
	`<div style="position:fixed;inset:0;background:white">`,
	`<table><tr><td></main></table><select><option></main>`,
	`<svg><desc><div></svg></main><style>footer{display:none}</style>`,
	`<svg><main><div>`, `<math><section><p></section></main><b>`, `<svg><g><main><font color=red></main></main>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;meta http-equiv=refresh content=0&gt;">`,
	`<form><math><mtext></form><form><mglyph><style></math><meta http-equiv="refresh" content="0;url=x">`,
	`<a href="x"><table><a href="y"><b><p></b></a></table></main>`,
	`<!--`, `<textarea>`, `<xmp>`, `<style>`, `<script>`, `<title>`, `<template></template></main>`, `<plaintext>`, `<p class=fold><input type=checkbox checked>`,
}

// pageOf is a report in which text is an output in every form that holds markup,
// and markdown.
func pageOf(t testing.TB, text string) string {
	t.Helper()
	code := &notebook.Cell{Type: notebook.Code, Source: "x", Count: 1}
	for _, mime := range []string{"text/html", "image/svg+xml", "text/markdown", "text/plain"} {
		body := text
		if mime == "image/svg+xml" {
			body = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">` + text + `</svg>`
		}
		code.Outputs = append(code.Outputs, notebook.Output{Type: notebook.Display, Data: notebook.Bundle{mime: body}})
	}
	nb := &notebook.Notebook{Metadata: map[string]any{}, Cells: []*notebook.Cell{{Type: notebook.Markdown, Source: "# Title\n\n" + text}, code}}
	page, err := HTML(nb, "n.ipynb", Provenance{Notebook: "n.ipynb"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// whole fails unless a page is built as it should be whatever stands in it: one
// style and one policy, nothing that leads away, and the provenance as the last
// block.
func whole(t testing.TB, page string) {
	t.Helper()
	doc, err := nethtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	var blocks []string
	for n := range doc.Descendants() {
		if n.Type != nethtml.ElementNode {
			continue
		}
		count[n.Data]++
		if n.Parent.Data == "body" && n.Data != "script" {
			blocks = append(blocks, n.Data)
		}
	}
	for name, n := range map[string]int{"meta": 4, "style": 1, "base": 0, "link": 0, "iframe": 0, "script": 0} {
		if count[name] != n {
			t.Errorf("%d %s, want %d", count[name], name, n)
		}
	}
	if !slices.Equal(blocks, []string{"main", "footer"}) {
		t.Errorf("the page is made of %v", blocks)
	}
}

func TestTheFooterStaysTheLastBlock(t *testing.T) {
	for _, attack := range append(attacks, "plain") {
		t.Run(attack, func(t *testing.T) { whole(t, pageOf(t, attack)) })
	}
	whole(t, pageOf(t, strings.Join(attacks, "\n")))
	var b strings.Builder
	for _, one := range attacks {
		for _, other := range attacks {
			fmt.Fprintln(&b, one+other)
		}
	}
	whole(t, pageOf(t, b.String()))
}

func TestDeepFragmentsAreText(t *testing.T) {
	for n, want := range map[int]bool{deepest: false, deepest + 1: true} {
		if got := fragment(strings.Repeat("<i>", n)); strings.HasPrefix(got, "<pre>") != want {
			t.Errorf("%d elements deep: %.40s", n, got)
		}
	}
}

// Whatever is written a thousand times around itself, the page is whole and says what
// was written.
func TestDeepMarkupLeavesThePageWhole(t *testing.T) {
	for _, kind := range []struct{ open, before, close, after string }{
		{open: "**", close: "**"}, {open: "_*", close: "*_"}, {open: "~~", close: "~~"}, {open: "> "}, {open: "- "}, {open: "1. "},
		{open: "![", close: "](a)"}, {open: "[", close: "](a)"}, {open: "<g>", close: "</g>"}, {open: "<b>", close: "</b>"},
		{open: "**<i>", close: "</i>**"}, {before: "$", open: `\sqrt{`, close: "}", after: "$"}, {before: "$", open: `x^{`, close: "}", after: "$"},
		{before: strings.Repeat("> ", 150) + "$", open: `\sqrt{`, close: "}", after: "$"}, {open: "\x1b[1m", close: "\x1b[0m"},
	} {
		for _, n := range []int{90, 190, 300, 390, 1000} {
			page := pageOf(t, kind.before+strings.Repeat(kind.open, n)+"word"+strings.Repeat(kind.close, n)+kind.after)
			whole(t, page)
			if said := strings.NewReplacer("<mi>", "", "</mi>", "").Replace(page); !strings.Contains(said, "word") {
				t.Errorf("%d times %q: what was written is not shown", n, kind.open)
			}
			if t.Failed() {
				t.Fatalf("%d times %q", n, kind.open)
			}
		}
	}
}

// A text four times as long makes a few times as much work, not sixteen times.
func TestWorkGrowsWithTheText(t *testing.T) {
	for _, part := range []string{"# a\n", "a\n===\n\n", "\\begin{a}\n", "```\n", "```zz\n```\n", "**a", "[a]: b\n"} {
		made := func(n int) float64 {
			text := strings.Repeat(part, n)
			least := math.Inf(1)
			for range 3 { // others of this process may allocate too
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if _, err := newMarkdown().html(text); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				least = min(least, float64(after.TotalAlloc-before.TotalAlloc))
			}
			return least
		}
		made(1)
		if few, many := made(1000), made(4000); many > 8*few {
			t.Errorf("%q: %.0f bytes are allocated for 1000, %.0f for 4000", part, few, many)
		}
	}
}

func FuzzFragment(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := fragment(text)
		if again := fragment(got); again != got && !strings.HasPrefix(got, "<pre>") {
			t.Errorf("read again, %q becomes %q", got, again)
		}
		svg := `<svg viewBox="0">` + text + `</svg>`
		if !plainSVG(svg) {
			svg = ""
		}
		whole(t, `<!DOCTYPE html><head><meta><meta><meta><meta><style></style></head><body><main><div>`+got+svg+`</div></main><footer></footer></body>`)
	})
}

// FuzzPage is FuzzFragment for all of a page, and slower.
func FuzzPage(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) { whole(t, pageOf(t, text)) })
}
