package array

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Content is a pointer to a struct of exported fields that holds the array, and
// what the array does to take up the struct once it was changed.
func (a *Array) Content() (fields any, takeUp func() error) {
	f := &struct {
		Axes             []Axis
		Title, Unit, Err string
		Values           []float32
	}{a.axes, a.title, a.unit, "", a.data}
	if a.err != nil {
		f.Err = a.err.Error()
	}
	return f, func() error {
		if f.Err != "" {
			*a = Array{err: errors.New(f.Err)}
			return nil
		}
		if f.Axes == nil && f.Values == nil {
			*a = Array{}
			return nil
		}
		if err := fits(f.Axes, len(f.Values)); err != nil {
			return err
		}
		*a = *Of(f.Values, f.Axes...).Named(f.Title, f.Unit)
		return a.err
	}
}

// wire is what travels: the values as little-endian bytes, since gob and JSON
// would spend a few bytes and tens of nanoseconds on each number.
type wire struct {
	Axes        []Axis
	Title, Unit string `json:",omitempty"`
	Err         string `json:",omitempty"`
	Data        []byte
}

func (a *Array) toWire() wire {
	w := wire{Axes: a.axes, Title: a.title, Unit: a.unit, Data: make([]byte, 0, 4*len(a.data))}
	for _, v := range a.data {
		w.Data = binary.LittleEndian.AppendUint32(w.Data, math.Float32bits(v))
	}
	if a.err != nil {
		w.Err = a.err.Error()
	}
	return w
}

func (a *Array) fromWire(w wire) error {
	if w.Err != "" {
		*a = Array{err: errors.New(w.Err)}
		return nil
	}
	n := len(w.Data) / 4
	if err := fits(w.Axes, n); err != nil {
		return err
	}
	if len(w.Data) != 4*n {
		return fmt.Errorf("array: %d bytes are no whole number of values", len(w.Data))
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = math.Float32frombits(binary.LittleEndian.Uint32(w.Data[4*i:]))
	}
	*a = *Of(data, w.Axes...).Named(w.Title, w.Unit)
	return a.err
}

// fits checks that axes read from outside hold n values.
func fits(axes []Axis, n int) error {
	size, bad := 1, false
	for _, ax := range axes {
		bad = bad || ax.Len < 0 || ax.Len > math.MaxInt32
	}
	for _, ax := range axes {
		if bad = bad || ax.Len > 0 && size > math.MaxInt/ax.Len; !bad {
			size *= ax.Len
		}
	}
	if bad || size != n {
		return fmt.Errorf("array: axes %s do not fit %d values", describe(axes), n)
	}
	return nil
}

// GobEncode implements gob.GobEncoder.
func (a *Array) GobEncode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(a.toWire())
	return b.Bytes(), err
}

// GobDecode implements gob.GobDecoder.
func (a *Array) GobDecode(data []byte) error {
	var w wire
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&w); err != nil {
		return fmt.Errorf("array: %w", err)
	}
	return a.fromWire(w)
}

// MarshalJSON writes the axes in the open and the values as base64.
func (a *Array) MarshalJSON() ([]byte, error) {
	w := a.toWire()
	return json.Marshal(struct {
		wire
		Data string
	}{w, base64.StdEncoding.EncodeToString(w.Data)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Array) UnmarshalJSON(data []byte) error {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("array: %w", err)
	}
	return a.fromWire(w)
}
