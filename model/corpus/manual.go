package corpus

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Manual is the prose of the manual pages below a folder, such as /usr/share/man/fr, in
// the order of their paths: paragraphs, without headings, markup, examples and links.
// Debian's packages manpages-fr, -de, -es and others have some in these languages.
// Pages that only name another one are left out.
func Manual(dir string) Source {
	return func(yield func(Document, error) bool) {
		var names []string
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && page.MatchString(name) {
				names = append(names, name)
			}
			return err
		})
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("%s holds no manual pages", dir)
		}
		if err != nil {
			yield(Document{Source: dir}, fmt.Errorf("corpus: %w", err))
			return
		}
		for _, name := range names {
			raw, err := readAll(name)
			if err != nil {
				err = fmt.Errorf("corpus: %w", err)
			}
			text := Roff(string(raw))
			if err == nil && text == "" {
				continue
			}
			if !yield(Document{Text: text, Source: name}, err) {
				return
			}
		}
	}
}

var (
	page    = regexp.MustCompile(`/man[1-9][^/]*/[^/]+\.[1-9][^/]*$`)
	escapes = regexp.MustCompile(`\\f(\[[^]]*\]|\([A-Z]{2}|.)|\\s[-+]?[0-9]|\\[&%|^:,/)]|\\\*?(\[[^]]*\]|\([^ ]{2})`)
	unquote = strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\(dq`, `"`, `\e`, `\`, `\ `, " ", `\~`, " ", `\(bu`, "•", `\(co`, "©", `\(lq`, "“", `\(rq`, "”", `\(:a`, "ä", `\[u`, `\[u`)
)

// Roff is the prose of a page of troff's man macros.
func Roff(page string) string {
	var out, paragraph strings.Builder
	end := func() {
		p := strings.Join(strings.Fields(paragraph.String()), " ")
		paragraph.Reset()
		if len(p) > 40 { // shorter ones are labels
			out.WriteString(p)
			out.WriteString("\n")
		}
	}
	literal := false // an example
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\r\n")
		switch macro, rest, _ := strings.Cut(line, " "); {
		case macro == ".EX" || macro == ".nf":
			literal = true
		case macro == ".EE" || macro == ".fi":
			literal = false
		case literal || strings.HasPrefix(line, `.\"`) || strings.HasPrefix(line, `'\"`):
		case macro == ".B" || macro == ".I" || macro == ".BR" || macro == ".IR" || macro == ".BI" || macro == ".IB" || macro == ".RB" || macro == ".RI":
			words := strings.ReplaceAll(rest, `"`, "")
			if len(macro) == 3 { // in turn in two fonts, without spaces between them
				words = strings.ReplaceAll(words, " ", "")
			}
			paragraph.WriteString(" " + words)
		case strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") || line == "":
			end()
		default:
			paragraph.WriteString(" " + line)
		}
	}
	end()
	return escapes.ReplaceAllString(unquote.Replace(out.String()), "")
}
