package content

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// A MissingError names the tensors that [Decode] did not find.
type MissingError struct{ Names []Name }

// Error tells how many there are.
func (e *MissingError) Error() string {
	return fmt.Sprintf("content: %d tensors are missing", len(e.Names))
}

// Decode reads what [Encode] wrote into the value that a pointer points to.
// find gives the tensor of a name, nil if it is not at hand: these are named by
// a [MissingError]. Tensors are taken as they are, not copied.
func Decode(data []byte, into any, find func(Name) []float32) error {
	d := decoder{data: data, find: find}
	err := d.value(reflect.ValueOf(into).Elem())
	switch {
	case err != nil:
		return fmt.Errorf("content: %w", err)
	case len(d.data) > 0:
		return fmt.Errorf("content: %d bytes follow the value", len(d.data))
	case len(d.missing) > 0:
		return &MissingError{d.missing}
	}
	return nil
}

type decoder struct {
	data    []byte
	find    func(Name) []float32
	missing []Name
	depth   int
}

// deepest is how far values may lie in each other: no ask comes near.
const deepest = 64

var errShort = errors.New("the bytes end within a value")

// tag reads the tag that is expected, or tells that nil stands there.
func (d *decoder) tag(want byte, v reflect.Value) (isNil bool, err error) {
	if len(d.data) == 0 {
		return false, errShort
	}
	got := d.data[0]
	d.data = d.data[1:]
	switch got {
	case want:
		return false, nil
	case tagNil:
		return true, nil
	}
	return false, fmt.Errorf("a %s begins with %q, not %q", v.Type(), got, want)
}

// length reads a length; each element takes at least so many bytes.
func (d *decoder) length(each int) (int, error) {
	n, size := binary.Uvarint(d.data)
	if size <= 0 {
		return 0, errShort
	}
	d.data = d.data[size:]
	if n > uint64(len(d.data)/each) {
		return 0, errShort
	}
	return int(n), nil
}

func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.data) {
		return nil, errShort
	}
	out := d.data[:n]
	d.data = d.data[n:]
	return out, nil
}

// scalars are the tags of values without parts.
var scalars = map[reflect.Kind]byte{
	reflect.Bool: tagBool, reflect.Float32: tagFloat32, reflect.Float64: tagFloat64, reflect.String: tagString,
	reflect.Int: tagInt, reflect.Int8: tagInt, reflect.Int16: tagInt, reflect.Int32: tagInt, reflect.Int64: tagInt,
	reflect.Uint: tagUint, reflect.Uint8: tagUint, reflect.Uint16: tagUint, reflect.Uint32: tagUint, reflect.Uint64: tagUint,
}

func (d *decoder) value(v reflect.Value) error {
	if d.depth++; d.depth > deepest {
		return errors.New("values lie too deep in each other")
	}
	defer func() { d.depth-- }()
	switch v.Kind() {
	case reflect.Pointer:
		return d.pointer(v)
	case reflect.Slice:
		return d.list(v)
	case reflect.Struct:
		return d.fields(v)
	}
	want, ok := scalars[v.Kind()]
	if !ok {
		return fmt.Errorf("a %s cannot be sent", v.Type())
	}
	if isNil, err := d.tag(want, v); err != nil || isNil {
		return err
	}
	switch want {
	case tagString:
		n, err := d.length(1)
		if err != nil {
			return err
		}
		b, err := d.take(n)
		v.SetString(string(b))
		return err
	case tagInt:
		x, err := d.varint()
		if v.OverflowInt(x) {
			return fmt.Errorf("%d does not fit a %s", x, v.Type())
		}
		v.SetInt(x)
		return err
	case tagUint:
		x, n := binary.Uvarint(d.data)
		if n <= 0 || v.OverflowUint(x) {
			return errShort
		}
		d.data = d.data[n:]
		v.SetUint(x)
		return nil
	}
	b, err := d.take(map[byte]int{tagBool: 1, tagFloat32: 4, tagFloat64: 8}[want])
	if err != nil {
		return err
	}
	switch want {
	case tagBool:
		v.SetBool(b[0] != 0)
	case tagFloat32:
		x := math.Float32frombits(binary.LittleEndian.Uint32(b))
		v.Set(reflect.ValueOf(x).Convert(v.Type()))
	case tagFloat64:
		v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

func (d *decoder) varint() (int64, error) {
	x, n := binary.Varint(d.data)
	if n <= 0 {
		return 0, errShort
	}
	d.data = d.data[n:]
	return x, nil
}

func (d *decoder) pointer(v reflect.Value) error {
	isNil, err := d.tag(tagPointer, v)
	if err != nil || isNil {
		return err
	}
	p := reflect.New(v.Type().Elem())
	into, takeUp := p.Elem(), func() error { return nil }
	if h, ok := p.Interface().(Holder); ok {
		var fields any
		fields, takeUp = h.Content()
		into = reflect.ValueOf(fields).Elem()
	}
	if err := d.value(into); err != nil {
		return err
	}
	v.Set(p)
	if len(d.missing) > 0 { // nothing to take up yet
		return nil
	}
	return takeUp()
}

func (d *decoder) list(v reflect.Value) error {
	switch v.Type().Elem().Kind() {
	case reflect.Float32:
		return d.floats(v)
	case reflect.Uint8:
		isNil, err := d.tag(tagBytes, v)
		if err != nil || isNil {
			return err
		}
		n, err := d.length(1)
		if err != nil {
			return err
		}
		b, err := d.take(n)
		v.SetBytes(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		isNil, err := d.tag(tagInts, v)
		if err != nil || isNil {
			return err
		}
		n, err := d.length(1)
		if err != nil {
			return err
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			x, err := d.varint()
			if err != nil {
				return err
			}
			if v.Index(i).OverflowInt(x) {
				return fmt.Errorf("%d does not fit a %s", x, v.Type().Elem())
			}
			v.Index(i).SetInt(x)
		}
		return nil
	}
	isNil, err := d.tag(tagList, v)
	if err != nil || isNil {
		return err
	}
	n, err := d.length(1)
	if err != nil {
		return err
	}
	out := reflect.MakeSlice(v.Type(), 0, min(n, long))
	for range n {
		x := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(x); err != nil {
			return err
		}
		out = reflect.Append(out, x)
	}
	v.Set(out)
	return nil
}

// floats reads values, or finds them by their name.
func (d *decoder) floats(v reflect.Value) error {
	if len(d.data) == 0 || d.data[0] != tagTensor {
		isNil, err := d.tag(tagFloats, v)
		if err != nil || isNil {
			return err
		}
		n, err := d.length(4)
		if err != nil {
			return err
		}
		b, err := d.take(4 * n)
		if err != nil {
			return err
		}
		values := make([]float32, n)
		copy(Bytes(values), b)
		v.Set(reflect.ValueOf(values).Convert(v.Type()))
		return nil
	}
	n, size := binary.Uvarint(d.data[1:])
	if size <= 0 {
		return errShort
	}
	d.data = d.data[1+size:]
	b, err := d.take(len(Name{}))
	if err != nil {
		return err
	}
	name := Name(b)
	var values []float32
	if d.find != nil {
		values = d.find(name)
	}
	switch {
	case values == nil:
		d.missing = append(d.missing, name)
	case uint64(len(values)) != n:
		return fmt.Errorf("tensor %.12s has %d values, not %d", name, len(values), n)
	default:
		v.Set(reflect.ValueOf(values).Convert(v.Type()))
	}
	return nil
}

func (d *decoder) fields(v reflect.Value) error {
	if isNil, err := d.tag(tagStruct, v); err != nil || isNil {
		return err
	}
	n, err := d.length(2)
	if err != nil {
		return err
	}
	all := fieldsOf(v.Type())
	for range n {
		size, err := d.take(1)
		if err != nil {
			return err
		}
		name, err := d.take(int(size[0]))
		if err != nil {
			return err
		}
		i := 0
		for i < len(all) && all[i].name != string(name) {
			i++
		}
		if i == len(all) { // fields come in their order, each once
			return fmt.Errorf("a %s has no field %q here", v.Type(), name)
		}
		if err := d.value(v.Field(all[i].index)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = all[i+1:]
	}
	return nil
}
