package kerneltest_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
)

// A program that reads gets what a person types, and an end where nobody can.
func TestInput(t *testing.T) {
	s := kerneltest.Start(t)
	lines := []string{"Ada", "", "42 43", "from cat"}
	asked := 0
	typed := func(string) string {
		asked++
		if asked > len(lines) {
			return "more"
		}
		return lines[asked-1]
	}
	for _, test := range []struct {
		name, code, want string
		asked            int
	}{
		{"a scanner", `in := bufio.NewScanner(os.Stdin)
in.Scan()
fmt.Printf("%q", in.Text())
in.Scan()
fmt.Printf("%q", in.Text())`, `"Ada"""`, 2},
		{"fmt.Scan", "var a, b int\nfmt.Scan(&a, &b)\nfmt.Print(a + b)", "85", 3},
		{"a shell", "!read x; echo got $x", "got from cat\n", 4},
		{"no reader", "fmt.Print(1)", "1", 4},
		{"nobody can type", "var a int\nfmt.Print(fmt.Scan(&a))", "0 EOF", 4},
		{"nobody can type into a shell", "!cat; echo over", "over\n", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := session.Limits{Input: typed, Time: 10 * time.Minute}
			if strings.HasPrefix(test.name, "nobody") {
				limits.Input = nil
			} else if runtime.GOOS != "linux" {
				t.Skip("only on Linux is it seen that a program waits")
			}
			out, err := s.Execute(context.Background(), test.code, limits, nil)
			text := ""
			for _, o := range out.List {
				text += o.Text
			}
			if err != nil || text != test.want || asked != test.asked {
				t.Errorf("%q, %v, asked %d times; want %q, %d times", text, err, asked, test.want, test.asked)
			}
		})
	}
}
