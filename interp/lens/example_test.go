package lens_test

import (
	"fmt"

	"github.com/golens/golens/interp/lens"
	"github.com/golens/golens/model"
)

// The hand-made network knows what follows only after its second layer, and head
// 1.1 says it.
func ExampleAttribution() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		fmt.Println(err)
		return
	}
	prompt := m.Rows([][]int32{{0, 5, 6, 7, 8, 5}}) // 6 came after the earlier 5
	parts, err := lens.Attribution(m, prompt, model.Logit(model.IDs(6)))
	if err != nil {
		fmt.Println(err)
		return
	}
	best, at := parts.Max()
	_, names := parts.Axis(0)
	sum := parts.Bias
	for _, v := range parts.Values() {
		sum += float64(v)
	}
	fmt.Printf("%s gives %.1f of the logit %.1f; all parts together %.1f\n", names[at[0]], best, parts.Metric, sum)
	// Output: 1.1 gives 8.0 of the logit 8.0; all parts together 8.0
}
