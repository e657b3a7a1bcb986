package fonts

import (
	"testing"

	"github.com/golens/golens/plotting/glyphs"
)

func width(l glyphs.Line) float64 { return l.Width }

func TestHebrewRunsFromRightToLeft(t *testing.T) {
	d := New()
	for _, r := range "שלוםé" {
		if !d.Has(r) {
			t.Fatalf("Liberation Sans has %c", r)
		}
	}
	// Of "אי" the wide letter comes first, and stands on the right.
	line := d.Line("אי", 100, false)
	narrow := width(d.Line("י", 100, false))
	first := line.Outlines[0].Pts[0].X
	if wide := width(d.Line("א", 100, false)); wide < 1.5*narrow || line.Width != wide+narrow {
		t.Fatalf("widths %v, %v, %v", wide, narrow, line.Width)
	}
	if first > narrow {
		t.Errorf("the line begins with an outline at %v: want the narrow letter, before %v", first, narrow)
	}
}

func TestLatinIsAsWideAsLiberation(t *testing.T) {
	// 0.556 em is Liberation's width of any digit, as Arial's.
	if got := New().Line("12", 100, false).Width; got < 111 || got > 111.5 {
		t.Errorf("two digits are %v wide", got)
	}
}

func TestNobodyHasPrivateSigns(t *testing.T) {
	if New().Has('\U0010fffd') {
		t.Error("a private sign is said to be there")
	}
}
