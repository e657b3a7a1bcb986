package cell

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// Error is a fault in a cell and its place there.
type Error struct {
	Cell      int // 0: the cell that is read
	Line, Col int // from 1, Col in bytes; 0 if not known
	Msg       string
	Open      bool // more text may mend it: a bracket or a string is open
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

type kind int

const (
	importItem kind = iota
	constItem
	typeItem
	varItem
	funcItem
	stmtItem
	exprsItem // expressions with commas between: shown if they come last
)

// item is a declaration or a statement at the top of a cell. Groups of imports,
// types and variables are one item for each of their lines.
type item struct {
	kind  kind
	local bool // stands after %%
	quiet bool // ends with a semicolon
	at    int  // offset in the cell's Go
	src   string
	names []string // declared for later cells; a method is Type.Method

	// What was parsed: its positions less base are offsets in src.
	base  token.Pos
	spec  ast.Spec      // of import, type, var
	fn    *ast.FuncDecl // of func
	stmt  ast.Stmt      // of stmt
	exprs []ast.Expr    // of exprs
	decl  *ast.GenDecl  // of const
	uses  map[string]bool
	edits []edit
}

// edit replaces n bytes of an item's text.
type edit struct {
	at, n int
	text  string
}

// node is what was parsed.
func (it *item) node() ast.Node {
	switch it.kind {
	case constItem:
		return it.decl
	case funcItem:
		return it.fn
	case stmtItem:
		return it.stmt
	case exprsItem:
		return &ast.CallExpr{Fun: &ast.BadExpr{}, Args: it.exprs}
	}
	return it.spec
}

// offset is where p lies in the item's text.
func (it *item) offset(p token.Pos) int { return int(p - it.base) }

// text is the source of a node of the item, as written.
func (it *item) text(n ast.Node) string { return it.src[it.offset(n.Pos()):it.offset(n.End())] }

// Parse tells whether a cell's Go is whole and well-formed. The error is an
// *Error.
func Parse(t Text) error {
	if t.Special != "" {
		return nil
	}
	_, err := parse(t)
	return err
}

// chunk is the text from the first to the last token of a declaration or
// statement.
type chunk struct {
	at, end int
	first   token.Token
	quiet   bool
}

// parse reads the items of a cell.
func parse(t Text) ([]*item, error) {
	src, err := directives(t.Go)
	if err != nil {
		return nil, err
	}
	chunks, err := split(src)
	if err != nil {
		return nil, err
	}
	main := len(t.Go) + 1 // where the first %% stands
	for _, m := range t.Magics {
		if n := m.Name(); n == "%%" || n == "%main" {
			main = lineOffset(t.Go, m.Line)
			break
		}
	}
	var items []*item
	for _, c := range chunks {
		list, err := parseChunk(src[c.at:c.end], c.first)
		if err != nil {
			return nil, place(err, src, c.at)
		}
		for _, it := range list {
			it.at += c.at
			it.local, it.quiet = it.at > main, c.quiet
			it.uses = uses(it.node())
			items = append(items, it)
		}
	}
	return items, nil
}

// lineOffset is where the n-th line, from 0, begins.
func lineOffset(s string, n int) int {
	at := 0
	for range n {
		at += strings.IndexByte(s[at:], '\n') + 1
	}
	return at
}

// closers are what closes a bracket.
var closers = map[byte]token.Token{'(': token.RPAREN, '[': token.RBRACK, '{': token.RBRACE}

// split finds the declarations and statements of src by its tokens.
func split(src string) ([]chunk, error) {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(src))
	var s scanner.Scanner
	var bad *Error
	s.Init(file, []byte(src), func(p token.Position, msg string) {
		if bad == nil {
			bad = at(src, p.Offset, msg)
			bad.Open = strings.Contains(msg, "not terminated") && !strings.HasPrefix(msg, "string") && !strings.HasPrefix(msg, "rune")
		}
	}, 0)
	var list []chunk
	var c chunk
	var open []int // offsets of brackets
	empty := true
	for {
		pos, tok, lit := s.Scan()
		o := file.Offset(pos)
		switch tok {
		case token.EOF:
			switch {
			case bad != nil:
				return nil, bad
			case len(open) > 0:
				e := at(src, open[len(open)-1], fmt.Sprintf("%c is not closed", src[open[len(open)-1]]))
				e.Open = true
				return nil, e
			case !empty:
				list = append(list, c)
			}
			return list, nil
		case token.SEMICOLON:
			if len(open) > 0 {
				continue
			}
			if empty {
				continue
			}
			explicit := lit == ";"
			if explicit && header(c.first) && !parses(src[c.at:c.end]) {
				c.end = o + 1
				continue // the semicolon of a for, an if or a switch
			}
			c.quiet = explicit
			list = append(list, c)
			empty = true
			continue
		case token.LPAREN, token.LBRACK, token.LBRACE:
			open = append(open, o)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if len(open) == 0 {
				return nil, at(src, o, tok.String()+" closes nothing")
			}
			if last := open[len(open)-1]; closers[src[last]] != tok {
				return nil, at(src, last, fmt.Sprintf("%c is not closed before the %s of line %d", src[last], tok, at(src, o, "").Line))
			}
			open = open[:len(open)-1]
		}
		if empty {
			c, empty = chunk{at: o, first: tok}, false
		}
		n := len(tok.String())
		if tok.IsLiteral() {
			n = len(lit)
			if lit != "" && lit[0] == '`' { // without the carriage returns that it holds
				n = strings.IndexByte(src[o+1:]+"`", '`') + 2
			}
		} else if tok == token.ILLEGAL {
			n = max(1, len(lit))
		}
		c.end = min(o+n, len(src))
	}
}

// header tells whether semicolons may stand in the first line of a statement.
func header(first token.Token) bool {
	return first == token.FOR || first == token.IF || first == token.SWITCH || first == token.IDENT // a label
}

func parses(stmt string) bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", before+stmt+after, 0)
	return err == nil
}

// What is put around a statement to parse it.
const (
	before = "package p;func _(){"
	after  = "\n}"
	top    = "package p;"
)

// parseChunk parses a declaration, or a group of them, or a statement.
func parseChunk(src string, first token.Token) ([]*item, error) {
	switch first {
	case token.PACKAGE:
		if len(strings.Fields(src)) == 2 {
			return nil, &offsetError{0, "a cell has no package clause: leave this line out"}
		}
	case token.IMPORT, token.CONST, token.TYPE, token.VAR:
		return parseDecl(src)
	case token.FUNC:
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "", top+src, 0)
		if err == nil && len(f.Decls) == 1 {
			if fn, ok := f.Decls[0].(*ast.FuncDecl); ok {
				it := &item{kind: funcItem, src: src, fn: fn, base: f.FileStart + token.Pos(len(top))}
				it.names = []string{funcName(fn)}
				return []*item{it}, nil
			}
		}
		if rest := strings.TrimSpace(strings.TrimPrefix(src, "func")); !strings.HasPrefix(rest, "(") {
			return nil, shift(err, len(top))
		}
		if it, e := parseStmt(src); e == nil {
			return []*item{it}, nil
		}
		return nil, shift(err, len(top))
	}
	it, err := parseStmt(src)
	if err == nil {
		return []*item{it}, nil
	}
	const call = top + "var _=f("
	f, e := parser.ParseFile(token.NewFileSet(), "", call+src+")", 0)
	if e == nil && len(f.Decls) == 1 {
		if c, ok := f.Decls[0].(*ast.GenDecl).Specs[0].(*ast.ValueSpec).Values[0].(*ast.CallExpr); ok && len(c.Args) > 1 && !c.Ellipsis.IsValid() {
			return []*item{{kind: exprsItem, src: src, exprs: c.Args, base: f.FileStart + token.Pos(len(call))}}, nil
		}
	}
	return nil, err
}

func parseStmt(src string) (*item, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", before+src+after, 0)
	if err != nil {
		return nil, shift(err, len(before))
	}
	if len(f.Decls) != 1 {
		return nil, &offsetError{0, "a } too many"}
	}
	body := f.Decls[0].(*ast.FuncDecl).Body.List
	if len(body) != 1 {
		return nil, &offsetError{0, "expected one statement"}
	}
	it := &item{kind: stmtItem, src: src, stmt: body[0], base: f.FileStart + token.Pos(len(before))}
	return it, nil
}

func parseDecl(src string) ([]*item, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", top+src, 0)
	if err != nil {
		return nil, shift(err, len(top))
	}
	base := f.FileStart + token.Pos(len(top))
	var list []*item
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		if g.Tok == token.CONST {
			it := &item{kind: constItem, src: src, decl: g, base: base}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					it.names = append(it.names, n.Name)
				}
			}
			list = append(list, it)
			continue
		}
		for _, s := range g.Specs {
			from, to := int(s.Pos()-base), int(s.End()-base)
			it := &item{at: from, src: src[from:to], spec: s, base: base + token.Pos(from)}
			switch s := s.(type) {
			case *ast.ImportSpec:
				it.kind = importItem
			case *ast.TypeSpec:
				it.kind = typeItem
				it.names = []string{s.Name.Name}
			case *ast.ValueSpec:
				it.kind = varItem
				for _, n := range s.Names {
					it.names = append(it.names, n.Name)
				}
			}
			list = append(list, it)
		}
	}
	return list, nil
}

// funcName is a function's name, or Type.Method.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.ParenExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return ""
}

// uses lists the names that a node takes from outside of it. A field's name in
// a composite literal may be among them: too many is slower, never wrong.
func uses(n ast.Node) map[string]bool {
	found := map[string]bool{}
	free(n, true, func(id *ast.Ident) { found[id.Name] = true })
	return found
}

// free calls f for each name that n takes from outside of it; with keys also
// for those before the colons of a composite literal, which may be fields.
func free(n ast.Node, keys bool, f func(*ast.Ident)) {
	skip := map[*ast.Ident]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			skip[n.Sel] = true
		case *ast.ImportSpec:
			return false
		case *ast.CompositeLit:
			if _, isMap := n.Type.(*ast.MapType); isMap || keys {
				break
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if id, ok := kv.Key.(*ast.Ident); ok {
						skip[id] = true
					}
				}
			}
		case *ast.Ident:
			if !skip[n] && n.Obj == nil && n.Name != "_" {
				f(n)
			}
		}
		return true
	})
}

// offsetError is a fault at an offset of an item's text.
type offsetError struct {
	at  int
	msg string
}

func (e *offsetError) Error() string { return e.msg }

// shift makes of a parser's error one that counts from n.
func shift(err error, n int) error {
	var list scanner.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return &offsetError{0, fmt.Sprint(err)}
	}
	first := slices.MinFunc(list, func(a, b *scanner.Error) int { return cmp.Compare(a.Pos.Offset, b.Pos.Offset) })
	return &offsetError{first.Pos.Offset - n, first.Msg}
}

// place turns the error of a chunk at offset o into one of the cell.
func place(err error, src string, o int) error {
	var e *offsetError
	if !errors.As(err, &e) {
		return err
	}
	where := min(max(0, o+e.at), len(src))
	out := at(src, where, strings.Replace(e.msg, "found newline", "found the end of the line", 1))
	if out.Open = strings.TrimSpace(src[where:]) == ""; out.Open {
		msg, _, _ := strings.Cut(out.Msg, ", found ")
		out.Msg = msg + ", found the end of the cell"
	}
	return out
}

// at makes an error of an offset.
func at(src string, o int, msg string) *Error {
	o = min(o, len(src))
	line := strings.Count(src[:o], "\n") + 1
	return &Error{Line: line, Col: o - strings.LastIndexByte(src[:o], '\n'), Msg: msg}
}
