package keep

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reload saves variables by their pointers and loads them into new ones.
func reload(t *testing.T, pointers ...any) ([]any, Report) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv(Env, dir)
	var vars []Var
	for i, p := range pointers {
		vars = append(vars, V(fmt.Sprint("v", i), "", p))
	}
	Save(vars...)
	data, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReadReport(data)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	var again []Var
	for i, p := range pointers {
		n := reflect.New(reflect.TypeOf(p).Elem()).Interface()
		out = append(out, n)
		if k, ok := r.Kept[fmt.Sprint("v", i)]; ok {
			again = append(again, V(fmt.Sprint("v", i), k.Key, n))
		}
	}
	exit = func(int) {
		text, _ := os.ReadFile(filepath.Join(dir, ErrorFile))
		t.Fatalf("ended: %s", text)
	}
	defer func() { exit = os.Exit }()
	Load([]any{(*Pair)(nil), (*map[string]any)(nil), (*[]any)(nil), (**Pair)(nil)}, again...)
	return out, r
}

type Pair struct {
	A int
	b string
}

type node struct {
	next *node
	list []*node
	any  any
}

func TestValuesComeBack(t *testing.T) {
	_, offset := time.Now().Zone()
	for _, v := range []any{
		1, -2.5, true, "text", complex(1, 2), [3]uint8{1, 2, 3}, Pair{1, "b"}, &Pair{2, "c"}, []Pair{{1, "x"}, {2, "y"}},
		[]int(nil), []int{}, []float32{1, 2}, map[string]int{"a": 1, "b": 2}, map[string]int(nil), map[Pair][]string{{1, "b"}: {"q"}},
		[]any{1, "a", 2.5, nil, Pair{3, "d"}, &Pair{4, "e"}, map[string]any{"k": []any{true}}}, struct{}{}, []struct{}{{}, {}},
		time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), time.Unix(1, 0), time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("X", offset+3600)),
		*big.NewInt(0).Exp(big.NewInt(7), big.NewInt(300), nil), [][]float64{{1, 2}, {3}, nil, {}},
		struct {
			X *int
			Y func()
			Z chan int
		}{}, new(int), []string{"", "a"}, error(nil),
	} {
		p := reflect.New(reflect.TypeOf(&v).Elem())
		if v != nil {
			p = reflect.New(reflect.TypeOf(v))
			p.Elem().Set(reflect.ValueOf(v))
		}
		got, r := reload(t, p.Interface())
		if len(r.WhyNot) > 0 {
			t.Errorf("%T: %v", v, r.WhyNot)
			continue
		}
		if !reflect.DeepEqual(reflect.ValueOf(got[0]).Elem().Interface(), p.Elem().Interface()) {
			t.Errorf("%T %v comes back as %v", v, v, reflect.ValueOf(got[0]).Elem())
		}
	}
	re := regexp.MustCompile(`a(b+)c`)
	got, r := reload(t, &re)
	if len(r.WhyNot) > 0 || (*got[0].(**regexp.Regexp)).FindString("xabbbc") != "abbbc" {
		t.Errorf("a regular expression: %v", r.WhyNot)
	}
}

func TestMemoryIsSharedAgain(t *testing.T) {
	a := []int{1, 2, 3, 4}
	b := a[1:3]
	p := &a[2]
	m := map[string]int{"x": 1}
	m2 := m
	q := &Pair{1, "z"}
	field := &q.A
	n := &node{}
	n.next = &node{next: n, list: []*node{n}}
	self := &a
	got, r := reload(t, &a, &b, &p, &m, &m2, &q, &field, &n, &self)
	if len(r.WhyNot) > 0 {
		t.Fatal(r.WhyNot)
	}
	a2, b2, p2 := got[0].(*[]int), got[1].(*[]int), got[2].(**int)
	(*b2)[1] = 33
	if (*a2)[2] != 33 || **p2 != 33 {
		t.Errorf("a change of %v is not seen in %v and %v", *b2, *a2, **p2)
	}
	if cap(*b2) != 3 {
		t.Errorf("room for %d", cap(*b2))
	}
	(*got[4].(*map[string]int))["y"] = 2
	if len(*got[3].(*map[string]int)) != 2 {
		t.Error("a map was doubled")
	}
	**got[6].(**int) = 5
	if (*got[5].(**Pair)).A != 5 {
		t.Error("a field was doubled")
	}
	n2 := *got[7].(**node)
	if n2.next.next != n2 || n2.next.list[0] != n2 {
		t.Error("a circle is none")
	}
	if *got[8].(**[]int) != a2 {
		t.Error("a pointer to a variable points elsewhere")
	}
	for _, test := range []struct{ name, want string }{{"v0", "v0 v1 v2 v8"}, {"v3", "v3 v4"}, {"v5", "v5 v6"}, {"v7", "v7"}} {
		if got := strings.Join(r.Kept[test.name].Group, " "); got != test.want {
			t.Errorf("%s lies with %s, want %s", test.name, got, test.want)
		}
	}
}

type hidden struct{ x int }

type shower interface{ show() }

func (hidden) show() {}

func TestWhatIsNotMemoryIsNotKept(t *testing.T) {
	f := func() {}
	c := make(chan int)
	r := io.Reader(os.Stdin)
	h := []any{struct{ f func() }{f}}
	var s shower = hidden{1}
	well := 3
	_, rep := reload(t, &f, &c, &os.Stdout, &r, &h, &well, &s)
	for name, want := range map[string]string{"v0": "a func() cannot", "v1": "a chan int cannot", "v2": "a os.File cannot",
		"v4": "inside of an interface"} {
		if !strings.Contains(rep.WhyNot[name], want) {
			t.Errorf("%s: %q, want %q", name, rep.WhyNot[name], want)
		}
	}
	if _, ok := rep.Kept["v5"]; !ok {
		t.Error("what can be kept is not")
	}
}

func TestErrorsAreKeptAsText(t *testing.T) {
	err := fmt.Errorf("a: %w", io.EOF)
	got, _ := reload(t, &err)
	if e := *got[0].(*error); e == nil || e.Error() != "a: EOF" {
		t.Errorf("got %v", e)
	}
}

type door struct {
	number int
	f      func()
}

func (d *door) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(d.number)), nil }

func (d *door) UnmarshalText(text []byte) (err error) {
	d.f = func() {}
	d.number, err = strconv.Atoi(string(text))
	return err
}

func TestHandlesAreKeptByTheirText(t *testing.T) {
	a := &door{number: 3, f: func() {}}
	b := struct{ d, e *door }{a, &door{number: 4}}
	got, r := reload(t, &a, &b)
	if len(r.WhyNot) > 0 || len(r.Kept["v0"].Group) != 1 {
		t.Fatalf("%+v", r)
	}
	c := got[1].(*struct{ d, e *door })
	if d := *got[0].(**door); d.number != 3 || d.f == nil || c.d != d || c.e.number != 4 {
		t.Errorf("got %+v, %+v", d, c)
	}
}

func TestDynamicTypesAreNamed(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{{&big.Int{}, "*{math/big}.Int"}, {[]any{}, "[]any"}, {map[string][2]float32{}, "map[string][2]float32"}, {time.Second, "{time}.Duration"}} {
		if got, err := dynamic(reflect.TypeOf(test.v)); got != test.want || err != nil {
			t.Errorf("%T: %q, %v", test.v, got, err)
		}
	}
	if got, err := dynamic(reflect.TypeFor[hidden]()); err == nil {
		t.Errorf("a hidden type is %s", got)
	}
}

func TestResults(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Env, dir)
	Result(1, "a", errors.New("e"))
	data, _ := os.ReadFile(filepath.Join(dir, ResultFile))
	list, err := ReadResult(data)
	if err != nil || len(list) != 3 || string(list[2]["text/plain"]) != "e" {
		t.Errorf("%s, %v", data, err)
	}
	status := 0
	exit = func(s int) { status = s }
	defer func() { exit = os.Exit }()
	ResultOrEnd(2, error(nil))
	if status != 0 {
		t.Error("ended without an error")
	}
	ResultOrEnd(2, errors.New("head 12"))
	Must(0, errors.New("head 13"))
	text, _ := os.ReadFile(filepath.Join(dir, ErrorFile))
	if status != 1 || string(text) != "head 13" {
		t.Errorf("status %d, %q", status, text)
	}
}

func FuzzDecode(f *testing.F) {
	dir := f.TempDir()
	f.Setenv(Env, dir)
	n := &node{any: []any{1}}
	n.next = n
	g := groups([]Var{V("n", "", &n)}, map[string]string{})
	data, _, err := encode(g[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1000 {
			return
		}
		var n *node
		_ = decode(data, []Var{V("n", "", &n)}, nil) // no panic
		_, _ = ReadReport(data)
		_, _ = ReadResult(data)
	})
}
