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
// last two axes. Leading axes of length 1 are dropped; what is larger is
// summarised by its shape.
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
	case 2:
	default:
		return head
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	rows, cols := min(axes[0].Len, maxRows), min(axes[1].Len, maxCols)
	fmt.Fprint(w, axes[0].Name+"\\"+axes[1].Name, "\t")
	for c := range cols {
		fmt.Fprint(w, axes[1].label(c), "\t")
	}
	fmt.Fprintln(w)
	for r := range rows {
		fmt.Fprint(w, axes[0].label(r), "\t")
		for c := range cols {
			fmt.Fprintf(w, "%.3g\t", a.data[r*axes[1].Len+c])
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if rows < axes[0].Len || cols < axes[1].Len {
		fmt.Fprintf(&b, "(first %d x %d)\n", rows, cols)
	}
	return head + "\n" + b.String()
}

func (ax Axis) label(i int) string {
	if ax.Labels != nil {
		return ax.Labels[i]
	}
	return strconv.Itoa(i)
}
