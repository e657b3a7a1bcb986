//go:build !golens_cell

package model

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/nlpodyssey/safetensors"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
)

// source is a model as it lies on disk.
type source struct {
	name   string
	config config.Config
	family arch.Family
	hash   string
	st     safetensors.SafeTensors
}

func openSource(name string) (*source, error) {
	raw, err := os.ReadFile(filepath.Join(name, "config.json"))
	if err != nil {
		return nil, err
	}
	s := &source{name: name}
	if s.config, s.family, err = arch.Parse(raw); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(name, "model.safetensors"))
	if err != nil {
		return nil, err
	}
	s.st, err = safetensors.Deserialize(data)
	return s, err
}

func (s *source) Names() []string { return s.st.Names() }
func (s *source) Float32(name string) ([]int, []float32, error) {
	v, ok := s.st.Tensor(name)
	if !ok {
		return nil, nil, fmt.Errorf("no tensor %s", name)
	}
	var shape []int
	for _, d := range v.Shape() {
		shape = append(shape, int(d))
	}
	d := v.Data()
	return shape, unsafe.Slice((*float32)(unsafe.Pointer(&d[0])), len(d)/4), nil
}

// params are the weights, processed.
func (s *source) params(p Processing) (arch.Params, error) {
	params, err := s.family.Load(s.config, s)
	if err != nil {
		return nil, err
	}
	if err := params.Check(s.config); err != nil {
		return nil, err
	}
	if p.FoldNorm {
		if params, err = arch.FoldNorm(s.config, params); err != nil {
			return nil, err
		}
	}
	if p.CenterWriting {
		if params, err = arch.CenterWriting(s.config, params); err != nil {
			return nil, err
		}
	}
	if p.CenterUnembed {
		params = arch.CenterUnembed(params)
	}
	if p.FoldValues {
		params = arch.FoldValues(s.config, params)
	}
	return params, nil
}

func (s *source) encode(text string) ([]int32, error) { return nil, errNoTokenizer }

func (s *source) decode(ids []int32) (string, []string, error) {
	labels := make([]string, len(ids))
	for i, id := range ids {
		labels[i] = fmt.Sprintf("#%d", id)
	}
	return "", labels, nil
}

var _ = errors.New
