package causal

// Drawing is the model as a graph that package plotting draws.
func (m *Model) Drawing() Drawing {
	d := Drawing{m: m, layer: map[string]int{}}
	for i, v := range m.Variables { // after their parents
		for _, p := range v.Parents {
			d.layer[v.Name] = max(d.layer[v.Name], d.layer[p]+1)
			d.links = append(d.links, [2]int{m.index(p), i})
		}
	}
	return d
}

func (m *Model) index(name string) int {
	for i, v := range m.Variables {
		if v.Name == name {
			return i
		}
	}
	return -1
}

// A Drawing is a causal model's graph, for plotting.Circuit.
type Drawing struct {
	m     *Model
	layer map[string]int
	links [][2]int
}

// Title is the model's name.
func (d Drawing) Title() string { return d.m.Name }

// Len is the number of variables.
func (d Drawing) Len() int { return len(d.m.Variables) }

// Node is a variable: inputs, inner ones and the output are of classes.
func (d Drawing) Node(i int) (label, class, column string, layer int) {
	v := d.m.Variables[i]
	switch {
	case v.Of == nil:
		class = "input"
	case i == len(d.m.Variables)-1:
		class = "output"
	default:
		class = "variable"
	}
	return v.Name, class, "", d.layer[v.Name]
}

// Columns are none.
func (d Drawing) Columns() []string { return nil }

// Links is the number of parents of all variables.
func (d Drawing) Links() int { return len(d.links) }

// Link joins a parent to its child.
func (d Drawing) Link(i int) (from, to int, kind string, effect float64) {
	return d.links[i][0], d.links[i][1], "", 1
}

// EffectUnit is none.
func (d Drawing) EffectUnit() string { return "" }
