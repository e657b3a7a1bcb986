// Package script holds the one script of golens' figures, which makes them
// answer to the pointer and the keyboard. A page that shows figures may allow it
// by its hash, and with it nothing else.
package script

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"strings"
)

//go:embed figure.js
var figure string

// Source is the script: it finds the figures of a page, elements of class Class
// with the attribute Data, and leaves all else alone. It fetches nothing.
var Source = terse(figure)

// terse leaves out comments and indents: a notebook holds the script once for
// every figure.
func terse(js string) string {
	var b strings.Builder
	for line := range strings.Lines(js) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// How a figure is marked in a page.
const (
	Class = "golens-figure"
	Data  = "data-golens"
)

// Hash is the source of a content security policy that allows the script.
func Hash() string {
	sum := sha256.Sum256([]byte(Source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
