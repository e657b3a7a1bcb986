package formula

import (
	"fmt"
	"strconv"
	"strings"
)

// Dims is a shape that prints as in the docs.
type Dims []int

// String is such as [4, 8].
func (d Dims) String() string {
	all := make([]string, len(d))
	for i, n := range d {
		all[i] = length(n)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func length(n int) string {
	if n == Any {
		return "key"
	}
	return strconv.Itoa(n)
}

func and(all []string) string {
	n := len(all) - 1
	return strings.Join(all[:n], ", ") + " and " + all[n]
}

// String is the formula in one line. Parts that are used more than once have a
// line of their own before it.
func (e Expr) String() string {
	if len(e.Steps) == 0 {
		return "(no formula)"
	}
	p := newPrinter(e.Steps, nil)
	last := len(e.Steps) - 1
	p.define(last)
	return strings.Join(append(p.lines, p.text(last, 0)), "\n")
}

// fail is an error at a step, with the formula up to there and its shapes.
func (e Expr) fail(known []Shape, at int, err error) error {
	p := newPrinter(e.Steps[:at+1], known)
	p.define(at)
	return &Error{Err: err, text: "\t" + strings.Join(append(p.lines, p.text(at, 0)+"    <- here"), "\n\t")}
}

// A printer writes steps out, those that are used often once.
type printer struct {
	steps []Step
	known []Shape // of the first steps, to print beside them
	uses  []int
	names map[int]string // of the steps that have a line
	lines []string
}

func newPrinter(steps []Step, known []Shape) *printer {
	p := &printer{steps: steps, known: known, uses: make([]int, len(steps)), names: map[int]string{}}
	for _, s := range steps {
		for _, a := range s.Args {
			if a >= 0 && a < len(steps) {
				p.uses[a]++
			}
		}
	}
	return p
}

// define writes lines for what a step needs and is used more than once.
func (p *printer) define(at int) {
	for _, a := range p.steps[at].Args {
		if a < 0 || a >= at || p.names[a] != "" {
			continue
		}
		p.define(a)
		s := p.steps[a]
		if s.Op == OpLabel || p.uses[a] > 1 && len(s.Args) > 0 {
			name := s.Name
			from := a
			if s.Op == OpLabel {
				from = s.Args[0]
			} else {
				name = fmt.Sprintf("v%d", len(p.names)+1)
			}
			line := p.text(from, 0)
			p.names[a] = name
			p.lines = append(p.lines, name+p.dims(a)+" = "+line)
		}
	}
}

func (p *printer) dims(at int) string {
	if at >= len(p.known) || p.steps[at].Op == OpNumber {
		return ""
	}
	return Dims(p.known[at].Dims).String()
}

// How tightly operations bind.
const (
	atSum = iota + 1
	atProduct
	atApplied
)

// text writes a step out, in brackets if it binds less than what is around it.
func (p *printer) text(at, around int) string {
	if at < 0 || at >= len(p.steps) {
		return "(no formula)"
	}
	if name := p.names[at]; name != "" {
		return name
	}
	s := p.steps[at]
	in := func(binds int, text string) string {
		if binds < around {
			return "(" + text + ")"
		}
		return text
	}
	arg := func(i, around int) string {
		if s.Args[i] >= at {
			return p.text(-1, 0)
		}
		return p.text(s.Args[i], around)
	}
	if s.Op != OpCall && len(s.Args) != arities[s.Op] {
		return string(s.Op) + "(?)"
	}
	switch s.Op {
	case OpHere, OpBase, OpSource:
		text := string(s.Op)
		if s.Rows != nil {
			text += fmt.Sprintf("@%v", s.Rows)
		}
		return text + p.dims(at)
	case OpAt:
		return s.Name + p.dims(at)
	case OpTensor:
		if at >= len(p.known) {
			return s.Name + Dims(s.Shape).String()
		}
		return s.Name + p.dims(at)
	case OpNumber:
		return strconv.FormatFloat(float64(s.Value), 'g', -1, 32)
	case OpAdd:
		return in(atSum, arg(0, atSum)+" + "+arg(1, atSum))
	case OpSub:
		return in(atSum, arg(0, atSum)+" - "+arg(1, atProduct))
	case OpMul:
		return in(atProduct, arg(0, atProduct)+" × "+arg(1, atProduct))
	case OpDiv:
		return in(atProduct, arg(0, atProduct)+" ÷ "+arg(1, atApplied))
	case OpDot:
		return in(atProduct, arg(0, atProduct)+" · "+arg(1, atApplied))
	case OpNeg:
		return in(atProduct, "-"+arg(0, atApplied))
	case OpTranspose:
		return arg(0, atApplied) + "ᵀ"
	case OpSelect:
		return fmt.Sprintf("%s%v", arg(0, atApplied), s.Index)
	case OpGreater:
		return "1[" + arg(0, 0) + " > " + arg(1, 0) + "]"
	case OpWith:
		return in(atSum, arg(0, atSum)+" with "+arg(1, atSum))
	case OpLabel:
		return s.Name + ": " + arg(0, 0)
	}
	var args []string
	for i := range s.Args {
		args = append(args, arg(i, 0))
	}
	switch {
	case s.Op == OpCall: // no operation has such a name
		return "go:" + s.Name + "(" + strings.Join(args, ", ") + ")"
	case s.Count != 0:
		args = append(args, strconv.Itoa(s.Count))
	case s.Index != nil:
		args = append(args, fmt.Sprint(s.Index))
	}
	return string(s.Op) + "(" + strings.Join(args, ", ") + ")"
}
