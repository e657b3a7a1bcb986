package proxy

import (
	"go/scanner"
	"go/token"
	"strings"

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
	depth, open := 0, false
	var s scanner.Scanner
	src := []byte(goLines(req.Code))
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), src, func(_ token.Position, msg string) {
		open = open || strings.Contains(msg, "not terminated")
	}, 0)
	for {
		_, tok, _ := s.Scan()
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth--
		case token.EOF:
			switch {
			case depth < 0:
				return map[string]any{"status": "invalid"}
			case open || depth > 0:
				return map[string]any{"status": "incomplete", "indent": strings.Repeat("\t", max(depth, 0))}
			}
			return map[string]any{"status": "complete"}
		}
	}
}

// goLines blanks the lines that are commands to gonb, not Go.
func goLines(code string) string {
	lines := strings.Split(code, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "%") || strings.HasPrefix(l, "!") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}
