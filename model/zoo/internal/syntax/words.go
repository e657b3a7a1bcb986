package syntax

import (
	"slices"
	"strings"
)

// A noun with its two forms, and what it names.
type noun struct{ one, many, class string }

// A verb with the forms of one and of many, what may do it and what it is done
// to: classes, "" for no object, "clause" for a sentence.
type verb struct {
	one, many string
	who       []string
	whom      string
}

var nouns = read(`
	person teacher teachers, farmer farmers, doctor doctors, girl girls, king kings, singer singers
	animal dog dogs, cat cats, horse horses, bird birds, rabbit rabbits, wolf wolves
	food apple apples, cake cakes, pear pears, carrot carrots, egg eggs, potato potatoes
	thing book books, letter letters, paper papers, picture pictures, map maps, song songs`)

func read(text string) []noun {
	var all []noun
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		class, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		for pair := range strings.SplitSeq(list, ", ") {
			one, many, _ := strings.Cut(pair, " ")
			all = append(all, noun{one, many, class})
		}
	}
	return all
}

var (
	people  = []string{"person"}
	animals = []string{"animal"}
	living  = []string{"person", "animal"}

	verbs = []verb{
		{"eats", "eat", living, "food"}, {"finds", "find", living, "food"}, {"cooks", "cook", people, "food"}, {"buys", "buy", people, "food"},
		{"chases", "chase", animals, "animal"}, {"follows", "follow", animals, "person"}, {"feeds", "feed", people, "animal"}, {"trains", "train", people, "animal"},
		{"reads", "read", people, "thing"}, {"draws", "draw", people, "thing"}, {"loses", "lose", people, "thing"},
		{"meets", "meet", people, "person"}, {"thanks", "thank", people, "person"}, {"fears", "fear", animals, "person"},
		{"sleeps", "sleep", living, ""}, {"runs", "run", living, ""}, {"sings", "sing", people, ""}, {"barks", "bark", animals, ""}, {"smiles", "smile", people, ""},
		{"thinks", "think", people, "clause"}, {"says", "say", people, "clause"}, {"knows", "know", people, "clause"},
	}
	adjectives = map[string][]string{
		"person": {"young", "kind", "clever", "tired"}, "animal": {"wild", "brown", "lazy", "hungry"},
		"food": {"sweet", "ripe", "fresh", "cheap"}, "thing": {"long", "old", "famous", "torn"},
	}
	places     = strings.Fields("garden house market park river station")
	manners    = strings.Fields("slow quiet loud quick") // with -ly
	times      = strings.Fields("often always never")
	near       = strings.Fields("near behind beside")
	determines = map[bool][]string{true: strings.Fields("these some many the"), false: strings.Fields("this a every the")} // by whether they are many
)

// Tokens that stand for no word.
const (
	pad = iota
	unknown
	begin
	end
	mask
)

var special = []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}

// Vocabulary is all tokens, by their ids.
func Vocabulary() []string {
	all := []string{"that", "in", "does", "do", "not", "##ly"}
	for _, n := range nouns {
		all = append(all, n.one, n.many)
	}
	for _, v := range verbs {
		all = append(all, v.one, v.many)
	}
	for _, list := range adjectives {
		all = append(all, list...)
	}
	all = slices.Concat(all, places, manners, times, near, determines[true], determines[false])
	slices.Sort(all)
	return slices.Concat(special, []string{"."}, slices.Compact(all))
}
