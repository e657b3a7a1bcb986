package circuit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp/graph"
)

// shown is how many edges String lists.
const shown = 15

// String is a table of the nodes by class and of the strongest edges.
func (c *Circuit) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d nodes, %d edges", c.Title(), len(c.Nodes), len(c.Edges))
	if c.Model != "" {
		fmt.Fprintf(&b, ", in %s", c.Model)
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "class\tat\tparts")
	for _, row := range c.rows() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", row.class, row.at, Join(row.parts))
	}
	_ = w.Flush() // a strings.Builder takes everything
	if len(c.Edges) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	edges := c.strongest()
	fmt.Fprintf(w, "from\tto\tinput\teffect%s\t\n", inUnit(c.Unit))
	for _, e := range edges[:min(shown, len(edges))] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3g\t\n", e.From, e.To, e.Input, e.Effect)
	}
	_ = w.Flush()
	if more := len(edges) - shown; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}

func inUnit(unit string) string {
	if unit == "" {
		return ""
	}
	return " (" + unit + ")"
}

// strongest are the edges by the size of their effect.
func (c *Circuit) strongest() []Edge {
	edges := slices.Clone(c.Edges)
	slices.SortStableFunc(edges, func(a, b Edge) int {
		switch x, y := math.Abs(a.Effect), math.Abs(b.Effect); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return edges
}

// A row is the nodes of one class at the same positions.
type row struct {
	class, at string
	parts     []graph.Part
}

func (c *Circuit) rows() (rows []row) {
	for _, class := range c.Classes() {
		first := len(rows)
		for _, n := range c.Nodes {
			if n.Class != class {
				continue
			}
			at := place(n.At)
			i := slices.IndexFunc(rows[first:], func(r row) bool { return r.at == at })
			if i < 0 {
				rows, i = append(rows, row{class, at, nil}), len(rows)-first
			}
			rows[first+i].parts = append(rows[first+i].parts, n.Part)
		}
	}
	for i := range rows {
		if rows[i].class == "" {
			rows[i].class = "–"
		}
	}
	return rows
}

// place names positions.
func place(at []string) string {
	if len(at) == 0 {
		return "every position"
	}
	return strings.Join(at, ", ")
}

// Join names parts: 9.9 10.0, or ∅ if there are none.
func Join(parts []graph.Part) string {
	if len(parts) == 0 {
		return "∅"
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}
