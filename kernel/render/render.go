package render

import (
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
)

// Config says what to render and how.
type Config struct {
	Notebook string        // the .ipynb file to run
	HTML     string        // where to write the page; "": beside the notebook, as .html
	Executed string        // where to write the executed notebook; "": nowhere
	Timeout  time.Duration // time limit of each cell; 0: none
	Kernel   []string      // the kernel's command; "{connection_file}" is replaced
	Env      []string      // added to the kernel's environment
	Source   string        // folder of golens' sources, whose revision is reported
	Terminal io.Writer     // where progress is shown; nil: nowhere
	Log      io.Writer     // the kernel's log; nil: dropped
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

// Run runs the notebook in a new kernel and writes the page and, if asked for,
// the executed notebook. If a cell fails, the rest is not run, all that ran is
// written, and the error is a *FailedCell.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Terminal == nil {
		cfg.Terminal = io.Discard
	}
	if cfg.HTML == "" {
		cfg.HTML = strings.TrimSuffix(cfg.Notebook, filepath.Ext(cfg.Notebook)) + ".html"
	}
	data, err := os.ReadFile(cfg.Notebook)
	if err != nil {
		return err
	}
	nb, err := notebook.Read(data)
	if err != nil {
		return fmt.Errorf("%s: %w", cfg.Notebook, err)
	}
	if err := writable(cfg.Notebook, cfg.HTML, cfg.Executed); err != nil {
		return err
	}
	nb.Clear()
	facts := Provenance{
		Notebook: filepath.Base(cfg.Notebook), Hash: hash(data),
		Golens: GolensVersion(ctx, cfg.Source), System: System(), Started: time.Now(),
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
	page, err := HTML(nb, cfg.Notebook, facts, failed)
	if err != nil {
		return err
	}
	if err := writeFile(cfg.HTML, page); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Terminal, "%s written (%d KB)\n", cfg.HTML, (len(page)+1023)/1024)
	if cfg.Executed == "" {
		return nil
	}
	out, err := nb.Write()
	if err != nil {
		return err
	}
	if err := writeFile(cfg.Executed, out); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Terminal, "%s written\n", cfg.Executed)
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
		if c.Type != notebook.Code || strings.TrimSpace(c.Source) == "" {
			continue
		}
		number++
		show.begin(number, c.Source)
		out, err := s.Execute(ctx, c.Source, session.Limits{Time: cfg.Timeout}, nil)
		// A progress bar says how long the cell took, not what it found.
		c.Outputs, c.Count = slices.DeleteFunc(out.List, isProgress), out.Count
		show.end(err == nil)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			withError(c, err)
			failed = &FailedCell{Index: i, Number: number, Total: show.total, Line: firstLine(c.Source), Err: err}
			break
		}
	}
	if raw, err := s.Ask(ctx, "golens_provenance"); err == nil {
		// Not having it is no failure: other kernels do not know the question.
		_ = json.Unmarshal(raw, facts)
	}
	return failed, nil
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
