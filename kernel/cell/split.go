package cell

import (
	"bytes"
	"go/scanner"
	"go/token"
	"strings"
)

// Text is a cell taken apart into its magics and its Go.
type Text struct {
	// Special is the first line of a cell that is not Go, such as "%%bash", and
	// "" for one that is.
	Special string
	// Magics are the lines that are commands to the kernel, in order.
	Magics []Magic
	// Go is the cell with its magics blanked, on the lines where it stood.
	Go string
}

// Magic is a line that is a command to the kernel: it begins with % or ! where
// Go has no token.
type Magic struct {
	Line int    // from 0
	Text string // continuation lines joined
}

// Name is the magic's command, such as "%%", "%args" or "!".
func (m Magic) Name() string {
	if strings.HasPrefix(m.Text, "!") {
		return "!"
	}
	if f := strings.Fields(strings.TrimPrefix(m.Text, "%")); len(f) > 0 {
		return "%" + f[0]
	}
	return "%"
}

// specials are the commands that take the whole cell.
var specials = []string{"%%bash", "%%sh", "%%script", "%%writefile"}

// Split takes a cell apart. A line is a magic only if it begins with % or !
// between two statements: not in a string, a comment, an expression or a block.
// Line ends of Windows become those of Go.
func Split(code string) Text {
	code = strings.ReplaceAll(code, "\r\n", "\n")
	first, _, _ := strings.Cut(code, "\n")
	for _, s := range specials {
		if rest, ok := strings.CutPrefix(first, s); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
			return Text{Special: first, Go: code}
		}
	}
	t := Text{}
	src := []byte(code)
	for start := 0; start < len(src); {
		start = t.magicAfter(src, start)
	}
	t.Go = string(src)
	return t
}

// magicAfter finds the next magic after start, which stands between two
// statements, blanks it and returns where to look for the one after.
func (t *Text) magicAfter(src []byte, start int) int {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src)-start)
	var s scanner.Scanner
	s.Init(file, src[start:], func(token.Position, string) {}, 0)
	depth, between := 0, true
	for {
		pos, tok, lit := s.Scan()
		at := start + file.Offset(pos)
		switch tok {
		case token.EOF:
			return len(src)
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth--
		case token.SEMICOLON:
			between = depth <= 0 && lit == "\n"
			continue
		case token.REM, token.REM_ASSIGN, token.NOT, token.NEQ:
			if between && (at == 0 || src[at-1] == '\n') {
				return t.take(src, at)
			}
		}
		between = false
	}
}

// take notes the magic at src[at:], with the lines that a final \ adds to it,
// blanks it and returns where it ends. What follows %time and %timeit is Go.
func (t *Text) take(src []byte, at int) int {
	m := Magic{Line: strings.Count(string(src[:at]), "\n")}
	for _, word := range []string{"%%timeit", "%%time", "%timeit", "%time"} {
		rest, ok := bytes.CutPrefix(src[at:], []byte(word))
		if ok && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\n")) {
			m.Text = "%" + strings.TrimLeft(word, "%")
			t.Magics = append(t.Magics, m)
			copy(src[at:], "        "[:len(word)])
			return at + len(word)
		}
	}
	for {
		end := at
		for end < len(src) && src[end] != '\n' {
			end++
		}
		line, more := strings.CutSuffix(string(src[at:end]), `\`)
		m.Text += line
		for i := at; i < end; i++ {
			src[i] = ' '
		}
		at = min(end+1, len(src))
		if !more || end == len(src) {
			break
		}
		m.Text += " "
	}
	t.Magics = append(t.Magics, m)
	return at
}
