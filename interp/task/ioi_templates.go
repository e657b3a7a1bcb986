package task

import "strings"

// BABA are the templates of [IOI] in which the subject comes first, in the
// forms of Wang et al. 2022: two people, a place, and one of them gives the
// other an object. Every one ends before the name of who gets it.
//
// Each has a twin in which the indirect object comes first: number i of BABA is
// template i, and its twin (ABBA) is template i + 15.
var BABA = [15]string{
	"Then, {S1} and {IO} went to the {PLACE}. {S2} gave a {OBJECT} to",
	"When {S1} and {IO} met at the {PLACE}, {S2} handed a {OBJECT} to",
	"After {S1} and {IO} left the {PLACE}, {S2} sent a {OBJECT} to",
	"While {S1} and {IO} were walking to the {PLACE}, {S2} showed a {OBJECT} to",
	"Yesterday, {S1} and {IO} had lunch at the {PLACE}. {S2} brought a {OBJECT} to",
	"Friends {S1} and {IO} found a {OBJECT} near the {PLACE}. {S2} gave it to",
	"The {PLACE} where {S1} and {IO} worked sold a {OBJECT}, which {S2} passed to",
	"Once {S1} and {IO} were back from the {PLACE}, {S2} decided to give a {OBJECT} to",
	"Today, {S1} and {IO} were waiting at the {PLACE}, and {S2} offered a {OBJECT} to",
	"Last week, {S1} and {IO} visited the {PLACE}. There, {S2} sold a {OBJECT} to",
	"As {S1} and {IO} came out of the {PLACE}, {S2} wanted to give the {OBJECT} to",
	"In the evening, {S1} and {IO} talked about the {PLACE}. Then {S2} lent a {OBJECT} to",
	"Because {S1} and {IO} liked the {PLACE}, {S2} bought a {OBJECT} there and gave it to",
	"At the {PLACE}, {S1} and {IO} had a long argument. Afterwards, {S2} gave a {OBJECT} to",
	"Since {S1} and {IO} both knew the {PLACE}, {S2} went there to give a {OBJECT} to",
}

// ThirdParty tells whether a template's sentence may well go on with somebody
// else than the two: one of them sends, sells or passes on something, gives up
// what they found, or goes elsewhere to give it. Between the two names it tells
// as much as the others; how likely IO is among all tokens it does not.
func ThirdParty(template int) bool {
	switch template % len(BABA) {
	case 2, 5, 6, 9, 14:
		return true
	}
	return false
}

// ioiFrame is the frame of a template by its number.
func ioiFrame(number int) string {
	frame := BABA[number%len(BABA)]
	if number >= len(BABA) {
		frame = strings.NewReplacer("{S1}", "{IO}", "{IO}", "{S1}").Replace(frame)
	}
	return frame
}

// The words of [IOI]: common ones, single tokens of GPT-2's vocabulary after a
// space.
var (
	ioiNames = strings.Fields(`
		Aaron Adam Alex Alice Amy Andrew Anna Anthony Arthur Ben Brian Carl Charles Christina Claire
		Daniel David Dean Diana Donna Edward Elizabeth Emily Emma Eric Erin Ethan Frank George Grace Greg Hannah
		Harry Heather Helen Henry Jack Jacob James Jamie Jane Jason Jeff Jennifer Jeremy Jessica Joe John Jonathan Joseph
		Joshua Julia Justin Kate Katie Kelly Kevin Kyle Laura Lauren Linda Lisa Lucy Luke Maria Mark Martin Mary
		Matthew Max Michael Michelle Nancy Nathan Nicole Patrick Paul Peter Rachel Rebecca Richard Robert Rose Ruth Ryan
		Sam Samuel Sara Sarah Scott Sean Simon Stephen Steven Susan Thomas Tom Victoria William`)
	ioiPlaces = strings.Fields(`store garden restaurant school hospital office house station park library
		church market museum beach hotel farm bank bar castle bridge`)
	ioiObjects = strings.Fields(`ring book letter drink snack computer necklace bone ball key
		ticket phone gift hat coin map lamp camera coat watch`)
)
