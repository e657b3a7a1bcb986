package cell

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// Packages finds the packages that cells import.
type Packages interface {
	types.Importer
	// Name is the name of the package of that path, "" if it is not known.
	Name(path string) string
	// Find returns the path of a package of that name that exports all of
	// these, "" if there is none.
	Find(name string, exports []string) string
}

// Keep is the import path of the package by which a cell's program keeps its
// variables and shows its last value.
const Keep = "github.com/golens/golens/kernel/nb/keep"

// Bars is the import path of the package that draws how far requests to a model and
// downloads are. Programs that may ask a model import it, whether cells name it or not.
const Bars = "github.com/golens/golens/kernel/nb"

// Program is the Go program of a cell.
type Program struct {
	Source  string   // with line directives that name the cells, see Position
	Imports []string // paths of the packages that it imports
	Test    bool     // it is a test: it has no main
	Tests   []string // the names of its tests and benchmarks
	Remade  []string // variables that are made again, for they cannot be kept
	Idle    bool     // it declares and does nothing: it need not run

	packages Packages
	own      []*imported // imports of the cell
	decls    []*decl     // declarations of the cell but variables
	vars     []*decl     // variables of the cell
}

// Compose makes the program of a cell: what it says, and the declarations of
// earlier cells that it uses. count names the cell in errors. The errors are
// the compiler's, in the order of their places.
func (s *State) Compose(t Text, count int, p Packages) (*Program, []*Error) {
	items, err := parse(t)
	if err != nil {
		e := err.(*Error)
		e.Cell = count
		return nil, []*Error{e}
	}
	c := &composer{State: s, packages: p, text: t, count: count, items: items,
		cur: map[string]int{}, olds: map[string]bool{}, seeded: map[string]bool{}}
	for _, m := range t.Magics {
		switch n := m.Name(); n {
		case "%test":
			c.test = true
		case "%timeit":
			c.timeit = true
		case "%exec":
			if f := strings.Fields(m.Text); len(f) > 1 {
				c.exec = f[1]
			}
		}
	}
	return c.compose()
}

// Commit notes what a program that compiled has declared, but for its
// variables, which Ended notes.
func (s *State) Commit(p *Program) { s.commit(p) }

// composer makes one program.
type composer struct {
	*State
	packages Packages
	text     Text
	count    int
	items    []*item
	test     bool
	exec     string
	timeit   bool

	cur     map[string]int // name declared by the cell to the item that declares it first
	olds    map[string]bool
	seeded  map[string]bool // variables that begin with their old value
	include []*decl
	imports []*imported
	show    string          // function that the last expression is given to
	anew    map[string]bool // types that the cell declares anew, and those made of them
	types   map[string]types.Type
}

// old is the name under which a variable's value before this cell is known
// where the cell declares it anew.
func old(name string) string { return name + "ʹ" }

func (c *composer) compose() (*Program, []*Error) {
	if err := c.declare(); err != nil {
		return nil, []*Error{err}
	}
	c.renameOlds()
	c.closure()
	c.findImports()
	if n := len(c.items); n > 0 {
		switch last := c.items[n-1]; {
		case last.kind == exprsItem && !last.quiet:
			c.show = "Result"
		case last.kind == exprsItem:
			last.edits = append(last.edits, edit{0, 0, strings.Repeat("_, ", len(last.exprs)-1) + "_ = "})
		}
	}
	errs := c.check()
	if len(errs) > 0 {
		return nil, errs
	}
	if err := c.setBeforeUse(); err != nil {
		return nil, []*Error{err}
	}
	return c.program(), nil
}

// declare notes what the cell declares.
func (c *composer) declare() *Error {
	for i, it := range c.items {
		if it.kind == exprsItem && i != len(c.items)-1 {
			return c.errorAt(it, it.exprs[0].Pos(), "a list of expressions is shown only at the end of a cell")
		}
		if it.local && it.kind != funcItem && it.kind != importItem {
			continue
		}
		if d := defines(it); d != nil {
			for _, l := range d.Lhs {
				id, ok := l.(*ast.Ident)
				if !ok {
					return c.errorAt(it, l.Pos(), "non-name "+it.text(l)+" on left side of :=")
				}
				if _, again := c.cur[id.Name]; id.Name != "_" && !again {
					it.names = append(it.names, id.Name)
				}
			}
			if len(it.names) == 0 {
				return c.errorAt(it, d.TokPos, "no new variables on left side of :=")
			}
		}
		for _, n := range it.names {
			if _, again := c.cur[n]; !again && n != "_" {
				c.cur[n] = i
			}
		}
	}
	return nil
}

func (c *composer) errorAt(it *item, p token.Pos, msg string) *Error {
	e := at(c.text.Go, it.at+it.offset(p), msg)
	e.Cell = c.count
	return e
}

// renameOlds lets names mean what they meant before this cell where they stand
// before the := that declares them anew.
func (c *composer) renameOlds() {
	for i, it := range c.items {
		if it.kind == funcItem || it.kind == typeItem || it.kind == importItem || it.kind == constItem {
			continue
		}
		left := map[*ast.Ident]bool{}
		if d := defines(it); d != nil {
			for _, l := range d.Lhs {
				left[l.(*ast.Ident)] = true
			}
		}
		free(it.node(), false, func(id *ast.Ident) {
			j, ok := c.cur[id.Name]
			if !ok || j < i || left[id] || defines(c.items[j]) == nil {
				return
			}
			it.edits = append(it.edits, edit{it.offset(id.End()), 0, "ʹ"})
			c.olds[id.Name] = true
		})
	}
}

// live tells whether a name of an earlier cell's declaration is still its, or is
// asked for under its old name.
func (c *composer) live(d *decl, name string) bool {
	if c.State.names[name] != d {
		return false
	}
	_, replaced := c.cur[name]
	return !replaced || c.olds[name] || c.seeded[name]
}

// closure finds the declarations of earlier cells that the cell uses.
func (c *composer) closure() {
	done := map[*decl]bool{}
	var need func(uses map[string]bool)
	var add func(name string)
	add = func(name string) {
		d := c.State.names[name]
		if d == nil || done[d] || !c.live(d, name) {
			return
		}
		done[d] = true
		c.include = append(c.include, d)
		switch {
		case d.isVar():
			for _, n := range d.names {
				if !c.live(d, n) {
					continue
				}
				need(d.holds(n))
				if k := c.kept(d, n); k != nil {
					for _, g := range k.Group {
						add(g)
					}
				} else {
					for n := range acts(d.item) {
						c.olds[n] = c.olds[n] || c.reset(n)
					}
					need(d.uses)
				}
			}
		case d.kind == typeItem:
			need(d.uses)
			c.methods(name, add)
		default:
			need(d.uses)
		}
	}
	need = func(uses map[string]bool) {
		for _, n := range slices.Sorted(maps.Keys(uses)) {
			add(n)
		}
	}
	for _, it := range c.items {
		need(it.uses)
		if it.kind == typeItem && !it.local {
			if was := c.State.names[it.names[0]]; was != nil && was.kind == typeItem && was.src == it.src {
				c.methods(it.names[0], add)
			}
		}
	}
	for n := range c.olds {
		add(n)
	}
	for _, n := range slices.Sorted(maps.Keys(c.inits)) {
		if _, replaced := c.cur[n]; !replaced {
			c.include = append(c.include, c.inits[n])
			need(c.inits[n].uses)
		}
	}
	slices.SortFunc(c.include, func(a, b *decl) int {
		return cmp.Or(cmp.Compare(a.cell, b.cell), cmp.Compare(a.line, b.line), cmp.Compare(a.col, b.col))
	})
}

// reset tells whether the cell declares an earlier cell's variable anew.
func (c *composer) reset(name string) bool {
	i, ok := c.cur[name]
	was := c.State.names[name]
	return ok && was != nil && was.isVar() && (c.items[i].kind == varItem || defines(c.items[i]) != nil)
}

// methods adds the methods of an earlier cell's type.
func (c *composer) methods(of string, add func(string)) {
	for _, n := range slices.Sorted(maps.Keys(c.State.names)) {
		if strings.HasPrefix(n, of+".") {
			add(n)
		}
	}
}

func leadingName(s string) string {
	for i, r := range s {
		if r != '_' && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z') && !('0' <= r && r <= '9') && r < 0x80 {
			return s[:i]
		}
	}
	return s
}

func (d *decl) isVar() bool { return d.kind == varItem || d.kind == stmtItem }

// kept is where the value of a variable is kept, nil if it is not, or is of a
// type that the cell declares anew.
func (c *composer) kept(d *decl, name string) *Kept {
	if c.anew == nil {
		c.anew = map[string]bool{}
		for _, it := range c.items {
			if it.kind == typeItem && !it.local {
				if was := c.State.names[it.names[0]]; was == nil || was.src != it.src {
					c.anew[it.names[0]] = true
				}
			}
		}
		c.spread(c.anew)
	}
	if k := d.kept[name]; k != nil && !overlap(d.holds(name), c.anew) {
		return k
	}
	return nil
}

// remade tells whether a name of a variable is made again.
func (c *composer) remade(d *decl, name string) bool { return c.kept(d, name) == nil && d.hasValue() }

func (d *decl) hasValue() bool {
	v, ok := d.spec.(*ast.ValueSpec)
	return !ok || len(v.Values) > 0
}

// findImports picks the imports: the cell's own, those of earlier cells whose
// name is used, and packages that are used without one.
func (c *composer) findImports() {
	taken := map[string]bool{}
	for n := range c.cur {
		taken[n] = true
	}
	uses := map[string]bool{}
	exports := map[string][]string{}
	look := func(it *item) {
		maps.Copy(uses, it.uses)
		ast.Inspect(it.node(), func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					exports[x.Name] = append(exports[x.Name], s.Sel.Name)
				}
			}
			return true
		})
	}
	for _, it := range c.items {
		look(it)
	}
	for _, d := range c.include {
		for _, n := range d.names {
			taken[n] = true
		}
		if !d.isVar() || slices.ContainsFunc(d.names, func(n string) bool { return c.remade(d, n) }) {
			look(d.item)
		}
	}
	for _, it := range c.items {
		if it.kind != importItem {
			continue
		}
		spec := it.spec.(*ast.ImportSpec)
		im := &imported{path: strings.Trim(spec.Path.Value, "\"`"), cell: c.count}
		im.line, im.col = c.place(it.at)
		if spec.Name != nil {
			im.name = spec.Name.Name
		}
		c.imports = append(c.imports, im)
		if im.name != "." && im.name != "_" {
			taken[im.local(c.packages)] = true
		}
	}
	for _, im := range c.State.imports {
		if n := im.local(c.packages); im.name == "." || im.name == "_" || uses[n] && !taken[n] {
			same := func(own *imported) bool { return own.path == im.path && own.name == im.name }
			if !slices.ContainsFunc(c.imports, same) {
				again := *im
				c.imports = append(c.imports, &again)
			}
			taken[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(exports)) {
		if !taken[n] && uses[n] {
			if path := c.packages.Find(n, exports[n]); path != "" {
				c.imports = append(c.imports, &imported{path: path})
			}
		}
	}
}

// place is the line and the column of an offset in the cell.
func (c *composer) place(o int) (line, col int) {
	e := at(c.text.Go, o, "")
	return e.Line, e.Col
}

// reach lists what the functions among names use, transitively, and methods of
// the types. Names that the functions' own parameters hide are not among them.
func (c *composer) reach(names map[string]bool) map[string]bool {
	found, done := map[string]bool{}, map[string]bool{}
	var visit func(name string)
	enter := func(it *item) {
		free(it.node(), false, func(id *ast.Ident) {
			found[id.Name] = true
			visit(id.Name)
		})
	}
	visit = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		if i, ok := c.cur[name]; ok {
			it := c.items[i]
			if it.kind == funcItem || it.kind == varItem || it.kind == stmtItem {
				for _, lit := range literals(it) {
					free(lit, false, func(id *ast.Ident) { found[id.Name] = true; visit(id.Name) })
				}
			}
			if it.kind == funcItem {
				enter(it)
			} else if it.kind == typeItem {
				for _, m := range c.items {
					if m.kind == funcItem && strings.HasPrefix(m.names[0], name+".") {
						enter(m)
					}
				}
			}
			return
		}
		for _, d := range c.include {
			if d.kind == funcItem && (d.names[0] == name || strings.HasPrefix(d.names[0], name+".")) {
				enter(d.item)
			}
		}
	}
	for n := range names {
		visit(n)
	}
	return found
}

// literals lists the functions that an item gives to its variables.
func literals(it *item) (list []*ast.FuncLit) {
	var values []ast.Expr
	if a, ok := it.stmt.(*ast.AssignStmt); ok {
		values = a.Rhs
	} else if v, ok := it.spec.(*ast.ValueSpec); ok {
		values = v.Values
	}
	for _, v := range values {
		if lit, ok := ast.Unparen(v).(*ast.FuncLit); ok {
			list = append(list, lit)
		}
	}
	return list
}

// acts lists what an item uses when it acts: not what the functions use that it
// gives to its variables.
func acts(it *item) map[string]bool {
	later := map[*ast.Ident]bool{}
	for _, lit := range literals(it) {
		ast.Inspect(lit, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				later[id] = true
			}
			return true
		})
	}
	found := map[string]bool{}
	free(it.node(), false, func(id *ast.Ident) { found[id.Name] = found[id.Name] || !later[id] })
	maps.DeleteFunc(found, func(_ string, now bool) bool { return !now })
	return found
}

// setBeforeUse refuses a cell in which a function needs a variable before the
// := that sets it, unless the variable has a value from before.
func (c *composer) setBeforeUse() *Error {
	for i, it := range c.items {
		if it.kind == funcItem || it.kind == typeItem || it.kind == importItem || it.kind == constItem {
			continue
		}
		for n := range c.reach(acts(it)) {
			j, ok := c.cur[n]
			if !ok || j < i || defines(c.items[j]) == nil {
				continue
			}
			if d := c.State.names[n]; d != nil && c.kept(d, n) != nil && c.types[n] != nil && d.types[n] != nil &&
				types.TypeString(d.types[n], nil) == types.TypeString(c.types[n], nil) {
				c.seeded[n] = true
				if !slices.Contains(c.include, d) {
					c.include = append(c.include, d)
				}
				continue
			}
			line, _ := c.place(c.items[j].at)
			own, _ := c.place(it.at)
			return c.errorAt(c.items[j], c.items[j].node().Pos(),
				fmt.Sprintf("what line %d calls uses %s, which line %d sets: set it before", own, n, line))
		}
	}
	for _, d := range c.include {
		if !d.isVar() || !slices.ContainsFunc(d.names, func(n string) bool { return c.live(d, n) && c.remade(d, n) }) {
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(c.reach(acts(d.item)))) {
			if c.reset(n) {
				it := c.items[c.cur[n]]
				return c.errorAt(it, it.node().Pos(),
					fmt.Sprintf("%s cannot be kept and is made again, by functions that use the %s of before: give this one another name, or set it in a cell of its own", d.names[0], n))
			}
		}
	}
	return nil
}
