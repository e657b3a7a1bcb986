package hook

import (
	"fmt"
	"slices"
	"strings"
)

// An ID is one activation of one block. It is comparable.
type ID struct {
	Kind  Kind
	Layer int // 0 for global kinds
}

// String is TransformerLens' name, such as blocks.5.attn.hook_pattern.
func (id ID) String() string {
	if id.Kind.Global() {
		return string(id.Kind)
	}
	return fmt.Sprintf("blocks.%d.%s", id.Layer, id.Kind)
}

// Positions are positions in each row. Negative ones count from the row's end.
type Positions struct {
	// Rows is nil for every position, one list for the same positions in every
	// row, or one list per row. Lists of different rows have equal lengths.
	Rows [][]int `json:",omitempty"`
}

// All tells whether no position was singled out.
func (p Positions) All() bool { return p.Rows == nil }

// In are the positions of the given row, or nil for every one.
func (p Positions) In(row int) []int {
	switch {
	case p.Rows == nil:
		return nil
	case len(p.Rows) == 1:
		return p.Rows[0]
	case row < len(p.Rows):
		return p.Rows[row]
	}
	return nil
}

// A Point is an activation, or the part of it that was selected.
type Point struct {
	ID
	Heads  []int     `json:",omitempty"` // nil: every head
	Pos    Positions `json:",omitzero"`
	Batch  []int     `json:",omitempty"` // nil: every row
	Coords []int     `json:",omitempty"` // of the last axis; nil: all

	// Value is not the activation, but what an edit there labels so; empty: the
	// activation.
	Value string `json:",omitempty"`
}

// Head selects heads.
func (p Point) Head(heads ...int) Point { p.Heads = heads; return p }

// At selects positions, the same in every row; negative ones count from the
// row's end. For scores and patterns these are query positions.
func (p Point) At(positions ...int) Point {
	p.Pos = Positions{Rows: [][]int{positions}}
	return p
}

// AtEach selects one position per row, such as the name table of a task.
func (p Point) AtEach(positions []int) Point {
	p.Pos = Each(positions)
	return p
}

// In selects positions that were made elsewhere.
func (p Point) In(positions Positions) Point { p.Pos = positions; return p }

// Row selects rows of the batch.
func (p Point) Row(rows ...int) Point { p.Batch = rows; return p }

// Coord selects indices of the last axis: coordinates, neurons, keys, tokens.
func (p Point) Coord(coords ...int) Point { p.Coords = coords; return p }

// Label selects a value that a formula labels, in an edit of this activation: the
// features of a dictionary, the logits of a probe. Its last axis is the value's.
func (p Point) Label(name string) Point { p.Value = name; return p }

// Each is one position per row.
func Each(positions []int) Positions {
	rows := make([][]int, len(positions))
	for i, pos := range positions {
		rows[i] = []int{pos}
	}
	return Positions{Rows: rows}
}

// Whole is the same activation, or labelled value, with nothing selected.
func (p Point) Whole() Point { return Point{ID: p.ID, Value: p.Value} }

// String is the activation's name, followed by what was selected of it.
func (p Point) String() string {
	var sel []string
	add := func(name string, v any) { sel = append(sel, fmt.Sprintf("%s=%v", name, v)) }
	if p.Value != "" {
		add("label", p.Value)
	}
	if p.Batch != nil {
		add("row", p.Batch)
	}
	if p.Heads != nil {
		add("head", p.Heads)
	}
	if len(p.Pos.Rows) == 1 {
		add("pos", p.Pos.Rows[0])
	} else if p.Pos.Rows != nil {
		add("pos", p.Pos.Rows)
	}
	if p.Coords != nil {
		add("coord", p.Coords)
	}
	if sel == nil {
		return p.ID.String()
	}
	return p.ID.String() + "{" + strings.Join(sel, " ") + "}"
}

// Equal tells whether two points select the same.
func (p Point) Equal(q Point) bool {
	same := func(a, b []int) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }
	return p.Kind == q.Kind && p.Value == q.Value && (p.Layer == q.Layer || p.Kind.Global()) &&
		same(p.Heads, q.Heads) && same(p.Batch, q.Batch) && same(p.Coords, q.Coords) &&
		p.Pos.All() == q.Pos.All() && slices.EqualFunc(p.Pos.Rows, q.Pos.Rows, slices.Equal)
}

// Find is the index of the point in points, or -1.
func (p Point) Find(points []Point) int { return slices.IndexFunc(points, p.Equal) }
