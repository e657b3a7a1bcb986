package gguf

import (
	"encoding/binary"
	"fmt"
)

// walk goes through a header, behind its first word, without keeping anything,
// and refuses one whose lengths and counts the file cannot hold: a reader may then
// trust them.
func walk(data []byte) error {
	w := &walker{data: data}
	if v := w.uint32(); v != 2 && v != 3 {
		return fmt.Errorf("GGUF version %d is not read; 2 and 3 are (a file from a big-endian machine has its bytes the other way round)", v)
	}
	tensors, pairs := w.uint64(), w.uint64()
	const least = 13 // bytes of a pair: a key's length, a type, a value; a tensor has more
	if n := uint64(len(data)) / least; tensors > n || pairs > n {
		return fmt.Errorf("its header counts %d tensors and %d keys, for which the file is too short", tensors, pairs)
	}
	for range pairs {
		w.text()
		w.value(w.uint32())
		if w.cut {
			break
		}
	}
	for range tensors {
		w.text()
		axes := w.uint32()
		if axes > 8 {
			return fmt.Errorf("its header has a tensor of %d axes", axes)
		}
		w.take(8*uint64(axes) + 4 + 8)
		if w.cut {
			break
		}
	}
	if w.cut {
		return fmt.Errorf("its header does not end in the file's %d bytes: its download or copy was cut, fetch it again", len(data)+4)
	}
	return nil
}

// walker takes bytes from the front; cut once there were too few.
type walker struct {
	data []byte
	cut  bool
}

func (w *walker) take(n uint64) []byte {
	if w.cut || n > uint64(len(w.data)) {
		w.cut = true
		return nil
	}
	b := w.data[:n]
	w.data = w.data[n:]
	return b
}

func (w *walker) uint32() uint32 {
	if b := w.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (w *walker) uint64() uint64 {
	if b := w.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (w *walker) text() { w.take(w.uint64()) }

// widths are the bytes of the header's types by their numbers; 0 for those that
// say their length themselves.
var widths = [...]uint64{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

const (
	typeText  = 8
	typeArray = 9
)

func (w *walker) value(kind uint32) {
	switch {
	case kind == typeText:
		w.text()
	case kind == typeArray:
		of, n := w.uint32(), w.uint64()
		switch {
		case of == typeText:
			for i := uint64(0); i < n && !w.cut; i++ {
				w.text()
			}
		case of == typeArray || int(of) >= len(widths) || n > uint64(len(w.data)):
			w.cut = true
		default:
			w.take(n * widths[of])
		}
	case int(kind) < len(widths):
		w.take(widths[kind])
	default:
		w.cut = true
	}
}
