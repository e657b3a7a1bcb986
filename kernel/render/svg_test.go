package render

import (
	"strings"
	"testing"
)

func TestInlineSVG(t *testing.T) {
	for _, test := range []struct{ name, svg, want string }{
		{"prolog goes", `<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 1 1"><g/></svg>`, `<svg viewBox="0 0 1 1"><g/></svg>`},
		{"size becomes a viewBox", `<svg width="72pt" height="1in"></svg>`, `<svg width="72pt" height="1in" viewBox="0 0 96 96"></svg>`},
		{"ids and what names them", `<svg viewBox="0"><clipPath id="c"/><g clip-path="url(#c)"><use xlink:href="#c"/><a href='#c'/></g></svg>`,
			`<svg viewBox="0"><clipPath id="f1-c"/><g clip-path="url(#f1-c)"><use xlink:href="#f1-c"/><a href='#f1-c'/></g></svg>`},
		{"outer links stay", `<svg viewBox="0"><a href="https://x.y/#z"/></svg>`, `<svg viewBox="0"><a href="https://x.y/#z"/></svg>`},
		{"what follows goes", `<svg viewBox="0"></svg></figure><script>alert(1)</script>`, `<svg viewBox="0"></svg>`},
		{"no svg", `<html></html>`, ``},
		{"cut short", `<svg viewBox="0"><g>`, ``},
		{"closed before opened", `</svg><svg viewBox="0">`, ``},
		{"empty", ``, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := inlineSVG(test.svg, "f1-"); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFiguresWithTheSameIDsKeepApart(t *testing.T) {
	const svg = `<svg viewBox="0"><clipPath id="c"/></svg>`
	a, b := inlineSVG(svg, "f1-"), inlineSVG(svg, "f2-")
	if a == b || strings.Contains(a, `"c"`) {
		t.Errorf("%s and %s", a, b)
	}
}
