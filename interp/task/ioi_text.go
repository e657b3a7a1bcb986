package task

import "iter"

// IOITexts are texts in which every template, name, place and object of [IOI]
// stands at least twice, each where its prompts have it: what a tokenizer has to
// learn to keep each of their words whole. They are for models that are made up,
// such as those with random weights; a trained model has a tokenizer.
func IOITexts() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range 2 * len(ioiNames) { // names are the longest list
			r := ioiRow{template: i % templates, place: ioiPlaces[i%len(ioiPlaces)], object: ioiObjects[i%len(ioiObjects)]}
			for k := range r.names {
				r.names[k] = ioiNames[(i+k)%len(ioiNames)]
			}
			filled, err := fill(ioiFrame(r.template), r.words(Clean))
			if err != nil {
				return // cannot be: the frames have these slots and no others
			}
			if !yield(filled.text + " " + r.names[0]) {
				return
			}
		}
	}
}
