package ioi

import "strings"

// The words that fill the slots of sentences.
var (
	names = strings.Fields(`
		Aaron Adam Alex Alice Amy Andrew Anna Anthony Arthur Ben Brian Carl Charles Christina Claire
		Daniel David Dean Diana Donna Edward Elizabeth Emily Emma Eric Erin Ethan Frank George Grace Greg Hannah
		Harry Heather Helen Henry Jack Jacob James Jamie Jane Jason Jeff Jennifer Jeremy Jessica Joe John Jonathan Joseph
		Joshua Julia Justin Kate Katie Kelly Kevin Kyle Laura Lauren Linda Lisa Lucy Luke Maria Mark Martin Mary
		Matthew Max Michael Michelle Nancy Nathan Nicole Patrick Paul Peter Rachel Rebecca Richard Robert Rose Ruth Ryan
		Sam Samuel Sara Sarah Scott Sean Simon Stephen Steven Susan Thomas Tom Victoria William`)
	places = strings.Fields(`store garden restaurant school hospital office house station park library
		church market museum beach hotel farm bank bar castle bridge`)
	objects = strings.Fields(`ring book letter drink snack computer necklace bone ball key
		ticket phone gift hat coin map lamp camera coat watch`)
)

// The parts of a sentence of the task. {1} and {2} are its two names, in the
// order in which they are named first, and {S} is the one of them who acts.
var (
	// openings of a sentence whose first clause stands by itself.
	openings = []string{
		"Then, ", "Yesterday, ", "Today, ", "Last week, ", "In the evening, ", "One day, ", "Later, ", "On Monday, ",
		"At the {PLACE}, ", "Friends ", "Before lunch, ", "That morning, ",
	}
	// conjunctions that open a clause on which the next one hangs.
	conjunctions = []string{"When ", "After ", "While ", "Once ", "As ", "Because ", "Since ", "Before "}
	clauses      = []string{
		"{1} and {2} went to the {PLACE}", "{1} and {2} met at the {PLACE}", "{1} and {2} left the {PLACE}",
		"{1} and {2} were walking to the {PLACE}", "{1} and {2} had lunch at the {PLACE}", "{1} and {2} were back from the {PLACE}",
		"{1} and {2} were waiting at the {PLACE}", "{1} and {2} visited the {PLACE}", "{1} and {2} came out of the {PLACE}",
		"{1} and {2} talked about the {PLACE}", "{1} and {2} liked the {PLACE}", "{1} and {2} both knew the {PLACE}",
		"{1} and {2} worked at the {PLACE}", "{1} and {2} had a long argument", "{1} and {2} had a lot of fun at the {PLACE}",
		"{1} and {2} were thinking about the {PLACE}", "{1} and {2} sat in the {PLACE}", "{1} and {2} lived near the {PLACE}",
		"{1} met {2} at the {PLACE}", "{1} saw {2} near the {PLACE}", "{1} went to the {PLACE} with {2}", "{1} talked to {2} about the {PLACE}",
	}
	// joints put a clause about one pair of names beside one about another.
	joints = []string{" and ", ", and ", " while "}
	// found are clauses that also name the object, which is then given as "it".
	found = []string{
		"{1} and {2} found a {OBJECT} near the {PLACE}", "{1} and {2} saw a {OBJECT} at the {PLACE}", "{1} and {2} bought a {OBJECT} at the {PLACE}",
	}
	// links after a clause that stands by itself; after one with a conjunction
	// comes a comma.
	links = []string{". ", ", and ", ", so ", ". Then ", ". There, ", ". Afterwards, ", ". Later, "}
	gives = []string{
		"{S} gave a {OBJECT} to", "{S} handed a {OBJECT} to", "{S} sent a {OBJECT} to", "{S} showed a {OBJECT} to", "{S} brought a {OBJECT} to",
		"{S} passed a {OBJECT} to", "{S} offered a {OBJECT} to", "{S} sold a {OBJECT} to", "{S} lent a {OBJECT} to", "{S} threw a {OBJECT} to",
		"{S} decided to give a {OBJECT} to", "{S} wanted to give the {OBJECT} to", "{S} bought a {OBJECT} there and gave it to",
		"{S} went there to give a {OBJECT} to", "{S} took a {OBJECT} and handed it to", "{S} was happy to show the {OBJECT} to",
	}
	givesIt = []string{"{S} gave it to", "{S} handed it to", "{S} passed it to", "{S} decided to sell it to", "{S} wanted to show it to"}
	// relative are whole sentences of another build.
	relative = []string{
		"The {PLACE} that {1} and {2} visited had a {OBJECT}, which {S} gave to", "The {PLACE} where {1} and {2} met had a {OBJECT}, which {S} sold to",
		"The {PLACE} where {1} and {2} had lunch sold a {OBJECT}, which {S} brought to", "The {OBJECT} that {1} and {2} saw at the {PLACE} was what {S} gave to",
	}
	// alone are sentences of one name or none.
	alone = []string{
		"Yesterday, {1} bought a {OBJECT} at the {PLACE}.", "The {OBJECT} was in the {PLACE}.", "Then {1} went to the {PLACE}.",
		"In the evening, {1} came back from the {PLACE}.", "Today, {1} found a {OBJECT}.", "There was a {OBJECT} near the {PLACE}.",
		"Last week, {1} worked at the {PLACE}.", "The {PLACE} had a {OBJECT}.", "Later, {1} was thinking about the {OBJECT}.",
	}
	// after are what may follow a sentence of the task, {R} being who got it.
	after = []string{"{R} liked the {OBJECT}.", "{R} was happy.", "{R} said thanks to {S}.", "Then {R} left the {PLACE} with {S}."}
)

// KeptOut are the frames of interp/task's IOI prompts, which training never
// sees, in either order of the names.
var KeptOut = []string{
	"Then, {1} and {2} went to the {PLACE}. {S} gave a {OBJECT} to",
	"When {1} and {2} met at the {PLACE}, {S} handed a {OBJECT} to",
	"After {1} and {2} left the {PLACE}, {S} sent a {OBJECT} to",
	"While {1} and {2} were walking to the {PLACE}, {S} showed a {OBJECT} to",
	"Yesterday, {1} and {2} had lunch at the {PLACE}. {S} brought a {OBJECT} to",
	"Friends {1} and {2} found a {OBJECT} near the {PLACE}. {S} gave it to",
	"The {PLACE} where {1} and {2} worked sold a {OBJECT}, which {S} passed to",
	"Once {1} and {2} were back from the {PLACE}, {S} decided to give a {OBJECT} to",
	"Today, {1} and {2} were waiting at the {PLACE}, and {S} offered a {OBJECT} to",
	"Last week, {1} and {2} visited the {PLACE}. There, {S} sold a {OBJECT} to",
	"As {1} and {2} came out of the {PLACE}, {S} wanted to give the {OBJECT} to",
	"In the evening, {1} and {2} talked about the {PLACE}. Then {S} lent a {OBJECT} to",
	"Because {1} and {2} liked the {PLACE}, {S} bought a {OBJECT} there and gave it to",
	"At the {PLACE}, {1} and {2} had a long argument. Afterwards, {S} gave a {OBJECT} to",
	"Since {1} and {2} both knew the {PLACE}, {S} went there to give a {OBJECT} to",
}
