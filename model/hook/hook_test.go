package hook_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model/hook"
)

// Every name can be read back, and means the same.
func TestNamesRoundTrip(t *testing.T) {
	for _, k := range hook.Kinds() {
		p := hook.Point{ID: hook.ID{Kind: k, Layer: 7}}
		if k.Global() {
			p.Layer = 0
		}
		got, err := hook.Parse(p.String())
		if err != nil || !got.Equal(p) {
			t.Errorf("%s reads back as %s (%v)", p, got, err)
		}
		if axes := k.Axes(); axes[0] != hook.Batch || k.PositionAxis() < 1 {
			t.Errorf("%s has axes %v", k, axes)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for name, want := range map[string]string{
		"blocks.3.attn.hook_patern": "attn.hook_pattern",
		"blocks.3.hook_resid":       "hook_resid_p",
		"hook_embd":                 "hook_embed",
		"blocks.x.attn.hook_z":      "blocks.x",
		"":                          "",
	} {
		_, err := hook.Parse(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; it should say %q", name, err, want)
		}
	}
}

func TestSelections(t *testing.T) {
	p := hook.Z(9).Head(6).At(-1).Row(0, 2).Coord(3)
	if got, want := p.String(), "blocks.9.attn.hook_z{row=[0 2] head=[6] pos=[-1] coord=[3]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if p.Equal(hook.Z(9)) || !p.Whole().Equal(hook.Z(9)) {
		t.Error("a part is not the whole")
	}
	each := hook.Each([]int{4, 7})
	if !slices.Equal(each.In(1), []int{7}) || each.In(2) != nil || each.All() {
		t.Errorf("positions per row: %v", each)
	}
	if all := (hook.Positions{}); !all.All() || all.In(5) != nil {
		t.Error("no positions means all of them")
	}
}

func ExamplePoint_Head() {
	fmt.Println(hook.Pattern(5))
	fmt.Println(hook.Z(9).Head(6).At(-1).Zero())
	// Output:
	// blocks.5.attn.hook_pattern
	// blocks.9.attn.hook_z{head=[6] pos=[-1]} replace [1]
}

func FuzzParse(f *testing.F) {
	f.Add("blocks.5.attn.hook_pattern")
	f.Add("blocks.99999999999999999999.hook_z")
	f.Fuzz(func(t *testing.T, name string) {
		p, err := hook.Parse(name)
		switch {
		case err == nil && !p.Kind.Valid():
			t.Errorf("%q is read as %v, which does not exist", name, p)
		case err != nil && len(name)%8 == 0: // what is near takes longer to find than all else
			_ = err.Error()
		}
	})
}

func TestPositionsWithinARow(t *testing.T) {
	p := hook.Positions{Rows: [][]int{{0, -1, 2}, {-4}}}
	if got, err := p.Within(0, 3); err != nil || !slices.Equal(got, []int{0, 2, 2}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := p.Within(1, 3); err == nil || err.Error() != "position -4 of row 1, which has 3 tokens" {
		t.Errorf("got %v", err)
	}
	if got, err := (hook.Positions{}).Within(0, 3); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
