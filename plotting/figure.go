package plotting

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golens/golens/model/files"
)

// Figure is a finished figure, or the error that kept it from being drawn.
// Its methods never panic, also on a nil Figure.
type Figure struct {
	name  string // the function that made it
	title string
	desc  string
	text  string
	scene *scene
	live  any // what the script of figures makes of it; nil: no more than hover
	data  records
	table bool // HTML is the data, not the drawing
	err   error

	lo, hi float64                      // the values that colours stand for; lo > hi: none
	again  func(more ...Option) *Figure // the same figure with other options
}

// errNil is what the methods of a nil Figure return.
var errNil = errors.New("plotting: nil Figure")

// parts is what the body of a figure hands back.
type parts struct {
	title, desc, text string
	scene             *scene
	live              any
	data              records
	coloured          *scale // the colours of a heat map
}

// build is the one boundary where panics, ours, gonum's or the data's, become
// errors.
func build(name string, opts []Option, body func(o options) (parts, error)) (f *Figure) {
	f = &Figure{name: name, lo: 1, again: func(more ...Option) *Figure {
		return build(name, append(slices.Clone(opts), more...), body)
	}}
	defer func() {
		if r := recover(); r != nil {
			f.err = fmt.Errorf("plotting.%s: cannot draw: %v", name, r)
		}
	}()
	o, err := collect(opts)
	if err == nil {
		var p parts
		p, err = body(o)
		f.title, f.desc, f.text, f.scene, f.live, f.data = p.title, p.desc, p.text, p.scene, p.live, p.data
		if p.coloured != nil {
			f.lo, f.hi = p.coloured.lo, p.coloured.hi
		}
	}
	if err != nil {
		f.err = fmt.Errorf("plotting.%s: %w", name, err)
	}
	return f
}

// Err is the reason why there is no figure, nil if there is one.
func (f *Figure) Err() error {
	if f == nil {
		return errNil
	}
	return f.err
}

// Title is the figure's title.
func (f *Figure) Title() string {
	if f == nil {
		return ""
	}
	return f.title
}

// Alt describes the figure in a sentence or two, for readers who do not see
// it; the SVG carries it as its description.
func (f *Figure) Alt() string {
	if f == nil {
		return ""
	}
	return f.desc
}

// render runs one of the writers inside the boundary.
func (f *Figure) render(format string, write func(*scene) ([]byte, error)) (b []byte, err error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	if f.scene == nil && f.table {
		return nil, fmt.Errorf("plotting.%s: more than %d rows are not drawn: save it as .csv, .tex, .json, .html or .txt", f.name, drawnRows)
	}
	if f.scene == nil {
		return nil, errors.New("plotting: empty Figure: make one with HeadMap, Lines and so on")
	}
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("plotting.%s: cannot write %s: %v", f.name, format, r)
		}
	}()
	if b, err = write(f.scene); err != nil {
		return nil, fmt.Errorf("plotting.%s: cannot write %s: %w", f.name, format, err)
	}
	return b, nil
}

// SVG is the figure as an SVG document with hover titles.
func (f *Figure) SVG() ([]byte, error) {
	return f.render("SVG", func(s *scene) ([]byte, error) { return s.svg(f.title, f.desc, false) })
}

// PNG is the figure as a PNG image, two image pixels to a CSS pixel.
func (f *Figure) PNG() ([]byte, error) { return f.render("PNG", (*scene).png) }

// PDF is the figure as a one-page PDF document of the figure's size.
func (f *Figure) PDF() ([]byte, error) { return f.render("PDF", (*scene).pdf) }

// Text is the figure for a terminal or a screen reader: a small aligned table
// or a summary, with units. A figure that failed says so.
func (f *Figure) Text() string {
	if err := f.Err(); err != nil {
		return err.Error()
	}
	return f.text
}

// String is Text.
func (f *Figure) String() string { return f.Text() }

// Save writes the figure to path in the format of its extension: .svg, .png,
// .pdf, .html or .txt; its data as .csv, .tex or .json. The file appears whole or
// not at all.
func (f *Figure) Save(path string) error {
	write := map[string]func() ([]byte, error){
		".svg": f.SVG, ".png": f.PNG, ".pdf": f.PDF, ".html": f.page,
		".txt": func() ([]byte, error) { return []byte(f.Text()), f.Err() },
		".csv": f.CSV, ".tex": f.LaTeX, ".json": f.JSON,
	}[strings.ToLower(filepath.Ext(path))]
	if write == nil {
		return fmt.Errorf("plotting: cannot save %q: the extension must be .svg, .png, .pdf, .html or .txt, or .csv, .tex or .json for the data", path)
	}
	b, err := write()
	if err != nil {
		return err
	}
	if err := files.Write(path, b); err != nil {
		return fmt.Errorf("plotting: cannot save: %w", err)
	}
	return nil
}
