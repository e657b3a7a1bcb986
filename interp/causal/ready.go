package causal

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// must is a model whose parts are known to fit.
func must(name, source string, variables ...Variable) *Model {
	m := &Model{Name: name, Source: source, Variables: variables}
	if err := m.check(); err != nil {
		panic(err) // of what is written here, which tests make
	}
	return m
}

var truth = []string{"yes", "no"}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// HierarchicalEquality asks of four things a, b, c and d whether "a and b are equal"
// and "c and d are equal" agree, in the words of the zoo's equality networks. Half of
// the pairs that it draws are equal. Source: Geiger et al. 2021, 2023.
func HierarchicalEquality() *Model {
	things := strings.Fields("apple bell cup door egg fan gate hat ink jar key lamp map nest oar pin")
	same := func(a, b string) func(Setting) string {
		return func(s Setting) string { return yesNo(s[a] == s[b]) }
	}
	m := must("hierarchical equality", "Geiger et al. 2023",
		Variable{Name: "a", Values: things}, Variable{Name: "b", Values: things},
		Variable{Name: "c", Values: things}, Variable{Name: "d", Values: things},
		Variable{Name: "first pair", Values: truth, Parents: []string{"a", "b"}, Of: same("a", "b")},
		Variable{Name: "second pair", Values: truth, Parents: []string{"c", "d"}, Of: same("c", "d")},
		Variable{Name: "agree", Values: truth, Parents: []string{"first pair", "second pair"}, Of: same("first pair", "second pair")})
	m.Draw = func(rng *rand.Rand) Setting {
		pair := func() (string, string) {
			i, step := rng.IntN(len(things)), 0
			if rng.IntN(2) == 0 {
				step = 1 + rng.IntN(len(things)-1)
			}
			return things[i], things[(i+step)%len(things)]
		}
		s := Setting{}
		s["a"], s["b"] = pair()
		s["c"], s["d"] = pair()
		return s
	}
	m.Frame, m.Answer = " {a} {b} {c} {d} same", func(output string) string { return " " + output }
	return m
}

// Addition adds numbers of two digits, as in school: the ones, the carry, the tens.
func Addition() *Model {
	digits, numbers := upTo(10), upTo(100)
	digit := func(n string, power int) int { return atoi(n) / power % 10 }
	parents := []string{"x", "y"}
	m := must("two-digit addition", "golens",
		Variable{Name: "x", Values: numbers[10:]}, Variable{Name: "y", Values: numbers[10:]},
		Variable{Name: "ones", Values: digits, Parents: parents, Of: func(s Setting) string {
			return strconv.Itoa((digit(s["x"], 1) + digit(s["y"], 1)) % 10)
		}},
		Variable{Name: "carry", Values: upTo(2), Parents: parents, Of: func(s Setting) string {
			return strconv.Itoa((digit(s["x"], 1) + digit(s["y"], 1)) / 10)
		}},
		Variable{Name: "tens", Values: upTo(19), Parents: parents, Of: func(s Setting) string {
			return strconv.Itoa(digit(s["x"], 10) + digit(s["y"], 10))
		}},
		Variable{Name: "sum", Values: upTo(200), Parents: []string{"ones", "carry", "tens"}, Of: func(s Setting) string {
			return strconv.Itoa(10*(atoi(s["tens"])+atoi(s["carry"])) + atoi(s["ones"]))
		}})
	m.Frame, m.Answer = "{x}+{y}=", func(output string) string { return output }
	return m
}

// PriceTag asks whether an amount lies between two bounds, by comparing it with each.
// Amounts are whole dollars below 10. Source: Wu et al. 2023, "Interpretability at
// Scale: Identifying Causal Mechanisms in Alpaca", whose amounts have cents.
func PriceTag() *Model {
	amounts := upTo(10)
	m := must("price tag", "Wu et al. 2023",
		Variable{Name: "low", Values: amounts}, Variable{Name: "high", Values: amounts}, Variable{Name: "amount", Values: amounts},
		Variable{Name: "above low", Values: truth, Parents: []string{"low", "amount"}, Of: func(s Setting) string {
			return yesNo(atoi(s["amount"]) >= atoi(s["low"]))
		}},
		Variable{Name: "below high", Values: truth, Parents: []string{"high", "amount"}, Of: func(s Setting) string {
			return yesNo(atoi(s["amount"]) <= atoi(s["high"]))
		}},
		Variable{Name: "between", Values: truth, Parents: []string{"above low", "below high"}, Of: func(s Setting) string {
			return yesNo(s["above low"] == "yes" && s["below high"] == "yes")
		}})
	m.Draw = func(rng *rand.Rand) Setting {
		low, high := rng.IntN(10), rng.IntN(10)
		return Setting{"low": strconv.Itoa(min(low, high)), "high": strconv.Itoa(max(low, high)), "amount": strconv.Itoa(rng.IntN(10))}
	}
	m.Frame = "Please say yes only if it costs between {low} and {high} dollars, otherwise no.\nIt costs {amount} dollars:"
	m.Answer = func(output string) string { return " " + output }
	return m
}

// MultipleChoice asks for the colour of a thing among four lettered options. The answer
// goes by the place of the right option: what is carried is the place ("place"), and
// the letter that stands there is the output. Letters are drawn, so that letter and
// place come apart: by content, the options' order is changed; by letter, their names.
// Source: MIB (Mueller et al. 2025), after ARC and "copying colours".
func MultipleChoice() *Model {
	letters, places := strings.Fields("A B C D E F G H"), upTo(4)
	colours := strings.Fields("red blue green black white yellow brown pink")
	things := strings.Fields("box car hat door cup lamp chair ball")
	variables := []Variable{{Name: "thing", Values: things}, {Name: "colour", Values: colours}}
	var options, names []string
	for i := range 4 {
		o, l := fmt.Sprintf("option %d", i), fmt.Sprintf("letter %d", i)
		variables = append(variables, Variable{Name: o, Values: colours}, Variable{Name: l, Values: letters})
		options, names = append(options, o), append(names, l)
	}
	variables = append(variables,
		Variable{Name: "place", Values: append(places, "none"), Parents: append([]string{"colour"}, options...), Of: func(s Setting) string {
			for i, o := range options {
				if s[o] == s["colour"] {
					return strconv.Itoa(i)
				}
			}
			return "none"
		}},
		Variable{Name: "answer", Values: append(letters, "none"), Parents: append([]string{"place"}, names...), Of: func(s Setting) string {
			if s["place"] == "none" {
				return "none"
			}
			return s[names[atoi(s["place"])]]
		}})
	m := must("multiple choice", "Mueller et al. 2025", variables...)
	m.Draw = func(rng *rand.Rand) Setting {
		s := Setting{"thing": things[rng.IntN(len(things))]}
		c, l := rng.Perm(len(colours)), rng.Perm(len(letters))
		for i := range 4 {
			s[options[i]], s[names[i]] = colours[c[i]], letters[l[i]]
		}
		s["colour"] = s[options[rng.IntN(4)]]
		return s
	}
	m.Frame = "The {thing} is {colour}. What colour is the {thing}?"
	for i := range 4 {
		m.Frame += fmt.Sprintf("\n{%s}. {%s}", names[i], options[i])
	}
	m.Frame += "\nAnswer:"
	m.Answer = func(output string) string { return " " + output }
	m.Options = func(in Setting) []string { return []string{in[names[0]], in[names[1]], in[names[2]], in[names[3]]} }
	return m
}

func upTo(n int) (all []string) {
	for i := range n {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // of values of these models alone
	return n
}
