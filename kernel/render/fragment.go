package render

import (
	"errors"
	"html"
	"slices"
	"strings"

	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// dropped are the elements that reach beyond the place in which a fragment
// stands: they lead the page elsewhere, restyle all of it, fetch, or hold another
// page; and those whose content browsers and the parser may read differently.
var dropped = []string{
	"base", "frame", "frameset", "iframe", "embed", "object", "link", "malignmark", "meta", "mglyph", "noembed",
	"noframes", "noscript", "plaintext", "portal", "script", "style", "template", "title", "xmp",
}

// outside are the elements of HTML that end a drawing or a formula in whose midst they
// stand, when a page is read, but not when a fragment is: what is written behind them
// as the ends of the drawing's elements would then end those of the page.
var outside = strings.Fields(`b big blockquote body br center code dd div dl dt em embed font h1 h2 h3 h4 h5 h6
	head hr i img li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var`)

// settles is how often a fragment is read and written until it no longer
// changes. One reading is enough for all but what is made to be read twice.
const settles = 3

// fragment returns HTML that a notebook holds in a form that can stand inside a
// page: balanced, so that what follows is not drawn into it, and without what
// reaches beyond its place. What keeps changing when it is read again is shown as
// text.
func fragment(markup string) string {
	out, err := written(markup)
	for range settles {
		if err != nil {
			break
		}
		again, err := written(out)
		if err == nil && again == out {
			return out
		}
		out = again
	}
	return "<pre>" + html.EscapeString(markup) + "</pre>"
}

// written reads a fragment as browsers do, drops what is not to be there, and
// writes it.
func written(markup string) (string, error) {
	context := &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := nethtml.ParseFragment(strings.NewReader(markup), context)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range nodes {
		if !kept(n) {
			continue
		}
		clean(n)
		if depth(n) > deepest {
			return "", errors.New("too deep")
		}
		if err := nethtml.Render(&b, n); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// deepest is how far elements may lie in each other: those who read a page count to
// 512, with what the fragment stands in.
const deepest = 400

func depth(n *nethtml.Node) int {
	most := 0
	for c := range n.ChildNodes() {
		most = max(most, depth(c))
	}
	return 1 + most
}

func kept(n *nethtml.Node) bool {
	switch n.Type {
	case nethtml.TextNode:
		return true
	case nethtml.ElementNode:
		// The title of a part of a figure is shown when the pointer rests on it.
		if n.Namespace == "svg" && n.Data == "title" {
			return true
		}
		name := strings.ToLower(n.Data)
		return !slices.Contains(dropped, name) && (n.Namespace == "" || !slices.Contains(outside, name))
	}
	return false // comments, doctypes
}

// clean drops nodes and attributes below n.
func clean(n *nethtml.Node) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a nethtml.Attribute) bool {
		name := strings.ToLower(a.Key)
		return strings.HasPrefix(name, "on") || strings.HasPrefix(name, "popover") || strings.HasPrefix(name, "command") || name == "ping" || name == "autofocus" || name == "http-equiv"
	})
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if kept(c) {
			clean(c)
		} else {
			n.RemoveChild(c)
		}
		c = next
	}
}
