package task_test

import (
	"fmt"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

func ExampleIOI() {
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		fmt.Println(err)
		return
	}
	ioi, err := task.IOI(m, task.IOIOptions{N: 4, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := m.Text(ioi.Clean.IDs[0])
	fmt.Println(text)
	text, _ = m.Text(ioi.Corrupted.IDs[0])
	fmt.Println(text)
	fmt.Println(ioi.Places(), ioi.IO.In(0), ioi.S1.In(0), ioi.S1Next.In(0), ioi.S2.In(0), ioi.End.In(0))

	// How much does S-inhibition, at END, attend to S2?
	run, err := m.Run(ioi.Clean.Capture(hook.Pattern(2).Head(0).In(ioi.End)).Metric(ioi.LogitDiff))
	if err != nil {
		fmt.Println(err)
		return
	}
	attention := run.At(hook.Pattern(2).Head(0).In(ioi.End))
	fmt.Printf("%.2f of the attention, logit difference %.2f\n", attention.At(0, 0, 0, ioi.S2.In(0)[0]), run.Metric())
	// Output:
	// <bos> Because Mary and Paul liked the office, Mary bought a ticket there and gave it to
	// <bos> Because Peter and John liked the office, Sara bought a ticket there and gave it to
	// [IO S1 S1+1 S2 END] [4] [2] [3] [9] [17]
	// 1.00 of the attention, logit difference 5.32
}

func ExampleNew() {
	m, err := model.Open("zoo:ioi-4l")
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := task.New(m, task.Data{
		Name: "who got it", Positions: []string{"GIVER", "TAKER"},
		Rows: []task.Row{{
			Frame:     "Then, {GIVER} gave a ring to {TAKER}. Later,",
			Clean:     map[string]string{"GIVER": "John", "TAKER": "Mary"},
			Corrupted: map[string]string{"GIVER": "John", "TAKER": "Anna"},
			Answer:    []string{" Mary"}, Wrong: []string{" Anna"},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(t)
	fmt.Println(t.Table)
	// Output:
	// who got it: 1 prompts, 1 templates; positions GIVER TAKER END (golens)
	//   <bos>Then, John gave a ring to Mary. Later,
	// [{GIVER {[[3]]}} {TAKER {[[8]]}} {END {[[11]]}}]
}
