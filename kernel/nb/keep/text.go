package keep

import (
	"fmt"
	"reflect"
	"strings"
)

// textLimit is how much text a value is shown as, in bytes: browsers lay out more for
// seconds.
const textLimit = 1 << 19

// asText is a value as text. One that lies in itself has no end, and would end the cell's
// program, with all that its variables hold.
func asText(v any) string {
	r := reflect.ValueOf(v)
	if r.IsValid() && endless(r.Type(), map[reflect.Type]bool{}) && loops(r, 0, map[part]bool{}) {
		return fmt.Sprintf("a %T that lies in itself: show parts of it", v)
	}
	text := fmt.Sprint(v)
	if n := len(text); n > textLimit {
		return fmt.Sprintf("%s… (%d KB: show parts of it, or write it to a file)", strings.ToValidUTF8(text[:textLimit], ""), n>>10)
	}
	return text
}

// endless tells whether a value of the type could lie in itself, as far as package fmt
// looks into it: not behind pointers.
func endless(t reflect.Type, around map[reflect.Type]bool) bool {
	if around[t] {
		return true
	}
	around[t] = true
	defer delete(around, t)
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Map:
		return endless(t.Key(), around) || endless(t.Elem(), around)
	case reflect.Slice, reflect.Array:
		return endless(t.Elem(), around)
	case reflect.Pointer:
		return len(around) == 1 && endless(t.Elem(), around)
	case reflect.Struct:
		for i := range t.NumField() {
			if endless(t.Field(i).Type, around) {
				return true
			}
		}
	}
	return false
}

// part is what a map or a slice refers to.
type part struct {
	at uintptr
	n  int
}

// loops tells whether a value lies in itself. around are the maps and slices that it
// lies in.
func loops(v reflect.Value, depth int, around map[part]bool) bool {
	if v.IsValid() && v.CanInterface() {
		switch v.Interface().(type) {
		case fmt.Formatter, fmt.Stringer, error:
			return false // fmt asks it
		}
	}
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && loops(v.Elem(), depth+1, around)
	case reflect.Pointer:
		return depth == 0 && !v.IsNil() && loops(v.Elem(), 1, around)
	case reflect.Struct:
		for i := range v.NumField() {
			if loops(v.Field(i), depth+1, around) {
				return true
			}
		}
	case reflect.Array, reflect.Slice, reflect.Map:
		if v.Kind() != reflect.Array {
			p := part{v.Pointer(), v.Len()}
			if around[p] {
				return true
			}
			if p.n > 0 { // all that are empty may be one
				around[p] = true
				defer delete(around, p)
			}
		}
		if v.Kind() == reflect.Map {
			for i := v.MapRange(); i.Next(); {
				if loops(i.Key(), depth+1, around) || loops(i.Value(), depth+1, around) {
					return true
				}
			}
			return false
		}
		for i := range v.Len() {
			if loops(v.Index(i), depth+1, around) {
				return true
			}
		}
	}
	return false
}
