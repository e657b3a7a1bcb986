package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// maxHeader is the reference implementation's bound of a header.
const maxHeader = 100_000_000

// entry is a tensor as a safetensors header tells of it.
type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// dtypeBits are the widths of the format's types. Tensors of others can lie in
// a file; nothing can read them.
var dtypeBits = map[string]int{
	"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// readHeader gives the tensors of a safetensors file as views into it. Each lies
// in the file, whole, and they fill it without holes or overlaps.
func readHeader(data []byte) (map[string]View, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%d bytes are no safetensors file: the download was cut", len(data))
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader {
		return nil, fmt.Errorf("not a safetensors file: its first 8 bytes say that the header has %d bytes; at most %d are allowed", size, maxHeader)
	}
	if size > uint64(len(data)-8) {
		return nil, fmt.Errorf("the header has %d bytes, but the file has %d: the download was cut", size, len(data))
	}
	entries, err := readEntries(data[8 : 8+size])
	if err != nil {
		return nil, fmt.Errorf("not a valid safetensors file: %w", err)
	}
	body := data[8+size:]
	if err := layout(entries, int64(len(body)), int64(len(data))); err != nil {
		return nil, err
	}
	views := make(map[string]View, len(entries))
	for name, e := range entries {
		views[name] = View{Name: name, DType: e.DType, Shape: e.Shape, Bytes: body[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]]}
	}
	return views, nil
}

// readEntries reads the header's JSON, key by key, so that a key that stands
// twice is seen.
func readEntries(header []byte) (map[string]entry, error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("its header is no JSON object (%v)", err)
	}
	entries, seen := map[string]entry{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("its header: %w", err)
		}
		key := t.(string) // of an object
		if seen[key] {
			return nil, fmt.Errorf("the key %s stands twice in its header", key)
		}
		seen[key] = true
		if key == "__metadata__" {
			var texts map[string]string
			if err := d.Decode(&texts); err != nil {
				return nil, fmt.Errorf("its header: __metadata__: %w", err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("its header: tensor %s: %w", key, err)
		}
		if e.DType == "" || e.Shape == nil || e.Offsets == nil {
			return nil, fmt.Errorf("its header: tensor %s lacks a dtype, a shape or data_offsets", key)
		}
		entries[key] = e
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("its header: %w", err)
	}
	if rest := bytes.Trim(header[d.InputOffset():], " \t\r\n\x00"); len(rest) > 0 {
		return nil, fmt.Errorf("its header goes on after the JSON object")
	}
	return entries, nil
}

// layout checks that the tensors fill a body of so many bytes of a file.
func layout(entries map[string]entry, body, file int64) error {
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		return slices.Compare([]int64{x[0], x[1]}, []int64{y[0], y[1]})
	})
	end := int64(0)
	for _, name := range names {
		e := entries[name]
		if from, to := e.Offsets[0], e.Offsets[1]; from < 0 || to < from {
			return fmt.Errorf("not a valid safetensors file: tensor %s lies at %d to %d", name, from, to)
		} else if from < end {
			return fmt.Errorf("not a valid safetensors file: tensor %s begins at %d, inside the one before it, which ends at %d", name, from, end)
		} else if from > end {
			return fmt.Errorf("not a valid safetensors file: %d bytes before tensor %s are no tensor's", from-end, name)
		}
		n, err := e.bytes()
		if err != nil {
			return fmt.Errorf("not a valid safetensors file: tensor %s: %w", name, err)
		}
		if n >= 0 && n != e.Offsets[1]-e.Offsets[0] {
			return fmt.Errorf("not a valid safetensors file: tensor %s %v of %s takes %d bytes, but lies at %d to %d", name, e.Shape, e.DType, n, e.Offsets[0], e.Offsets[1])
		}
		end = e.Offsets[1]
	}
	switch {
	case end > body:
		return fmt.Errorf("%d bytes are missing: the tensors need %d, the file has %d; its download or copy was cut, fetch it again", end-body, file-body+end, file)
	case end < body:
		return fmt.Errorf("%d bytes follow the last tensor: the tensors take %d, the file has %d; it was written wrongly, or something was appended to it", body-end, file-body+end, file)
	}
	return nil
}

// bytes is what the values take, -1 for an unknown type.
func (e entry) bytes() (int64, error) {
	n := uint64(1)
	for _, d := range e.Shape {
		if d < 0 {
			return 0, fmt.Errorf("its shape is %v", e.Shape)
		}
		high, low := bits.Mul64(n, uint64(d))
		if n = low; high != 0 || n > math.MaxInt64/64 {
			return 0, fmt.Errorf("its shape %v is too large", e.Shape)
		}
	}
	width, ok := dtypeBits[e.DType]
	if !ok {
		return -1, nil
	}
	if n*uint64(width)%8 != 0 {
		return 0, fmt.Errorf("%d values of %s are no whole bytes", n, e.DType)
	}
	return int64(n * uint64(width) / 8), nil
}
