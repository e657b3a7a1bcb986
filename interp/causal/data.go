package causal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// Data are inputs of a causal model and the prompts that ask a language model for its
// output.
type Data struct {
	Model   *Model
	Inputs  []Setting
	Prompts model.Prompts
	Table   []interp.Place   // where the inputs stand, and END, where the answer is read
	Answers map[string]int32 // the token of every value of the output that is one token
	Options [][]string       // for each input the values of the output to choose among
}

// String is how many inputs there are, the first of them as it is asked, and where its
// words stand.
func (d *Data) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d inputs of %s, %d answers to choose among, positions", len(d.Inputs), d.Model.Name, len(d.Options[0]))
	for _, p := range d.Table {
		fmt.Fprintf(&b, " %s", p.Name)
	}
	fmt.Fprintf(&b, "\n%s", d.Prompts.Row(0))
	return b.String()
}

// Data draws inputs and writes their prompts, by the causal model's Frame.
func (m *Model) Data(lm *model.Model, n int, seed uint64) (*Data, error) {
	return m.DataOf(lm, m.Sample(n, seed))
}

// DataOf writes the prompts of inputs.
func (m *Model) DataOf(lm *model.Model, inputs []Setting) (*Data, error) {
	d, err := m.data(lm, inputs)
	if err != nil {
		return nil, fmt.Errorf("causal model %s: %w", m.Name, err)
	}
	return d, nil
}

func (m *Model) data(lm *model.Model, inputs []Setting) (*Data, error) {
	if m.Frame == "" || m.Answer == nil {
		return nil, fmt.Errorf("it has no Frame or no Answer, by which a language model is asked")
	}
	frame, copies := numbered(m.Frame)
	t := task.Data{
		Name: m.Name, Source: m.Source,
		Metric: func(answer, _ model.Choice) model.Metric { return model.Logit(answer) },
	}
	slots := map[string]bool{}
	for _, name := range m.Inputs() {
		if strings.Contains(frame, "{"+name+"}") {
			t.Positions, slots[name] = append(t.Positions, name), true
		}
	}
	for _, in := range inputs {
		all, err := m.Run(in, nil)
		if err != nil {
			return nil, err
		}
		words := map[string]string{}
		for name := range slots {
			words[name] = in[name]
		}
		for again, name := range copies {
			words[again] = in[name]
		}
		t.Rows = append(t.Rows, task.Row{Frame: frame, Clean: words, Corrupted: words, Answer: []string{m.Answer(all[m.Output().Name])}})
	}
	asked, err := task.New(lm, t)
	if err != nil {
		return nil, err
	}
	d := &Data{Model: m, Inputs: inputs, Prompts: asked.Clean, Table: asked.Table, Answers: map[string]int32{}}
	for _, value := range m.Output().Values {
		p := lm.Continue(m.Answer(value))
		if p.Err() == nil && len(p.IDs[0]) == 1 {
			d.Answers[value] = p.IDs[0][0]
		}
	}
	return d, d.choose()
}

// numbered tells slots that stand in a frame more than once apart: the second {x}
// becomes {x 2}.
func numbered(frame string) (string, map[string]string) {
	copies, seen := map[string]string{}, map[string]int{}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(frame, "{")
		b.WriteString(before)
		if !found {
			return b.String(), copies
		}
		name, rest, _ := strings.Cut(after, "}")
		frame = rest
		if seen[name]++; seen[name] > 1 {
			again := name + " " + strconv.Itoa(seen[name])
			copies[again] = name
			name = again
		}
		b.WriteString("{" + name + "}")
	}
}

// choose finds the options of every input.
func (d *Data) choose() error {
	for _, in := range d.Inputs {
		var options []string
		if d.Model.Options != nil {
			options = d.Model.Options(in)
		} else {
			for _, v := range d.Model.Output().Values {
				if _, is := d.Answers[v]; is {
					options = append(options, v)
				}
			}
		}
		d.Options = append(d.Options, options)
	}
	return d.checkOptions()
}

// checkOptions checks that every input has equally many options, all of one token.
func (d *Data) checkOptions() error {
	for i, options := range d.Options {
		if len(options) < 2 || len(options) != len(d.Options[0]) {
			return fmt.Errorf("input %d has %d answers to choose among, input 0 has %d; all must have equally many, two or more", i, len(options), len(d.Options[0]))
		}
		for _, o := range options {
			if _, is := d.Answers[o]; !is {
				return fmt.Errorf("input %d: the answer %q is no single token of this model; take other words, or values", i, o)
			}
		}
	}
	return nil
}

// At is the place of a name, such as END.
func (d *Data) At(name string) (hook.Positions, error) {
	var names []string
	for _, p := range d.Table {
		if p.Name == name {
			return p.Positions, nil
		}
		names = append(names, p.Name)
	}
	return hook.Positions{}, fmt.Errorf("causal data: no position is called %q; there are %s", name, strings.Join(names, ", "))
}

// End is where the answer is read.
func (d *Data) End() hook.Positions { return d.Table[len(d.Table)-1].Positions }

// Of is the data of some of the inputs.
func (d *Data) Of(inputs ...int) *Data {
	o := *d
	o.Inputs, o.Options, o.Table = nil, nil, nil
	o.Prompts.IDs, o.Prompts.Labels = nil, nil
	for _, i := range inputs {
		o.Inputs, o.Options = append(o.Inputs, d.Inputs[i]), append(o.Options, d.Options[i])
		o.Prompts.IDs, o.Prompts.Labels = append(o.Prompts.IDs, d.Prompts.IDs[i]), append(o.Prompts.Labels, d.Prompts.Labels[i])
	}
	for _, p := range d.Table {
		o.Table = append(o.Table, interp.Place{Name: p.Name, Positions: ofRows(p.Positions, inputs)})
	}
	return &o
}

// ofRows are the positions of some rows.
func ofRows(p hook.Positions, rows []int) hook.Positions {
	if len(p.Rows) < 2 {
		return p
	}
	var q hook.Positions
	for _, r := range rows {
		q.Rows = append(q.Rows, p.Rows[r])
	}
	return q
}

// metrics are the logits of every input's options, one option after another.
func (d *Data) metrics() (all []model.Metric) {
	for k := range d.Options[0] {
		ids := make([]int32, len(d.Options))
		for i, options := range d.Options {
			ids[i] = d.Answers[options[k]]
		}
		all = append(all, model.Logit(model.IDs(ids...)).In(d.End()))
	}
	return all
}

// IOI is the data of an indirect-object task. The causal model's inputs are the names
// in their order and the name that comes again; its variables are where the repeated
// name stood first ("position") and which it is ("token"). Both say what the answer is
// not; by is the one that the output is a function of, so that an interchange of the
// other changes nothing in the causal model. Wang et al. 2022 find that
// S-inhibition heads carry both, position the more. A source with other names than the
// base's says nothing of the base's by its token: draw prompts of the same names for it; MIB (Mueller et al. 2025) models
// the logit difference as linear in them.
func IOI(ioi *task.IOITask, by string) (*Data, error) {
	if by != "position" && by != "token" {
		return nil, fmt.Errorf("causal IOI: the output is a function of position or of token, not of %q", by)
	}
	d := &Data{Prompts: ioi.Clean, Table: ioi.Table, Answers: map[string]int32{}}
	var names []string
	for i := range ioi.Clean.IDs {
		io, s := ioi.IO.In(i)[0], ioi.S1.In(i)[0]
		word := func(at int) string {
			name := strings.TrimSpace(ioi.Clean.Labels[i][at])
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			d.Answers[name] = ioi.Clean.IDs[i][at]
			return name
		}
		in := Setting{"first": word(io), "second": word(s), "again": word(s)}
		if s < io {
			in["first"], in["second"] = in["second"], in["first"]
		}
		// Where the tokens of names in the text and of the answer differ, as at the
		// beginning of a sentence, the answer's counts.
		if ioi.Answer.IDs != nil {
			d.Answers[word(io)] = ioi.Answer.IDs[i]
		}
		if ioi.Wrong.IDs != nil {
			d.Answers[word(s)] = ioi.Wrong.IDs[i]
		}
		d.Inputs = append(d.Inputs, in)
		d.Options = append(d.Options, []string{in["first"], in["second"]})
	}
	of := func(s Setting) string {
		if s["position"] == "first" {
			return s["second"]
		}
		return s["first"]
	}
	parents := []string{"first", "second", by}
	if by == "token" {
		of = func(s Setting) string {
			if s["token"] == s["first"] {
				return s["second"]
			}
			return s["first"]
		}
	}
	m, err := New("indirect object by "+by,
		Variable{Name: "first", Values: names}, Variable{Name: "second", Values: names}, Variable{Name: "again", Values: names},
		Variable{Name: "position", Values: []string{"first", "second"}, Parents: []string{"first", "again"}, Of: func(s Setting) string {
			if s["again"] == s["first"] {
				return "first"
			}
			return "second"
		}},
		Variable{Name: "token", Values: names, Parents: []string{"again"}, Of: func(s Setting) string { return s["again"] }},
		Variable{Name: "answer", Values: names, Parents: parents, Of: of})
	if err != nil {
		return nil, err
	}
	m.Source = "Wang et al. 2022"
	d.Model = m
	return d, d.checkOptions()
}
