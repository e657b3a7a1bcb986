package render

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/kernel/session"
	"github.com/golens/golens/model/files"
)

// Config says what to render and how.
type Config struct {
	Notebook string        // the .ipynb file to run
	HTML     string        // where to write the page; "": beside the notebook, as .html; "-": to Stdout
	Executed string        // where to write the executed notebook; "": nowhere; "-": to Stdout
	Light    bool          // the executed notebook holds no HTML where it holds an SVG: for a repository
	Timeout  time.Duration // time limit of each cell; 0: none
	Kernel   []string      // the kernel's command; "{connection_file}" is replaced
	Env      []string      // added to the kernel's environment
	Source   string        // folder of golens' sources, whose revision is reported
	Terminal io.Writer     // where progress is shown; nil: nowhere
	Stdout   io.Writer     // nil: os.Stdout
	Log      io.Writer     // the kernel's log; nil: dropped

	// Parameters are values for variables of the cell tagged "parameters".
	Parameters []notebook.Parameter

	nav *nav // of a page in a site
}

// nav is where a page of a site leads.
type nav struct {
	Index         string // title of the index
	Before, After *link
}

// FailedCell is the error of Run when a cell failed. What ran was written.
type FailedCell struct {
	Index  int    // into the notebook's cells
	Number int    // among its code cells, from 1
	Total  int    // of code cells
	Line   string // the cell's first line
	Err    error
}

// Name says which cell it is.
func (f *FailedCell) Name() string {
	return fmt.Sprintf("code cell %d of %d (%s)", f.Number, f.Total, f.Line)
}

// Error implements error.
func (f *FailedCell) Error() string { return f.Name() + " failed: " + f.Err.Error() }

// Unwrap returns the reason.
func (f *FailedCell) Unwrap() error { return f.Err }

// Check finds what can be known to be wrong before anything runs: a notebook that
// cannot be read or is for another kernel, parameters that it does not have, and
// files that cannot be written.
func Check(cfg Config) error {
	_, _, err := prepare(cfg.withDefaults())
	return err
}

func (cfg Config) withDefaults() Config {
	if cfg.Terminal == nil {
		cfg.Terminal = io.Discard
	}
	if cfg.Stdout == nil {
		cfg.Stdout = os.Stdout
	}
	if cfg.HTML == "" {
		cfg.HTML = strings.TrimSuffix(cfg.Notebook, filepath.Ext(cfg.Notebook)) + ".html"
	}
	return cfg
}

// prepare reads the notebook, gives it its parameters and checks where the
// results are to go.
func prepare(cfg Config) (nb *notebook.Notebook, data []byte, err error) {
	if data, err = files.Read(cfg.Notebook); err != nil {
		return nil, nil, err
	}
	if nb, err = notebook.Read(data); err == nil {
		err = ours(nb)
	}
	if err == nil {
		err = nb.Set(cfg.Parameters)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", cfg.Notebook, err)
	}
	return nb, data, writable(cfg.Notebook, cfg.HTML, cfg.Executed)
}

// ours refuses a notebook of another language.
func ours(nb *notebook.Notebook) error {
	name, language := nb.Kernel()
	if strings.EqualFold(language, "go") || language == "" && (name == "" || name == "golens" || name == "gonb") {
		return nil
	}
	if language != "" {
		language = " (" + language + ")"
	}
	return fmt.Errorf("the notebook is for the kernel %s%s; golens runs Go", cmp.Or(name, "that it does not name"), language)
}

// Run runs the notebook in a new kernel and writes the page and, if asked for,
// the executed notebook. If a cell fails, the rest is not run, all that ran is
// written, and the error is a *FailedCell; so it is, wrapping ctx's error, when ctx
// ends. Tags of cells are heeded: raises-exception, skip-execution, remove-input,
// remove-output and remove-cell.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	nb, data, err := prepare(cfg)
	if err != nil {
		return err
	}
	nb.Clear()
	facts := Provenance{
		Notebook: filepath.Base(cfg.Notebook), Hash: hash(data),
		Golens: GolensVersion(ctx, cfg.Source), System: System(), Started: time.Now(),
	}
	for _, p := range cfg.Parameters {
		facts.Parameters = append(facts.Parameters, p.Name+"="+p.Value)
	}
	failed, err := execute(ctx, cfg, nb, &facts)
	if err != nil {
		return err
	}
	facts.Took = time.Since(facts.Started)
	if err := write(cfg, nb, facts, failed); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return nil
}

// write writes the results.
func write(cfg Config, nb *notebook.Notebook, facts Provenance, failed *FailedCell) error {
	page, err := pageHTML(nb, cfg.Notebook, facts, failed, cfg.nav)
	if err != nil {
		return err
	}
	if err := cfg.put(cfg.HTML, page); err != nil || cfg.Executed == "" {
		return err
	}
	if failed == nil {
		nb.Stamp()
	}
	if cfg.Light {
		nb.Lighten()
	}
	out, err := nb.Write()
	if err != nil {
		return err
	}
	return cfg.put(cfg.Executed, out)
}

// put writes one result.
func (cfg Config) put(path string, data []byte) error {
	if path == stdout {
		if _, err := cfg.Stdout.Write(data); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		return nil
	}
	if err := files.Write(path, data); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Terminal, "%s written (%d KB)\n", path, (len(data)+1023)/1024)
	return nil
}

// execute runs the cells of nb and puts their outputs into it.
func execute(ctx context.Context, cfg Config, nb *notebook.Notebook, facts *Provenance) (failed *FailedCell, err error) {
	dir, err := filepath.Abs(filepath.Dir(cfg.Notebook))
	if err != nil {
		return nil, err
	}
	show := newProgress(cfg.Terminal, nb)
	s, err := session.Start(ctx, session.Config{Command: cfg.Kernel, Dir: dir, Env: cfg.Env, Log: show.log(cfg.Log)})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if v, ok := s.Info.Language["version"].(string); ok {
		facts.Go = v
	}
	nb.Metadata["kernelspec"] = map[string]any{"name": "golens", "display_name": "golens (Go)", "language": "go"}
	nb.Metadata["language_info"] = s.Info.Language
	number := 0
	for i, c := range nb.Cells {
		if !runs(c) {
			continue
		}
		number++
		show.begin(number, c.Source)
		out, err := s.Execute(ctx, c.Source, session.Limits{Time: cfg.Timeout}, nil)
		// A progress bar says how long the cell took, not what it found.
		c.Outputs, c.Count = slices.DeleteFunc(out.List, isProgress), out.Count
		show.end(err == nil)
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("interrupted (%w)", ctx.Err())
		}
		if err != nil {
			withError(c, err)
			var cell *session.CellError
			if c.Tagged(notebook.RaisesException) && ctx.Err() == nil && errors.As(err, &cell) && !cell.TimedOut {
				continue
			}
			failed = &FailedCell{Index: i, Number: number, Total: show.total, Line: firstLine(c.Source), Err: err}
			break
		}
	}
	limit := time.Minute
	if ctx.Err() != nil {
		limit = askLimit
	}
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if raw, err := s.Ask(ask, "golens_provenance"); err == nil {
		// Not having it is no failure: other kernels do not know the question.
		_ = json.Unmarshal(raw, facts)
	}
	return failed, nil
}

// askLimit is how long the kernel may take to say what it ran on after an interrupt:
// then nobody waits. Else it has a minute, since it is what a report is believed by.
const askLimit = 2 * time.Second

// runs tells whether the cell is to be run.
func runs(c *notebook.Cell) bool {
	return c.Type == notebook.Code && strings.TrimSpace(c.Source) != "" && !c.Tagged(notebook.SkipExecution)
}

// withError adds err to a cell's outputs if the kernel could not.
func withError(c *notebook.Cell, err error) {
	for _, o := range c.Outputs {
		if o.Type == notebook.Error {
			return
		}
	}
	name := "Error"
	var cell *session.CellError
	if errors.As(err, &cell) {
		name = cell.Name
	}
	c.Outputs = append(c.Outputs, notebook.Output{Type: notebook.Error, EName: name, EValue: err.Error(), Traceback: []string{err.Error()}})
}
