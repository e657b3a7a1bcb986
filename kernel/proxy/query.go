package proxy

import (
	"context"
	"go/scanner"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golens/golens/kernel/cell"
	"github.com/golens/golens/kernel/gopls"
	"github.com/golens/golens/kernel/internal/proc"
	"github.com/golens/golens/kernel/wire"
)

// Completions that take longer come too late; the server's start may take long on a
// busy machine, and nobody waits for it.
const (
	queryLimit = 5 * time.Second
	startLimit = 3 * time.Minute
)

// dialGopls connects to the language server that gonb starts, and has it look at
// a first file: the first question is answered as fast as the next.
func (p *Proxy) dialGopls(ctx context.Context) {
	defer close(p.helped)
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for ctx.Err() == nil {
		dir, err := p.cells.Builder.Dir()
		if err != nil {
			p.hooks.Log("completion: %v", err)
			return
		}
		c, err := gopls.Dial(ctx, filepath.Join(dir, "gopls_socket"), dir, "main.go")
		if err != nil {
			time.Sleep(between)
			continue
		}
		p.helper = c
		const first = "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.P\n}\n"
		if _, err := c.Complete(ctx, first, strings.Index(first, "P\n")+1); err != nil && ctx.Err() == nil {
			p.hooks.Log("completion: %v", err)
		}
		return
	}
}

// EndHelper ends the language server, with the go commands that it runs: gonb
// ends the server alone.
func (p *Proxy) EndHelper() {
	p.mu.Lock()
	end := p.endDial
	p.mu.Unlock()
	if end == nil {
		return // there is none
	}
	end()
	<-p.helped
	if p.helper == nil {
		return
	}
	pid := p.helper.Pid()
	p.helper.Close()
	if pid > 0 {
		proc.End(pid, 0)
	}
}

// query is a question about a place in a cell.
type query struct {
	code string
	text cell.Text
	pos  int // in characters of code
	at   int // in bytes of text.Go
}

// readQuery reads a complete_request or an inspect_request.
func readQuery(m *wire.Message) (q query, ok bool) {
	var c struct {
		Code string `json:"code"`
		Pos  *int   `json:"cursor_pos"`
	}
	if m.Decode(&c) != nil || c.Pos == nil || *c.Pos < 0 || *c.Pos > utf8.RuneCountInString(c.Code) {
		return q, false
	}
	q = query{code: c.Code, text: cell.Split(c.Code), pos: *c.Pos}
	before := string([]rune(c.Code)[:q.pos])
	q.at = len(strings.ReplaceAll(before, "\r\n", "\n"))
	return q, q.text.Special == "" && q.at <= len(q.text.Go)
}

// server waits for the language server, if one is to come.
func (p *Proxy) server() *gopls.Client {
	select {
	case <-p.ready:
	default: // still starting: nobody waits minutes for a completion
		return nil
	}
	if !p.cells.Gopls || p.current() == nil {
		return nil
	}
	select {
	case <-p.helped:
		return p.helper
	case <-time.After(queryLimit):
		return nil
	}
}

// complete answers a complete_request.
func (p *Proxy) complete(m *wire.Message) any {
	if own, ok := completeCommand(m); ok {
		return own
	}
	q, ok := readQuery(m)
	if !ok {
		return emptyCompletion(m)
	}
	matches := p.models(q)
	if server := p.server(); matches == nil && server != nil {
		file, in := p.state.Sketch(q.text, q.at, p.cells.Builder)
		ctx, cancel := context.WithTimeout(p.ctx, queryLimit)
		defer cancel()
		list, err := server.Complete(ctx, file, in)
		if err != nil {
			p.hooks.Log("completion: %v", err)
		}
		for _, c := range list {
			c.From += q.at - in
			matches = append(matches, c)
		}
	}
	if len(matches) == 0 {
		return emptyCompletion(m)
	}
	from := matches[0].From
	start := q.pos - utf8.RuneCountInString(q.text.Go[min(from, q.at):q.at])
	texts, kinds := []string{}, []map[string]any{}
	for _, c := range matches {
		if c.From != from || slices.Contains(texts, c.Text) {
			continue
		}
		texts = append(texts, c.Text)
		kinds = append(kinds, map[string]any{"start": start, "end": q.pos, "text": c.Text, "type": c.Kind, "signature": c.Detail})
	}
	return map[string]any{"status": "ok", "matches": texts, "cursor_start": start, "cursor_end": q.pos,
		"metadata": map[string]any{"_jupyter_types_experimental": kinds}}
}

// models completes the name of a model in model.Open("…").
func (p *Proxy) models(q query) []gopls.Match {
	if p.cells.Models == nil {
		return nil
	}
	src := []byte(q.text.Go)
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	s.Init(file, src, func(token.Position, string) {}, 0)
	var before []string
	for {
		pos, tok, lit := s.Scan()
		from := file.Offset(pos) + 1
		if tok == token.EOF || from > q.at {
			return nil
		}
		if n := len(before); tok == token.STRING && q.at < from+len(lit) && n > 1 && before[n-1] == "(" && strings.HasPrefix(before[n-2], "Open") {
			prefix := string(src[from:q.at])
			var list []gopls.Match
			for _, name := range p.cells.Models() {
				if strings.HasPrefix(name, prefix) {
					list = append(list, gopls.Match{Text: name, From: from, Kind: "model"})
				}
			}
			return list
		}
		if lit == "" {
			lit = tok.String()
		}
		before = append(before, lit)
	}
}

// ownLink is a link to documentation of golens or of the cells, which no site
// has.
var ownLink = regexp.MustCompile(`\[([^\]]*)\]\(https://pkg\.go\.dev/(?:github\.com/golens/golens|gonb_)[^)]*\)`)

// inspect answers an inspect_request.
func (p *Proxy) inspect(m *wire.Message) any {
	none := map[string]any{"status": "ok", "found": false, "data": map[string]any{}, "metadata": map[string]any{}}
	q, ok := readQuery(m)
	if !ok {
		return none
	}
	line := strings.Count(q.text.Go[:q.at], "\n")
	for _, magic := range q.text.Magics {
		if magic.Line == line {
			none["found"], none["data"] = true, map[string]any{"text/plain": helpText}
			return none
		}
	}
	server := p.server()
	if server == nil {
		return none
	}
	file, in := p.state.Sketch(q.text, onName(q.text.Go, q.at), p.cells.Builder)
	ctx, cancel := context.WithTimeout(p.ctx, queryLimit)
	defer cancel()
	text, err := server.Describe(ctx, file, in)
	if err != nil {
		p.hooks.Log("inspection: %v", err)
	}
	if text != "" {
		text = ownLink.ReplaceAllString(text, "$1")
		none["found"], none["data"] = true, map[string]any{"text/markdown": text, "text/plain": text}
	}
	return none
}

// onName moves a place that follows a name, or its opening bracket, onto it.
func onName(src string, at int) int {
	isName := func(i int) bool {
		if i < 0 || i >= len(src) {
			return false
		}
		b := src[i]
		return b == '_' || b >= 0x80 || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
	}
	i := at
	for i > 0 && !isName(i) && !isName(i-1) && strings.IndexByte("( ,", src[i-1]) >= 0 {
		i--
	}
	for !isName(i) && isName(i-1) || i > 0 && i < len(src) && !utf8.RuneStart(src[i]) {
		i--
	}
	if !isName(i) {
		return at
	}
	return i
}
