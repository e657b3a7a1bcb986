package cell

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// OwnFile is the file that a program's positions name where they are in no cell.
const OwnFile = "/golens/kernel.go"

// cellFile names a cell.
const cellFile = "/golens/cell/%d.go"

var position = regexp.MustCompile(`/golens/cell/(\d{1,9})\.go:(\d{1,9})(?::(\d{1,9}))?`)

// Position reads the cell, the line and the column from a position that the
// compiler or a stack names. ok is false for a place that is in no cell.
func Position(s string) (cell, line, col int, ok bool) {
	m := position.FindStringSubmatch(s)
	if m == nil {
		return 0, 0, 0, false
	}
	cell, _ = strconv.Atoi(m[1])
	line, _ = strconv.Atoi(m[2])
	col, _ = strconv.Atoi(m[3])
	return cell, line, col, true
}

// keepName is how a program calls package keep.
const keepName = "kernelʹ"

// source writes a program.
type source struct{ strings.Builder }

// own writes text that is no cell's.
func (w *source) own(text string) {
	fmt.Fprintf(w, "\n//line %s:1\n%s", OwnFile, text)
}

// put writes src, which begins at a place of a cell, with its edits.
func (w *source) put(prefix string, cell, line, col int, src string, edits []edit, suffix string) {
	w.own(prefix)
	mark := func(o int) {
		before := src[:o]
		l, c := line+strings.Count(before, "\n"), col+o
		if i := strings.LastIndexByte(before, '\n'); i >= 0 {
			c = o - i
		}
		fmt.Fprintf(w, "/*line "+cellFile+":%d:%d*/", cell, l, c)
	}
	done := 0
	mark(0)
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.at, b.at) })
	for _, e := range edits {
		w.WriteString(src[done:e.at])
		w.WriteString(e.text)
		done = e.at + e.n
		if len(e.text) != e.n && done < len(src) {
			mark(done)
		}
	}
	w.WriteString(src[done:])
	w.WriteString(suffix)
}

// generate writes the program. To be checked, the cell's variables are declared
// by their values, which tells their types; finally they have their types, and
// get their values where the cell says so.
func (c *composer) generate(final bool) string {
	w := &source{}
	w.WriteString("package main\n")
	body := &source{}
	var loads []string
	var dynamic []string
	for _, d := range c.include {
		c.earlier(body, d, &loads, &dynamic)
	}
	for _, it := range c.items {
		if it.kind == constItem || it.kind == typeItem {
			if !it.local {
				c.put(body, declKeyword(it), it, nil)
			}
		} else if it.kind == funcItem {
			n := it.fn.Name
			var edits []edit
			if to := c.funcName(it.fn); to != n.Name {
				edits = []edit{{it.offset(n.Pos()), len(n.Name), to}}
			}
			c.put(body, "", it, edits)
		}
	}
	var saves []string
	if final {
		saves = c.variables(body)
	}
	if !final {
		for _, it := range c.items {
			c.checked(body, it)
		}
	}
	c.main(body, final, saves)
	// The imports come last, for types may need some, and stand first.
	head := &source{}
	if c.usesKeep(body.String(), loads) {
		fmt.Fprintf(head, "\nimport %s %q", keepName, Keep)
	}
	if c.asksModels() {
		fmt.Fprintf(head, "\nimport _ %q", Bars)
	}
	for i, im := range c.imports {
		head.own(fmt.Sprintf("import /*import %d*/ %s %s", i, im.name, strconv.Quote(im.path)))
	}
	w.WriteString(head.String())
	if len(loads) > 0 {
		w.own("var _ = " + keepName + ".Load([]any{" + strings.Join(dynamic, ", ") + "}, " + strings.Join(loads, ", ") + ")\n")
	}
	w.WriteString(body.String())
	return w.String()
}

func (c *composer) usesKeep(body string, loads []string) bool {
	return len(loads) > 0 || strings.Contains(body, keepName+".")
}

// asksModels tells whether the program imports what asks models.
func (c *composer) asksModels() bool {
	return slices.ContainsFunc(c.imports, func(im *imported) bool {
		path, ours := strings.CutPrefix(im.path, "github.com/golens/golens/")
		return ours && (path == "model" || strings.HasPrefix(path, "model/") || strings.HasPrefix(path, "interp"))
	})
}

func declKeyword(it *item) string {
	switch it.kind {
	case typeItem:
		return "type "
	case varItem:
		return "var "
	}
	return ""
}

// put writes an item of the cell.
func (c *composer) put(w *source, prefix string, it *item, more []edit) {
	line, col := c.place(it.at)
	w.put(prefix, c.count, line, col, it.src, append(slices.Clone(it.edits), more...), "\n")
}

// funcName is what a program calls a function.
func (c *composer) funcName(fn *ast.FuncDecl) string {
	n := fn.Name.Name
	switch {
	case fn.Recv != nil:
	case n == "main" && !c.test, c.olds[n]:
		return old(n)
	case strings.HasPrefix(n, "init_"):
		return "init"
	}
	return n
}

// earlier writes a declaration of an earlier cell, as far as it is not replaced.
func (c *composer) earlier(w *source, d *decl, loads, dynamic *[]string) {
	if !d.isVar() {
		var edits []edit
		switch d.kind {
		case constItem:
			for _, s := range d.decl.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if !c.live(d, n.Name) {
						edits = append(edits, edit{d.offset(n.Pos()), len(n.Name), "_"})
					}
				}
			}
		case funcItem:
			n := d.fn.Name
			if to := c.funcName(d.fn); to != n.Name {
				edits = []edit{{d.offset(n.Pos()), len(n.Name), to}}
			}
		}
		w.put(declKeyword(d.item), d.cell, d.line, d.col, d.src, append(edits, d.edits...), "\n")
		return
	}
	again := false
	called := map[string]string{}
	for _, n := range d.names {
		if !c.live(d, n) {
			continue
		}
		var as []string // what the program calls it
		if c.olds[n] {
			as = append(as, old(n))
		}
		_, replaced := c.cur[n]
		if !replaced || c.seeded[n] {
			as = append(as, n)
		}
		k := c.kept(d, n)
		if k == nil && d.hasValue() {
			again = true
			called[n] = as[0]
			continue
		}
		for _, name := range as {
			if name != n || !replaced {
				w.own("var " + name + " " + c.typeText(d.types[n]) + "\n")
			}
			if k != nil {
				*loads = append(*loads, fmt.Sprintf("%s.V(%q, %q, &%s)", keepName, n, k.Key, name))
			}
		}
		if k != nil {
			for _, t := range k.Dynamic {
				if text := "(*" + c.dynamicText(t) + ")(nil)"; !slices.Contains(*dynamic, text) {
					*dynamic = append(*dynamic, text)
				}
			}
		}
	}
	if again {
		c.again(w, d, called)
	}
}

// again writes a variable's own declaration again, with what its names meant before
// the cell.
func (c *composer) again(w *source, d *decl, called map[string]string) {
	edits := slices.Clone(d.edits)
	name := func(id *ast.Ident) {
		to := called[id.Name]
		if to == "" {
			to = "_"
		}
		if to != id.Name {
			edits = append(edits, edit{d.offset(id.Pos()), len(id.Name), to})
		}
	}
	if def := defines(d.item); def != nil {
		for _, l := range def.Lhs {
			name(l.(*ast.Ident))
		}
		edits = append(edits, edit{d.offset(def.TokPos), 2, " ="})
	} else {
		for _, id := range d.spec.(*ast.ValueSpec).Names {
			name(id)
		}
	}
	direct := acts(d.item)
	free(d.node(), false, func(id *ast.Ident) {
		end := d.offset(id.End())
		renamed := func(e edit) bool { return e.at == end || e.at == d.offset(id.Pos()) }
		if direct[id.Name] && c.reset(id.Name) && !slices.ContainsFunc(edits, renamed) && !slices.Contains(d.names, id.Name) {
			edits = append(edits, edit{end, 0, "ʹ"})
		}
	})
	w.put("var ", d.cell, d.line, d.col, d.src, edits, "\n")
}

// checked writes a variable of the cell so that its type can be told.
func (c *composer) checked(w *source, it *item) {
	if it.local {
		return
	}
	if def := defines(it); def != nil {
		edits := []edit{{it.offset(def.TokPos), 2, " ="}}
		for _, l := range def.Lhs {
			if id := l.(*ast.Ident); !slices.Contains(it.names, id.Name) && id.Name != "_" {
				edits = append(edits, edit{it.offset(id.Pos()), len(id.Name), "_"})
			}
		}
		c.put(w, "var ", it, edits)
	} else if it.kind == varItem {
		c.put(w, "var ", it, nil)
	}
}

// early tells whether an item's variables are set before the program's main,
// because their type cannot be written.
func (c *composer) early(it *item) bool {
	return slices.ContainsFunc(it.names, func(n string) bool { return n != "_" && (c.types[n] == nil || !nameable(c.types[n])) })
}

// variables writes the cell's variables with their types, and returns what is
// to be saved in the end.
func (c *composer) variables(w *source) (saves []string) {
	for _, it := range c.items {
		if it.local || it.kind != varItem && defines(it) == nil {
			continue
		}
		if c.early(it) {
			c.checked(w, it)
		}
		for _, n := range it.names {
			if n == "_" {
				continue
			}
			if !c.early(it) {
				w.own("var " + n + " " + c.typeText(c.types[n]) + "\n")
			}
			saves = append(saves, n)
		}
	}
	for _, d := range c.include {
		if !d.isVar() {
			continue
		}
		for _, n := range d.names {
			if _, replaced := c.cur[n]; !replaced && c.live(d, n) && !c.remade(d, n) {
				saves = append(saves, n)
			}
		}
	}
	return saves
}

// main writes the cell's statements in their order.
func (c *composer) main(w *source, final bool, saves []string) {
	cellName := old("cell")
	w.own("func " + cellName + "() {\n")
	order := c.order()
	parsed := false
	for i, it := range order {
		if it.local && !parsed {
			parsed = true
			if n := c.flagName(); n != "" {
				w.own(n + ".Parse()\n")
			}
		}
		c.statement(w, it, final, i == len(order)-1 || it == c.items[len(c.items)-1])
	}
	if _, ok := c.cur["main"]; ok && !c.test {
		w.own(old("main") + "()\n")
	}
	if c.exec != "" {
		if n := c.flagName(); n != "" {
			w.own(n + ".Parse()\n")
		}
		w.own(c.exec + "()\n")
	}
	w.own("}\n")
	if c.test {
		w.own("func init() { " + cellName + "() }\n")
		return
	}
	if c.timeit {
		w.own("func main() {\n" + keepName + ".TimeIt(" + cellName + ")\n")
	} else {
		w.own("func main() {\n" + cellName + "()\n")
	}
	if len(saves) > 0 {
		for i, n := range saves {
			saves[i] = fmt.Sprintf("%s.V(%q, \"\", &%s)", keepName, n, n)
		}
		w.WriteString(keepName + ".Save(" + strings.Join(saves, ", ") + ")\n")
	}
	w.WriteString("}\n")
}

// flagName is how the program calls package flag, "" if it does not.
func (c *composer) flagName() string {
	for _, im := range c.imports {
		if im.path == "flag" && im.name != "_" && im.name != "." {
			return im.local(c.packages)
		}
	}
	return ""
}

// order is the order in which a cell's items act: as written, but that a var
// comes before what needs it.
func (c *composer) order() []*item {
	var list []*item
	done := map[int]bool{}
	var add func(i int)
	add = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		it := c.items[i]
		names := c.reach(it.uses)
		maps.Copy(names, it.uses)
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if j, ok := c.cur[n]; ok && j != i && c.items[j].kind == varItem {
				add(j)
			}
		}
		list = append(list, it)
	}
	for i, it := range c.items {
		switch it.kind {
		case varItem, stmtItem, exprsItem:
			add(i)
		case constItem, typeItem:
			if it.local {
				add(i)
			}
		}
	}
	return list
}

// statement writes what an item does in the program's course.
func (c *composer) statement(w *source, it *item, final, last bool) {
	switch def := defines(it); {
	case it.local && (it.kind == varItem || it.kind == typeItem):
		c.put(w, declKeyword(it), it, nil)
	case it.kind == varItem:
		spec := it.spec.(*ast.ValueSpec)
		if !final || len(spec.Values) == 0 || c.early(it) {
			return
		}
		var edits []edit
		if spec.Type != nil {
			from, to := it.offset(spec.Type.Pos()), it.offset(spec.Type.End())
			edits = append(edits, edit{from, to - from, blank(it.src[from:to])})
		}
		c.put(w, "", it, edits)
	case def != nil && !it.local:
		all := len(it.names) == len(def.Lhs)
		if !final && all || final && c.early(it) && all {
			return
		}
		c.put(w, "", it, []edit{{it.offset(def.TokPos), 2, " ="}})
	case last && c.show != "":
		line, col := c.place(it.at)
		show := c.show
		if c.timeit {
			show = "Drop"
		}
		w.put(keepName+"."+show+"(", c.count, line, col, it.src, it.edits, ")\n")
	default:
		c.put(w, "", it, nil)
	}
}

// blank keeps the line ends of a text and no more.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// typeText writes a type, and imports what it needs.
func (c *composer) typeText(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Name() == "main" {
			return ""
		}
		return c.importName(p.Path(), p.Name())
	})
}

var inBraces = regexp.MustCompile(`\{([^{}]+)\}\.`)

// dynamicText writes a type of package keep's making.
func (c *composer) dynamicText(t string) string {
	return inBraces.ReplaceAllStringFunc(t, func(s string) string {
		path := inBraces.FindStringSubmatch(s)[1]
		if path == "main" {
			return ""
		}
		return c.importName(path, c.packages.Name(path)) + "."
	})
}

// importName is what a program calls the package of a path.
func (c *composer) importName(path, name string) string {
	taken := map[string]bool{}
	for _, im := range c.imports {
		n := im.local(c.packages)
		if im.path == path && im.name != "." && im.name != "_" {
			if im.name == "" && n != name {
				im.name = name
				return name
			}
			return n
		}
		taken[n] = true
	}
	for n := range c.cur {
		taken[n] = true
	}
	for _, d := range c.include {
		for _, n := range d.names {
			taken[n] = true
		}
	}
	im := &imported{path: path}
	for as := name; ; as = old(as) {
		if !taken[as] {
			if as != name {
				im.name = as
			}
			c.imports = append(c.imports, im)
			return as
		}
	}
}

// program is the final program.
func (c *composer) program() *Program {
	p := &Program{Source: c.generate(true), Test: c.test, packages: c.packages}
	for _, im := range c.imports {
		p.Imports = append(p.Imports, im.path)
		if im.cell == c.count && im.line > 0 {
			p.own = append(p.own, im)
		}
	}
	if strings.Contains(p.Source, keepName) {
		p.Imports = append(p.Imports, Keep)
	}
	if c.asksModels() {
		p.Imports = append(p.Imports, Bars)
	}
	for _, it := range c.items {
		if it.kind == importItem && !slices.ContainsFunc(p.own, func(im *imported) bool { l, _ := c.place(it.at); return im.line == l }) {
			spec := it.spec.(*ast.ImportSpec) // not used yet: for later cells
			im := &imported{path: strings.Trim(spec.Path.Value, "\"`"), cell: c.count}
			if spec.Name != nil {
				im.name = spec.Name.Name
			}
			im.line, im.col = c.place(it.at)
			p.own = append(p.own, im)
		}
	}
	p.Idle = !c.test && c.exec == ""
	for _, it := range c.items {
		if it.kind == funcItem && it.fn.Recv == nil {
			n := it.fn.Name.Name
			if n == "main" || n == "init" || strings.HasPrefix(n, "init_") {
				p.Idle = false
			}
			if c.test && (strings.HasPrefix(n, "Test") && n != "TestMain" || strings.HasPrefix(n, "Benchmark")) {
				p.Tests = append(p.Tests, n)
			}
		}
		isVar := it.kind == varItem || defines(it) != nil
		if isVar || it.kind == stmtItem || it.kind == exprsItem {
			p.Idle = false
		}
		if it.local && it.kind != funcItem || it.kind == importItem || len(it.names) == 0 {
			continue
		}
		d := &decl{item: it, cell: c.count}
		d.line, d.col = c.place(it.at)
		if !isVar {
			p.decls = append(p.decls, d)
			continue
		}
		flagName := c.flagName()
		ast.Inspect(it.node(), func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				x, ok := sel.X.(*ast.Ident)
				d.flags = d.flags || ok && flagName != "" && x.Name == flagName
			}
			return true
		})
		d.types, d.kept, d.whyNot = map[string]types.Type{}, map[string]*Kept{}, map[string]string{}
		for _, n := range it.names {
			d.types[n] = c.types[n]
			if c.early(it) && n != "_" {
				d.whyNot[n] = "its type cannot be written"
			}
		}
		p.vars = append(p.vars, d)
	}
	for _, d := range c.include {
		for _, n := range d.names {
			if d.isVar() && c.live(d, n) && c.remade(d, n) {
				p.Remade = append(p.Remade, n)
			}
		}
	}
	return p
}
