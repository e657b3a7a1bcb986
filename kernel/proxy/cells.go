package proxy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golens/golens/kernel/build"
	"github.com/golens/golens/kernel/cell"
	"github.com/golens/golens/kernel/nb/keep"
	"github.com/golens/golens/kernel/shim"
	"github.com/golens/golens/kernel/wire"
)

// Cells is by what the proxy makes programs of cells.
type Cells struct {
	Builder *build.Builder
	Dir     string          // where cells, builder, shims and proxy leave each other files
	Gopls   bool            // gonb starts a language server
	Models  func() []string // names of models that need no download
}

// own are the magics that the proxy answers itself, with what each does.
var own = map[string]func(p *Proxy, r *request, args []string) error{
	"%who": (*Proxy).who, "%whos": (*Proxy).who, "%ls": (*Proxy).who, "%list": (*Proxy).who,
	"%rm": (*Proxy).remove, "%remove": (*Proxy).remove, "%reset": (*Proxy).reset,
	"%help": (*Proxy).help, "%time": nil, "%timeit": nil,
}

// oneShot are the magics of gonb that say how a cell's program is run.
var oneShot = map[string]bool{"%%": true, "%main": true, "%args": true, "%test": true, "%exec": true, "%capture": true}

// known tells whether there is a magic of that name.
func known(name string) bool {
	if _, ok := own[name]; ok || name == "!" {
		return true
	}
	for _, c := range commands {
		if c == name {
			return true
		}
	}
	return false
}

// runCell runs a cell's magics and then its Go. failed is nil if all went well;
// alive is false if gonb is gone.
func (p *Proxy) runCell(b *Back, r *request, req gonbExecute) (failed *failure, alive bool) {
	defer func() {
		if e := recover(); e != nil {
			f := p.fault(e)
			failed, alive = &f, true
		}
	}()
	text := cell.Split(req.Code)
	fail := func(f failure) (*failure, bool) { return &f, true }
	if text.Special != "" {
		return p.ask(b, r, req, text.Go)
	}
	var before, with []cell.Magic
	timed := false
	for _, m := range text.Magics {
		switch name := m.Name(); {
		case name == "%wasm":
			defer p.mark("goimports")()
			return p.ask(b, r, req, cell.Safe(req.Code))
		case strings.TrimSpace(m.Text[1:]) == "":
			return fail(say("UnknownCommand", fmt.Sprintf("line %d: a %s alone is no command; %%help lists them", m.Line+1, m.Text[:1])))
		case !known(name):
			return fail(say("UnknownCommand", fmt.Sprintf("line %d: there is no command %s; %%help lists them", m.Line+1, name)))
		case oneShot[name]:
			with = append(with, m)
		default:
			timed = timed || name == "%time"
			before = append(before, m)
		}
	}
	if err := cell.Parse(text); err != nil {
		var e *cell.Error
		errors.As(err, &e)
		e.Cell = r.count
		return fail(compileFailure([]*cell.Error{e}, p.history.code))
	}
	if f, alive := p.before(b, r, req, before); f != nil || !alive {
		return f, alive
	}
	if strings.TrimSpace(text.Go) == "" && len(with) == 0 {
		return nil, true
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	go func() {
		select {
		case <-r.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	began := time.Now()
	prog, f := p.compose(ctx, r, text)
	if f != nil {
		return f, true
	}
	if prog.Idle {
		p.state.Commit(prog)
		p.state.Ended(prog, true, nil, nil)
		return nil, true
	}
	direct := build.Direct && !prog.Test && !p.goflags
	if f := p.build(ctx, r, prog, direct); f != nil {
		return f, true
	}
	built := time.Now()
	f, alive = p.ask(b, r, req, stub(prog, with))
	f = p.conclude(r, prog, f)
	if timed {
		p.stream(r.msg, "stdout", fmt.Sprintf("time: %s, after %s to compile\n",
			time.Since(built).Round(time.Millisecond), built.Sub(began).Round(time.Millisecond)))
	}
	return f, alive
}

// mark leaves an empty file for the shims, and returns what removes it.
func (p *Proxy) mark(name string) func() {
	path := filepath.Join(p.cells.Dir, name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		p.hooks.Log("%v", err)
	}
	return func() { os.Remove(path) }
}

// before runs the commands that do not need the cell's program, in their order.
func (p *Proxy) before(b *Back, r *request, req gonbExecute, list []cell.Magic) (*failure, bool) {
	var forGonb []string
	flush := func() (*failure, bool) {
		if len(forGonb) == 0 {
			return nil, true
		}
		code := strings.Join(forGonb, "\n")
		forGonb = nil
		return p.ask(b, r, req, code)
	}
	for _, m := range list {
		act, mine := own[m.Name()]
		if !mine {
			if m.Name() == "%goflags" {
				p.goflags = len(strings.Fields(m.Text)) > 1
			}
			if strings.HasPrefix(m.Name(), "%with_") { // gonb asks for the input itself
				os.Remove(filepath.Join(p.cells.Dir, shim.StdinFile))
			}
			forGonb = append(forGonb, m.Text)
			continue
		}
		if f, alive := flush(); f != nil || !alive {
			return f, alive
		}
		if act == nil {
			continue
		}
		if err := act(p, r, strings.Fields(m.Text)[1:]); err != nil {
			f := say("CommandError", m.Name()+": "+err.Error())
			return &f, true
		}
		if m.Name() == "%reset" {
			forGonb = append(forGonb, m.Text) // its go.mod too
		}
	}
	return flush()
}

// fault is what a panic of golens' own becomes: a cell that is read wrongly, or a
// question about one, must not end the kernel.
func (p *Proxy) fault(e any) failure {
	p.hooks.Log("reading a cell: %v\n%s", e, debug.Stack())
	return say("KernelFault", fmt.Sprintf("golens cannot read this cell (%v): please report it", e))
}

// compose makes the cell's program.
func (p *Proxy) compose(ctx context.Context, r *request, text cell.Text) (prog *cell.Program, failed *failure) {
	err := p.cells.Builder.Refresh(ctx)
	if err != nil {
		return nil, buildFailure(r, err)
	}
	prog, errs := p.state.Compose(text, r.count, p.cells.Builder)
	if len(errs) > 0 {
		f := compileFailure(errs, p.history.code)
		return nil, &f
	}
	return prog, nil
}

// stub is the cell that gonb gets: how the program is run, and in place of the
// program, which the go shim finds by itself, as little as possible.
func stub(prog *cell.Program, with []cell.Magic) string {
	var lines []string
	for _, m := range with {
		_, args, _ := strings.Cut(m.Text, " ")
		switch m.Name() {
		case "%capture":
			lines = append(lines, m.Text)
		case "%test":
			lines = append(lines, "%test "+args)
		case "%exec":
			_, args, _ = strings.Cut(strings.TrimSpace(args), " ")
			fallthrough
		default:
			if strings.TrimSpace(args) != "" {
				lines = append(lines, "%args "+args)
			}
		}
	}
	if !prog.Test {
		return strings.Join(append(lines, "func main() {}"), "\n")
	}
	lines = append(lines, `import "testing"`)
	for _, name := range prog.Tests {
		kind := "T"
		if strings.HasPrefix(name, "Benchmark") {
			kind = "B"
		}
		lines = append(lines, "func "+name+"(*testing."+kind+") {}")
	}
	return strings.Join(lines, "\n")
}

// build compiles and links the program, or leaves it for the go command.
func (p *Proxy) build(ctx context.Context, r *request, prog *cell.Program, direct bool) *failure {
	for _, name := range []string{shim.ProgramFile, shim.SourceFile, shim.ErrorsFile, keep.ReportFile, keep.ResultFile, keep.ErrorFile} {
		os.Remove(filepath.Join(p.cells.Dir, name)) // of an earlier cell
	}
	if !direct {
		if err := os.WriteFile(filepath.Join(p.cells.Dir, shim.SourceFile), []byte(prog.Source), 0o600); err != nil {
			return buildFailure(r, err)
		}
		return nil
	}
	_, err := p.cells.Builder.Build(ctx, prog.Source, prog.Imports)
	var ce *build.CompileError
	switch {
	case err == nil:
		p.state.Commit(prog)
		return nil
	case errors.As(err, &ce):
		f := compileFailure(compileErrors(ce.Output), p.history.code)
		return &f
	}
	return buildFailure(r, err)
}

func buildFailure(r *request, err error) *failure {
	if errors.Is(err, context.Canceled) {
		f := say("Interrupted", interruptedAfter(time.Since(r.start))+", while it was compiled")
		return &f
	}
	f := say("BuildError", err.Error())
	return &f
}

// conclude takes what the program left: its variables, its result, its error.
func (p *Proxy) conclude(r *request, prog *cell.Program, f *failure) *failure {
	if out, err := p.left(shim.ErrorsFile); err == nil && f != nil {
		if strings.Contains(string(out), "signal: killed") {
			return buildFailure(r, build.ErrKilled)
		}
		cf := compileFailure(compileErrors(string(out)), p.history.code)
		return &cf
	}
	p.state.Commit(prog)
	if text, err := p.left(keep.ErrorFile); err == nil && f != nil && f.Name != "Interrupted" {
		e := say("Error", strings.TrimSpace(string(text)))
		f = &e
	}
	var report keep.Report
	if data, err := p.left(keep.ReportFile); err == nil {
		if report, err = keep.ReadReport(data); err != nil {
			p.hooks.Log("a cell's report: %v", err)
		}
	}
	kept := map[string]*cell.Kept{}
	for name, k := range report.Kept {
		kept[name] = &cell.Kept{Key: k.Key, Size: k.Size, Group: k.Group, Dynamic: k.Dynamic}
	}
	p.state.Ended(prog, f == nil, kept, report.WhyNot)
	p.sweep()
	if f == nil {
		p.results(r)
		p.tellRemade(r, prog)
	}
	return f
}

// left reads a file that a program left. A pipe in its place would be waited for.
func (p *Proxy) left(name string) ([]byte, error) {
	path := filepath.Join(p.cells.Dir, name)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fs.ErrInvalid
	}
	return os.ReadFile(path)
}

// sweep removes the values that no variable has any more.
func (p *Proxy) sweep() {
	keys := p.state.Keys()
	files, _ := filepath.Glob(filepath.Join(p.cells.Dir, "v*"))
	for _, f := range files {
		if !keys[filepath.Base(f)] {
			os.Remove(f)
		}
	}
}

// tellRemade says once of each variable that it is made again by every cell
// that uses it. A model is no news: it is open already.
func (p *Proxy) tellRemade(r *request, prog *cell.Program) {
	for _, v := range p.state.Variables() {
		if v.WhyNot == "" || p.told[v.Name] == v.Cell || strings.Contains(v.Type, "model.Model") {
			continue
		}
		for _, name := range prog.Remade {
			if name == v.Name {
				p.told[name] = v.Cell
				p.stream(r.msg, "stderr", fmt.Sprintf("note: %s (cell %d) is made again by each cell that uses it: %s; see %s\n", name, v.Cell, v.WhyNot, rules))
			}
		}
	}
}

// rules is where it is written what cells may rely on.
const rules = "https://github.com/golens/golens/blob/main/kernel/CELLS.md"

// results publishes the values that a cell ends with.
func (p *Proxy) results(r *request) {
	data, err := p.left(keep.ResultFile)
	if err != nil {
		return
	}
	list, err := keep.ReadResult(data)
	if err != nil {
		p.hooks.Log("a cell's result: %v", err)
		return
	}
	for i, forms := range list {
		content := map[string]any{"data": bundle(forms), "metadata": map[string]any{}}
		kind := "display_data"
		if i == len(list)-1 {
			kind = "execute_result"
			content["execution_count"] = r.count
		} else {
			content["transient"] = map[string]any{}
		}
		p.show(r, wire.New(kind, p.session, r.msg, content))
	}
}

// bundle writes forms as Jupyter wants them: text, JSON, or base64.
func bundle(forms map[string][]byte) map[string]any {
	out := map[string]any{}
	for mime, form := range forms {
		switch {
		case (mime == "application/json" || strings.HasSuffix(mime, "+json")) && json.Valid(form):
			out[mime] = json.RawMessage(form)
		case utf8.Valid(form) && (strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "+xml") || mime == "application/javascript"):
			out[mime] = string(form)
		default:
			out[mime] = base64.StdEncoding.EncodeToString(form)
		}
	}
	return out
}
