package planted

// Words is the vocabulary: token 0 begins every sequence, the rest are single
// words that read well in figures.
func Words() []string { return append([]string(nil), words[:]...) }

// BOS is the token that begins a sequence.
const BOS = "<bos>"

var words = [64]string{BOS,
	".", ",", "The", "the", "a", "and", "to", "in", "on", "under", "near", "with", "of",
	"cat", "dog", "bird", "fish", "horse", "mouse", "fox", "bear", "wolf", "owl",
	"sat", "ran", "saw", "ate", "found", "gave", "went", "took", "sang", "slept",
	"red", "blue", "green", "small", "big", "old",
	"house", "tree", "river", "stone", "garden", "door", "book", "lamp", "apple", "bread", "milk", "tea", "hat", "store",
	"Mary", "John", "Anna", "Paul", "Emma", "Tom", "Sara", "Max",
	"one", "two",
}
