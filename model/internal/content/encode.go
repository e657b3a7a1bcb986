package content

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
)

// long is the length from which a list of float32 is a tensor, sent by name:
// beyond it the name is much shorter than the values.
const long = 1 << 12

// A Holder keeps its content in unexported fields. Content is a pointer to a
// struct of exported ones that holds it, and what the value does to take up
// the struct after it was decoded.
type Holder interface {
	Content() (fields any, takeUp func() error)
}

// The tags that stand before values.
const (
	tagNil     = 'n'
	tagBool    = 'b'
	tagInt     = 'i'
	tagUint    = 'u'
	tagFloat32 = 'e'
	tagFloat64 = 'd'
	tagString  = 's'
	tagPointer = '*'
	tagList    = '['
	tagBytes   = 'B'
	tagInts    = 'I' // list of signed integers
	tagFloats  = 'F' // list of float32
	tagTensor  = 'T' // list of float32, by name
	tagStruct  = '{'
)

// A Traveller says by nil that it means the same in another process.
type Traveller interface{ Travels() error }

// Encode gives the bytes of a value and the tensors that they name. A [Traveller] in
// it that does not travel is an error.
func Encode(value any) (data []byte, tensors map[Name][]float32, err error) {
	e := encoder{tensors: map[Name][]float32{}}
	if err = e.value(reflect.ValueOf(value)); err == nil {
		err = e.stays
	}
	return e.data, e.tensors, err
}

// Identify gives the bytes that Encode does, of values that do not travel too.
func Identify(value any) ([]byte, error) {
	e := encoder{tensors: map[Name][]float32{}}
	err := e.value(reflect.ValueOf(value))
	return e.data, err
}

// EncodeWhole gives the bytes of a value with its tensors in them.
func EncodeWhole(value any) ([]byte, error) {
	e := encoder{}
	err := e.value(reflect.ValueOf(value))
	return e.data, err
}

type encoder struct {
	data    []byte
	tensors map[Name][]float32 // nil: they are written whole
	stays   error              // why the value does not travel
}

func (e *encoder) length(tag byte, n int) {
	e.data = binary.AppendUvarint(append(e.data, tag), uint64(n))
}

func (e *encoder) value(v reflect.Value) error {
	if !v.IsValid() {
		e.data = append(e.data, tagNil)
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		e.data = append(e.data, tagBool, b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.data = binary.AppendVarint(append(e.data, tagInt), v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.data = binary.AppendUvarint(append(e.data, tagUint), v.Uint())
	case reflect.Float32: // not by way of float64, which changes the bits of some NaN
		x, _ := reflect.TypeAssert[float32](v.Convert(float32Type))
		e.data = binary.LittleEndian.AppendUint32(append(e.data, tagFloat32), math.Float32bits(x))
	case reflect.Float64:
		e.data = binary.LittleEndian.AppendUint64(append(e.data, tagFloat64), math.Float64bits(v.Float()))
	case reflect.String:
		e.length(tagString, v.Len())
		e.data = append(e.data, v.String()...)
	case reflect.Pointer:
		return e.pointer(v)
	case reflect.Slice:
		return e.list(v)
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[Traveller](v); ok && e.stays == nil {
			e.stays = t.Travels()
		}
		return e.fields(v)
	default:
		return fmt.Errorf("content: a %s cannot be sent", v.Type())
	}
	return nil
}

var float32Type = reflect.TypeFor[float32]()

func (e *encoder) pointer(v reflect.Value) error {
	if v.IsNil() {
		e.data = append(e.data, tagNil)
		return nil
	}
	if h, ok := v.Interface().(Holder); ok {
		fields, _ := h.Content()
		v = reflect.ValueOf(fields)
	}
	e.data = append(e.data, tagPointer)
	return e.value(v.Elem())
}

func (e *encoder) list(v reflect.Value) error {
	if v.IsNil() {
		e.data = append(e.data, tagNil)
		return nil
	}
	n := v.Len()
	switch v.Type().Elem().Kind() {
	case reflect.Float32:
		values, _ := reflect.TypeAssert[[]float32](v.Convert(floatsType))
		if n < long || e.tensors == nil {
			e.length(tagFloats, n)
			e.data = append(e.data, Bytes(values)...)
			return nil
		}
		name := NameOf(values)
		e.tensors[name] = values
		e.length(tagTensor, n)
		e.data = append(e.data, name[:]...)
	case reflect.Uint8:
		e.length(tagBytes, n)
		e.data = append(e.data, v.Bytes()...)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.length(tagInts, n)
		for i := range n {
			e.data = binary.AppendVarint(e.data, v.Index(i).Int())
		}
	default:
		e.length(tagList, n)
		for i := range n {
			if err := e.value(v.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

var floatsType = reflect.TypeFor[[]float32]()

// fields writes those that are not zero, in their order.
func (e *encoder) fields(v reflect.Value) error {
	all := fieldsOf(v.Type())
	n := 0
	for _, f := range all {
		if !isZero(v.Field(f.index)) {
			n++
		}
	}
	e.length(tagStruct, n)
	for _, f := range all {
		x := v.Field(f.index)
		if isZero(x) {
			continue
		}
		e.data = append(append(e.data, byte(len(f.name))), f.name...)
		if err := e.value(x); err != nil {
			return fmt.Errorf("%w, in field %s", err, f.name)
		}
	}
	return nil
}

// isZero tells whether a field is left out. The zero below 0 is not: it has a
// sign.
func isZero(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		return math.Float64bits(v.Float()) == 0
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			if !isZero(v.Field(f.index)) {
				return false
			}
		}
		return true
	}
	return v.IsZero()
}

// field is an exported field of a struct.
type field struct {
	name  string
	index int
}

var known sync.Map // of fields by type

func fieldsOf(t reflect.Type) []field {
	if all, ok := known.Load(t); ok {
		return all.([]field)
	}
	all := []field{}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			all = append(all, field{f.Name, i})
		}
	}
	known.Store(t, all)
	return all
}
