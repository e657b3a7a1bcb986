package notebook

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// Parameter is a value for a variable of the cell that is tagged "parameters".
type Parameter struct{ Name, Value string }

// ParseParameter reads "name=value".
func ParseParameter(s string) (Parameter, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !token.IsIdentifier(name) {
		return Parameter{}, fmt.Errorf("parameter %q: want name=value, the name of a Go variable", s)
	}
	return Parameter{name, value}, nil
}

// Set gives values to variables of the cell tagged "parameters": in a cell of its
// own after it, as papermill does, which takes the place of an earlier one. A
// value is of the kind of its default, "5" a text where that is a text. A name
// that the cell does not declare is an error.
func (nb *Notebook) Set(values []Parameter) error {
	if len(values) == 0 {
		return nil
	}
	at := slices.IndexFunc(nb.Cells, func(c *Cell) bool { return c.Type == Code && c.Tagged(Parameters) })
	if at < 0 {
		return fmt.Errorf("no cell is tagged %q: tag the one that declares %s", Parameters, values[0].Name)
	}
	defaults, err := declared(nb.Cells[at].Source)
	if err != nil {
		return fmt.Errorf("the cell tagged %q: %w", Parameters, err)
	}
	var b strings.Builder
	b.WriteString("// Parameters\n")
	for _, p := range values {
		i := slices.IndexFunc(defaults, func(d declaration) bool { return d.name == p.Name })
		if i < 0 {
			var names []string
			for _, d := range defaults {
				names = append(names, d.name)
			}
			return fmt.Errorf("no parameter is named %s; there is %s", p.Name, strings.Join(names, ", "))
		}
		line, err := defaults[i].with(p.Value)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		b.WriteString(line + "\n")
	}
	nb.Cells = slices.DeleteFunc(nb.Cells, func(c *Cell) bool { return c.Tagged(InjectedParameters) })
	at = slices.IndexFunc(nb.Cells, func(c *Cell) bool { return c.Type == Code && c.Tagged(Parameters) })
	nb.Cells = slices.Insert(nb.Cells, at+1, &Cell{Type: Code, Source: strings.TrimSuffix(b.String(), "\n"),
		Metadata: map[string]any{"tags": []any{InjectedParameters}}})
	nb.identify()
	return nil
}

// declaration is a variable or constant with its default.
type declaration struct {
	name, typ string // typ: "" if it follows from the default
	word      string // var or const
	value     ast.Expr
}

// declared are the variables of a cell: of its declarations, or, if it holds
// statements, of those.
func declared(source string) ([]declaration, error) {
	var code []string // without commands, which are no Go
	for line := range strings.Lines(source) {
		if t := strings.TrimSpace(line); !strings.HasPrefix(t, "%") && !strings.HasPrefix(t, "!") {
			code = append(code, line)
		}
	}
	text := strings.Join(code, "")
	var all []declaration
	spec := func(d *ast.GenDecl, source string) {
		for _, s := range d.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || d.Tok != token.VAR && d.Tok != token.CONST {
				continue
			}
			for i, n := range v.Names {
				one := declaration{name: n.Name, word: d.Tok.String()}
				if v.Type != nil {
					one.typ = source[v.Type.Pos()-1 : v.Type.End()-1]
				}
				if i < len(v.Values) {
					one.value = v.Values[i]
				}
				all = append(all, one)
			}
		}
	}
	whole := "package p\n" + text
	f, err := parser.ParseFile(token.NewFileSet(), "", whole, 0)
	if err == nil {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				spec(g, whole)
			}
		}
		return all, nil
	}
	whole = "package p\nfunc _() {\n" + text + "\n}"
	f, again := parser.ParseFile(token.NewFileSet(), "", whole, 0)
	if again != nil {
		return nil, errors.Join(errors.New("it does not parse"), err)
	}
	for _, s := range f.Decls[0].(*ast.FuncDecl).Body.List {
		switch s := s.(type) {
		case *ast.DeclStmt:
			spec(s.Decl.(*ast.GenDecl), whole)
		case *ast.AssignStmt:
			for i, l := range s.Lhs {
				if id, ok := l.(*ast.Ident); ok && s.Tok == token.DEFINE && i < len(s.Rhs) {
					all = append(all, declaration{name: id.Name, word: "var", value: s.Rhs[i]})
				}
			}
		}
	}
	return all, nil
}

// kind is what a declaration's value is by its literal or its type, ILLEGAL if
// that cannot be told.
func (d declaration) kind() token.Token {
	switch {
	case d.typ == "string":
		return token.STRING
	case strings.HasPrefix(d.typ, "int"), strings.HasPrefix(d.typ, "uint"):
		return token.INT
	case strings.HasPrefix(d.typ, "float"):
		return token.FLOAT
	}
	value := d.value
	if u, ok := value.(*ast.UnaryExpr); ok {
		value = u.X
	}
	if l, ok := value.(*ast.BasicLit); ok && d.typ == "" {
		return l.Kind
	}
	return token.ILLEGAL
}

// with is the declaration with another value.
func (d declaration) with(value string) (string, error) {
	switch d.kind() {
	case token.STRING:
		value = strconv.Quote(value)
	case token.INT:
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			return "", fmt.Errorf("%q is no whole number, as the default is", value)
		}
	case token.FLOAT:
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "", fmt.Errorf("%q is no number, as the default is", value)
		}
		if !strings.ContainsAny(value, ".eExX") {
			value += ".0"
		}
	default:
		if id, ok := d.value.(*ast.Ident); ok && (id.Name == "true" || id.Name == "false") && value != "true" && value != "false" {
			return "", fmt.Errorf("%q is neither true nor false, as the default is", value)
		}
		if _, err := parser.ParseExpr(value); err != nil {
			return "", fmt.Errorf("%q is no Go expression: %w", value, err)
		}
	}
	head := d.word + " " + d.name
	if d.typ != "" {
		head += " " + d.typ
	}
	return head + " = " + value, nil
}
