package plantedioi

import (
	"slices"
	"strings"

	"github.com/golens/golens/model/zoo/internal/handmade"
)

// asking is the word after which a name is said.
const asking = "to"

var names = [12]string{"Mary", "John", "Anna", "Paul", "Emma", "Tom", "Sara", "Max", "Kate", "James", "Lucy", "Peter"}

// words are the vocabulary: the begin token, the names, and what else the IOI
// prompts of package interp/task are written with.
func words() []string {
	return slices.Concat([]string{handmade.BOS}, names[:], strings.Fields(`
		. , Then When After While Once As Because Since Yesterday Today Last In At Friends The There Afterwards
		a and at back both came decided evening found from gave give had handed it knew left lent liked long lunch argument about
		bought brought met near of offered out passed sent showed sold talked the there to visited waiting walking wanted was week
		went were where which worked
		store garden restaurant school hospital office park station
		ring book letter drink snack computer ball ticket`))
}

// nameOf is the number of a name, or -1.
func nameOf(word string) int { return slices.Index(names[:], word) }
