package keep

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// region is a piece of memory that variables hold or point to: n values of a
// type, one after another.
type region struct {
	start, end uintptr
	typ        reflect.Type
	n          int
	roots      map[int]bool // variables from which it is reached
	id         int
}

// span is a region as it was first met.
type span struct {
	start uintptr
	typ   reflect.Type
	n     int
}

// walker finds the memory of one variable.
type walker struct {
	spans map[span]bool
	maps  map[unsafe.Pointer]reflect.Value
	todo  []span
}

// groups finds the variables that can be kept, and puts those that share memory
// together. Why others cannot be kept is noted.
func groups(vars []Var, whyNot map[string]string) []*group {
	var well []Var
	var walkers []*walker
	for _, v := range vars {
		w := &walker{spans: map[span]bool{}, maps: map[unsafe.Pointer]reflect.Value{}}
		if err := w.run(v); err != nil {
			whyNot[v.name] = err.Error()
			continue
		}
		well, walkers = append(well, v), append(walkers, w)
	}
	regions, err := merge(walkers)
	if err != nil {
		for _, v := range well {
			whyNot[v.name] = err.Error()
		}
		return nil
	}
	part := make([]int, len(well)) // variable to the first of its group
	for i := range part {
		part[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		if part[i] != i {
			part[i] = find(part[i])
		}
		return part[i]
	}
	join := func(a, b int) {
		a, b = find(a), find(b)
		part[max(a, b)] = min(a, b)
	}
	for _, r := range regions {
		first := -1
		for i := range r.roots {
			if first >= 0 {
				join(first, i)
			}
			first = i
		}
	}
	owner := map[unsafe.Pointer]int{}
	for i, w := range walkers {
		for p := range w.maps {
			if o, ok := owner[p]; ok {
				join(o, i)
			}
			owner[p] = i
		}
	}
	byPart := map[int]*group{}
	var list []*group
	for i, v := range well {
		g := byPart[find(i)]
		if g == nil {
			g = &group{maps: map[unsafe.Pointer]reflect.Value{}}
			byPart[find(i)] = g
			list = append(list, g)
		}
		g.vars = append(g.vars, v)
		for p, m := range walkers[i].maps {
			g.maps[p] = m
		}
	}
	for _, r := range regions {
		for i := range r.roots {
			g := byPart[find(i)]
			r.id = len(g.regions)
			g.regions = append(g.regions, r)
			break
		}
	}
	return list
}

// run walks all that v holds.
func (w *walker) run(v Var) (err error) {
	w.add(v.at.Type(), v.at.Addr().UnsafePointer(), 1)
	for len(w.todo) > 0 {
		s := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		size := s.typ.Size()
		for i := range s.n {
			if err := w.walk(s.typ, unsafe.Add(pointer(s.start), uintptr(i)*size)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pointer is the address p as a pointer: the memory is alive, a variable of the
// program holds it.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func (w *walker) add(t reflect.Type, p unsafe.Pointer, n int) {
	if t.Size() == 0 || n == 0 {
		return
	}
	s := span{uintptr(p), t, n}
	if w.spans[s] {
		return
	}
	w.spans[s] = true
	if !plain(t) {
		w.todo = append(w.todo, s)
	}
}

// strangers are packages whose structs stand for more than their memory.
var strangers = []string{"os", "os/exec", "net", "syscall", "internal/poll", "runtime", "reflect", "plugin", "unique", "weak", "testing", "database/sql"}

var textError = reflect.TypeOf(errors.New(""))

var location = reflect.TypeFor[time.Location]()

// handle tells whether values of t are kept by their text, such as models, which
// live elsewhere. Values of the standard library are kept by their memory, which
// is exact.
func handle(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t.Kind() == reflect.Struct && strings.Contains(t.PkgPath(), ".") && p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) &&
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// textOf is the text of the handle at p.
func textOf(t reflect.Type, p unsafe.Pointer) ([]byte, error) {
	return reflect.NewAt(t, p).Interface().(encoding.TextMarshaler).MarshalText()
}

// known is the code of a location that every program has, 0 for others.
func known(p unsafe.Pointer) byte {
	switch p {
	case unsafe.Pointer(time.Local):
		return 1
	case unsafe.Pointer(time.UTC):
		return 2
	}
	return 0
}

func (w *walker) walk(t reflect.Type, p unsafe.Pointer) error {
	if plain(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.String:
	case reflect.Pointer:
		q := *(*unsafe.Pointer)(p)
		switch {
		case q == nil || t.Elem() == location && known(q) > 0:
			return nil
		case handle(t.Elem()):
			_, err := textOf(t.Elem(), q)
			return err
		}
		w.add(t.Elem(), q, 1)
	case reflect.Slice:
		v := reflect.NewAt(t, p).Elem()
		w.add(t.Elem(), v.UnsafePointer(), v.Len())
	case reflect.Array:
		for i := range t.Len() {
			if err := w.walk(t.Elem(), unsafe.Add(p, uintptr(i)*t.Elem().Size())); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if handle(t) {
			_, err := textOf(t, p)
			return err
		}
		if slices.Contains(strangers, t.PkgPath()) || strings.HasPrefix(t.PkgPath(), "net/") {
			return fmt.Errorf("a %v cannot be kept", t)
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if err := w.walk(f.Type, unsafe.Add(p, f.Offset)); err != nil {
				return err
			}
		}
	case reflect.Map:
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() || w.maps[v.UnsafePointer()].IsValid() {
			return nil
		}
		w.maps[v.UnsafePointer()] = v
		for it := v.MapRange(); it.Next(); {
			if err := w.copied(it.Key()); err != nil {
				return err
			}
			if err := w.copied(it.Value()); err != nil {
				return err
			}
		}
	case reflect.Interface:
		v := reflect.NewAt(t, p).Elem().Elem()
		if !v.IsValid() {
			return nil
		}
		if _, err := dynamic(v.Type()); err != nil {
			if _, isError := v.Interface().(error); isError && textError.AssignableTo(t) {
				return nil // kept as its text
			}
			return err
		}
		return w.copied(v)
	default: // func, chan, unsafe.Pointer
		if *(*unsafe.Pointer)(p) != nil {
			return fmt.Errorf("a %v cannot be kept", t)
		}
	}
	return nil
}

// copied walks what a value holds that lies in no memory of its own.
func (w *walker) copied(v reflect.Value) error {
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	return w.walk(v.Type(), c.UnsafePointer())
}

var plains = map[reflect.Type]bool{}

// plain tells whether a type's values are their bytes.
func plain(t reflect.Type) bool {
	is, ok := plains[t]
	if ok {
		return is
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		is = true
	case reflect.Array:
		is = plain(t.Elem())
	case reflect.Struct:
		is = !slices.Contains(strangers, t.PkgPath()) && !handle(t)
		for i := range t.NumField() {
			is = is && plain(t.Field(i).Type)
		}
	}
	plains[t] = is
	return is
}

// merge puts spans that overlap into one region.
func merge(walkers []*walker) ([]*region, error) {
	var all []*region
	for i, w := range walkers {
		for s := range w.spans {
			all = append(all, &region{start: s.start, end: s.start + uintptr(s.n)*s.typ.Size(), typ: s.typ, n: s.n, roots: map[int]bool{i: true}})
		}
	}
	slices.SortFunc(all, func(a, b *region) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(nesting(b.typ), nesting(a.typ)),
			cmp.Compare(key(a.typ), key(b.typ)))
	})
	var out []*region
	for _, r := range all {
		if len(out) > 0 {
			last := out[len(out)-1]
			if r.start < last.end {
				if r.end > last.end {
					size := last.typ.Size()
					if r.typ != last.typ || (r.start-last.start)%size != 0 {
						return nil, fmt.Errorf("%v and %v overlap", r.typ, last.typ)
					}
					last.end = r.end
					last.n = int((last.end - last.start) / size)
				}
				for i := range r.roots {
					last.roots[i] = true
				}
				continue
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// nesting is how deep a type's first value lies in it: the outer of two types at
// one place has the larger.
func nesting(t reflect.Type) int {
	switch {
	case t.Kind() == reflect.Array && t.Len() > 0:
		return 1 + nesting(t.Elem())
	case t.Kind() == reflect.Struct && t.NumField() > 0:
		return 1 + nesting(t.Field(0).Type)
	}
	return 0
}
