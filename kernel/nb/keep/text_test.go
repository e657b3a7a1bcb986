package keep

import (
	"strings"
	"testing"
	"time"
)

type list []any

type tree struct {
	name string
	subs map[string]tree
	up   *tree
}

func TestValuesAsText(t *testing.T) {
	m := map[string]any{"a": 1}
	m["m"] = m
	l := list{1, nil}
	l[1] = l
	branches := map[string]tree{}
	branches["x"] = tree{"x", branches, nil}
	behind := &tree{name: "y"}
	behind.up = behind
	shared := []any{1}
	zero := []struct{}{}
	for _, test := range []struct {
		name string
		v    any
		want string
	}{
		{"nil", nil, "<nil>"},
		{"a map in itself", m, "a map[string]interface {} that lies in itself: show parts of it"},
		{"a pointer to it", &m, "a *map[string]interface {} that lies in itself: show parts of it"},
		{"a list in itself", l, "a keep.list that lies in itself: show parts of it"},
		{"in a field that is not exported", branches["x"], "a keep.tree that lies in itself: show parts of it"},
		{"twice, but not in itself", []any{shared, shared}, "[[1] [1]]"},
		{"empty", []any{[]any{}, []any{zero, zero}}, "[[] [[] []]]"},
		{"a method tells", []any{time.Second, time.UTC}, "[1s UTC]"},
		{"numbers", []float64{1, 2}, "[1 2]"},
	} {
		if got := asText(test.v); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := asText(behind); !strings.HasPrefix(got, "&{y map[] 0x") {
		t.Errorf("what lies in itself behind a pointer is %q", got)
	}
	if got := asText(make([]int, 1<<20)); len(got) > textLimit+100 || !strings.HasSuffix(got, " 0… (2048 KB: show parts of it, or write it to a file)") && !strings.HasSuffix(got, "0 … (2048 KB: show parts of it, or write it to a file)") {
		t.Errorf("%d bytes, which end with %q", len(got), got[len(got)-80:])
	}
}
