package plotting

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// records are a figure's data: a row for every value, with its labels.
type records struct {
	title, unit string
	columns     []string
	n           int
	row         func(i int) []any // strings, ints and float32s
	grid        *grid             // of rows and columns; nil: a list
}

// records of a grid are its axes and the value.
func (g grid) records(title string) records {
	r := records{title: title, unit: g.unit, n: len(g.vals)}
	for i, a := range g.axes {
		r.columns = append(r.columns, cmp.Or(a.name, fmt.Sprintf("axis %d", i)))
	}
	r.columns = append(r.columns, cmp.Or(g.title, "value"))
	r.row = func(i int) []any { return append(g.labels(i), g.value(i)) }
	if len(g.axes) == 2 {
		r.grid = &g
	}
	return r
}

// labels are those of flat index i, as the data has them: with their spaces.
func (g grid) labels(i int) []any {
	out := make([]any, len(g.axes))
	for d := len(g.axes) - 1; d >= 0; d-- {
		a := g.axes[d]
		if out[d] = any(i % a.n); a.labels != nil {
			out[d] = a.labels[i%a.n]
		}
		i /= a.n
	}
	return out
}

// value is the i-th value, -Inf where it is masked.
func (g grid) value(i int) float32 {
	if g.masked != nil && g.masked[i] {
		return float32(math.Inf(-1))
	}
	return float32(g.vals[i])
}

// errNoData is what a figure without data returns.
var errNoData = errors.New("plotting: this figure has no data of its own (a Grid): save that of its figures")

func (f *Figure) records() (records, error) {
	if err := f.Err(); err != nil {
		return records{}, err
	}
	if f.data.row == nil {
		return records{}, errNoData
	}
	return f.data, nil
}

// exact is a value with all its digits, "" if it has none.
func exact(v any) string {
	x, ok := v.(float32)
	switch {
	case !ok:
		return fmt.Sprint(v)
	case math.IsNaN(float64(x)):
		return ""
	}
	return strconv.FormatFloat(float64(x), 'g', -1, 32)
}

// CSV is the figure's data: a line for every value, with the labels of its axes,
// all digits and no rounding; a value that is missing is empty.
func (f *Figure) CSV() ([]byte, error) {
	r, err := f.records()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(r.columns) // a bytes.Buffer takes all
	for i := range r.n {
		var line []string
		for _, v := range r.row(i) {
			line = append(line, exact(v))
		}
		_ = w.Write(line)
	}
	w.Flush()
	return b.Bytes(), nil
}

// JSON is the figure's data: title, unit, columns, and a row for every value. A
// value that is missing is null, a masked one "-Inf".
func (f *Figure) JSON() ([]byte, error) {
	r, err := f.records()
	if err != nil {
		return nil, err
	}
	rows := make([][]any, r.n)
	for i := range rows {
		rows[i] = r.row(i)
		for k, v := range rows[i] {
			if x, ok := v.(float32); ok && math.IsNaN(float64(x)) {
				rows[i][k] = nil
			} else if ok && math.IsInf(float64(x), 0) {
				rows[i][k] = exact(v)
			}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err = enc.Encode(struct {
		Title   string   `json:"title"`
		Unit    string   `json:"unit,omitempty"`
		Columns []string `json:"columns"`
		Rows    [][]any  `json:"rows"`
	}{r.title, r.unit, r.columns, rows})
	return b.Bytes(), err
}

var texEscape = strings.NewReplacer(`\`, `\textbackslash{}`, "{", `\{`, "}", `\}`, "$", `\$`, "&", `\&`, "%", `\%`, "#", `\#`, "_", `\_`,
	"~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "−", "$-$", "·", `\textperiodcentered{}`, "–", "--")

// LaTeX is the figure's data as a table for a paper, with booktabs' rules; numbers
// are aligned and rounded as in the figure.
func (f *Figure) LaTeX() ([]byte, error) {
	if _, err := f.records(); err != nil {
		return nil, err
	}
	head, rows := f.data.rounded()
	var b strings.Builder
	fmt.Fprintf(&b, "%% %s\n\\begin{tabular}{", strings.Join(strings.Fields(f.data.caption()), " "))
	for k := range head {
		b.WriteByte(map[bool]byte{true: 'r', false: 'l'}[f.data.right(k)])
	}
	b.WriteString("}\n\\toprule\n")
	line := func(cells []string) {
		for k, c := range cells {
			if k > 0 {
				b.WriteString(" & ")
			}
			b.WriteString(texEscape.Replace(c))
		}
		b.WriteString(` \\` + "\n")
	}
	line(head)
	b.WriteString("\\midrule\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	return []byte(b.String()), nil
}

// caption names the data.
func (r records) caption() string {
	if r.unit == "" {
		return r.title
	}
	return strings.TrimSpace(r.title + " (" + r.unit + ")")
}

// words says whether column k holds text.
func (r records) words(k int) bool {
	if r.n == 0 {
		return true
	}
	_, ok := r.row(0)[k].(string)
	return ok
}

// rounded are the rows as they are read: numbers of a column with the same
// decimals.
func (r records) rounded() (head []string, rows [][]string) {
	if r.grid != nil {
		cells := r.grid.cells()
		return cells[0], cells[1:]
	}
	rows = make([][]string, r.n)
	lo, hi := make([]float64, len(r.columns)), make([]float64, len(r.columns))
	for i := range r.n {
		for k, v := range r.row(i) {
			if x, ok := v.(float32); ok && !math.IsInf(float64(x), 0) && !math.IsNaN(float64(x)) {
				lo[k], hi[k] = min(lo[k], float64(x)), max(hi[k], float64(x))
			}
		}
	}
	for i := range r.n {
		for k, v := range r.row(i) {
			s := ""
			switch v := v.(type) {
			case float32:
				s = cellFormat(lo[k], hi[k])(float64(v))
			case string:
				s = clean(v)
			default:
				s = fmt.Sprint(v)
			}
			rows[i] = append(rows[i], s)
		}
	}
	return r.columns, rows
}
