package model_test

import (
	"fmt"
	"log"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A steering vector is found that makes the model say "owl" wherever it stands.
func ExampleModel_Fit() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		log.Fatal(err)
	}
	width := m.Config().DModel
	steer := hook.ResidPost(1).At(-1).Compute(formula.Here().Add(formula.Free("v", width)))
	texts := m.Tokens("the cat sat the cat", "a dog ran a dog", "the fox saw the fox")
	fitted, err := m.Fit(model.Fit{
		Base: texts.Edit(steer).Metric(model.LogProb(" owl")),
		Find: []model.Find{{Name: "v"}}, Loss: []model.Loss{{Weight: -1}},
		Optimizer: model.Optimizer{Rate: .1}, Steps: 60,
	})
	if err != nil {
		log.Fatal(err)
	}
	run, err := m.Run(m.Tokens("the bird slept the bird").Edit(fitted.Bind(steer)...).Metric(model.Top1(model.Texts(" owl"))))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the loss falls: %t; it says owl: %t\n", fitted.Curve[59].Loss < fitted.Curve[0].Loss, run.Metric() == 1)
	// Output: the loss falls: true; it says owl: true
}
