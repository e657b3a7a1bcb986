package keep

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// A file holds the variables of a group:
//
//	the types' keys, the variables' names with their regions,
//	the regions and the maps, each with its length,
//
// numbers as uvarints, texts and bodies after their length.

// group is variables that share memory.
type group struct {
	vars    []Var
	regions []*region
	maps    map[unsafe.Pointer]reflect.Value
}

// encoder writes a group.
type encoder struct {
	*group
	mapIDs  map[unsafe.Pointer]int
	types   []string
	typeIDs map[reflect.Type]int
	dynamic map[string]bool
}

// encode writes a group, and lists the types that it has inside of interfaces.
func encode(g *group) (data []byte, dynamicTypes []string, err error) {
	e := &encoder{group: g, mapIDs: map[unsafe.Pointer]int{}, typeIDs: map[reflect.Type]int{}, dynamic: map[string]bool{}}
	// Maps are numbered in the order in which they are met, so that equal values
	// give equal files.
	var bodies, mapBodies [][]byte
	for _, r := range e.regions {
		body := binary.AppendUvarint(nil, uint64(e.typeID(r.typ)))
		body = binary.AppendUvarint(body, uint64(r.n))
		if plain(r.typ) {
			body = append(body, unsafe.Slice((*byte)(pointer(r.start)), r.end-r.start)...)
		} else {
			for i := range r.n {
				if body, err = e.value(body, r.typ, unsafe.Add(pointer(r.start), uintptr(i)*r.typ.Size())); err != nil {
					return nil, nil, err
				}
			}
		}
		bodies = append(bodies, body)
	}
	for len(mapBodies) < len(e.mapIDs) { // a map's values may hold maps
		for p, id := range e.mapIDs {
			if id == len(mapBodies) {
				body, err := e.mapBody(e.maps[p])
				if err != nil {
					return nil, nil, err
				}
				mapBodies = append(mapBodies, body)
				break
			}
		}
	}
	out := binary.AppendUvarint(nil, uint64(len(e.types)))
	for _, t := range e.types {
		out = text(out, []byte(t))
	}
	out = binary.AppendUvarint(out, uint64(len(e.vars)))
	for _, v := range e.vars {
		out = text(out, []byte(v.name))
		out = e.ref(out, v.at.Addr().UnsafePointer(), v.at.Type())
	}
	for _, list := range [][][]byte{bodies, mapBodies} {
		out = binary.AppendUvarint(out, uint64(len(list)))
		for _, b := range list {
			out = text(out, b)
		}
	}
	return out, slices.Sorted(maps.Keys(e.dynamic)), nil
}

func text(out, s []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}

func (e *encoder) typeID(t reflect.Type) int {
	id, ok := e.typeIDs[t]
	if !ok {
		id = len(e.types)
		e.typeIDs[t] = id
		e.types = append(e.types, key(t))
	}
	return id
}

// ref writes where p points: a region and an offset. What has no size has no
// region.
func (e *encoder) ref(out []byte, p unsafe.Pointer, t reflect.Type) []byte {
	at := uintptr(p)
	i, found := slices.BinarySearchFunc(e.regions, at, func(r *region, at uintptr) int { return cmp.Compare(r.start, at) })
	if !found {
		i--
	}
	if t.Size() == 0 || i < 0 || at >= e.regions[i].end {
		return binary.AppendUvarint(out, 0)
	}
	out = binary.AppendUvarint(out, uint64(i+1))
	return binary.AppendUvarint(out, uint64(at-e.regions[i].start))
}

func (e *encoder) value(out []byte, t reflect.Type, p unsafe.Pointer) ([]byte, error) {
	if plain(t) {
		return append(out, unsafe.Slice((*byte)(p), t.Size())...), nil
	}
	var err error
	switch t.Kind() {
	case reflect.String:
		return text(out, []byte(*(*string)(p))), nil
	case reflect.Pointer:
		q := *(*unsafe.Pointer)(p)
		switch {
		case q == nil:
			return append(out, 0), nil
		case t.Elem() == location && known(q) > 0:
			return append(out, 1+known(q)), nil
		case handle(t.Elem()):
			s, err := textOf(t.Elem(), q)
			return text(append(out, 4), s), err
		}
		return e.ref(append(out, 1), q, t.Elem()), nil
	case reflect.Slice:
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return append(out, 0), nil
		}
		out = binary.AppendUvarint(append(out, 1), uint64(v.Len()))
		if v.Len() > 0 {
			out = e.ref(out, v.UnsafePointer(), t.Elem())
		}
	case reflect.Array:
		for i := range t.Len() {
			if out, err = e.value(out, t.Elem(), unsafe.Add(p, uintptr(i)*t.Elem().Size())); err != nil {
				return nil, err
			}
		}
	case reflect.Struct:
		if handle(t) {
			s, err := textOf(t, p)
			return text(out, s), err
		}
		for i := range t.NumField() {
			f := t.Field(i)
			if out, err = e.value(out, f.Type, unsafe.Add(p, f.Offset)); err != nil {
				return nil, err
			}
		}
	case reflect.Map:
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return append(out, 0), nil
		}
		id, ok := e.mapIDs[v.UnsafePointer()]
		if !ok {
			id = len(e.mapIDs)
			e.mapIDs[v.UnsafePointer()] = id
		}
		out = binary.AppendUvarint(out, uint64(id+1))
	case reflect.Interface:
		v := reflect.NewAt(t, p).Elem().Elem()
		if !v.IsValid() {
			return append(out, 0), nil
		}
		name, err := dynamic(v.Type())
		if err != nil {
			return text(append(out, 2), []byte(v.Interface().(error).Error())), nil
		}
		e.dynamic[name] = true
		return e.copied(binary.AppendUvarint(append(out, 1), uint64(e.typeID(v.Type()))), v)
	}
	return out, nil // func, chan, unsafe.Pointer: nil
}

func (e *encoder) copied(out []byte, v reflect.Value) ([]byte, error) {
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	return e.value(out, v.Type(), c.UnsafePointer())
}

// mapBody writes a map's type and its entries in the order of their keys.
func (e *encoder) mapBody(m reflect.Value) ([]byte, error) {
	type entry struct {
		key []byte
		of  reflect.Value
	}
	var entries []entry
	for it := m.MapRange(); it.Next(); {
		k, err := e.copied(nil, it.Key())
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{k, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	out := binary.AppendUvarint(nil, uint64(e.typeID(m.Type())))
	out = binary.AppendUvarint(out, uint64(len(entries)))
	for _, en := range entries {
		var err error
		if out, err = e.copied(append(out, en.key...), en.of); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decoder reads a group.
type decoder struct {
	types   []string
	known   registry
	regions []piece
	maps    []piece
	todo    []func()
}

// piece is a region or a map of a file.
type piece struct {
	body []byte
	at   unsafe.Pointer
	m    reflect.Value
	end  uintptr // size in bytes
}

// reader reads a file or a part of it. It panics with errShort past the end.
type reader struct{ b []byte }

var errShort = errors.New("the file is damaged")

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		panic(errShort)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		panic(errShort)
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) text() []byte { return r.take(r.uint()) }

// decode gives the variables their values.
func decode(data []byte, vars []Var, types []any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(error)
			if !ok {
				e = fmt.Errorf("%v", p)
			}
			err = e
		}
	}()
	d := &decoder{known: newRegistry(vars, types)}
	r := &reader{data}
	for range r.uint() {
		d.types = append(d.types, string(r.text()))
	}
	type root struct {
		v      Var
		region int
		at     uint64
	}
	var roots []root
	for range r.uint() {
		name := string(r.text())
		id := r.uint()
		var at uint64
		if id > 0 {
			at = r.uint()
		}
		for _, v := range vars {
			if v.name == name && id > 0 {
				roots = append(roots, root{v, int(id) - 1, at})
			}
		}
	}
	for range r.uint() {
		d.regions = append(d.regions, piece{body: r.text()})
	}
	for range r.uint() {
		d.maps = append(d.maps, piece{body: r.text()})
	}
	for _, root := range roots {
		p := &d.regions[root.region]
		if root.at != 0 {
			return errShort
		}
		p.at = root.v.at.Addr().UnsafePointer()
		d.fill(p, root.v.at.Type())
	}
	for len(d.todo) > 0 {
		next := d.todo[len(d.todo)-1]
		d.todo = d.todo[:len(d.todo)-1]
		next()
	}
	return nil
}

// fill reads a region's values into its place, a new one if it has none yet.
func (d *decoder) fill(p *piece, want reflect.Type) {
	r := &reader{p.body}
	t := d.typ(r.uint())
	n := int(r.uint())
	if t.Size() > 0 && n > len(r.b)/int(least(t)) { // more than the file can hold
		panic(errShort)
	}
	if p.at == nil {
		p.at = reflect.MakeSlice(reflect.SliceOf(t), n, n).UnsafePointer()
	} else if t != want || n != 1 {
		panic(fmt.Errorf("it was a %v and is a %v", t, want))
	}
	p.end = uintptr(n) * t.Size()
	if plain(t) {
		copy(unsafe.Slice((*byte)(p.at), p.end), r.take(uint64(p.end)))
		return
	}
	at := p.at
	d.todo = append(d.todo, func() {
		for i := range n {
			d.value(r, t, unsafe.Add(at, uintptr(i)*t.Size()))
		}
	})
}

// least is how few bytes of a file a value of a type takes that has a size.
func least(t reflect.Type) uintptr {
	if plain(t) {
		return t.Size()
	}
	return 1
}

func (d *decoder) typ(id uint64) reflect.Type {
	if id >= uint64(len(d.types)) {
		panic(errShort)
	}
	t := d.known[d.types[id]]
	if t == nil {
		panic(fmt.Errorf("type %s is not known here", d.types[id]))
	}
	return t
}

// ref is the place that a reference names, a new one for what has no size, and
// for how many values of t there is room from there on: n at least.
func (d *decoder) ref(r *reader, t reflect.Type, n int) (p unsafe.Pointer, room int) {
	id := r.uint()
	if id == 0 {
		return reflect.New(t).UnsafePointer(), n
	}
	at := uintptr(r.uint())
	if id > uint64(len(d.regions)) {
		panic(errShort)
	}
	q := &d.regions[id-1]
	if q.at == nil {
		d.fill(q, nil)
	}
	if at > q.end || uintptr(n) > (q.end-at)/t.Size() {
		panic(errShort)
	}
	return unsafe.Add(q.at, at), int((q.end - at) / t.Size())
}

func (d *decoder) value(r *reader, t reflect.Type, p unsafe.Pointer) {
	if plain(t) {
		copy(unsafe.Slice((*byte)(p), t.Size()), r.take(uint64(t.Size())))
		return
	}
	v := reflect.NewAt(t, p).Elem()
	switch t.Kind() {
	case reflect.String:
		*(*string)(p) = string(r.text())
	case reflect.Pointer:
		switch r.take(1)[0] {
		case 0:
		case 1:
			*(*unsafe.Pointer)(p), _ = d.ref(r, t.Elem(), 1)
		case 2:
			*(*unsafe.Pointer)(p) = unsafe.Pointer(time.Local)
		case 3:
			*(*unsafe.Pointer)(p) = unsafe.Pointer(time.UTC)
		case 4:
			*(*unsafe.Pointer)(p) = opened(t.Elem(), r.text())
		}
	case reflect.Slice:
		if r.take(1)[0] == 0 {
			return
		}
		n := int(r.uint())
		if n == 0 {
			v.Set(reflect.MakeSlice(t, 0, 0))
			return
		}
		if t.Elem().Size() == 0 {
			r.uint()
			v.Set(reflect.MakeSlice(t, n, n))
			return
		}
		data, room := d.ref(r, t.Elem(), n)
		*(*sliceHeader)(p) = sliceHeader{data, n, room}
	case reflect.Array:
		for i := range t.Len() {
			d.value(r, t.Elem(), unsafe.Add(p, uintptr(i)*t.Elem().Size()))
		}
	case reflect.Struct:
		if handle(t) {
			v.Set(reflect.NewAt(t, opened(t, r.text())).Elem())
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			d.value(r, f.Type, unsafe.Add(p, f.Offset))
		}
	case reflect.Map:
		if id := r.uint(); id > 0 {
			v.Set(d.mapOf(id - 1))
		}
	case reflect.Interface:
		switch r.take(1)[0] {
		case 1:
			dt := d.typ(r.uint())
			c := reflect.New(dt)
			d.value(r, dt, c.UnsafePointer())
			v.Set(c.Elem())
		case 2:
			v.Set(reflect.ValueOf(errors.New(string(r.text()))))
		}
	}
}

// handles are those that this program has opened, by type and text: each once.
var handles = map[string]unsafe.Pointer{}

// opened is the handle that a text stands for.
func opened(t reflect.Type, text []byte) unsafe.Pointer {
	id := key(t) + " " + string(text)
	if p := handles[id]; p != nil {
		return p
	}
	v := reflect.New(t)
	if err := v.Interface().(encoding.TextUnmarshaler).UnmarshalText(text); err != nil {
		panic(err)
	}
	handles[id] = v.UnsafePointer()
	return v.UnsafePointer()
}

// sliceHeader is a slice's memory.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

func (d *decoder) mapOf(id uint64) reflect.Value {
	if id >= uint64(len(d.maps)) {
		panic(errShort)
	}
	p := &d.maps[id]
	if p.m.IsValid() {
		return p.m
	}
	r := &reader{p.body}
	t := d.typ(r.uint())
	n := r.uint()
	p.m = reflect.MakeMap(t)
	m := p.m
	d.todo = append(d.todo, func() {
		for range n {
			k, v := reflect.New(t.Key()), reflect.New(t.Elem())
			d.value(r, t.Key(), k.UnsafePointer())
			d.value(r, t.Elem(), v.UnsafePointer())
			m.SetMapIndex(k.Elem(), v.Elem())
		}
	})
	return m
}
