package causal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Setting gives variables values, by name.
type Setting map[string]string

// A Variable is one of a causal model.
type Variable struct {
	Name    string
	Values  []string // all that it may have
	Parents []string // what it is a function of; none for an input

	// Of is its value for those of its parents, nil for an input.
	Of func(parents Setting) string
}

// A Model is a causal model: variables in an order in which each comes after its
// parents. The last is the output.
type Model struct {
	Name      string
	Source    string // where it was published
	Variables []Variable

	// Draw gives the inputs values, of which tests are made; nil draws each input's
	// evenly. Say in it what evenly would make rare, such as equal things.
	Draw func(rng *rand.Rand) Setting

	// Frame, Answer and Options are how a language model is asked: a text with inputs in
	// braces, the continuation for a value of the output, and which values of the output
	// an answer is chosen among, for an input: nil means all.
	Frame   string
	Answer  func(output string) string
	Options func(inputs Setting) []string
}

// New is a causal model of variables in any order, the last of which is the output. It
// checks that parents exist, that nothing is its own ancestor, and, where there are not
// too many cases, that every function gives one of its variable's values for all that
// its parents may be.
func New(name string, variables ...Variable) (*Model, error) {
	m := &Model{Name: name, Variables: variables}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("causal model %s: %w", name, err)
	}
	return m, nil
}

// mostCases bounds how many values of parents are tried for each function.
const mostCases = 20000

func (m *Model) check() error {
	if len(m.Variables) == 0 {
		return errors.New("it has no variables")
	}
	output := m.Variables[len(m.Variables)-1].Name
	names := map[string]Variable{}
	for _, v := range m.Variables {
		switch _, twice := names[v.Name]; {
		case v.Name == "" || strings.ContainsAny(v.Name, "{}"):
			return fmt.Errorf("a variable is called %q", v.Name)
		case twice:
			return fmt.Errorf("two variables are called %q", v.Name)
		case len(v.Values) == 0:
			return fmt.Errorf("%s has no values", v.Name)
		case (v.Of == nil) != (len(v.Parents) == 0):
			return fmt.Errorf("%s has %d parents; an input has neither parents nor a function, all others have both", v.Name, len(v.Parents))
		}
		names[v.Name] = v
	}
	var sorted []Variable
	state := map[string]int{} // 1: being sorted, 2: done
	var visit func(name, of string) error
	visit = func(name, of string) error {
		v, known := names[name]
		switch {
		case !known:
			return fmt.Errorf("%s has the parent %q, which does not exist", of, name)
		case state[name] == 1:
			return fmt.Errorf("%s is its own ancestor", name)
		case state[name] == 2:
			return nil
		}
		state[name] = 1
		for _, p := range v.Parents {
			if err := visit(p, name); err != nil {
				return err
			}
		}
		state[name] = 2
		sorted = append(sorted, v)
		return nil
	}
	for _, v := range m.Variables {
		if err := visit(v.Name, ""); err != nil {
			return err
		}
	}
	if last := sorted[len(sorted)-1].Name; last != output {
		i := slices.IndexFunc(sorted, func(v Variable) bool { return v.Name == output })
		sorted = append(slices.Delete(slices.Clone(sorted), i, i+1), sorted[i])
		if slices.ContainsFunc(sorted, func(v Variable) bool { return slices.Contains(v.Parents, output) }) {
			return fmt.Errorf("the output %s, the last variable, has children", output)
		}
	}
	m.Variables = sorted
	for _, v := range sorted {
		if err := v.total(names); err != nil {
			return err
		}
	}
	return nil
}

// total checks that the function gives a value for all that the parents may be.
func (v Variable) total(names map[string]Variable) error {
	cases := 1
	for _, p := range v.Parents {
		if cases *= len(names[p].Values); cases > mostCases {
			return nil // each run checks its own
		}
	}
	for c := 0; v.Of != nil && c < cases; c++ {
		s, rest := Setting{}, c
		for _, p := range v.Parents {
			values := names[p].Values
			s[p], rest = values[rest%len(values)], rest/len(values)
		}
		if _, err := v.of(s); err != nil {
			return err
		}
	}
	return nil
}

// of is the variable's value for its parents'.
func (v Variable) of(s Setting) (string, error) {
	parents := Setting{}
	for _, p := range v.Parents {
		parents[p] = s[p]
	}
	value := v.Of(parents)
	if !slices.Contains(v.Values, value) {
		return "", fmt.Errorf("%s is %q for %v; its values are %q", v.Name, value, parents, v.Values)
	}
	return value, nil
}

// Output is the variable that is read.
func (m *Model) Output() Variable { return m.Variables[len(m.Variables)-1] }

// Inputs are the variables without parents.
func (m *Model) Inputs() (names []string) {
	for _, v := range m.Variables {
		if v.Of == nil {
			names = append(names, v.Name)
		}
	}
	return names
}

// Inner are the variables between inputs and output: those to align.
func (m *Model) Inner() (names []string) {
	for _, v := range m.Variables[:len(m.Variables)-1] {
		if v.Of != nil {
			names = append(names, v.Name)
		}
	}
	return names
}

// Variable is the one of a name.
func (m *Model) Variable(name string) (Variable, error) {
	var names []string
	for _, v := range m.Variables {
		if v.Name == name {
			return v, nil
		}
		names = append(names, v.Name)
	}
	return Variable{}, fmt.Errorf("causal model %s: no variable is called %q; there are %q", m.Name, name, names)
}

// Run gives every variable its value for inputs. What do sets is not computed: an
// intervention.
func (m *Model) Run(inputs Setting, do Setting) (Setting, error) {
	out := Setting{}
	for name := range do {
		if _, err := m.Variable(name); err != nil {
			return nil, err
		}
	}
	for _, v := range m.Variables {
		set, is := do[v.Name]
		if !is && v.Of == nil {
			set, is = inputs[v.Name]
			if !is {
				return nil, fmt.Errorf("causal model %s: the input %s has no value", m.Name, v.Name)
			}
		}
		if is && !slices.Contains(v.Values, set) {
			return nil, fmt.Errorf("causal model %s: %s can't be %q; its values are %q", m.Name, v.Name, set, v.Values)
		}
		if !is {
			var err error
			if set, err = v.of(out); err != nil {
				return nil, fmt.Errorf("causal model %s: %w", m.Name, err)
			}
		}
		out[v.Name] = set
	}
	return out, nil
}

// Interchange is a run on base in which some variables have the values of a run on
// source.
func (m *Model) Interchange(base, source Setting, variables ...string) (Setting, error) {
	from, err := m.Run(source, nil)
	if err != nil {
		return nil, err
	}
	do := Setting{}
	for _, name := range variables {
		do[name] = from[name]
	}
	return m.Run(base, do)
}

// Sample draws inputs.
func (m *Model) Sample(n int, seed uint64) []Setting {
	rng := rand.New(rand.NewPCG(seed, 0))
	all := make([]Setting, n)
	for i := range all {
		if m.Draw != nil {
			all[i] = m.Draw(rng)
			continue
		}
		all[i] = Setting{}
		for _, v := range m.Variables {
			if v.Of == nil {
				all[i][v.Name] = v.Values[rng.IntN(len(v.Values))]
			}
		}
	}
	return all
}

// String lists the variables.
func (m *Model) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", m.Name)
	for _, v := range m.Variables {
		fmt.Fprintf(&b, "  %s", v.Name)
		if len(v.Parents) > 0 {
			fmt.Fprintf(&b, " of %s", strings.Join(v.Parents, ", "))
		}
		if n := len(v.Values); n > 8 {
			fmt.Fprintf(&b, ": %d values\n", n)
		} else {
			fmt.Fprintf(&b, ": %s\n", strings.Join(v.Values, ", "))
		}
	}
	return b.String()
}
