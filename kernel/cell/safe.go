package cell

import (
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
)

// Safe returns a cell that means the same and in which GoNB, which reads lines,
// not Go, cannot take a line of Go for a command.
func Safe(code string) string {
	t := Split(code)
	if t.Special != "" {
		return t.Go
	}
	lines := strings.Split(plain(t.Go), "\n")
	for i, l := range lines {
		for _, trap := range []string{"%", "!", "package", "//gonb:"} {
			if strings.HasPrefix(l, trap) {
				lines[i] = " " + l
			}
		}
	}
	main := false
	for _, m := range t.Magics {
		if n := m.Name(); n == "%%" || n == "%main" {
			if main {
				continue // one main has the parts of all
			}
			main = true
		}
		if strings.TrimSpace(m.Text[1:]) != "" {
			lines[m.Line] = m.Text
		}
	}
	return strings.Join(lines, "\n")
}

// plain writes raw strings of more than one line as interpreted ones, on as
// many lines.
func plain(src string) string {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	var s scanner.Scanner
	s.Init(file, []byte(src), func(token.Position, string) {}, 0)
	var b strings.Builder
	done := 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return b.String() + src[done:]
		}
		at := file.Offset(pos)
		if tok != token.STRING || lit[0] != '`' || !strings.Contains(lit, "\n") || !strings.HasSuffix(src[at:min(len(src), at+len(lit))], "`") {
			continue
		}
		parts := strings.SplitAfter(lit[1:len(lit)-1], "\n")
		for i, p := range parts {
			parts[i] = strconv.Quote(p)
		}
		b.WriteString(src[done:at] + "(" + strings.Join(parts, "+\n") + ")")
		done = at + len(lit)
	}
}
