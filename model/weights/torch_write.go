package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/golens/golens/model/files"
)

// WriteTorch writes tensors as torch.save writes a state dictionary of float32 tensors,
// in the order given: a zip whose files begin at multiples of 64 bytes, and a pickle.
// The folder in it is the file's name without its end, as torch has it. What is beside
// the tensors in the dictionary follows them.
func WriteTorch(path string, tensors []Tensor, beside ...Beside) error {
	root := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	data, err := encodeTorch(root, tensors, beside)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return files.Write(path, data)
}

// Beside is an entry of the dictionary of a .pt file that is no tensor.
type Beside struct {
	Name  string
	Value any // an int from 0 to 2^31-1, a bool, a []string, or a []Beside, which is a dictionary
}

func encodeTorch(root string, tensors []Tensor, beside []Beside) ([]byte, error) {
	program, err := pickled(tensors, beside)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string, data []byte) error {
		if err := z.Flush(); err != nil {
			return err
		}
		// Torch maps files, and reads values where they lie: at multiples of 64. The
		// padding is an extra field of the header, as torch writes it.
		const header, field = 30, 4
		name = root + "/" + name
		pad := (64 - (out.Len()+header+len(name)+field)%64) % 64
		extra := append([]byte("FB"), byte(pad), 0)
		h := &zip.FileHeader{
			Name: name, Method: zip.Store, Extra: append(extra, bytes.Repeat([]byte("Z"), pad)...),
			CRC32: crc32.ChecksumIEEE(data), CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
		}
		w, err := z.CreateRaw(h)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	files := []struct {
		name string
		data []byte
	}{{"data.pkl", program}, {".format_version", []byte("1")}, {".storage_alignment", []byte("64")}, {"byteorder", []byte("little")}}
	for i, t := range tensors {
		var b []byte
		for _, v := range t.Values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		files = append(files, struct {
			name string
			data []byte
		}{"data/" + strconv.Itoa(i), b})
	}
	files = append(files, struct {
		name string
		data []byte
	}{"version", []byte("3\n")})
	for _, f := range files {
		if err := add(f.name, f.data); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// pickler writes the few operations that a dictionary of tensors takes.
type pickler struct {
	bytes.Buffer
	memo map[string]int
	n    int
}

func (p *pickler) remember(key string) {
	if p.n < 256 {
		p.Write([]byte{'q', byte(p.n)})
	} else {
		p.WriteByte('r')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(p.n)))
	}
	if key != "" {
		p.memo[key] = p.n
	}
	p.n++
}

// once writes what key stands for, or where it was written.
func (p *pickler) once(key string, write func()) {
	n, known := p.memo[key]
	switch {
	case !known:
		write()
		p.remember(key)
	case n < 256:
		p.Write([]byte{'h', byte(n)})
	default:
		p.WriteByte('j')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
}

func (p *pickler) text(s string) {
	p.once("text "+s, func() {
		p.WriteByte('X')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		p.WriteString(s)
	})
}

func (p *pickler) global(module, name string) {
	p.once("global "+name, func() { fmt.Fprintf(p, "c%s\n%s\n", module, name) })
}

func (p *pickler) number(n int) {
	switch {
	case n < 1<<8:
		p.Write([]byte{'K', byte(n)})
	case n < 1<<16:
		p.WriteByte('M')
		p.Write(binary.LittleEndian.AppendUint16(nil, uint16(n)))
	default:
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
}

func (p *pickler) numbers(all []int) {
	if len(all) > 3 {
		p.WriteByte('(')
	}
	for _, n := range all {
		p.number(n)
	}
	switch n := len(all); {
	case n == 0:
		p.WriteByte(')')
		return
	case n <= 3:
		p.WriteByte(0x84 + byte(n))
	default:
		p.WriteByte('t')
	}
	p.remember("")
}

// pickled is the dictionary as protocol 2 has it.
func pickled(tensors []Tensor, beside []Beside) ([]byte, error) {
	p := &pickler{memo: map[string]int{}}
	ordered := func() { p.global("collections", "OrderedDict") }
	p.Write([]byte{0x80, 2})
	ordered()
	p.WriteString(")R")
	p.remember("")
	p.WriteByte('(')
	for i, t := range tensors {
		n := 1
		strides := make([]int, len(t.Shape))
		for k := len(t.Shape) - 1; k >= 0; k-- {
			strides[k] = n
			n *= t.Shape[k]
		}
		if n != len(t.Values) || n > math.MaxInt32 {
			return nil, fmt.Errorf("tensor %s: %d values of shape %v", t.Name, len(t.Values), t.Shape)
		}
		p.text(t.Name)
		p.global("torch._utils", "_rebuild_tensor_v2")
		p.WriteString("((")
		p.text("storage")
		p.global("torch", "FloatStorage")
		p.text(strconv.Itoa(i))
		p.text("cpu")
		p.number(n)
		p.WriteByte('t')
		p.remember("")
		p.WriteByte('Q')
		p.number(0)
		p.numbers(t.Shape)
		p.numbers(strides)
		p.WriteByte(0x89)
		ordered()
		p.WriteString(")R")
		p.remember("")
		p.WriteByte('t')
		p.remember("")
		p.WriteByte('R')
		p.remember("")
	}
	if err := p.entries(beside); err != nil {
		return nil, err
	}
	p.WriteString("u.")
	return p.Bytes(), nil
}

// entries are names and values, to be set in a dictionary.
func (p *pickler) entries(all []Beside) error {
	for _, e := range all {
		p.text(e.Name)
		switch v := e.Value.(type) {
		case int:
			if v < 0 || v > math.MaxInt32 {
				return fmt.Errorf("%s is %d; an int from 0 to %d is written", e.Name, v, math.MaxInt32)
			}
			p.number(v)
		case bool:
			p.WriteByte(map[bool]byte{true: 0x88, false: 0x89}[v])
		case []string:
			p.WriteString("](")
			for _, s := range v {
				p.text(s)
			}
			p.WriteByte('e')
		case []Beside:
			p.WriteString("}(")
			if err := p.entries(v); err != nil {
				return err
			}
			p.WriteByte('u')
		default:
			return fmt.Errorf("%s is a %T, which is not written beside tensors", e.Name, v)
		}
	}
	return nil
}
