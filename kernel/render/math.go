package render

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/wyatt915/treeblood"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	xhtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// angles stand for < and > on the way through the converter, which leaves those
// of texts as they are: markup could hide in them.
var (
	hideAngles = strings.NewReplacer("<", "\ue000", ">", "\ue001")
	showAngles = strings.NewReplacer("<mi>\ue000</mi>", "<mo>&lt;</mo>", "<mi>\ue001</mi>", "<mo>&gt;</mo>", "\ue000", "&lt;", "\ue001", "&gt;")
)

// mathHTML typesets TeX as MathML, which browsers draw without a script. What
// cannot be read is shown as it was written.
func mathHTML(tex string, display bool) (out string) {
	delim := "$"
	if display {
		delim = "$$"
	}
	raw := `<code class="tex">` + html.EscapeString(delim+tex+delim) + "</code>"
	defer func() {
		if recover() != nil { // the converter's, on input that it did not expect
			out = raw
		}
	}()
	convert := treeblood.InlineStyle
	if display {
		convert = treeblood.DisplayStyle
	}
	mml, err := convert(hideAngles.Replace(tex), nil)
	if err != nil {
		return raw
	}
	nodes, err := xhtml.ParseFragment(strings.NewReader(showAngles.Replace(mml)), &xhtml.Node{Type: xhtml.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		return raw
	}
	var b strings.Builder
	for _, n := range nodes {
		if depth(n) > deepestMath {
			return raw
		}
		writeMath(&b, n)
	}
	return b.String()
}

// mathElements are the elements of MathML that a page takes.
var mathElements = strings.Fields(`math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded
	mphantom msub msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd menclose`)

// deepestMath is how far the parts of a formula may lie in each other.
const deepestMath = 100

// mathStyle is a style that a cell of an array may have.
var mathStyle = regexp.MustCompile(`^[a-z :;0-9.-]*$`)

// writeMath writes an element of MathML, its attributes in order, and of all else
// the text.
func writeMath(b *strings.Builder, n *xhtml.Node) {
	if n.Type == xhtml.TextNode {
		b.WriteString(html.EscapeString(strings.TrimSpace(n.Data)))
		return
	}
	known := n.Type == xhtml.ElementNode && slices.Contains(mathElements, n.Data)
	if known {
		var attrs []string
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Key, "href") || a.Key == "id" || a.Key == "xmlns" ||
				a.Key == "style" && (n.Data == "math" || !mathStyle.MatchString(a.Val)) {
				continue
			}
			attrs = append(attrs, fmt.Sprintf(` %s="%s"`, a.Key, html.EscapeString(a.Val)))
		}
		slices.Sort(attrs)
		b.WriteString("<" + n.Data + strings.Join(attrs, "") + ">")
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		writeMath(b, c)
	}
	if known {
		b.WriteString("</" + n.Data + ">")
	}
}

// Kinds of nodes in markdown.
var (
	kindMath  = ast.NewNodeKind("Math")
	kindMaths = ast.NewNodeKind("MathBlock")
)

// formula is math within a paragraph: TeX that markdown does not touch.
type formula struct {
	ast.BaseInline
	tex     string
	display bool
}

// Kind implements ast.Node.
func (*formula) Kind() ast.NodeKind { return kindMath }

// Dump implements ast.Node.
func (n *formula) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// formulas is math in lines of its own.
type formulas struct {
	ast.BaseBlock
	end string
}

// Kind implements ast.Node.
func (*formulas) Kind() ast.NodeKind { return kindMaths }

// IsRaw implements ast.Node.
func (*formulas) IsRaw() bool { return true }

// Dump implements ast.Node.
func (n *formulas) Dump(source []byte, level int) { ast.DumpHelper(n, source, level, nil, nil) }

// mathExtension reads and writes math as Jupyter's markdown has it: $a$, $$a$$,
// \\(a\\), \\[a\\] and \begin{align} to \end{align}.
type mathExtension struct{}

// Extend implements goldmark.Extender.
func (mathExtension) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithInlineParsers(util.Prioritized(inlineMath{}, 50)), // before escapes, emphasis and HTML
		parser.WithBlockParsers(util.Prioritized(blockMath{}, 50)),
	)
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(mathRenderer{}, 50)))
}

type inlineMath struct{}

// longestFormula is how far ahead the end of a formula is looked for, in bytes: a text
// of dollars that end nothing would else be read once for each of them.
const longestFormula = 8 << 10

// Trigger implements parser.InlineParser.
func (inlineMath) Trigger() []byte { return []byte{'$', '\\'} }

var inlineDelims = []struct {
	begin, end string
	display    bool
}{{"$$", "$$", true}, {"$", "$", false}, {`\\(`, `\\)`, false}, {`\\[`, `\\]`, true}}

// Parse implements parser.InlineParser.
func (inlineMath) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	first, _ := block.PeekLine()
	for _, d := range inlineDelims {
		if !bytes.HasPrefix(first, []byte(d.begin)) {
			continue
		}
		rest := ahead(block)
		n := closing(rest[len(d.begin):], d.end)
		if n < 0 {
			return nil // and not that "$$" is an empty "$"
		}
		skip(block, len(d.begin)+n+len(d.end))
		return &formula{tex: rest[len(d.begin) : len(d.begin)+n], display: d.display}
	}
	return nil
}

// ahead is what follows, as far as a formula may reach.
func ahead(block text.Reader) string {
	line, at := block.Position()
	defer block.SetPosition(line, at)
	var b strings.Builder
	for b.Len() < longestFormula {
		l, _ := block.PeekLine()
		if l == nil {
			break
		}
		b.Write(l[:min(len(l), longestFormula)])
		block.AdvanceLine()
	}
	return b.String()
}

// skip advances by n bytes of the lines that are left.
func skip(block text.Reader, n int) {
	for {
		l, _ := block.PeekLine()
		if l == nil || n < len(l) {
			break
		}
		n -= len(l)
		block.AdvanceLine()
	}
	block.Advance(n)
}

// closing is where math that s begins with ends, -1 if it is none: dollars of
// prices stand before digits, or have spaces on the wrong side.
func closing(s, end string) int {
	if end == "$" && (s == "" || strings.ContainsAny(s[:1], " \t\n$")) {
		return -1
	}
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], end) && strings.TrimSpace(s[:i]) != "":
			after := s[i+len(end):]
			if end == "$" && (strings.ContainsAny(s[i-1:i], " \t\n") || after != "" && after[0] >= '0' && after[0] <= '9') {
				continue
			}
			return i
		case s[i] == '\\' && end[0] == '$':
			i++ // the next sign is TeX's
		}
	}
	return -1
}

type blockMath struct{}

// Trigger implements parser.BlockParser.
func (blockMath) Trigger() []byte { return []byte{'$', '\\'} }

var beginEnv = regexp.MustCompile(`^\\begin\{([a-zA-Z]+\*?)\}`)

// Open implements parser.BlockParser.
func (blockMath) Open(_ ast.Node, reader text.Reader, _ parser.Context) (ast.Node, parser.State) {
	line, seg := reader.PeekLine()
	trimmed := strings.TrimSpace(string(line))
	end := ""
	if m := beginEnv.FindStringSubmatch(trimmed); m != nil {
		end = `\end{` + m[1] + "}"
	} else if strings.HasPrefix(trimmed, "$$") && !strings.Contains(trimmed[2:], "$$") {
		end = "$$"
	}
	after := reader.Source()[seg.Start:]
	if end == "$$" {
		after = reader.Source()[seg.Stop:]
	}
	if end == "" || !bytes.Contains(after, []byte(end)) {
		return nil, parser.NoChildren
	}
	n := &formulas{end: end}
	n.Lines().Append(seg)
	if end != "$$" && strings.Contains(trimmed, end) {
		n.end = "" // the whole of it
	}
	reader.Advance(seg.Len() - 1)
	return n, parser.NoChildren
}

// Continue implements parser.BlockParser.
func (blockMath) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	n := node.(*formulas)
	if n.end == "" {
		return parser.Close
	}
	line, seg := reader.PeekLine()
	n.Lines().Append(seg)
	if bytes.Contains(line, []byte(n.end)) {
		n.end = ""
	}
	reader.Advance(seg.Len() - 1)
	return parser.Continue | parser.NoChildren
}

// Close implements parser.BlockParser.
func (blockMath) Close(ast.Node, text.Reader, parser.Context) {}

// CanInterruptParagraph implements parser.BlockParser.
func (blockMath) CanInterruptParagraph() bool { return true }

// CanAcceptIndentedLine implements parser.BlockParser.
func (blockMath) CanAcceptIndentedLine() bool { return false }

type mathRenderer struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (mathRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(kindMath, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			f := n.(*formula)
			_, _ = w.WriteString(mathHTML(f.tex, f.display))
		}
		return ast.WalkSkipChildren, nil
	})
	r.Register(kindMaths, func(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			tex := strings.TrimSpace(string(n.(*formulas).Lines().Value(src)))
			_, _ = w.WriteString("<p>" + mathHTML(bare(tex), true) + "</p>\n")
		}
		return ast.WalkSkipChildren, nil
	})
}

// bare is TeX without the dollars around it.
func bare(tex string) string {
	tex = strings.TrimSpace(tex)
	for _, d := range []string{"$$", "$"} {
		if len(tex) > 2*len(d) && strings.HasPrefix(tex, d) && strings.HasSuffix(tex, d) {
			return strings.TrimSpace(tex[len(d) : len(tex)-len(d)])
		}
	}
	return tex
}
