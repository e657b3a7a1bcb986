package array

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Tables in String stop here: a cell's output is to be read, not scrolled.
const maxRows, maxCols = 24, 16

// String is a small aligned table: the title, then rows and columns of the
// last two axes, a table for each place on the axes before them. Leading axes of
// length 1 are dropped; what is larger than a screen is cut, which the last line
// says.
func (a *Array) String() string {
	if err := a.Err(); err != nil {
		return err.Error()
	}
	head := strings.TrimSpace(a.title + " " + describe(a.axes))
	if a.unit != "" {
		head += " (" + a.unit + ")"
	}
	axes := a.axes
	for len(axes) > 0 && axes[0].Len == 1 {
		axes = axes[1:]
	}
	switch len(axes) {
	case 0:
		if len(a.data) == 1 {
			return fmt.Sprintf("%s: %.4g", head, a.data[0])
		}
		return head
	case 1:
		axes = []Axis{{Len: 1, Labels: []string{""}}, axes[0]}
	}
	outer, inner := axes[:len(axes)-2], axes[len(axes)-2:]
	tables, each := size(outer), inner[0].Len*inner[1].Len
	shown := min(tables, max(1, maxRows/max(1, min(inner[0].Len, maxRows))))
	var b strings.Builder
	b.WriteString(head + "\n")
	for i := range shown {
		if len(outer) > 0 {
			b.WriteString(place(outer, i) + "\n")
		}
		table(&b, inner, a.data[i*each:(i+1)*each])
	}
	if shown < tables {
		fmt.Fprintf(&b, "(first %d of %d tables)\n", shown, tables)
	}
	return b.String()
}

// place names the i-th place on axes: "head 1, query 3".
func place(axes []Axis, i int) string {
	parts := make([]string, len(axes))
	for k := len(axes) - 1; k >= 0; k-- {
		parts[k] = strings.TrimSpace(axes[k].Name + " " + axes[k].label(i%axes[k].Len))
		i /= axes[k].Len
	}
	return strings.Join(parts, ", ")
}

// table writes data [row column], as much as a screen holds.
func table(b *strings.Builder, axes []Axis, data []float32) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	rows, cols := min(axes[0].Len, maxRows), min(axes[1].Len, maxCols)
	fmt.Fprint(w, axes[0].Name+"\\"+axes[1].Name, "\t")
	for c := range cols {
		fmt.Fprint(w, axes[1].label(c), "\t")
	}
	fmt.Fprintln(w)
	for r := range rows {
		fmt.Fprint(w, axes[0].label(r), "\t")
		for c := range cols {
			fmt.Fprintf(w, "%.3g\t", data[r*axes[1].Len+c])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if rows < axes[0].Len || cols < axes[1].Len {
		fmt.Fprintf(b, "(first %d x %d)\n", rows, cols)
	}
}

func (ax Axis) label(i int) string {
	if ax.Labels != nil {
		return ax.Labels[i]
	}
	return strconv.Itoa(i)
}
