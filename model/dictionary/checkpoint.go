package dictionary

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/golens/golens/model/files"
	"github.com/golens/golens/model/weights"
)

// A Checkpoint is a training at rest in a folder: state.safetensors, whose tensors
// and counters appear together, whole or not at all, and curve.json, which is for
// reading while the training runs.
type Checkpoint struct {
	State
	Settings
	In, Out int
	Scales  [2]float64 // by which inputs and outputs were multiplied
	Tokens  int64
	Curve   []Report
	Hash    string // of what is trained on
}

const (
	stateFile = "state.safetensors"
	curveFile = "curve.json"
)

// head is what a checkpoint has beside tensors, written into the file of tensors as
// one, so that both are of one step.
type head struct {
	Step     int
	Theta    float64
	Names    []string
	Settings Settings
	In, Out  int
	Scales   [2]float64
	Tokens   int64
	Curve    []Report
	Hash     string
}

// Save writes a checkpoint. If that fails, one that was there before is as it was.
func (c Checkpoint) Save(folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	data, err := json.Marshal(head{c.Step, c.Theta, c.Names, c.Settings, c.In, c.Out, c.Scales, c.Tokens, c.Curve, c.Hash})
	if err != nil {
		return err
	}
	text := make([]float32, len(data)) // bytes are exact in float32
	for i, b := range data {
		text[i] = float32(b)
	}
	since := make([]float32, 2*len(c.Since)) // in two parts, each exact
	for i, n := range c.Since {
		since[2*i], since[2*i+1] = float32(n>>16), float32(n&0xffff)
	}
	all := []weights.Tensor{{Name: "head", Shape: []int{len(text)}, Values: text}, {Name: "since", Shape: []int{len(c.Since), 2}, Values: since}}
	for i, name := range c.Names {
		for k, part := range parts {
			v := c.Tensors[3*i+k]
			all = append(all, weights.Tensor{Name: name + part, Shape: []int{len(v)}, Values: v})
		}
	}
	if err := weights.Write(filepath.Join(folder, stateFile), "F32", all); err != nil {
		return fmt.Errorf("dictionary: the checkpoint of step %d was not written; the one before it is intact: %w", c.Step, err)
	}
	curve, err := json.Marshal(c.Curve)
	if err == nil {
		err = files.Write(filepath.Join(folder, curveFile), curve)
	}
	return err
}

// parts are the endings of the names of values and moments.
var parts = []string{"", ".m1", ".m2"}

// LoadCheckpoint reads a checkpoint. A folder that has none gives an error that
// wraps fs.ErrNotExist.
func LoadCheckpoint(folder string) (c Checkpoint, err error) {
	path := filepath.Join(folder, stateFile)
	if _, err := os.Stat(path); err != nil {
		return c, err
	}
	s, err := weights.Open(path)
	if err != nil {
		return c, err
	}
	defer s.Close()
	get := func(name string) []float32 {
		_, v, e := s.Float32(name)
		if e != nil && err == nil {
			err = e
		}
		return append([]float32(nil), v...)
	}
	text := get("head")
	data := make([]byte, len(text))
	for i, v := range text {
		data[i] = byte(v)
	}
	var h head
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err != nil {
		return c, fmt.Errorf("dictionary: %s is no checkpoint: %w", path, err)
	}
	c = Checkpoint{State: State{Step: h.Step, Theta: h.Theta, Names: h.Names}, Settings: h.Settings, In: h.In, Out: h.Out, Scales: h.Scales, Tokens: h.Tokens, Curve: h.Curve, Hash: h.Hash}
	since := get("since")
	for i := 0; i+1 < len(since); i += 2 {
		c.Since = append(c.Since, int32(since[i])<<16|int32(since[i+1]))
	}
	for _, name := range h.Names {
		for _, part := range parts {
			c.Tensors = append(c.Tensors, get(name+part))
		}
	}
	return c, err
}

// ReadCurve is the curve of a training, as its last checkpoint has it, while it
// runs.
func ReadCurve(folder string) (curve []Report, err error) {
	data, err := files.Read(filepath.Join(folder, curveFile))
	if err == nil {
		err = json.Unmarshal(data, &curve)
	}
	return curve, err
}
