package cell

import (
	"fmt"
	"strings"
	"testing"
)

// What the compiler says of a cell names cells, in the order in which it says it, and
// what a cell can do about what an earlier one did.
func TestMessagesNameCells(t *testing.T) {
	for _, test := range []struct{ cells, want string }{
		{"func dup() {}\nfunc dup() {}", "1:2 dup redeclared in this block; other declaration of dup: cell 1, line 1"},
		{"switch 1 {\ncase 1:\ncase 1:\n}", "1:3 duplicate case 1 (constant of type int) in expression switch; previous case: cell 1, line 2"},
		{"func Map[A, B any](xs []A, f func(A) B) {}---Map([]int{1}, 3)", "2:1 in call to Map, cannot infer B (declared at cell 1, line 1)"},
		{"type T struct{ A int }\nfunc (t T) Get() int { return t.A }---type T struct{ A, B int }---T{1, 2}.Get()",
			"3:1 T{…}.Get undefined (type T has no field or method Get): T was declared anew, without its methods; declare Get of cell 1 again"},
		{"type T struct{ A int }\nfunc (t *T) Get() {}---type I interface{ Get() }\ntype T int---var i I = new(T)",
			"3:1 cannot use new(T) (value of type *T) as I value in variable declaration: *T does not implement I (missing method Get): T was declared anew, without its methods; declare Get of cell 1 again"},
		{"type T struct{ A int }\nfunc (t T) Get() int { return t.A }---type T int---func (t T) Get() int { return 1 }---T(1).Put()",
			"4:1 T(1).Put undefined (type T has no field or method Put)"},
		{"len := 3---len([]int{1})", "2:1 invalid operation: cannot call len (variable of type int): int is not a function: cell 1 declares len; %rm len brings Go's back"},
		{"const true = 1---if true {\n}", "2:1 non-boolean condition in if statement: cell 1 declares true; %rm true brings Go's back"},
		{"nosuch", "1:1 undefined: nosuch"},
	} {
		s, got := NewState(), ""
		for i, code := range strings.Split(test.cells, "---") {
			p, errs := s.Compose(Split(code), i+1, noPackages{})
			if len(errs) == 0 {
				s.Commit(p)
				s.Ended(p, true, nil, nil)
				continue
			}
			var all []string
			for _, e := range errs {
				if e.Cell == 0 { // the packages that show values are not here
					continue
				}
				all = append(all, fmt.Sprintf("%d:%d %s", e.Cell, e.Line, e.Msg))
			}
			got = strings.Join(all, "\n")
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.cells, got, test.want)
		}
	}
}
