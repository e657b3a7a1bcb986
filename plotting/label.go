package plotting

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel is the longest label shown, in runes: longer ones end in "…". It
// keeps one odd token from taking the figure's width.
const maxLabel = 40

// clean makes s one line of printable text: spaces at either end become "·"
// (" cat" and "cat" are different tokens), control characters their Go
// escape, what is not UTF-8 "\ufffd". What is written from right to left is
// isolated, so that "A → B" stays in this order.
func clean(s string) string { return cleanTo(s, maxText) }

// cleanTo keeps at most so many runes.
func cleanTo(s string, most int) string {
	if s == "" {
		return s
	}
	if inner := strings.TrimSuffix(strings.TrimPrefix(s, isolate), isolateEnd); len(inner) == len(s)-len(isolate+isolateEnd) && strings.ContainsFunc(inner, turned) {
		s = inner // clean already
	}
	var b strings.Builder
	n := 0
	start := len(s) - len(strings.TrimLeft(s, " "))
	end := len(strings.TrimRight(s, " "))
	for i, r := range s {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		switch {
		case r == ' ' && (i < start || i >= end):
			b.WriteRune('·')
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	if strings.ContainsFunc(b.String(), turned) {
		return isolate + b.String() + isolateEnd
	}
	return b.String()
}

// What stands between these has a direction of its own.
const (
	isolate    = "\u2068"
	isolateEnd = "\u2069"
)

// maxText bounds any text that a figure carries, in runes: a title or label
// longer than this is a mistake in the data.
const maxText = 300

// maxTitle is that of titles and captions, which are never cut otherwise.
const maxTitle = 2000

// short cuts s to n runes.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// number formats v in three significant digits, without exponent where a
// reader would not write one: 0.98, -12.3, 1240, 3.1e−5.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "no value"
	case a == 0:
		return "0"
	case a >= 1e6 || a < 1e-3:
		return significant(v, 3)
	case a >= 99.95: // what is rounded to more digits needs fewer decimals
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	case a >= 9.995:
		return minus(strconv.FormatFloat(v, 'f', 1, 64))
	case a >= 0.0995:
		return minus(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return minus(strconv.FormatFloat(v, 'f', 3, 64))
}

// significant writes v in so many significant digits, with an exponent where that
// is shorter.
func significant(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'g', digits, 64)
	return minus(strings.NewReplacer("e+0", "e", "e+", "e", "e-0", "e-").Replace(s))
}

// minus writes the sign as a minus, not a hyphen.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// withUnit is number with the unit, if any: "0.98 nats", "12%".
func withUnit(v float64, unit string) string {
	switch s := number(v); {
	case unit == "" || math.IsNaN(v):
		return s
	case unit == "%":
		return s + unit
	default:
		return s + " " + unit
	}
}

// decimal formats v with the same number of decimals for all values of one
// figure, so that printed cells line up.
func decimal(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" { // no negative zero
		s = strings.TrimPrefix(s, "-")
	}
	return minus(s)
}

// cellFormat writes values between lo and hi as the cells of a figure or table:
// with the same decimals, those that show three significant digits of the
// largest magnitude, at most 2 (cells are small). A value beside which the largest
// needs no decimals keeps its digits where it would read 0, and so do values that
// would all read 0.00. NaN is "–".
func cellFormat(lo, hi float64) func(float64) string {
	d, a := 2, max(math.Abs(lo), math.Abs(hi))
	switch {
	case a >= 100:
		d = 0
	case a >= 10:
		d = 1
	}
	return func(v float64) string {
		switch {
		case math.IsNaN(v):
			return "–"
		case a < 0.1 || a >= 1e6 || d < 2 && v != 0 && math.Abs(v) < math.Pow(10, -float64(d))/2:
			return number(v)
		}
		return decimal(v, d)
	}
}
