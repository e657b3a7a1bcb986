package render

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// heading is an entry of the table of contents.
type heading struct {
	Level int
	ID    string
	Text  string
}

// markdown turns notebooks' markdown into HTML. One is used for a whole
// notebook, so that ids of headings are unique.
type markdown struct {
	ids      map[string]int // of those that are taken, the number of the next of that name
	headings []heading
}

// commonMark reads and writes markdown; it keeps nothing of what it has read.
var commonMark = goldmark.New(
	goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList, mathExtension{}),
	goldmark.WithRendererOptions(
		gmhtml.WithUnsafe(), // notebooks use HTML in markdown
		renderer.WithNodeRenderers(util.Prioritized(codeBlocks{}, 1)),
	),
)

func newMarkdown() *markdown { return &markdown{ids: make(map[string]int)} }

// deepestProse is how far the parts of a markdown text may lie in each other.
const deepestProse = 200

// html renders one cell's source; what is nested too deeply to be a text for readers is
// shown as it was written.
func (m *markdown) html(source string) (string, error) {
	src := []byte(source)
	doc := commonMark.Parser().Parse(text.NewReader(src), parser.WithContext(parser.NewContext()))
	raw, open, most := false, 0, 0
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			open++
			most = max(most, open)
		} else {
			open--
		}
		raw = raw || n.Kind() == ast.KindRawHTML || n.Kind() == ast.KindHTMLBlock
		h, ok := n.(*ast.Heading)
		if !ok || !entering {
			return ast.WalkContinue, nil
		}
		title := plain(h, src)
		id := m.id(title)
		h.SetAttributeString("id", []byte(id))
		m.headings = append(m.headings, heading{Level: h.Level, ID: id, Text: title})
		return ast.WalkContinue, nil
	})
	if most > deepestProse {
		return "<pre>" + html.EscapeString(source) + "</pre>", nil
	}
	var b bytes.Buffer
	if err := commonMark.Renderer().Render(&b, src, doc); err != nil {
		return "", fmt.Errorf("markdown: %w", err)
	}
	if raw {
		return fragment(b.String()), nil
	}
	return b.String(), nil
}

// plain returns the text of a node without markup.
func plain(n ast.Node, src []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			switch t := n.(type) {
			case *ast.Text:
				b.Write(t.Value(src))
				if t.SoftLineBreak() {
					b.WriteByte(' ')
				}
			case *ast.String:
				b.Write(t.Value)
			case *formula:
				b.WriteString(t.tex)
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(b.String())
}

var notID = regexp.MustCompile(`[^\p{L}\p{N}]+`)

// id makes an id of a title that the page does not have yet.
func (m *markdown) id(title string) string {
	base := strings.Trim(notID.ReplaceAllString(strings.ToLower(title), "-"), "-")
	if base == "" {
		base = "section"
	}
	id := base
	for m.ids[id] > 0 {
		m.ids[base]++
		id = fmt.Sprintf("%s-%d", base, m.ids[base])
	}
	m.ids[id] = 1
	return id
}

// codeBlocks renders fenced code with colours.
type codeBlocks struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (codeBlocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, func(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		block := n.(*ast.FencedCodeBlock)
		var code strings.Builder
		for i := range block.Lines().Len() {
			line := block.Lines().At(i)
			code.Write(line.Value(src))
		}
		_, err := w.WriteString(`<pre class="code">` + highlight(code.String(), string(block.Language(src))) + "</pre>\n")
		return ast.WalkSkipChildren, err
	})
}

// images whose source is an attachment of the cell.
var attachmentSrc = regexp.MustCompile(`(<img\b[^>]*?\bsrc=")attachment:([^"]+)(")`)

// inlineAttachments puts a cell's attached images into its HTML.
func inlineAttachments(markup string, images map[string]map[string]string) string {
	return attachmentSrc.ReplaceAllStringFunc(markup, func(m string) string {
		p := attachmentSrc.FindStringSubmatch(m)
		name := html.UnescapeString(p[2])
		for mime, data := range images[name] {
			return p[1] + "data:" + html.EscapeString(mime+";base64,"+strings.TrimSpace(data)) + p[3]
		}
		return m
	})
}
