package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/cell"
	"github.com/golens/golens/kernel/nb/keep"
)

// newBuilder builds in the sources themselves.
func newBuilder(t testing.TB) *Builder {
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Go: "go", Dir: func() (string, error) { return dir, nil }, Work: t.TempDir(),
		Warm:  []string{cell.Keep, "fmt", "math", "strings", "errors", "os", "time", "flag", "sort", "slices", "math/rand/v2"},
		Stamp: func() string { return "" }})
}

// notebook runs cells without a kernel.
type notebook struct {
	t     *testing.T
	b     *Builder
	s     *cell.State
	count int
}

// run runs a cell and returns what it printed, its shown values and its error.
func (n *notebook) run(code string) string {
	n.t.Helper()
	n.count++
	if err := n.b.Refresh(context.Background()); err != nil {
		n.t.Fatal(err)
	}
	p, errs := n.s.Compose(cell.Split(code), n.count, n.b)
	if len(errs) > 0 {
		var lines []string
		for _, e := range errs {
			lines = append(lines, e.Error())
		}
		return "error: " + strings.Join(lines, "; ")
	}
	file, err := n.b.Build(context.Background(), p.Source, p.Imports)
	if err != nil {
		n.t.Fatalf("cell %d does not compile: %v\n%s", n.count, err, p.Source)
	}
	n.s.Commit(p)
	dir := n.b.cfg.Work
	for _, name := range []string{keep.ReportFile, keep.ResultFile, keep.ErrorFile} {
		os.Remove(filepath.Join(dir, name))
	}
	cmd := exec.Command(file)
	cmd.Env = append(os.Environ(), keep.Env+"="+dir)
	out, err := cmd.CombinedOutput()
	text := string(out)
	var report keep.Report
	if data, e := os.ReadFile(filepath.Join(dir, keep.ReportFile)); e == nil {
		if report, e = keep.ReadReport(data); e != nil {
			n.t.Fatal(e)
		}
	}
	kept := map[string]*cell.Kept{}
	for name, k := range report.Kept {
		kept[name] = (*cell.Kept)(&k)
	}
	n.s.Ended(p, err == nil, kept, report.WhyNot)
	if data, e := os.ReadFile(filepath.Join(dir, keep.ResultFile)); e == nil {
		forms, e := keep.ReadResult(data)
		if e != nil {
			n.t.Fatal(e)
		}
		for _, f := range forms {
			text += "=> " + string(f["text/plain"]) + "\n"
		}
	}
	if data, e := os.ReadFile(filepath.Join(dir, keep.ErrorFile)); e == nil {
		text += "error: " + string(data)
	} else if err != nil {
		text = "failed: " + text
	}
	if len(p.Remade) > 0 {
		text += "(again: " + strings.Join(p.Remade, " ") + ")"
	}
	return strings.TrimSpace(text)
}

// step is a cell and what comes of it.
type step struct{ code, want string }

func (n *notebook) have(steps []step) {
	n.t.Helper()
	for _, s := range steps {
		got := n.run(s.code)
		if got != s.want && !(strings.HasPrefix(s.want, "failed") && strings.HasPrefix(got, s.want)) {
			n.t.Errorf("cell %d:\n%s\n got %s\nwant %s", n.count, s.code, got, s.want)
		}
	}
}

func TestCells(t *testing.T) {
	n := &notebook{t: t, b: newBuilder(t), s: cell.NewState()}
	n.have([]step{
		{`fmt.Println("hi")`, "hi"},
		{`x := 3
y := "a"
x * 2`, "=> 6"},
		{`x, y`, "=> 3\n=> a"},
		{`x++`, ""},
		{`x;`, ""},
		{`x`, "=> 4"},
		{`x := fmt.Sprint(x, "!")
x`, "=> 4!"},
		{`func twice(n int) int { return 2 * n }`, ""},
		{`twice(twice(5))`, "=> 20"},
		{`var heavy = func() []int { fmt.Println("computing"); return []int{1, 2, 3} }()`, "computing"},
		{`heavy[0] = 7
len(heavy)`, "=> 3"},
		{`heavy`, "=> [7 2 3]"},
		{`m := map[string]int{}
m2 := m`, ""},
		{`m["a"] = 1`, ""},
		{`len(m2)`, "=> 1"},
		{`type Point struct{ X, Y int }

func (p Point) Norm() int { return p.X*p.X + p.Y*p.Y }
p := Point{3, 4}
p.Norm()`, "=> 25"},
		{`p.X`, "=> 3"},
		{`type Point struct{ A string }
Point{"a"}`, "=> {a}"},
		{`const (
	Red = iota
	Green
)
Red, Green`, "=> 0\n=> 1"},
		{`const Green = 7
Green`, "=> 7"},
		{`Red`, "=> 0"},
		{`import . "math"
Sqrt(16)`, "=> 4"},
		{`"after"`, "=> after"},
		{`Sqrt(25)`, "=> 5"},
		{`f := os.Open("/nonexistent")`, "error: open /nonexistent: no such file or directory"},
		{`f`, "error: line 1: undefined: f: cell 25, which declares it, failed: mend it and run it again"},
		{`os.ReadFile("/nonexistent")`, "error: open /nonexistent: no such file or directory"},
		{`n := strconv.Atoi("12")
n + 1`, "=> 13"},
		{`strings.ToUpper(string(os.ReadFile("/dev/null"))) + strings.Repeat("a", strconv.Atoi("3"))`, "=> aaa"},
		{`add := func(a int) int { return a + n }`, ""},
		{`n = 100
add(1)`, "=> 101\n(again: add)"},
		{`a, err := strconv.Atoi("1")
b, err := strconv.Atoi("x")
a, b, err`, "=> 1\n=> 0\n=> strconv.Atoi: parsing \"x\": invalid syntax"},
		{`err`, "=> strconv.Atoi: parsing \"x\": invalid syntax"},
		{`fmt.Println(late)
var late = early + 1
var early = 2`, "3"},
		{`panic("no")
var lost = 1`, "failed: panic: no"},
		{`%%
local := 3
fmt.Println(local)`, "3"},
		{`local`, "error: line 1: undefined: local"},
		{`for i := 0; i < 2; i++ {
	fmt.Println(i)
}`, "0\n1"},
		{`v := 1
v := 2`, "error: line 2: no new variables on left side of :="},
		{`fmt.Println(later)
later := 1`, "error: line 1: undefined: later"},
		{`%%
fmt.Println(1)
%%
fmt.Println(2)`, "1\n2"},
		{`func main() { fmt.Println("main") }`, "main"},
		{`rows := [][]float64{{1, 2}, {3}}
first := rows[0]`, ""},
		{`first[1] = 9
rows`, "=> [[1 9] [3]]"},
		{`undefinedThing`, "error: line 1: undefined: undefinedThing"},
		{`q := []any{1, "a", Point{"b"}, &Point{"c"}}`, ""},
		{`q[2], q[3].(*Point).A`, "=> {b}\n=> c"},
		{`type Point struct{ B int }`, ""},
		{`fmt.Println("fine")`, "fine"},
		{`rand.IntN(1)`, "=> 0"},
		{`var unused int
var buf bytes.Buffer
buf.WriteString("abc")`, ""},
		{`buf.String()`, "=> abc"},
		{`count := 0
inc := func() { count++ }
inc()
inc()
count`, "=> 2"},
		{`count`, "=> 2"},
		{`g := func() int { return h() }
func h() int { return z }
z := 5
g()`, "=> 5"},
		{`k := useZ()
func useZ() int { return zz }
zz := 5`, "error: line 3: what line 1 calls uses zz, which line 3 sets: set it before"},
	})
}

func TestGoOfEveryKind(t *testing.T) {
	n := &notebook{t: t, b: newBuilder(t), s: cell.NewState()}
	n.have([]step{
		{``, ""},
		{`// nothing`, ""},
		{`type Color int
const (
	Red Color = iota
	Green
)
func (c Color) String() string { return [...]string{"red", "green"}[c] }`, ""},
		{`Green`, "=> green"},
		{`c := Green`, ""},
		{`c, Red`, "=> green\n=> red"},
		{`func Map[T, U any](in []T, f func(T) U) (out []U) {
	for _, x := range in {
		out = append(out, f(x))
	}
	return out
}
type Stack[T any] struct{ items []T }
func (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }
var s Stack[string]
s.Push("a")`, ""},
		{`s.Push("b")
s, Map([]int{1, 2}, func(i int) string { return fmt.Sprint(i * i) })`, "=> {[a b]}\n=> [1 4]"},
		{`type Shape interface{ Area() float64 }
type Square struct{ side float64 }
func (s Square) Area() float64 { return s.side * s.side }
var shape Shape = Square{2}`, ""},
		{`shape.Area()`, "=> 4"},
		{`func area() float64 { return shape.Area() }`, ""},
		{`shape = Square{3}
area()`, "=> 9"},
		{`func (s Square) Area() float64 { return -1 }`, ""},
		{`area()`, "=> -1"},
		{`type A = []Square
var a A = A{{1}}`, ""},
		{`a`, "=> [{1}]"},
		{`defer fmt.Println("at the end")
fmt.Println("first")`, "first\nat the end"},
		{`outer:
for i := range 3 {
	for {
		if i == 1 {
			break outer
		}
		continue outer
	}
}`, ""},
		{`if v := 3; v > 2 {
	fmt.Println("yes")
} else {
	fmt.Println("no")
}`, "yes"},
		{`v, ok := map[string]int{"x": 5}["x"]
v, ok`, "=> 5\n=> true"},
		{`_, found := map[string]int{}["x"]
found`, "=> false"},
		{`var wg sync.WaitGroup
var mu sync.Mutex
total := 0
for i := range 10 {
	wg.Add(1)
	go func() { defer wg.Done(); mu.Lock(); total += i; mu.Unlock() }()
}
wg.Wait()
total`, "=> 45"},
		{`total`, "=> 45"},
		{`fmt.Println("before")
return
fmt.Println("after")`, "before"},
		{`type Tree struct{ Left, Right *Tree; Value int }
root := &Tree{Value: 1}
root.Left = &Tree{Value: 2}
left := root.Left`, ""},
		{`left.Value = 7
root.Left.Value`, "=> 7"},
		{`import m "math"
m.Pi > 3`, "=> true"},
		{`func cube(x float64) float64 { return m.Pow(x, 3) }`, ""},
		{`cube(2)`, "=> 8"},
		{`const big = 1 << 40
big`, "=> 1099511627776"},
		{`err := errors.New("an error")
err`, "=> an error"},
		{`err = nil
err == nil`, "=> true"},
		{`f := cube
f(3)`, "=> 27"},
		{`f(1)`, "=> 1\n(again: f)"},
		{`now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)`, ""},
		{`now.Year(), now`, "=> 2026\n=> 2026-01-02 03:04:05 +0000 UTC"},
		{`x := 1
{
	x := 2
	_ = x
}
x`, "=> 1"},
		{`x := x + 1
y := x * 10
x, y`, "=> 2\n=> 20"},
		{`var x = 100; x`, "=> 100"},
		{`var z int
z`, "=> 0"},
		{`z = 3;`, ""},
		{`z`, "=> 3"},
		{`var p, q = 1, "q"`, ""},
		{`p := 2.5
p, q`, "=> 2.5\n=> q"},
		{`type Square struct{ side, other float64 }`, ""},
		{`shape`, "error: line 4: cannot use Square{…} (value of struct type Square) as Shape value in variable declaration: Square does not implement Shape (missing method Area): Square was declared anew, without its methods; declare Area of cell 13 again; line 4: too few values in struct literal of type Square"},
		{`type Tree struct{ Value string }
root.Value`, "error: line 2: cannot use 1 (untyped int constant) as string value in struct literal"},
		{`func after() int { return p2 }
p2 := 4
after()`, "=> 4"},
		{`p2 = 5
after()`, "=> 5"},
		{`os.Exit(0)`, ""},
		{`<-time.After(time.Millisecond);`, ""},
		{`[]int{1, 2, 3}[1:]`, "=> [2 3]"},
		{`func() int { return 4 }()`, "=> 4"},
		{`struct{ X, Y int }{1, 2}`, "=> {1 2}"},
		{`anon := struct{ X int }{3}`, ""},
		{`anon.X`, "=> 3"},
		{`var table = map[string][]float64{"a": {1}}`, ""},
		{`table["b"] = append(table["a"], 2)`, ""},
		{`table`, "=> map[a:[1] b:[1 2]]"},
		{`text := "shadows a package's name"
len(text)`, "=> 24"},
		{`ch := make(chan int, 1)
ch <- 3
<-ch`, "=> 3"},
		{`a1 := 1; b1 := 2; a1 + b1`, "=> 3"},
		{`"a" +
	"b"`, "=> ab"},
		{`switch {
case true:
	fmt.Println("case")
}`, "case"},
		{`(!true)`, "=> false"},
		{`-1`, "=> -1"},
		{`(3)`, "=> 3"},
		{`*root.Left`, "=> {<nil> <nil> 7}"},
		{`func init() { fmt.Println("init") }
fmt.Println("body")`, "init\nbody"},
		{`fmt.Println("no init")`, "no init"},
		{`func init_seed() { fmt.Println("each time") }`, "each time"},
		{`fmt.Println("body")`, "each time\nbody"},
	})
}

// What cannot be kept is made again of what its names meant before the cell.
func TestMadeAgain(t *testing.T) {
	n := &notebook{t: t, b: newBuilder(t), s: cell.NewState()}
	n.have([]step{
		{`n := &struct{ at int }{2}
add := wrap(n.at)
func wrap(by int) func(int) int { return func(a int) int { return a + by } }
add(1)`, "=> 3"},
		{`n := &struct{ at int }{7}
n.at, add(1)`, "=> 7\n=> 3\n(again: add)"},
		{`func at() int { return n.at }
named := wrap(at())
named(1)`, "=> 8"},
		{`n := &struct{ at int }{9}
named(1)`, "error: line 1: named cannot be kept and is made again, by functions that use the n of before: give this one another name, or set it in a cell of its own"},
	})
}
