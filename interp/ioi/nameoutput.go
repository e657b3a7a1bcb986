package ioi

import (
	"fmt"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/heads"
	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

// A NameOutput is, for every head, how much END attends to a name and how much
// the head then writes in its direction: the points of the paper's figure 3.
type NameOutput struct {
	Attention *interp.Result // from END to the name [layer, head, name, prompt]
	Output    *interp.Result // direct contribution to the name's logit [layer, head, name, prompt]
}

// OutputOnNames measures for IO and S how much every head attends to them from
// END (for S to both of its places) and how much the head's output adds to their
// logits, with the final norm's scale frozen. Of a head that copies what it
// attends to the points rise from left to right; of one that writes against it
// they fall. Five passes. Source: Wang et al. 2022, section 3.1.
func OutputOnNames(m *model.Model, t *task.IOITask) (*NameOutput, error) {
	fail := func(err error) (*NameOutput, error) { return nil, fmt.Errorf("output on names: %w", err) }
	looks, err := heads.BetweenPairs(m, t.Task, nil, [2]string{"END", "IO"}, [2]string{"END", "S1"}, [2]string{"END", "S2"})
	if err != nil {
		return fail(err)
	}
	c, n := m.Config(), t.Len()
	axes := []array.Axis{array.Dim("layer", c.Layers), array.Dim("head", c.Heads), array.Labels("name", []string{"IO", "S"}), array.Labels("prompt", texts(t.Clean))}
	attend, output := array.New(axes...), array.New(axes...)
	var prov model.Provenance
	for k, name := range []model.Choice{t.Answer, t.Wrong} {
		parts, err := lens.Attribution(m, t.Clean, model.Logit(name).In(t.End))
		if err != nil {
			return fail(err)
		}
		prov = parts.Provenance
		_, components := parts.Axis(0)
		for i, label := range components {
			p, err := graph.ParsePart(label)
			if err != nil || !p.IsHead() {
				continue // embeddings, biases and MLPs
			}
			for row := range n {
				output.Set(parts.Samples.At(row, i), p.Layer, p.Index, k, row)
			}
		}
		for l := range c.Layers {
			for h := range c.Heads {
				for row := range n {
					v := looks[0].Samples.At(row, l, h)
					if k == 1 {
						v = looks[1].Samples.At(row, l, h) + looks[2].Samples.At(row, l, h)
					}
					attend.Set(v, l, h, k, row)
				}
			}
		}
	}
	result := func(a *array.Array, title, unit string) *interp.Result {
		return &interp.Result{Array: a.Named(title, unit), Method: fmt.Sprintf("%s, %d prompts of %s", title, n, t.Name), Source: wang, Provenance: prov}
	}
	return &NameOutput{
		Attention: result(attend, "attention to the name", "attention"),
		Output:    result(output, "output along the name", "logits"),
	}, attend.Err()
}

// Head are the points of one head [name, prompt]: attention to the name, and
// output along it.
func (o *NameOutput) Head(p graph.Part) (attention, output *array.Array) {
	of := func(r *interp.Result) *array.Array {
		if !p.IsHead() {
			return array.Failed(fmt.Errorf("output on names: %s is no head", p))
		}
		return r.Pick("layer", p.Layer).Pick("head", p.Index)
	}
	return of(o.Attention), of(o.Output)
}

// texts are prompts as short labels: their ends.
func texts(p model.Prompts) []string {
	all := make([]string, len(p.Labels))
	for i, labels := range p.Labels {
		all[i] = fmt.Sprintf("%d", i)
		if s := []rune(strings.TrimSpace(strings.Join(labels, ""))); len(s) > 0 {
			all[i] += ": " + string(s[max(0, len(s)-30):])
		}
	}
	return all
}
