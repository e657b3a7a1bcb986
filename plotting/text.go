package plotting

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
)

// The text forms print a table up to this size, what a terminal of 100
// columns shows; beyond it, a summary.
const (
	tableRows = 24
	tableCols = 12
	topCells  = 5
)

// describe is the alternative text: what kind of figure, of what, and its
// range with where the ends are.
func (g grid) describe(kind, title string) string {
	names := make([]string, len(g.axes))
	for i, a := range g.axes {
		names[i] = counted(a.n, cmp.Or(a.name, "position"))
	}
	s := kind
	if title != "" {
		s += " “" + title + "”"
	}
	lo, hi := g.extremes()
	return fmt.Sprintf("%s: %s. Lowest %s at %s, highest %s at %s.", s, strings.Join(names, " × "),
		withUnit(g.vals[lo], g.unit), g.where(lo), withUnit(g.vals[hi], g.unit), g.where(hi))
}

// counted is n things of the name: "1 layer", "12 heads".
func counted(n int, name string) string {
	if n == 1 || strings.HasSuffix(name, "s") {
		return fmt.Sprintf("%d %s", n, name)
	}
	if stem, ok := strings.CutSuffix(name, "ry"); ok { // query, category
		return fmt.Sprintf("%d %sries", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, name)
}

// extremes are the indices of the smallest and the largest value.
func (g grid) extremes() (lo, hi int) {
	lo, hi = -1, -1
	for i, v := range g.vals {
		if math.IsNaN(v) {
			continue
		}
		if lo < 0 || v < g.vals[lo] {
			lo = i
		}
		if hi < 0 || v > g.vals[hi] {
			hi = i
		}
	}
	return lo, hi
}

// caption is the first line of a text form: title, axes and unit.
func (g grid) caption(title string) string {
	var names []string
	for _, a := range g.axes {
		names = append(names, fmt.Sprintf("%s %d", cmp.Or(a.name, "axis"), a.n))
	}
	s := "[" + strings.Join(names, ", ") + "]"
	if title != "" {
		s = title + " " + s
	}
	if g.unit != "" {
		s += ", in " + g.unit
	}
	return s + "\n"
}

// table is the text form of a grid: all values when they fit a terminal,
// otherwise the largest.
func (g grid) table(title string) string {
	rank := len(g.axes)
	rows, cols := axis{n: 1}, g.axes[rank-1]
	if rank >= 2 {
		rows = g.axes[rank-2]
	}
	if rank > 2 || rows.n > tableRows || cols.n > tableCols {
		return g.caption(title) + g.summary()
	}
	return g.caption(title) + align(g.cells())
}

// cells is a grid of one or two axes as a table, with its labels.
func (g grid) cells() [][]string {
	rank := len(g.axes)
	rows, cols := axis{n: 1}, g.axes[rank-1]
	if rank >= 2 {
		rows = g.axes[rank-2]
	}
	format := cellFormat(bounds(g.vals))
	cells := [][]string{append([]string{axisPair(rows.name, cols.name)}, cols.all()...)}
	for r := range rows.n {
		row := []string{""}
		if rank >= 2 {
			row[0] = rows.label(r)
		}
		for c := range cols.n {
			row = append(row, format(g.vals[r*cols.n+c]))
		}
		cells = append(cells, row)
	}
	return cells
}

func axisPair(row, col string) string {
	if row == "" {
		return col
	}
	return row + "\\" + col
}

// align pads the cells into columns: the first to the left, others right.
func align(rows [][]string) string {
	var w []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(w) {
				w = append(w, 0)
			}
			w[i] = max(w[i], columns(short(c, maxLabel)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		var l strings.Builder
		for i, c := range r {
			c = short(c, maxLabel)
			pad := strings.Repeat(" ", w[i]-columns(c))
			if i == 0 {
				l.WriteString(c + pad)
			} else {
				l.WriteString("  " + pad + c)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	return b.String()
}

// columns is the room that s takes in a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Cf, unicode.Variation_Selector):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul), r >= 0x1f300 && r < 0x1fb00:
			n += 2
		default:
			n++
		}
	}
	return n
}

// summary is the range, the mean and the values farthest from zero.
func (g grid) summary() string {
	var order []int
	sum := 0.0
	for i, v := range g.vals {
		if !math.IsNaN(v) {
			order = append(order, i)
			sum += v
		}
	}
	lo, hi := bounds(g.vals)
	var b strings.Builder
	fmt.Fprintf(&b, "min %s, mean %s, max %s\n", number(lo), number(sum/float64(len(order))), withUnit(hi, g.unit))
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(math.Abs(g.vals[j]), math.Abs(g.vals[i])) })
	var rows [][]string
	for _, i := range order[:min(topCells, len(order))] {
		rows = append(rows, []string{g.where(i), number(g.vals[i])})
	}
	return b.String() + align(rows)
}
