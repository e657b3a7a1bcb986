package modeltest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A GGUFPair is a key and a value of a GGUF file's header: a uint32, float32, bool,
// string or list.
type GGUFPair struct {
	Key   string
	Value any
}

// A GGUFTensor is one of a file to be written; its shape is [out, in].
type GGUFTensor struct {
	Name  string
	Shape []int
	Kind  uint32 // as the format numbers them: 0 float32, 2 Q4_0
	Bytes int64
	Write func(w io.Writer) error // writes so many bytes
}

// WriteGGUF writes a GGUF file, a tensor at a time.
func WriteGGUF(to io.Writer, pairs []GGUFPair, tensors []GGUFTensor) error {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	list := func(b []byte, of, n int) []byte {
		return le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), uint32(of)), uint64(n))
	}
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(pairs)))
	for _, p := range pairs {
		b = text(b, p.Key)
		switch v := p.Value.(type) {
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case bool:
			b = append(le.AppendUint32(b, 7), map[bool]byte{true: 1}[v])
		case string:
			b = text(le.AppendUint32(b, 8), v)
		case []string:
			b = list(b, 8, len(v))
			for _, s := range v {
				b = text(b, s)
			}
		case []int32:
			b = list(b, 5, len(v))
			for _, n := range v {
				b = le.AppendUint32(b, uint32(n))
			}
		case []float32:
			b = list(b, 6, len(v))
			for _, x := range v {
				b = le.AppendUint32(b, math.Float32bits(x))
			}
		default:
			return fmt.Errorf("key %s: a %T is not written", p.Key, v)
		}
	}
	at := uint64(0)
	for _, t := range tensors {
		b = le.AppendUint32(text(b, t.Name), uint32(len(t.Shape)))
		for i := range t.Shape {
			b = le.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		b = le.AppendUint64(le.AppendUint32(b, t.Kind), at)
		at += uint64(t.Bytes+31) / 32 * 32
	}
	w := bufio.NewWriterSize(to, 1<<20)
	none := make([]byte, 32)
	_, err := w.Write(append(b, none[:(32-len(b)%32)%32]...))
	for _, t := range tensors {
		if err != nil {
			return err
		}
		if err = t.Write(w); err == nil {
			_, err = w.Write(none[:(32-t.Bytes%32)%32])
		}
	}
	if err != nil {
		return err
	}
	return w.Flush()
}
