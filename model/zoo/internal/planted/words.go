package planted

import "github.com/golens/golens/model/zoo/internal/handmade"

// Words is the vocabulary: token 0 begins every sequence, the rest are single
// words that read well in figures.
func Words() []string { return append([]string(nil), words[:]...) }

var words = [64]string{handmade.BOS,
	".", ",", "The", "the", "a", "and", "to", "in", "on", "under", "near", "with", "of",
	"cat", "dog", "bird", "fish", "horse", "mouse", "fox", "bear", "wolf", "owl",
	"sat", "ran", "saw", "ate", "found", "gave", "went", "took", "sang", "slept",
	"red", "blue", "green", "small", "big", "old",
	"house", "tree", "river", "stone", "garden", "door", "book", "lamp", "apple", "bread", "milk", "tea", "hat", "store",
	"Mary", "John", "Anna", "Paul", "Emma", "Tom", "Sara", "Max",
	"one", "two",
}
