//go:build !golens_cell

package serve

import "github.com/golens/golens/model/internal/content"

// tensors are those that clients have sent, by name.
type tensors struct {
	*recent[content.Name, []float32]
}

func newTensors(limit int) *tensors { return &tensors{newRecent[content.Name, []float32](limit)} }

// find gives a call its tensors: those that it brought and those that are here.
// A call that brings all it names needs none of what is here, so that one which
// is larger than the memory is answered too.
func (t *tensors) find(brought map[content.Name][]float32) func(content.Name) []float32 {
	return func(name content.Name) []float32 {
		if values := brought[name]; values != nil {
			return values
		}
		values, _ := t.get(name, nil)
		return values
	}
}

// keep keeps what a call brought for others.
func (t *tensors) keep(brought map[content.Name][]float32) {
	for name, values := range brought {
		if _, isNew := t.get(name, func() []float32 { return values }); isNew {
			t.weigh(name, 4*len(values))
		}
	}
}
