package cell

import (
	"go/scanner"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// Sketch is a Go file of all that is declared and of a cell that may be
// unfinished, for a language server: it need not compile. at is an offset in the
// cell, the result its place in the file.
func (s *State) Sketch(t Text, at int, p Packages) (file string, in int) {
	c := &composer{State: s, packages: p, text: t, cur: map[string]int{}, olds: map[string]bool{}, seeded: map[string]bool{}, anew: map[string]bool{}}
	pieces := loose(t.Go)
	bases := selected(t.Go)
	for _, pc := range pieces {
		for _, n := range pc.declares {
			c.cur[n] = 0
		}
	}
	const imports, decls, main = 0, 1, 2
	var parts [3]strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		d := s.names[name]
		_, again := c.cur[name]
		whole := func() bool { // of a group of constants, written with its first name
			return name == d.names[0] && !slices.ContainsFunc(d.names, func(n string) bool { return s.names[n] != d && n != "_" })
		}
		switch {
		case again:
		case d.isVar():
			if t := d.types[name]; t != nil && nameable(t) {
				parts[decls].WriteString("var " + name + " " + c.typeText(t) + "\n")
			}
		case d.kind != constItem || whole():
			parts[decls].WriteString(declKeyword(d.item) + d.src + "\n")
			maps.Copy(bases, d.uses)
		}
	}
	where, blank := -1, 0
	for _, pc := range pieces {
		part := main
		if pc.first == token.IMPORT {
			part = imports
		} else if pc.top {
			part = decls
		}
		if where < 0 && pc.at <= at && at <= pc.end {
			where, in = part, parts[part].Len()+at-pc.at
		}
		parts[part].WriteString(t.Go[pc.at:pc.end] + "\n")
		if pc.end < at {
			blank = parts[main].Len()
		}
	}
	body := parts[main].String()
	if where < 0 { // on a line of its own
		body = body[:blank] + "\n" + body[blank:]
		where, in = main, blank
	}
	known := map[string]bool{}
	for n := range s.names {
		known[n] = true
	}
	for n := range c.cur {
		known[n] = true
	}
	for _, im := range s.imports {
		if im.name != "_" {
			c.imports = append(c.imports, im)
		}
	}
	for _, im := range c.imports {
		known[im.local(p)] = true
	}
	for _, pc := range pieces {
		for _, n := range pc.imports {
			known[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(bases)) {
		if !known[n] {
			if path := p.Find(n, nil); path != "" {
				c.imports = append(c.imports, &imported{path: path})
			}
		}
	}
	head := "package main\n\n"
	for _, im := range c.imports {
		head += "import " + im.name + " \"" + im.path + "\"\n"
	}
	const open = "func main() {\n"
	file = head + parts[imports].String() + parts[decls].String() + open + body + "}\n"
	for i, n := range []int{len(head), parts[imports].Len(), parts[decls].Len() + len(open)} {
		if i <= where {
			in += n
		}
	}
	return file, in
}

// piece is a declaration or statement that may be unfinished.
type piece struct {
	at, end  int
	first    token.Token
	top      bool // it stands outside of functions
	declares []string
	imports  []string
}

// loose splits a cell as far as that can be done.
func loose(src string) (list []piece) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	s.Init(file, []byte(src), func(token.Position, string) {}, 0)
	depth, empty := 0, true
	var p piece
	var toks []token.Token
	var lits []string
	end := func() {
		if empty {
			return
		}
		p.first = toks[0]
		for p.end < len(src) && (src[p.end] == ' ' || src[p.end] == '\t') {
			p.end++
		}
		switch p.first {
		case token.IMPORT, token.TYPE, token.CONST, token.VAR:
			p.top = true
		case token.FUNC:
			p.top = len(toks) > 1 && toks[1] == token.IDENT
			if len(toks) > 1 && toks[1] == token.LPAREN { // a method, or a function that is called
				i := slices.Index(toks, token.RPAREN)
				p.top = i > 0 && i+1 < len(toks) && toks[i+1] == token.IDENT
			}
		}
		if p.top && len(toks) > 1 && toks[1] == token.IDENT {
			p.declares = []string{lits[1]}
		}
		if p.first == token.IMPORT {
			for i, tok := range toks {
				if tok == token.STRING {
					path := strings.Trim(lits[i], "\"`")
					p.imports = append(p.imports, path[strings.LastIndexByte(path, '/')+1:])
				}
				if tok == token.IDENT {
					p.imports = append(p.imports, lits[i])
				}
			}
		}
		list = append(list, p)
		empty, toks, lits = true, nil, nil
	}
	for {
		pos, tok, lit := s.Scan()
		o := file.Offset(pos)
		switch tok {
		case token.EOF:
			end()
			return list
		case token.SEMICOLON:
			if depth <= 0 && (lit == "\n" || empty || !header(toks[0])) {
				end()
				continue
			}
			lit = ";"
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth--
		}
		if empty {
			p, empty, depth = piece{at: o}, false, max(depth, 0)
		}
		toks, lits = append(toks, tok), append(lits, lit)
		n := len(tok.String())
		if lit != "" && tok != token.SEMICOLON {
			n = len(lit)
			if lit[0] == '`' {
				n = strings.IndexByte(src[o+1:]+"`", '`') + 2
			}
		} else if tok == token.SEMICOLON {
			n = 1
		}
		p.end = min(o+n, len(src))
	}
}

// selected lists the names before a period.
func selected(src string) map[string]bool {
	found := map[string]bool{}
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(src)), []byte(src), func(token.Position, string) {}, 0)
	last := ""
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return found
		case tok == token.PERIOD && last != "":
			found[last] = true
		}
		last = ""
		if tok == token.IDENT {
			last = lit
		}
	}
}
