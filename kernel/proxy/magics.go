package proxy

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/kernel/cell"
)

// who lists the variables and, below, what else is declared.
func (p *Proxy) who(r *request, args []string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	vars := p.state.Variables()
	if len(vars) > 0 {
		fmt.Fprintln(w, "variable\ttype\tsize\tcell\t")
	}
	for _, v := range vars {
		size := "made again: " + v.WhyNot
		if v.WhyNot == "" {
			size = bytes(v.Size)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t\n", v.Name, v.Type, size, v.Cell)
	}
	w.Flush()
	if rest := p.state.Declarations(); len(rest) > 0 {
		b.WriteString(strings.Join(rest, "\n") + "\n")
	}
	if b.Len() == 0 {
		b.WriteString("nothing is declared\n")
	}
	p.stream(r.msg, "stdout", b.String())
	return nil
}

// bytes writes a size as people say it.
func bytes(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// remove forgets declarations.
func (p *Proxy) remove(r *request, args []string) error {
	if len(args) == 0 {
		return errors.New("which names are to be forgotten? %who lists them")
	}
	for _, name := range args {
		if !p.state.Remove(name) {
			return fmt.Errorf("%s is not declared; %%who lists what is", name)
		}
	}
	p.sweep()
	return nil
}

// reset forgets all declarations, but not if only go.mod is to be as it was.
func (p *Proxy) reset(r *request, args []string) error {
	if len(args) == 0 {
		p.state = cell.NewState()
		p.told = map[string]int{}
		p.sweep()
	} else if len(args) > 1 || args[0] != "go.mod" {
		return errors.New(`the only argument that it takes is "go.mod"`)
	}
	return nil
}

// help lists the commands.
func (p *Proxy) help(r *request, args []string) error {
	p.stream(r.msg, "stdout", helpText)
	return nil
}

const helpText = `A cell is Go: imports, declarations and statements, as they come. The value of a
last expression is shown, unless it ends in a semicolon. Variables keep their
values; the rules: ` + rules + `

%who                  list variables: type, size, cell; and what else is declared
%rm NAME...           forget declarations
%reset [go.mod]       forget all; with go.mod only the modules that were got
%time [STATEMENT]     say how long the cell takes
%timeit [STATEMENT]   run it again and again and say how long a run takes
%% [ARG...]           what follows is the body of main: its variables are the cell's own
%args ARG...          arguments of the cell's program, for os.Args and package flag
%exec FUNC [ARG...]   run FUNC
%test [ARG...]        run the cell's tests and benchmarks
%cd [DIR]             change the working directory
%env NAME VALUE       set an environment variable
%goflags FLAG...      flags for the go command
%capture [-a] FILE    copy the cell's output to a file
%with_inputs          the next ! line may ask for input
%with_password        the same, for a password
!COMMAND              run a shell command
!*COMMAND             the same in the folder of the cells' go.mod: !*go get MODULE
%%bash, %%sh, %%script PROGRAM, %%writefile [-a] FILE
                      as a first line: the cell is a script, or a file's text
`
