package cell

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// rounds bounds how often a program is checked: each finds more of what is to
// be said otherwise, and chains of calls are short.
const rounds = 12

// check finds the types of the cell's variables, the imports that are used, the
// calls whose error ends the cell and how the last value is shown. What it
// returns are the compiler's errors.
func (c *composer) check() []*Error {
	var errs []*Error
	for range rounds {
		var more bool
		if errs, more = c.checkOnce(); !more {
			break
		}
	}
	return errs
}

var importMark = regexp.MustCompile(`/\*import (\d+)\*/`)

func (c *composer) checkOnce() (errs []*Error, more bool) {
	src := c.generate(false)
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "main.go", src, parser.SkipObjectResolution)
	if err != nil {
		return []*Error{{Cell: c.count, Line: 1, Msg: "this cell cannot be read: " + err.Error()}}, false
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	var drop []int
	conf := types.Config{Importer: c.packages, Sizes: types.SizesFor("gc", runtime.GOARCH), Error: func(err error) {
		var te types.Error
		if !errors.As(err, &te) {
			return
		}
		if strings.HasSuffix(te.Msg, "imported and not used") || strings.Contains(te.Msg, "imported as ") && strings.Contains(te.Msg, "not used") {
			lines := strings.Split(src, "\n")
			if l := fset.PositionFor(te.Pos, false).Line; l <= len(lines) {
				if m := importMark.FindStringSubmatch(lines[l-1]); m != nil {
					i, _ := strconv.Atoi(m[1])
					drop = append(drop, i)
					return
				}
			}
		}
		if more, ok := strings.CutPrefix(te.Msg, "\t"); ok && len(errs) > 0 { // said of the error before
			errs[len(errs)-1].Msg += "; " + more + ": " + fset.Position(te.Pos).String()
		} else if e := c.typeError(fset, src, te); e != nil {
			errs = append(errs, e)
		}
	}}
	pkg, _ := conf.Check("main", fset, []*ast.File{file}, info)
	c.types = map[string]types.Type{}
	for n, i := range c.cur {
		if o, ok := pkg.Scope().Lookup(n).(*types.Var); ok && (c.items[i].kind == varItem || c.items[i].kind == stmtItem) {
			c.types[n] = o.Type()
		}
	}
	slices.Sort(drop)
	for _, i := range slices.Backward(drop) {
		c.imports = slices.Delete(c.imports, i, i+1)
	}
	more = c.endByError(fset, file, info) || len(drop) > 0
	more = c.showLast(fset, file, info) || more
	for _, e := range errs {
		e.Msg = position.ReplaceAllString(e.Msg, "cell $1, line $2")
	}
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(-cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.CompactFunc(errs, func(a, b *Error) bool { return *a == *b }), more
}

// typeError is an error of the checker in the words of cells, nil for one that
// is none.
func (c *composer) typeError(fset *token.FileSet, src string, te types.Error) *Error {
	e := &Error{Msg: strings.ReplaceAll(te.Msg, "ʹ", "")}
	at := fset.Position(te.Pos)
	e.Cell, e.Line, e.Col, _ = Position(at.String())
	if strings.HasPrefix(te.Msg, "initialization cycle") {
		for _, it := range c.items {
			if l, _ := c.place(it.at); e.Cell == c.count && l == e.Line && defines(it) != nil {
				return nil // := is no initialization: it happens in the cell's course
			}
		}
	}
	if strings.HasPrefix(te.Msg, "could not import ") {
		lines := strings.Split(src, "\n")
		if m := importMark.FindStringSubmatch(lines[fset.PositionFor(te.Pos, false).Line-1]); m != nil {
			i, _ := strconv.Atoi(m[1])
			e.Cell, e.Line, e.Col = c.imports[i].cell, c.imports[i].line, c.imports[i].col
		}
		if _, why, ok := strings.Cut(strings.TrimSuffix(e.Msg, ")"), " ("); ok {
			e.Msg = why
		}
		if strings.HasPrefix(te.Msg, "could not import C ") {
			e.Msg = "a cell cannot hold C: put it into a module of its own and import that"
		}
	}
	if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok && c.failed[name] > 0 {
		e.Msg += ": cell " + strconv.Itoa(c.failed[name]) + ", which declares it, failed: mend it and run it again"
	}
	for _, missing := range missingMethod {
		if m := missing.FindStringSubmatch(e.Msg); m != nil && c.lost[m[1]+"."+m[2]] > 0 {
			e.Msg += fmt.Sprintf(": %s was declared anew, without its methods; declare %s of cell %d again", m[1], m[2], c.lost[m[1]+"."+m[2]])
		}
	}
	// A name of Go's own that a cell took.
	if name := leadingName(src[fset.PositionFor(te.Pos, false).Offset:]); types.Universe.Lookup(name) != nil {
		if d := c.State.names[name]; d != nil {
			e.Msg += fmt.Sprintf(": cell %d declares %s; %%rm %s brings Go's back", d.cell, name, name)
		}
	}
	return e
}

// missingMethod are what the checker says of a type without a method.
var missingMethod = []*regexp.Regexp{
	regexp.MustCompile(`type \*?(\w+)(?:\[.*\])? has no field or method (\w+)`),
	regexp.MustCompile(`: \*?(\w+)(?:\[.*\])? does not implement .*missing method (\w+)`),
}

// siteOf finds the place in the cell of a node of the program.
func (c *composer) siteOf(fset *token.FileSet, p token.Pos) (line, col int, ok bool) {
	cell, line, col, ok := Position(fset.Position(p).String())
	return line, col, ok && cell == c.count
}

// endByError finds the calls that give a value and an error where a value alone
// is wanted, which is no Go: there an error ends the cell.
func (c *composer) endByError(fset *token.FileSet, file *ast.File, info *types.Info) (found bool) {
	var stack []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if _, lit := n.(*ast.FuncLit); lit {
			return false
		}
		if fn, ok := n.(*ast.FuncDecl); ok && fn.Name.Name != old("cell") {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && len(stack) > 0 {
			if results := resultsOf(info, call); withError(results, 2) && alone(info, call, stack[len(stack)-1]) {
				found = c.must(fset, call) || found
			}
		}
		stack = append(stack, n)
		return true
	})
	return found
}

// resultsOf are the results of a call of a function, nil for other calls.
func resultsOf(info *types.Info, call *ast.CallExpr) *types.Tuple {
	tv := info.Types[call.Fun]
	if tv.IsType() || tv.IsBuiltin() || tv.Type == nil {
		return nil
	}
	if sig, ok := tv.Type.Underlying().(*types.Signature); ok {
		return sig.Results()
	}
	return nil
}

var errorType = types.Universe.Lookup("error").Type()

// withError tells whether there are n results and the last is an error.
func withError(t *types.Tuple, n int) bool {
	return t != nil && t.Len() == n && types.Identical(t.At(n-1).Type(), errorType)
}

// alone tells whether a call stands where Go wants one value.
func alone(info *types.Info, call *ast.CallExpr, parent ast.Node) bool {
	switch p := parent.(type) {
	case *ast.AssignStmt:
		return len(p.Lhs) == len(p.Rhs)
	case *ast.ValueSpec:
		return len(p.Names) == len(p.Values)
	case *ast.CallExpr:
		if p.Fun == call || len(p.Args) > 1 {
			return true
		}
		sig, ok := info.Types[p.Fun].Type.(*types.Signature)
		return !ok || sig.TypeParams().Len() == 0 && !takes(sig, resultsOf(info, call))
	case *ast.SelectorExpr, *ast.IndexExpr, *ast.BinaryExpr, *ast.UnaryExpr, *ast.StarExpr, *ast.KeyValueExpr,
		*ast.CompositeLit, *ast.TypeAssertExpr, *ast.SliceExpr, *ast.RangeStmt, *ast.SendStmt, *ast.SwitchStmt:
		return true
	}
	return false
}

// takes tells whether these results may be all arguments of a call, as in f(g()).
func takes(f *types.Signature, results *types.Tuple) bool {
	for i := range results.Len() {
		last := f.Params().Len() - 1
		if i > last && !f.Variadic() {
			return false
		}
		want := f.Params().At(min(i, last)).Type()
		if rest, ok := want.(*types.Slice); ok && f.Variadic() && i >= last {
			want = rest.Elem()
		}
		if !types.AssignableTo(results.At(i).Type(), want) {
			return false
		}
	}
	return true
}

// must lets an error of the call end the cell.
func (c *composer) must(fset *token.FileSet, call *ast.CallExpr) bool {
	line, col, ok := c.siteOf(fset, call.Rparen)
	if !ok {
		return false
	}
	for _, it := range c.items {
		found := false
		ast.Inspect(it.node(), func(n ast.Node) bool {
			own, ok := n.(*ast.CallExpr)
			if !ok || found {
				return !found
			}
			end := it.offset(own.Rparen)
			if l, cc := c.place(it.at + end); l != line || cc != col {
				return true
			}
			closing := edit{end + 1, 0, ")"}
			if slices.Contains(it.edits, closing) {
				return false
			}
			// Of two that begin at one place the later found is the outer.
			it.edits = append([]edit{{it.offset(own.Pos()), 0, keepName + ".Must("}}, it.edits...)
			it.edits = append(it.edits, closing)
			found = true
			return false
		})
		if found {
			return true
		}
	}
	return false
}

// showLast finds how the value of the last expression is shown.
func (c *composer) showLast(fset *token.FileSet, file *ast.File, info *types.Info) (changed bool) {
	if len(c.items) == 0 || c.show != "" {
		return false
	}
	it := c.items[len(c.items)-1]
	own, ok := it.stmt.(*ast.ExprStmt)
	if !ok || it.kind != stmtItem {
		return false
	}
	line, col := c.place(it.at)
	var x ast.Expr
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.ExprStmt); ok {
			if l, cc, ok := c.siteOf(fset, s.Pos()); ok && l == line && cc == col {
				x = s.X
			}
		}
		return x == nil
	})
	if x == nil {
		return false
	}
	call, isCall := ast.Unparen(x).(*ast.CallExpr)
	if it.quiet {
		if tv := info.Types[x]; !isCall && tv.IsValue() && ast.Unparen(own.X) != nil && !receives(own.X) && len(it.edits) == 0 {
			it.edits = append(it.edits, edit{0, 0, "_ = "})
			return true
		}
		return false
	}
	if !isCall {
		c.show = "Result"
		return true
	}
	tv := info.Types[x]
	results := resultsOf(info, call)
	switch {
	case tv.IsVoid(), tv.Type == nil, results != nil && results.Len() == 0:
	case withError(results, 2) && results.At(0).Name() == "n" && types.Identical(results.At(0).Type(), types.Typ[types.Int]):
		// As fmt.Println and Write do: how much was written interests nobody.
	case results != nil && withError(results, results.Len()):
		c.show = "ResultOrEnd"
	default:
		c.show = "Result"
	}
	return c.show != ""
}

func receives(e ast.Expr) bool {
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}
