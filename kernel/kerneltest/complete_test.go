package kerneltest_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
)

// ask asks on the shell channel and returns the reply's content.
func ask(t *testing.T, s *session.Session, kind string, content any) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	id, err := s.Post(session.Shell, kind+"_request", content)
	if err != nil {
		t.Fatal(err)
	}
	for {
		channel, m, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if channel == session.Shell && m.ParentID() == id {
			var c map[string]any
			if err := json.Unmarshal(m.Content, &c); err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
}

// askUntil asks again until the answer is good, and returns the last: on a busy machine
// the language server answers too late for the first.
func askUntil(t *testing.T, s *session.Session, kind string, content any, good func(map[string]any) bool) map[string]any {
	t.Helper()
	for began := time.Now(); ; {
		c := ask(t, s, kind, content)
		if good(c) || time.Since(began) > 4*time.Minute {
			return c
		}
	}
}

func TestCompletion(t *testing.T) {
	s := kerneltest.Start(t, kerneltest.Gopls)
	start := time.Now()
	ask(t, s, "complete", map[string]any{"code": "fmt.Prin", "cursor_pos": 8})
	t.Logf("the first completion took %v", time.Since(start).Round(time.Millisecond))
	mustRun(t, s, "größe := 1\ngross := struct{ Länge, Breite int }{1, 2}\ntype Haus struct{ Höhe int }\nfunc (h Haus) Fläche() int { return h.Höhe }", "")
	for _, test := range []struct{ name, code, want string }{ // ‸ is the cursor, want a match and what it stands in for
		{"a package's", "fmt.Prin‸", "Println Prin"},
		{"after an accent", "%%\ns := \"é\"; fmt.Prin‸", "Println Prin"},
		{"after Chinese and an emoji", "s := \"日本👍\"; fmt.Prin‸", "Println Prin"},
		{"in a name", "grö‸", "größe grö"},
		{"a field", "gross.Lä‸", "Länge Lä"},
		{"a field in unfinished code", "for i := range 3 {\n\tfmt.Println(gross.‸", "Breite "},
		{"a method", "Haus{1}.Fl‸", "Fläche Fl"},
		{"of the cell itself", "länge := 3\nlä‸\nfmt.Println()", "länge lä"},
		{"a package that is not imported", "strings.ToUp‸", "ToUpper ToUp"},
		{"in a function", "func f() int {\n\treturn grö‸\n}", "größe grö"},
		{"Windows' lines", "x := 1\r\nfmt.Prin‸\r\n", "Println Prin"},
		{"a model", `m := model.Open("zoo:ind‸")`, "zoo:induction zoo:ind"},
		{"a command", "%tim‸", "%timeit %tim"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.code, "‸")
			at := utf8.RuneCountInString(before)
			match, replaced, _ := strings.Cut(test.want, " ")
			var matches []any
			got := askUntil(t, s, "complete", map[string]any{"code": before + after, "cursor_pos": at}, func(got map[string]any) bool {
				matches, _ = got["matches"].([]any)
				return slices.Contains(matches, any(match))
			})
			if !slices.Contains(matches, any(match)) {
				t.Fatalf("no %s among %v", match, matches)
			}
			from, _ := got["cursor_start"].(float64)
			if r := string([]rune(before)[int(from):]); r != replaced || got["cursor_end"] != float64(at) {
				t.Errorf("stands in for %q until %v, want %q until %d", r, got["cursor_end"], replaced, at)
			}
		})
	}
	for _, test := range []struct{ name, code, want string }{
		{"a function", "s := \"é\"; fmt.Print‸ln(1)", "func fmt.Println(a ...any)"},
		{"behind its bracket", "fmt.Println(‸)", "func fmt.Println(a ...any)"},
		{"a variable of an earlier cell", "gro‸ss", "var gross struct"},
		{"a command", "%ti‸me x()", "%timeit [STATEMENT]"},
		{"nothing", "‸", ""},
	} {
		t.Run("inspect "+test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.code, "‸")
			var text string
			content := map[string]any{"code": before + after, "cursor_pos": utf8.RuneCountInString(before), "detail_level": 0}
			got := askUntil(t, s, "inspect", content, func(got map[string]any) bool {
				data, _ := got["data"].(map[string]any)
				text, _ = data["text/plain"].(string)
				return (test.want != "") == (text != "")
			})
			if !strings.Contains(text, test.want) || (test.want != "") != (got["found"] == true) {
				t.Errorf("got %v", got)
			}
		})
	}
}
