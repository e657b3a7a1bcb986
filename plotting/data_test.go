package plotting

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataOfAFigure(t *testing.T) {
	x := residual()
	x.vals[0], x.vals[1] = float32(math.NaN()), 0.1234567
	f := Heatmap(x)
	b, err := f.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil || len(rows) != 1+len(x.vals) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range []string{"layer,position,patching the residual stream", "0,<bos>,", "0,The,0.1234567", "0, cat,"} {
		if got := strings.Join(rows[i], ","); !strings.HasPrefix(got, want) {
			t.Errorf("row %d: got %q, want %q: all digits, and labels as they are", i, got, want)
		}
	}
	b, err = f.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Title, Unit string
		Columns     []string
		Rows        [][]any
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if d.Unit != x.unit || len(d.Rows) != len(x.vals) || d.Rows[0][2] != nil || math.Abs(d.Rows[1][2].(float64)-0.1234567) > 1e-9 {
		t.Errorf("got %+v", d.Rows[:2])
	}
}

func TestTable(t *testing.T) {
	f := Table(fake{shape: []int{2, 2}, vals: []float32{0.5, -12.25, 3, 4}, names: []string{"layer", "a_b"}, labels: [][]string{nil, {"50% & <b>", "x"}}, title: "effects", unit: "logits"})
	tex, err := f.LaTeX()
	if err != nil {
		t.Fatal(err)
	}
	const want = `% effects (logits)
\begin{tabular}{lrr}
\toprule
layer\textbackslash{}a\_b & 50\% \& <b> & x \\
\midrule
0 & 0.5 & $-$12.2 \\
1 & 3.0 & 4.0 \\
\bottomrule
\end{tabular}
`
	if string(tex) != want {
		t.Errorf("got %s", tex)
	}
	m, err := f.MIME()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<caption", "effects (logits)", `<th scope="col" style="text-align:right;font-variant-numeric:tabular-nums">50% &amp; &lt;b&gt;</th>`, ">−12.2</td>"} {
		if !strings.Contains(string(m["text/html"]), want) {
			t.Errorf("the HTML lacks %s:\n%s", want, m["text/html"])
		}
	}
	if m["image/svg+xml"] != nil {
		t.Error("a report would show the drawing, not the table")
	}
	long := Table(fake{shape: []int{2, 100, 3}, vals: noise(600, 0, 1), names: []string{"layer", "head", "position"}})
	dir := t.TempDir()
	for _, ext := range []string{".csv", ".tex", ".json", ".html", ".txt"} {
		if err := long.Save(filepath.Join(dir, "t"+ext)); err != nil {
			t.Error(err)
		}
	}
	if err := long.Save(filepath.Join(dir, "t.png")); err == nil || !strings.Contains(err.Error(), "save it as .csv") {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "t.csv")); strings.Count(string(b), "\n") != 601 {
		t.Error("the CSV is not whole")
	}
}

// TestValuesKeepTheirDigits: beside a large number a small one does not read 0.
func TestValuesKeepTheirDigits(t *testing.T) {
	for _, c := range []struct {
		vals []float32
		want string
	}{
		{[]float32{0.0004, -0.0004, 0.4, 12345.678}, "0.0004 −0.0004 0.40 12346"},
		{[]float32{1e38, -3e38, 3e38, 2}, "1e38 −3e38 3e38 2.00"},
		{[]float32{0.004, -0.004, 0.5, 0}, "0.00 0.00 0.50 0.00"},
		{[]float32{40, 0.02, 0, -0.04}, "40.0 0.020 0.0 −0.040"},
	} {
		f := Heatmap(fake{shape: []int{1, 4}, vals: c.vals}, Values(true))
		lines := strings.Split(strings.TrimSpace(f.Text()), "\n")
		if got := strings.Join(strings.Fields(lines[len(lines)-1])[1:], " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestScoresFillTheirRange(t *testing.T) {
	half := fake{shape: []int{1, 2}, vals: []float32{0.1, 0.5}, names: []string{"layer", "head"}, unit: "attention"}
	if f := HeadMap(half); f.lo != 0 || f.hi != 1 {
		t.Errorf("attention runs from %v to %v", f.lo, f.hi)
	}
	half.unit = "logits"
	if f := HeadMap(half); f.hi != 0.5 {
		t.Errorf("logits run to %v", f.hi)
	}
	if f := Attention(fake{shape: []int{2, 2}, vals: []float32{0.5, 0, 0.2, 0.3}}); f.hi != 1 {
		t.Errorf("a pattern runs to %v", f.hi)
	}
}

// TestGridSharesColours: the same value has the same colour in all maps.
func TestGridSharesColours(t *testing.T) {
	a := fake{shape: []int{1, 2}, vals: []float32{1, 2}, names: []string{"layer", "head"}, unit: "logits"}
	b := fake{shape: []int{1, 2}, vals: []float32{-4, 2}, names: a.names, unit: "logits"}
	s := Grid([]*Figure{HeadMap(a), HeadMap(b)}).scene
	fills := map[string]color{}
	for _, m := range s.marks {
		for _, k := range m.(moved).scene.marks {
			if c, ok := k.(box); ok && c.tip != "" {
				v := c.tip[strings.Index(c.tip, ": "):]
				if was, ok := fills[v]; ok && was != c.fill {
					t.Errorf("%s has two colours", v)
				}
				fills[v] = c.fill
			}
		}
	}
	if len(fills) != 3 {
		t.Errorf("got %v", fills)
	}
	if err := Grid([]*Figure{HeadMap(a), nil}).Err(); err == nil || !strings.Contains(err.Error(), "figure 2") {
		t.Errorf("got %v", err)
	}
}

func TestIdentityLine(t *testing.T) {
	x := fake{shape: []int{3}, vals: []float32{1, 2, 3}, unit: "logits"}
	y := x
	y.unit = "nats"
	dashed := func(f *Figure) bool {
		for _, m := range f.scene.marks {
			if p, ok := m.(path); ok && len(p.dash) > 0 {
				return true
			}
		}
		return false
	}
	if !dashed(Scatter(x, x)) || dashed(Scatter(x, y)) || !dashed(Scatter(x, y, Diagonal())) {
		t.Error("want a line of equal values where the units are the same")
	}
}

func TestTitlesAreNeverCut(t *testing.T) {
	title := strings.Repeat("a title of many words ", 30) + strings.Repeat("x", 200)
	f := HeadMap(induction(), Title(title))
	got := ""
	for _, m := range f.scene.marks {
		if l, ok := m.(text); ok && l.bold {
			got += l.s
			if l.length <= 0 || l.x+l.length > f.scene.w {
				t.Errorf("%q is %v wide in %v", l.s, l.length, f.scene.w)
			}
		}
	}
	if strip := strings.NewReplacer(" ", ""); strip.Replace(got) != strip.Replace(title) {
		t.Errorf("got %q", got)
	}
}

// Names of axes, panels, columns and classes are whole, and inside of the figure,
// however little there is to name.
func TestNamesAreNeverCut(t *testing.T) {
	const along, across, unit = "position of the signal", "token that carries it", "logits of the answer"
	grid := func(shape ...int) fake {
		names := []string{along, across}
		if len(shape) == 3 {
			names = []string{"panel", along, across}
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := fake{shape: shape, names: names, vals: make([]float32, n), unit: unit}
		for i := range x.vals {
			x.vals[i] = float32(i)
		}
		if len(shape) == 3 {
			x.labels = [][]string{{"what the first head says", "what the second head says"}}
		}
		return x
	}
	lines := grid(2, 3)
	lines.labels = [][]string{{"a mover of names that come second and of others that come first", "b"}}
	graph := fakeGraph{columns: []string{"the first of the subjects", "END"}}
	graph.add("a class of heads that has a very long name", "the first of the subjects", []int{0}, "0.1")
	graph.add("b", "END", []int{1}, "1.1")
	for name, c := range map[string]struct {
		f    *Figure
		want []string
	}{
		"one row":      {Heatmap(grid(1, 1)), []string{along, across}},
		"two rows":     {Heatmap(grid(2, 3)), []string{along, across}},
		"one column":   {Heatmap(grid(9, 1)), []string{along, across}},
		"small":        {Heatmap(grid(2, 3), Size(160, 120)), []string{along, across}},
		"panels":       {Heatmap(grid(2, 2, 2)), []string{along, across, "what the second head says"}},
		"small panels": {Heatmap(grid(2, 2, 2), Size(200, 100)), []string{along, across, "what the second head says"}},
		"lines":        {Lines(lines), []string{across, unit, lines.labels[0][0]}},
		"low lines":    {Lines(lines, Size(300, 100)), []string{across, unit}},
		"bars":         {Bars(grid(2)), []string{along, unit}},
		"low bars":     {Bars(grid(2), Size(200, 100)), []string{along, unit}},
		"scatter":      {Scatter(grid(3), grid(3), Size(160, 120)), []string{unit}},
		"graph":        {Circuit(graph), []string{"the first of the subjects", "a class of heads that has a very long name"}},
		"level graph":  {Circuit(graph, Horizontal()), []string{"the first of the subjects", "a class of heads that has a very long name"}},
	} {
		if err := c.f.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var all []string
		for _, m := range c.f.scene.marks {
			l, ok := m.(text)
			if !ok {
				continue
			}
			all = append(all, l.s)
			w := measured(l.s, l.size, l.bold)
			from := map[anchor]float64{middle: -w / 2, end: -w}[l.anchor]
			x, y, right, bottom := l.x+from, l.y-0.7*l.size, l.x+from+w, l.y
			if l.up {
				x, y, right, bottom = l.x-0.7*l.size, l.y-from-w, l.x, l.y-from
			}
			if s := c.f.scene; x < 0 || y < 0 || right > s.w || bottom > s.h {
				t.Errorf("%s: %q from %.0f, %.0f to %.0f, %.0f lies outside of %.0f × %.0f", name, l.s, x, y, right, bottom, s.w, s.h)
			}
		}
		got := strings.Join(all, " ")
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %q", name, want, got)
			}
		}
	}
}
