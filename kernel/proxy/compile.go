package proxy

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/golens/golens/kernel/cell"
)

// goMessage matches a message of the compiler with its place.
var goMessage = regexp.MustCompile(`(?m)^(\S+:\d+(?::\d+)?): (.+)$`)

// compileErrors reads what the compiler says of a program.
func compileErrors(output string) []*cell.Error {
	var list []*cell.Error
	for _, m := range goMessage.FindAllStringSubmatch(output, -1) {
		e := &cell.Error{Msg: strings.ReplaceAll(m[2], "ʹ", "")}
		e.Cell, e.Line, e.Col, _ = cell.Position(m[1])
		list = append(list, e)
	}
	if len(list) == 0 {
		list = append(list, &cell.Error{Msg: strings.TrimSpace(output)})
	}
	return list
}

// compileFailure says what is wrong with a cell: each message with its place
// and its line. code is the text of a cell.
func compileFailure(errs []*cell.Error, code func(count int) string) failure {
	f := failure{Name: "CompileError", Value: errs[0].Msg}
	if n := len(errs) - 1; n > 0 {
		f.Value += fmt.Sprintf(" (and %d more)", n)
	}
	for _, e := range errs {
		if e.Line == 0 {
			f.Traceback = append(f.Traceback, red(f.Name)+": "+e.Msg)
			continue
		}
		text := red(inCell(e.Cell, e.Line)) + ": " + e.Msg
		lines := strings.Split(strings.ReplaceAll(code(e.Cell), "\r\n", "\n"), "\n")
		if e.Line <= len(lines) && strings.TrimSpace(lines[e.Line-1]) != "" {
			line := lines[e.Line-1]
			text += "\n    " + line
			if e.Col > 0 {
				text += "\n    " + under(line, e.Col) + "^"
			}
		}
		if strings.HasSuffix(e.Msg, "run it again") || strings.HasSuffix(e.Msg, "set it before") {
			text += "\n    the rules: " + rules
		}
		f.Traceback = append(f.Traceback, text)
	}
	return f
}

// under is blank text as wide as what stands before the col-th byte, from 1, of
// a line.
func under(line string, col int) string {
	var b strings.Builder
	for _, r := range line[:min(col-1, len(line))] {
		switch kind := width.LookupRune(r).Kind(); {
		case r == '\t':
			b.WriteByte('\t')
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}
