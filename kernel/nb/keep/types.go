package keep

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dynamic writes a type as the Go of another program can, each package's path
// in braces.
func dynamic(t reflect.Type) (string, error) {
	if name := t.Name(); name != "" {
		path := t.PkgPath()
		switch {
		case path == "":
			return name, nil
		case strings.ContainsAny(name, "./·"), !exported(name) && path != "main", strings.Contains("/"+path+"/", "/internal/"):
			return "", fmt.Errorf("a %v inside of an interface cannot be kept", t)
		}
		return "{" + path + "}." + name, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return around("*", t.Elem())
	case reflect.Slice:
		return around("[]", t.Elem())
	case reflect.Array:
		return around("["+strconv.Itoa(t.Len())+"]", t.Elem())
	case reflect.Map:
		k, err := dynamic(t.Key())
		if err != nil {
			return "", err
		}
		return around("map["+k+"]", t.Elem())
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return "any", nil
		}
	}
	return "", fmt.Errorf("a %v inside of an interface cannot be kept", t)
}

func exported(name string) bool {
	r, _ := utf8.DecodeRuneInString(name)
	return unicode.IsUpper(r)
}

func around(prefix string, elem reflect.Type) (string, error) {
	s, err := dynamic(elem)
	return prefix + s, err
}

// key names a type in files.
func key(t reflect.Type) string {
	if t.Name() != "" {
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + key(t.Elem())
	case reflect.Slice:
		return "[]" + key(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + key(t.Elem())
	case reflect.Map:
		return "map[" + key(t.Key()) + "]" + key(t.Elem())
	case reflect.Struct:
		var b strings.Builder
		b.WriteString("struct{")
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(&b, "%s.%s %s;", f.PkgPath, f.Name, key(f.Type))
		}
		return b.String() + "}"
	}
	return t.String()
}

// registry knows types by their keys.
type registry map[string]reflect.Type

// add adds a type and those that it is made of.
func (r registry) add(t reflect.Type) {
	k := key(t)
	if r[k] != nil {
		return
	}
	r[k] = t
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		r.add(t.Elem())
	case reflect.Map:
		r.add(t.Key())
		r.add(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			r.add(t.Field(i).Type)
		}
	}
}

func newRegistry(vars []Var, types []any) registry {
	r := registry{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int32](), reflect.TypeFor[int64](), reflect.TypeFor[float32](),
		reflect.TypeFor[float64](), reflect.TypeFor[string](),
	} {
		r.add(t)
	}
	for _, v := range vars {
		r.add(v.at.Type())
	}
	for _, t := range types {
		r.add(reflect.TypeOf(t).Elem())
	}
	return r
}
