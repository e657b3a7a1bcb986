package cell

import (
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// State is what the cells that ran have declared.
type State struct {
	names   map[string]*decl // each name of a declaration that is not replaced
	inits   map[string]*decl // functions init_NAME, which begin every program
	imports []*imported
	failed  map[string]int // variables whose cell failed, and the cell
	lost    map[string]int // methods that a type declared anew has no more, and their cell
}

// decl is a declaration of an earlier cell.
type decl struct {
	*item
	cell      int
	line, col int
	types     map[string]types.Type // of variables
	kept      map[string]*Kept      // of variables whose value is kept
	whyNot    map[string]string     // of variables whose value is not kept
	flags     bool                  // it defines flags, which each program does again
}

// imported is an import of an earlier cell or of this one.
type imported struct {
	name, path string // the name is "" for the package's own
	cell       int
	line, col  int
}

// Kept is where a variable's value is kept.
type Kept struct {
	Key   string   // names the file
	Size  int      // of the file, in bytes
	Group []string // variables that share memory with it, itself among them
	// Dynamic are the types that values inside of interfaces have, as Go writes
	// them with each package's path in braces.
	Dynamic []string
}

// NewState returns a state in which nothing is declared.
func NewState() *State {
	return &State{names: map[string]*decl{}, inits: map[string]*decl{}, failed: map[string]int{}, lost: map[string]int{}}
}

// Remove forgets the declaration of a name, and a type's methods with it. It
// reports whether there was one.
func (s *State) Remove(name string) bool {
	found := false
	for i, im := range s.imports {
		if im.local(nil) == name || im.path == name {
			s.imports = slices.Delete(s.imports, i, i+1)
			found = true
			break
		}
	}
	if d := s.names[name]; d != nil {
		found = true
		delete(s.names, name)
		if d.kind == typeItem {
			s.dropMethods(name)
		}
	}
	delete(s.failed, name)
	if s.inits[name] != nil {
		found = true
		delete(s.inits, name)
	}
	return found
}

func (s *State) dropMethods(of string) {
	maps.DeleteFunc(s.names, func(name string, d *decl) bool {
		is := strings.HasPrefix(name, of+".")
		if is {
			s.lost[name] = d.cell
		}
		return is
	})
}

// local is the name that the import declares.
func (im *imported) local(p Packages) string {
	if im.name != "" {
		return im.name
	}
	if p != nil {
		if n := p.Name(im.path); n != "" {
			return n
		}
	}
	return im.path[strings.LastIndexByte(im.path, '/')+1:]
}

// Variable is what %who tells of one.
type Variable struct {
	Name, Type string
	Size       int // of what is kept, in bytes
	Cell       int
	WhyNot     string // why its value is not kept but made again
}

// Variables lists the variables.
func (s *State) Variables() []Variable {
	var list []Variable
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		d := s.names[name]
		if d.kind != varItem && d.kind != stmtItem {
			continue
		}
		v := Variable{Name: name, Cell: d.cell, WhyNot: d.whyNot[name]}
		if t := d.types[name]; t != nil {
			v.Type = types.TypeString(t, func(p *types.Package) string {
				if p.Name() == "main" {
					return ""
				}
				return p.Name()
			})
		}
		if k := d.kept[name]; k != nil {
			v.Size = k.Size
		}
		list = append(list, v)
	}
	return list
}

// Declarations lists the names of all that is declared but variables.
func (s *State) Declarations() []string {
	var list []string
	for _, im := range s.imports {
		list = append(list, strings.TrimSpace("import "+im.name+" "+strconv.Quote(im.path)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		switch s.names[name].kind {
		case constItem:
			list = append(list, "const "+name)
		case typeItem:
			list = append(list, "type "+name)
		case funcItem:
			list = append(list, "func "+name)
		}
	}
	for name := range s.inits {
		list = append(list, "func "+name)
	}
	return list
}

// Keys lists the files of values that may be needed again.
func (s *State) Keys() map[string]bool {
	keys := map[string]bool{}
	for _, d := range s.names {
		for _, k := range d.kept {
			keys[k.Key] = true
		}
	}
	return keys
}

// commit notes what a cell that compiled has declared. Its variables are noted
// by Ended, if the cell ends well.
func (s *State) commit(p *Program) {
	for _, im := range p.own {
		s.imports = slices.DeleteFunc(s.imports, func(old *imported) bool {
			if im.name == "_" || im.name == "." {
				return old.name == im.name && old.path == im.path
			}
			return old.name != "_" && old.name != "." && old.local(p.packages) == im.local(p.packages)
		})
		s.imports = append(s.imports, im)
	}
	for _, d := range p.decls {
		if d.kind == typeItem {
			name := d.names[0]
			if old := s.names[name]; old == nil || old.src != d.src {
				s.dropMethods(name)
				s.dropValues(name)
			}
			s.names[name] = d
		}
	}
	for _, d := range p.decls {
		switch d.kind {
		case constItem, funcItem:
			for _, n := range d.names {
				switch {
				case n == "_" || n == "main" || n == "init":
				case d.kind == funcItem && strings.HasPrefix(n, "init_"):
					s.inits[n] = d
				default:
					s.names[n] = d
					delete(s.lost, n)
				}
			}
		}
	}
}

// dropValues forgets the values whose type has the notebook's type of that
// name in it: they are made again.
func (s *State) dropValues(name string) {
	gone := map[string]bool{name: true}
	s.spread(gone)
	for _, d := range s.names {
		for v := range d.types {
			if k := d.kept[v]; k != nil && overlap(d.holds(v), gone) {
				delete(d.kept, v)
				d.whyNot[v] = "type " + name + " was declared anew"
			}
		}
	}
}

// spread adds to types of the notebook those that are made of them.
func (s *State) spread(to map[string]bool) {
	for more := true; more; {
		more = false
		for n, d := range s.names {
			if d.kind == typeItem && !to[n] && overlap(d.uses, to) {
				to[n], more = true, true
			}
		}
	}
}

// holds lists the notebook's types that the kept value of a variable has in it.
func (d *decl) holds(name string) map[string]bool {
	found := mainTypes(d.types[name])
	if k := d.kept[name]; k != nil {
		for _, t := range k.Dynamic {
			for _, part := range strings.Split(t, "{main}.")[1:] {
				found[leadingName(part)] = true
			}
		}
	}
	return found
}

func overlap(a, b map[string]bool) bool {
	for n := range a {
		if b[n] {
			return true
		}
	}
	return false
}

// mainTypes lists the notebook's own types in t.
func mainTypes(t types.Type) map[string]bool {
	found := map[string]bool{}
	walkNamed(t, func(o *types.TypeName) {
		if o.Pkg() != nil && o.Pkg().Name() == "main" {
			found[o.Name()] = true
		}
	})
	return found
}

// walkNamed calls f for the named types that stand in t as it is written.
func walkNamed(t types.Type, f func(*types.TypeName)) {
	args := func(l *types.TypeList) {
		for i := range l.Len() {
			walkNamed(l.At(i), f)
		}
	}
	switch t := t.(type) {
	case *types.Named:
		f(t.Obj())
		args(t.TypeArgs())
	case *types.Alias:
		f(t.Obj())
		args(t.TypeArgs())
	case *types.Pointer:
		walkNamed(t.Elem(), f)
	case *types.Slice:
		walkNamed(t.Elem(), f)
	case *types.Array:
		walkNamed(t.Elem(), f)
	case *types.Chan:
		walkNamed(t.Elem(), f)
	case *types.Map:
		walkNamed(t.Key(), f)
		walkNamed(t.Elem(), f)
	case *types.Struct:
		for i := range t.NumFields() {
			walkNamed(t.Field(i).Type(), f)
		}
	case *types.Signature:
		walkNamed(t.Params(), f)
		walkNamed(t.Results(), f)
	case *types.Tuple:
		for i := range t.Len() {
			walkNamed(t.At(i).Type(), f)
		}
	case *types.Interface:
		for i := range t.NumExplicitMethods() {
			walkNamed(t.ExplicitMethod(i).Type(), f)
		}
		for i := range t.NumEmbeddeds() {
			walkNamed(t.EmbeddedType(i), f)
		}
	case *types.Union:
		for i := range t.Len() {
			walkNamed(t.Term(i).Type(), f)
		}
	}
}

// nameable tells whether a later program can write t.
func nameable(t types.Type) bool {
	ok := true
	walkNamed(t, func(o *types.TypeName) {
		p := o.Pkg()
		switch {
		case p == nil: // error, any
		case p.Name() == "main":
			ok = ok && p.Scope().Lookup(o.Name()) == o
		default:
			path := "/" + p.Path() + "/"
			ok = ok && o.Exported() && !strings.Contains(path, "/internal/")
		}
	})
	if b, isBasic := t.(*types.Basic); isBasic && (b.Kind() == types.Invalid || b.Kind() == types.UntypedNil) {
		return false
	}
	return ok
}

// Ended notes how a cell's program has ended: the variables that were saved,
// and why others could not be. ok is false for a cell that failed, whose
// variables are not noted.
func (s *State) Ended(p *Program, ok bool, kept map[string]*Kept, whyNot map[string]string) {
	for _, d := range p.vars {
		for _, n := range d.names {
			if n == "_" {
				continue
			}
			if !ok {
				if s.names[n] == nil {
					s.failed[n] = d.cell
				}
				continue
			}
			delete(s.failed, n)
			s.names[n] = d
		}
	}
	if !ok {
		return
	}
	for n, k := range kept {
		if d := s.names[n]; d != nil && d.types[n] != nil && !d.flags {
			d.kept[n] = k
			delete(d.whyNot, n)
		}
	}
	for n, why := range whyNot {
		if d := s.names[n]; d != nil && d.types[n] != nil {
			delete(d.kept, n)
			d.whyNot[n] = why
		}
	}
}

// defines is the := of an item, nil if it is none.
func defines(it *item) *ast.AssignStmt {
	if a, ok := it.stmt.(*ast.AssignStmt); ok && it.kind == stmtItem && a.Tok.String() == ":=" {
		return a
	}
	return nil
}
