// Package plotting draws the figures of an analysis: heat maps of heads and
// positions, attention patterns, lines, bars, scatter plots, histograms and
// circuits, as SVG for a notebook, PNG and PDF for a paper, and text for a terminal.
//
// # Overview
//
// A figure is made from a Labeled, an array that knows its axes, title and
// unit; results of golens are such arrays, so nobody writes tick labels by
// hand. One function makes one kind of figure:
//
//	HeadMap    [layer head]                        one value for every head
//	Heatmap    [row column], [panel row column]    any grid
//	Attention  [query key], [head query key]       patterns with token labels
//	Lines      [x], [series x], [layer head x]     with Band and LogX
//	Bars       [category], [group category]        with Sorted and Horizontal
//	Scatter    x and y of one shape                with Annotate, Grouped, Diagonal
//	Hist       one to four axes                    how values are distributed, with Mark
//	Circuit    a Graph, such as a circuit          parts in layers, and what reads what
//	ColouredTokens  [position], [series position]  a text, each token on its value's colour
//	Table      any shape                           numbers, aligned
//	Grid       figures                             side by side, with one range of colours
//
// Each returns a *Figure, which a notebook shows through MIME and a program
// writes with Save, as a picture, or its data as CSV, LaTeX or JSON. Options
// change presentation only: Title, Caption, Size, Colours, Values, Range.
//
// In a notebook and in a page figures answer to the pointer: any mark shows its
// value, a token of an attention pattern shows where it looks and who looks at
// it, a node of a circuit its links, and a threshold leaves the weak ones out.
// One small script does it (package script); it fetches nothing, and where
// scripts may not run the figure is the drawing.
//
// # Conventions
//
// Layer 0 and query 0 are on top, head 0 and key 0 on the left, as the field
// draws them. Colours diverge from white at zero (blue below, red above) when
// any value is negative, and otherwise run from nearly white at zero to dark
// blue, to 1 for attention, probabilities and scores; Colours and Range override
// that, and the colour bar says where values lie beyond its ends. A cell without
// value (NaN) is grey; a cell that cannot have one, masked (-Inf) or above the
// diagonal of a causal pattern, is white. Positions whose labels are all numbers stand where the numbers say.
//
// A label's leading and trailing spaces are shown as "·", since " cat" and
// "cat" are different tokens; control characters are shown escaped ("\n").
// In text forms a value that is missing is "–".
//
// All sizes are CSS pixels; type is 11 pixels or larger (10 for values printed
// in cells) and a figure grows to at most 860 pixels wide by itself. A PNG has
// two pixels for each. Text is measured in Liberation Sans, whose metrics are
// those of Arial, with room to spare for a wider substitute.
//
// # Invariants
//
//   - Nothing here panics, whatever the data: a Figure carries its error, and
//     every method returns it. The error names the figure, the axis and the
//     shapes got and wanted.
//   - Infinite values are an error, not an edge colour, but for the -Inf of a mask
//     in heat maps; NaN is "no value".
//   - Titles and captions are broken into lines, never cut. Labels of an axis take
//     up to a third of the width; a longer one loses its middle, and says all of it
//     on hover.
//   - The data is copied: changing it later does not change the figure.
//   - Every mark that stands for a value has a hover title with its labels,
//     value and unit, except where there are more than 2,500 of them.
//   - Every format shows the same marks. Every figure has a text form and an
//     alternative text, which the SVG carries as <title> and <desc>.
//   - An SVG refers to nothing outside it, has no scripts and no ids, and
//     stays small: many cells become one embedded image.
//   - The same data gives the same bytes of SVG.
package plotting
