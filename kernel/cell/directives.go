package cell

import (
	"go/scanner"
	"go/token"
	"strings"
)

// refused are the compiler's directives that would change what a program is or does,
// and what to write in a cell, where they have no effect.
var refused = []struct{ directive, instead string }{
	{"embed", "embeds no file: read it with os.ReadFile, or a folder with os.DirFS"},
	{"linkname", "takes no name from inside another package: leave this line out"},
	{"build", "has no build constraint: leave this line out"},
	{"debug", "has no //go:debug: write %env GODEBUG=SETTING in a cell of its own"},
	{"cgo_", "cannot hold C: put it into a module of its own and import that"},
}

// directives refuses comments by which a cell would be another program, which would
// have no effect here, and disarms those that say that a line is another's: a cell's
// faults are told at its own lines. What it returns is as long as src.
func directives(src string) (string, error) {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	var s scanner.Scanner
	s.Init(file, []byte(src), func(token.Position, string) {}, scanner.ScanComments)
	out := []byte(src)
	for {
		pos, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return string(out), nil
		case tok != token.COMMENT:
			continue
		}
		o := file.Offset(pos)
		if strings.HasPrefix(lit[2:], "line ") {
			out[o+2] = 'L'
		}
		for _, r := range refused {
			rest, ok := strings.CutPrefix(lit, "//go:"+r.directive)
			if ok && (rest == "" || strings.ContainsAny(rest[:1], " \t") || strings.HasSuffix(r.directive, "_")) {
				return "", at(src, o, "a cell "+r.instead)
			}
		}
	}
}
