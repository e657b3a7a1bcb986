package render

import (
	"html"
	"maps"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// highlight returns code as HTML with spans for the classes that the style
// sheet colours. An unknown language is shown plain.
func highlight(code, language string) string {
	code = strings.TrimRight(code, "\n")
	if language == "go" {
		return highlightCell(code)
	}
	return tokens(code, languages()[strings.ToLower(language)])
}

// languages are the lexers by the names, shorter names and endings of files of their
// languages. The library's own search tries hundreds of patterns for a name that is none.
var languages = sync.OnceValue(func() map[string]chroma.Lexer {
	byName, byEnding := map[string]chroma.Lexer{}, map[string]chroma.Lexer{}
	for _, l := range lexers.GlobalLexerRegistry.Lexers {
		c := l.Config()
		for _, glob := range c.Filenames {
			ending := strings.ToLower(strings.TrimPrefix(glob, "*."))
			if old := byEnding[ending]; old == nil || c.Priority > old.Config().Priority {
				byEnding[ending] = l
			}
		}
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			byName[strings.ToLower(name)] = l
		}
	}
	maps.Copy(byEnding, byName)
	return byEnding
})

var (
	goLexer   = lexers.Get("go")
	jsonLexer = lexers.Get("json")
)

// highlightCell colours a Go cell, in which lines that begin with % or ! are
// commands to gonb, and a first line like %%bash makes it all another language.
func highlightCell(code string) string {
	if first, rest, _ := strings.Cut(code, "\n"); strings.HasPrefix(first, "%%") {
		switch name, _, _ := strings.Cut(first[2:], " "); name {
		case "bash", "sh", "script", "writefile":
			return command(first) + "\n" + tokens(rest, lexers.Get(map[string]string{"bash": "bash", "sh": "bash"}[name]))
		}
	}
	var out, pending strings.Builder
	flush := func() {
		if pending.Len() > 0 {
			out.WriteString(tokens(pending.String(), goLexer))
			pending.Reset()
		}
	}
	for line := range strings.Lines(code) {
		if strings.HasPrefix(line, "%") || strings.HasPrefix(line, "!") {
			flush()
			out.WriteString(command(strings.TrimSuffix(line, "\n")))
			if strings.HasSuffix(line, "\n") {
				out.WriteByte('\n')
			}
			continue
		}
		pending.WriteString(line)
	}
	flush()
	return out.String()
}

func command(line string) string {
	return `<span class="k-cmd">` + html.EscapeString(line) + `</span>`
}

// class returns the style sheet's class for a token, "" for plain.
func class(t chroma.TokenType) string {
	switch {
	case t.InCategory(chroma.Comment):
		return "k-com"
	case t.InSubCategory(chroma.KeywordType), t == chroma.NameBuiltin:
		return "k-typ"
	case t.InCategory(chroma.Keyword):
		return "k-key"
	case t.InSubCategory(chroma.LiteralString):
		return "k-str"
	case t.InSubCategory(chroma.LiteralNumber):
		return "k-num"
	case t == chroma.NameFunction:
		return "k-fun"
	}
	return ""
}

// tokens colours code by lexer; nil: not at all.
func tokens(code string, lexer chroma.Lexer) string {
	if lexer == nil {
		return html.EscapeString(code)
	}
	it, err := lexer.Tokenise(&chroma.TokeniseOptions{State: "root", EnsureLF: false}, code)
	if err != nil {
		return html.EscapeString(code)
	}
	var out strings.Builder
	for tok := it(); tok != chroma.EOF; tok = it() {
		text := html.EscapeString(tok.Value)
		if c := class(tok.Type); c != "" {
			// A span per line: a comment over several lines prints well.
			lines := strings.Split(text, "\n")
			for i, l := range lines {
				if i > 0 {
					out.WriteByte('\n')
				}
				if l != "" {
					out.WriteString(`<span class="` + c + `">` + l + `</span>`)
				}
			}
			continue
		}
		out.WriteString(text)
	}
	return out.String()
}
