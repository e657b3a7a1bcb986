package model_test

import (
	"fmt"
	"log"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
)

// A text is continued as it is, and without the heads of layer 1, which look for
// what came after the last copy of a word.
func ExampleModel_Complete() {
	m, err := model.Open("zoo:induction")
	if err != nil {
		log.Fatal(err)
	}
	text := m.Tokens("the cat sat the dog ran the cat")
	whole, err := m.Complete(text.Complete(4))
	if err != nil {
		log.Fatal(err)
	}
	cut, err := m.Complete(text.Complete(4).Edit(hook.Z(1).Zero()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n", whole.Text[0], cut.Text[0])
	// Output:
	// <bos> the cat sat the dog ran the cat sat the cat sat
	// <bos> the cat sat the dog ran the cat., The a
}
