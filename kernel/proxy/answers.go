package proxy

import (
	"errors"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/golens/golens/kernel/cell"
	"github.com/golens/golens/kernel/wire"
)

// kernelInfo is the content of a kernel_info_reply.
func (p *Proxy) kernelInfo() any {
	return map[string]any{
		"status":                 "ok",
		"protocol_version":       wire.ProtocolVersion,
		"implementation":         "golens",
		"implementation_version": Version,
		"banner":                 "golens: Go cells on trained transformers",
		"debugger":               false,
		"supported_features":     []string{},
		"language_info": map[string]any{
			"name":               "go",
			"version":            p.hooks.GoVersion(),
			"mimetype":           "text/x-go",
			"file_extension":     ".go",
			"pygments_lexer":     "go",
			"codemirror_mode":    "go",
			"nbconvert_exporter": "script",
		},
		"help_links": []map[string]string{
			{"text": "Go", "url": "https://go.dev/doc"},
			{"text": "GoNB", "url": "https://github.com/janpfeifer/gonb"},
		},
	}
}

// Version is the version of the kernel that kernel_info reports.
const Version = "0.1.0"

// isComplete tells a console whether a cell can be run as it stands: not while
// a bracket, a string or a comment is open.
func isComplete(m *wire.Message) any {
	var req struct {
		Code string `json:"code"`
	}
	if m.Decode(&req) != nil {
		return map[string]any{"status": "unknown"}
	}
	err := cell.Parse(cell.Split(req.Code))
	var e *cell.Error
	switch {
	case err == nil:
		return map[string]any{"status": "complete"}
	case errors.As(err, &e) && e.Open:
		return map[string]any{"status": "incomplete", "indent": strings.Repeat("\t", depth(req.Code))}
	}
	return map[string]any{"status": "invalid"}
}

// depth is how many brackets are open at the end of code.
func depth(code string) (n int) {
	var s scanner.Scanner
	src := []byte(cell.Split(code).Go)
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), src, func(token.Position, string) {}, 0)
	for {
		_, tok, _ := s.Scan()
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			n++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			n = max(0, n-1)
		case token.EOF:
			return n
		}
	}
}
