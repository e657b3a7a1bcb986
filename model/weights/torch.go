package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/golens/golens/model/files"
)

// A .pt file is a zip with a pickle, which says how objects are made, and the
// tensors' bytes. A pickle is a program that may call anything. This reader knows
// the operations and the few functions by which PyTorch writes tensors in
// dictionaries, gives what these would give, and refuses every other.

// ErrPickle: a .pt file holds more than tensors, or is of an older format.
var ErrPickle = errors.New("only tensors are read from .pt files, and nothing in them is run")

// Values of a pickle.
type (
	mark   struct{}
	global string
	// storage is the bytes that tensors are views of.
	storage struct {
		dtype string
		data  []byte
	}
	dict struct{ keys, values []any }
	tup  []any
)

// torchTypes are the bytes of a value of each storage, and how it is read.
var torchTypes = map[string]struct {
	size int
	read func(b []byte) float32
}{
	"torch.FloatStorage":  {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"torch.DoubleStorage": {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	"torch.BFloat16Storage": {2, func(b []byte) float32 {
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
	}},
	"torch.HalfStorage": {2, func(b []byte) float32 { return halfTable()[binary.LittleEndian.Uint16(b)] }},
	"torch.LongStorage": {8, func(b []byte) float32 { return float32(int64(binary.LittleEndian.Uint64(b))) }},
	"torch.IntStorage":  {4, func(b []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(b))) }},
	"torch.BoolStorage": {1, func(b []byte) float32 { return float32(b[0]) }},
}

// OpenTorch reads the tensors of a .pt file; those of nested dictionaries have names
// joined by dots. Nothing in the file is run.
func OpenTorch(path string) (*Store, error) {
	data, err := files.Read(path)
	if err != nil {
		return nil, err
	}
	tensors, err := ReadTorch(path, data)
	if err != nil {
		return nil, err
	}
	encoded, err := Encode("F32", tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return Parse(path, encoded)
}

// ReadTorch reads the tensors of a .pt file that is in memory, as float32. The name is
// for errors.
func ReadTorch(name string, data []byte) ([]Tensor, error) {
	fail := func(err error) ([]Tensor, error) { return nil, fmt.Errorf("%s: %w", name, err) }
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fail(fmt.Errorf("it is not the zip that torch.save writes since PyTorch 1.6 (save it anew, or as safetensors): %w: %w", ErrPickle, err))
	}
	t := newTorch(z, 4*len(data)+1<<12)
	if order, err := t.bytes("byteorder"); err == nil && string(order) != "little" {
		return fail(fmt.Errorf("byte order %q; only little is read", order))
	}
	program, err := t.bytes("data.pkl")
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrPickle, err))
	}
	value, err := t.run(program)
	if err != nil {
		return fail(err)
	}
	if err := t.flatten("", value, 0); err != nil {
		return fail(err)
	}
	if len(t.out) == 0 {
		return fail(fmt.Errorf("no tensors in it: %w", ErrPickle))
	}
	return t.out, nil
}

// TorchNumbers are the numbers beside the tensors in the dictionary of a .pt file.
func TorchNumbers(path string) (map[string]float64, error) {
	fail := func(err error) (map[string]float64, error) { return nil, fmt.Errorf("%s: %w", path, err) }
	z, err := zip.OpenReader(path)
	if err != nil {
		return fail(err)
	}
	defer z.Close()
	t := newTorch(&z.Reader, 1<<20)
	program, err := t.bytes("data.pkl")
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrPickle, err))
	}
	value, err := t.run(program)
	if err != nil {
		return fail(err)
	}
	numbers := map[string]float64{}
	if d, is := value.(*dict); is {
		for i, k := range d.keys {
			switch v := d.values[i].(type) {
			case int:
				numbers[fmt.Sprint(k)] = float64(v)
			case int64:
				numbers[fmt.Sprint(k)] = float64(v)
			case float64:
				numbers[fmt.Sprint(k)] = v
			}
		}
	}
	return numbers, nil
}

// newTorch reads the files of a .pt file.
func newTorch(z *zip.Reader, left int) *torch {
	t := &torch{files: map[string]*zip.File{}, left: left}
	for _, f := range z.File {
		if _, rest, ok := strings.Cut(f.Name, "/"); ok {
			t.files[rest] = f
		}
	}
	return t
}

type torch struct {
	files map[string]*zip.File
	left  int // values that may still be read, and entries of dictionaries: views of one storage could be without end
	stack []any
	memo  map[int]any
	in    *bytes.Reader
	out   []Tensor
}

// bytes are those of a file of the archive, whose size the zip says truly: stored
// files alone have as many bytes as they take.
func (t *torch) bytes(name string) ([]byte, error) {
	f := t.files[name]
	if f == nil {
		return nil, fmt.Errorf("the archive has no %s", name)
	}
	if f.Method != zip.Store {
		return nil, fmt.Errorf("%s is compressed, which torch.save never does", name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (t *torch) flatten(name string, v any, depth int) error {
	if t.left--; depth > 8 || t.left < 0 {
		return fmt.Errorf("dictionaries nested too deeply: %w", ErrPickle)
	}
	switch v := v.(type) {
	case Tensor:
		if name == "" {
			return fmt.Errorf("a tensor without a name: %w", ErrPickle)
		}
		v.Name = name
		t.out = append(t.out, v)
	case *dict:
		for i, k := range v.keys {
			key := fmt.Sprint(k) // layers are numbers
			if name != "" {
				key = name + "." + key
			}
			if err := t.flatten(key, v.values[i], depth+1); err != nil {
				return err
			}
		}
	}
	return nil // numbers and texts beside the tensors
}

// run does what the pickle says, as far as it is known.
func (t *torch) run(program []byte) (any, error) {
	t.in, t.memo = bytes.NewReader(program), map[int]any{}
	for {
		op, err := t.in.ReadByte()
		if err != nil {
			return nil, fmt.Errorf("the pickle ends early: %w", ErrPickle)
		}
		if op == '.' {
			return t.pop()
		}
		if err := t.step(op); err != nil {
			return nil, err
		}
		if len(t.stack) > 1<<20 || len(t.memo) > 1<<20 {
			return nil, fmt.Errorf("the pickle is too large: %w", ErrPickle)
		}
	}
}

func (t *torch) push(v any) { t.stack = append(t.stack, v) }

func (t *torch) pop() (any, error) {
	if len(t.stack) == 0 {
		return nil, fmt.Errorf("the pickle takes a value that is not there: %w", ErrPickle)
	}
	v := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	return v, nil
}

// sinceMark are the values since the last mark.
func (t *torch) sinceMark() ([]any, error) {
	for i := len(t.stack) - 1; i >= 0; i-- {
		if _, ok := t.stack[i].(mark); ok {
			v := append([]any(nil), t.stack[i+1:]...)
			t.stack = t.stack[:i]
			return v, nil
		}
	}
	return nil, fmt.Errorf("the pickle has no mark: %w", ErrPickle)
}

func (t *torch) take(n int) ([]byte, error) {
	if n < 0 || n > t.in.Len() {
		return nil, fmt.Errorf("the pickle ends early: %w", ErrPickle)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(t.in, b)
	return b, err
}

// number reads an unsigned number of n bytes.
func (t *torch) number(n int) (int, error) {
	b, err := t.take(n)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	return int(binary.LittleEndian.Uint64(full[:])), nil
}

func (t *torch) line() (string, error) {
	var b strings.Builder
	for {
		c, err := t.in.ReadByte()
		if err != nil {
			return "", fmt.Errorf("the pickle ends early: %w", ErrPickle)
		}
		if c == '\n' {
			return b.String(), nil
		}
		b.WriteByte(c)
	}
}

func (t *torch) step(op byte) error {
	switch op {
	case 0x80: // protocol
		_, err := t.take(1)
		return err
	case 0x95: // frame
		_, err := t.take(8)
		return err
	case '(':
		t.push(mark{})
	case '}':
		t.push(&dict{})
	case ']':
		t.push(&dict{}) // a list, of which nothing is read
	case ')':
		t.push(tup(nil))
	case 'N':
		t.push(nil)
	case 0x88, 0x89:
		t.push(op == 0x88)
	case 'X', 0x8c: // text
		size := 4
		if op == 0x8c {
			size = 1
		}
		n, err := t.number(size)
		if err != nil {
			return err
		}
		b, err := t.take(n)
		t.push(string(b))
		return err
	case 'K', 'M':
		n, err := t.number(map[byte]int{'K': 1, 'M': 2}[op])
		t.push(n)
		return err
	case 'J':
		n, err := t.number(4)
		t.push(int(int32(n)))
		return err
	case 0x8a: // long
		n, err := t.number(1)
		if err == nil && n > 8 {
			err = fmt.Errorf("a number of %d bytes: %w", n, ErrPickle)
		}
		if err != nil {
			return err
		}
		v, err := t.number(n)
		t.push(v)
		return err
	case 'G':
		b, err := t.take(8)
		if err == nil {
			t.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		return err
	case 'q', 'r', 0x94: // memo
		at := len(t.memo)
		if op != 0x94 {
			n, err := t.number(map[byte]int{'q': 1, 'r': 4}[op])
			if err != nil {
				return err
			}
			at = n
		}
		if len(t.stack) == 0 {
			_, err := t.pop()
			return err
		}
		t.memo[at] = t.stack[len(t.stack)-1]
	case 'h', 'j':
		n, err := t.number(map[byte]int{'h': 1, 'j': 4}[op])
		if err != nil {
			return err
		}
		v, ok := t.memo[n]
		if !ok {
			return fmt.Errorf("the pickle remembers what it has not seen: %w", ErrPickle)
		}
		t.push(v)
	case 't':
		v, err := t.sinceMark()
		t.push(tup(v))
		return err
	case 0x85, 0x86, 0x87:
		n := int(op - 0x84)
		if len(t.stack) < n {
			return fmt.Errorf("the pickle takes a value that is not there: %w", ErrPickle)
		}
		v := append([]any(nil), t.stack[len(t.stack)-n:]...)
		t.stack = t.stack[:len(t.stack)-n]
		t.push(tup(v))
	case 's', 'u':
		return t.items(op)
	case 'a', 'e':
		return t.appended(op)
	case 'c':
		module, err := t.line()
		if err != nil {
			return err
		}
		name, err := t.line()
		t.push(global(module + "." + name))
		return err
	case 0x93:
		name, err := t.pop()
		if err != nil {
			return err
		}
		module, err := t.pop()
		t.push(global(fmt.Sprint(module, ".", name)))
		return err
	case 'Q':
		return t.persistent()
	case 'R':
		return t.call()
	case 'b': // a state, such as the metadata of an OrderedDict
		_, err := t.pop()
		return err
	default:
		return fmt.Errorf("operation %#x of the pickle: %w", op, ErrPickle)
	}
	return nil
}

// items are set in a dictionary.
func (t *torch) items(op byte) error {
	var v []any
	var err error
	if op == 'u' {
		v, err = t.sinceMark()
	} else if len(t.stack) >= 2 {
		v = append([]any(nil), t.stack[len(t.stack)-2:]...)
		t.stack = t.stack[:len(t.stack)-2]
	}
	if err != nil {
		return err
	}
	if len(t.stack) == 0 || len(v)%2 != 0 {
		return fmt.Errorf("the pickle sets items of nothing: %w", ErrPickle)
	}
	d, ok := t.stack[len(t.stack)-1].(*dict)
	if !ok {
		return fmt.Errorf("the pickle sets items of no dictionary: %w", ErrPickle)
	}
	for i := 0; i < len(v); i += 2 {
		d.keys, d.values = append(d.keys, v[i]), append(d.values, v[i+1])
	}
	return nil
}

func (t *torch) appended(op byte) error {
	if op == 'e' {
		_, err := t.sinceMark()
		return err
	}
	_, err := t.pop()
	return err
}

// persistent is a storage: ("storage", type, key, device, values).
func (t *torch) persistent() error {
	v, err := t.pop()
	if err != nil {
		return err
	}
	id, ok := v.(tup)
	if !ok || len(id) != 5 || id[0] != "storage" {
		return fmt.Errorf("a reference to what is no storage: %w", ErrPickle)
	}
	dtype, ok := id[1].(global)
	known, is := torchTypes[string(dtype)]
	key, text := id[2].(string)
	n, number := id[4].(int)
	if !ok || !is || !text || !number || strings.ContainsAny(key, `/\`) {
		return fmt.Errorf("a storage of type %v: %w", id[1], ErrPickle)
	}
	data, err := t.bytes("data/" + key)
	if err != nil {
		return err
	}
	if n < 0 || n > len(data)/known.size {
		return fmt.Errorf("storage %s has %d bytes for %d values", key, len(data), n)
	}
	t.push(storage{string(dtype), data[:n*known.size]})
	return nil
}

// call does the few functions that tensors are written with.
func (t *torch) call() error {
	v, err := t.pop()
	if err != nil {
		return err
	}
	args, ok := v.(tup)
	f, err := t.pop()
	if err != nil {
		return err
	}
	name, is := f.(global)
	if !ok || !is {
		return fmt.Errorf("a call of what is no function: %w", ErrPickle)
	}
	switch name {
	case "collections.OrderedDict":
		t.push(&dict{})
		return nil
	case "torch._utils._rebuild_parameter":
		if len(args) > 0 {
			if x, ok := args[0].(Tensor); ok {
				t.push(x)
				return nil
			}
		}
	case "torch._utils._rebuild_tensor_v2":
		x, err := rebuild(args)
		if t.left -= len(x.Values); t.left < 0 {
			return fmt.Errorf("more values than a file of this size holds: %w", ErrPickle)
		}
		t.push(x)
		return err
	}
	return fmt.Errorf("it calls %s: %w", name, ErrPickle)
}

// rebuild is a tensor: (storage, offset, sizes, strides, ...).
func rebuild(args tup) (Tensor, error) {
	bad := func(what string) (Tensor, error) {
		return Tensor{}, fmt.Errorf("a tensor with %s: %w", what, ErrPickle)
	}
	if len(args) < 4 {
		return bad("too few parts")
	}
	s, ok := args[0].(storage)
	offset, number := args[1].(int)
	sizes, shaped := args[2].(tup)
	strides, strided := args[3].(tup)
	if !ok || !number || !shaped || !strided || len(sizes) != len(strides) || len(sizes) > 8 || offset < 0 {
		return bad("parts of other types")
	}
	kind := torchTypes[s.dtype]
	have := len(s.data) / kind.size
	shape, step := make([]int, len(sizes)), make([]int, len(sizes))
	n, last := 1, offset
	for i := range sizes {
		size, ok1 := sizes[i].(int)
		by, ok2 := strides[i].(int)
		if !ok1 || !ok2 || size < 0 || by < 0 || size > have || by > have {
			return bad("sizes that its storage does not have")
		}
		shape[i], step[i] = size, by
		if n *= size; n > have {
			return bad("more values than its storage")
		}
		last += by * max(0, size-1)
	}
	if n > 0 && last >= have {
		return bad("values beyond its storage")
	}
	x := Tensor{Shape: shape, Values: make([]float32, n)}
	index := make([]int, len(shape))
	at := offset
	for i := range x.Values {
		x.Values[i] = kind.read(s.data[at*kind.size:])
		for k := len(shape) - 1; k >= 0; k-- {
			index[k]++
			at += step[k]
			if index[k] < shape[k] {
				break
			}
			at -= step[k] * shape[k]
			index[k] = 0
		}
	}
	return x, nil
}
