package weights

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Names of the files that a folder is searched for.
const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// A Store is the tensors of one model.
type Store struct {
	files []file
	where map[string]int // tensor to file
}

// file is one mapped shard.
type file struct {
	name    string
	data    []byte
	info    fs.FileInfo // when it was mapped; nil if it is not
	tensors map[string]View
	unmap   func() error // nil if it is not mapped
}

// Open maps a safetensors file, or the model of a folder: model.safetensors, or
// the shards that model.safetensors.index.json lists.
func Open(path string) (*Store, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return openFiles([]string{path})
	}
	single := filepath.Join(path, singleName)
	if _, err := os.Stat(single); err == nil {
		return openFiles([]string{single})
	}
	raw, err := fs.ReadFile(Folder(path), indexName)
	if errors.Is(err, fs.ErrNotExist) {
		pickle := ""
		if found, _ := filepath.Glob(filepath.Join(path, "*.bin")); len(found) > 0 {
			pickle = fmt.Sprintf(", only %s, a Python pickle, which transformers' save_pretrained rewrites", filepath.Base(found[0]))
		}
		return nil, fmt.Errorf("%s: neither %s nor %s is there%s: %w", path, singleName, indexName, pickle, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, indexName), Mistaken(raw, err))
	}
	var shards []string
	for _, shard := range index.shards() {
		shards = append(shards, filepath.Join(path, shard))
	}
	s, err := openFiles(shards)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; %s names it: not all was fetched, fetch the rest", err, indexName)
	}
	if err != nil {
		return nil, err
	}
	if err := index.check(s); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, indexName), err)
	}
	return s, nil
}

// Parse reads a safetensors file that is in memory. The name is for errors.
func Parse(name string, data []byte) (*Store, error) {
	s := &Store{where: map[string]int{}}
	return s, s.add(file{name: name, data: data})
}

// Mapped is a file in memory, for readers of other formats.
type Mapped struct{ file }

// Map maps a file for reading.
func Map(path string) (*Mapped, error) {
	data, info, unmap, err := mapFile(path)
	return &Mapped{file{name: path, data: data, info: info, unmap: unmap}}, err
}

// Bytes are the file's, not to be written. A file that shrinks while they are read
// ends the process, except in what [Mapped.Guarded] does.
func (m *Mapped) Bytes() []byte { return m.data }

// Guarded reads the bytes, and fails if the file shrank.
func (m *Mapped) Guarded(read func(data []byte) error) (err error) {
	if fault := guarded(func() { err = read(m.data) }); fault != nil {
		return fault
	}
	return err
}

// Close gives the map back.
func (m *Mapped) Close() error { return m.unmap() }

// Store is the tensors of the file, which are parts of its bytes. It gives the
// map back when it is closed.
func (m *Mapped) Store(tensors map[string]View) (*Store, error) {
	s := &Store{where: map[string]int{}}
	m.tensors = tensors
	return s, s.enter(m.file)
}

func openFiles(paths []string) (*Store, error) {
	s := &Store{where: map[string]int{}}
	for _, path := range paths {
		data, info, unmap, err := mapFile(path)
		if err == nil {
			err = s.add(file{name: path, data: data, info: info, unmap: unmap})
		}
		if err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// add reads a file's header.
func (s *Store) add(f file) (err error) {
	fault := guarded(func() { f.tensors, err = readHeader(f.data) })
	if err != nil {
		err = Mistaken(f.data, err)
	}
	if err = cmp.Or(fault, err); err != nil {
		err = fmt.Errorf("%s: %w", f.name, err)
	}
	return errors.Join(err, s.enter(f))
}

// enter takes a file over, so that Close unmaps it whatever comes.
func (s *Store) enter(f file) error {
	s.files = append(s.files, f)
	for name, v := range f.tensors {
		if other, ok := s.where[name]; ok {
			return fmt.Errorf("%s: tensor %s is in %s too", f.name, name, s.files[other].name)
		}
		s.where[name] = len(s.files) - 1
		v.File, v.mapped = f.name, f.unmap != nil
		f.tensors[name] = v
	}
	return nil
}

// Names are the tensors' names, sorted.
func (s *Store) Names() []string { return slices.Sorted(maps.Keys(s.where)) }

// Tensor finds a tensor.
func (s *Store) Tensor(name string) (View, error) {
	i, ok := s.where[name]
	if !ok {
		return View{}, fmt.Errorf("%s: no tensor %s among %d", s.files[0].name, name, len(s.where))
	}
	return s.files[i].tensors[name], nil
}

// Float32 is a tensor's shape and values.
func (s *Store) Float32(name string) (shape []int, values []float32, err error) {
	v, err := s.Tensor(name)
	if err != nil {
		return nil, nil, err
	}
	values, err = v.Float32()
	return v.Shape, values, err
}

// Close gives the maps back. Views must not be used any more.
func (s *Store) Close() error {
	var errs []error
	for _, f := range s.files {
		if f.unmap != nil {
			errs = append(errs, f.unmap())
		}
	}
	s.files = nil
	return errors.Join(errs...)
}
