package plotting_test

import (
	"fmt"

	"github.com/golens/golens/plotting"
)

// scores is an array with named axes; results of golens are such arrays.
type scores struct {
	shape       []int
	values      []float32
	names       []string
	labels      [][]string
	title, unit string
}

func (s scores) Shape() []int                  { return s.shape }
func (s scores) Values() []float32             { return s.values }
func (s scores) Axis(i int) (string, []string) { return s.names[i], s.labels[i] }
func (s scores) Title() string                 { return s.title }
func (s scores) Unit() string                  { return s.unit }

func ExampleHeadMap() {
	f := plotting.HeadMap(scores{
		shape:  []int{2, 4}, // [layer head]
		values: []float32{0.02, 0.05, 0.01, 0.04, 0.03, 0.07, 0.02, 0.98},
		names:  []string{"layer", "head"},
		labels: [][]string{nil, nil},
	}, plotting.Title("attention to the token after the last copy"))
	fmt.Print(f)
	fmt.Println(f.Alt())
	// Output:
	// attention to the token after the last copy [layer 2, head 4]
	// layer\head     0     1     2     3
	// 0           0.02  0.05  0.01  0.04
	// 1           0.03  0.07  0.02  0.98
	// Heat map “attention to the token after the last copy”: 2 layers × 4 heads. Lowest 0.010 at layer 0, head 2, highest 0.98 at layer 1, head 3.
}

func ExampleHeatmap() {
	fmt.Print(plotting.Heatmap(scores{
		shape:  []int{2, 3}, // [layer pos]
		values: []float32{0.1, 0.9, 0, 0, 0.2, 0.95},
		names:  []string{"layer", "pos"},
		labels: [][]string{nil, {"The", " cat", " sat"}},
		title:  "patching the residual stream", unit: "of the logit difference",
	}))
	// Output:
	// patching the residual stream [layer 2, pos 3], in of the logit difference
	// layer\pos   The  ·cat  ·sat
	// 0          0.10  0.90  0.00
	// 1          0.00  0.20  0.95
}

func ExampleAttention() {
	tokens := []string{"The", " cat", " sat"}
	fmt.Print(plotting.Attention(scores{
		shape:  []int{2, 3, 3}, // [head query key]
		values: []float32{1, 0, 0, 0.9, 0.1, 0, 0.2, 0.7, 0.1, 1, 0, 0, 0.5, 0.5, 0, 0.1, 0.1, 0.8},
		names:  []string{"head", "query", "key"},
		labels: [][]string{{"1.0", "1.1"}, tokens, tokens},
		title:  "attention pattern",
	}))
	// Output:
	// attention pattern [head 2, query 3, key 3]
	// strongest query → key
	// head 1.0   ·cat → The: 0.90  ·sat → ·cat: 0.70   ·sat → The: 0.20
	// head 1.1  ·sat → ·sat: 0.80   ·cat → The: 0.50  ·cat → ·cat: 0.50
}

func ExampleLines() {
	fmt.Print(plotting.Lines(scores{
		shape:  []int{2, 4}, // [series x]
		values: []float32{4.2, 3.1, 2.2, 2, 4.1, 3.4, 3, 2.9},
		names:  []string{"model", "step"},
		labels: [][]string{{"two layers", "one layer"}, {"1", "10", "100", "1000"}},
		title:  "loss while training", unit: "nats",
	}, plotting.LogX()))
	// Output:
	// loss while training [model 2, step 4], in nats
	// model\step     1    10   100  1000
	// two layers  4.20  3.10  2.20  2.00
	// one layer   4.10  3.40  3.00  2.90
}

func ExampleBars() {
	fmt.Print(plotting.Bars(scores{
		shape:  []int{3}, // [component]
		values: []float32{-0.4, 2.31, 0.9},
		names:  []string{"component"},
		labels: [][]string{{"mlp 11", "head 9.6", "mlp 9"}},
		title:  "direct effect", unit: "logits",
	}, plotting.Sorted()))
	// Output:
	// direct effect [component 3], in logits
	// head 9.6   2.31
	// mlp 9      0.90
	// mlp 11    −0.40
}

func ExampleScatter() {
	axes := func(title string, v ...float32) scores {
		return scores{shape: []int{1, 4}, values: v, names: []string{"layer", "head"}, labels: [][]string{{"9"}, nil}, title: title}
	}
	fmt.Print(plotting.Scatter(axes("direct effect", 0.1, 0.2, 0, 2.3), axes("copying score", 0.1, 0.3, 0.2, 0.9)))
	// Output:
	// 4 points, copying score against direct effect, correlation 0.98
	// farthest from the middle  direct effect  copying score
	// layer 9, head 3                    2.30           0.90
	// layer 9, head 2                       0           0.20
	// layer 9, head 0                    0.10           0.10
	// layer 9, head 1                    0.20           0.30
}

func ExampleHist() {
	fmt.Print(plotting.Hist(scores{
		shape:  []int{8}, // [value]
		values: []float32{0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.7, 1},
		names:  []string{"position"},
		labels: [][]string{nil},
		title:  "activation of feature 12",
	}, 3))
	// Output:
	// activation of feature 12 [position 8]
	// Histogram of 8 values, from 0.10 to 1.00, median 0.50.
	// from    to  count
	// 0.10  0.40      3
	// 0.40  0.70      3
	// 0.70  1.00      2
}

// A figure that cannot be drawn says why, here and in a notebook.
func ExampleFigure_Err() {
	f := plotting.HeadMap(scores{
		shape:  []int{2, 3, 3},
		values: make([]float32, 18),
		names:  []string{"head", "query", "key"},
		labels: make([][]string, 3),
	})
	fmt.Println(f.Err())
	// Output:
	// plotting.HeadMap: got shape [2 3 3] [head query key], want [layer head]
}
