package render

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/golens/golens/kernel/notebook"
	"github.com/golens/golens/model/files"
)

// Site is a folder of notebooks and where their reports go.
type Site struct {
	Folder string // holds the notebooks; they are taken in the order of their names
	Out    string // folder of the site; is made if needed
	Title  string // of the index; "": the folder's name
	Stored bool   // run nothing, and show the outputs that the notebooks hold
	Each   Config // how each is run; its files are the site's to name
}

//go:embed site.tmpl
var siteSource string

//go:embed site.js
var searchSource string

var siteTemplate = template.Must(template.New("site").Parse(siteSource))

// link is a link of the site's.
type link struct{ Href, Title string }

// entry is a notebook in the index.
type entry struct {
	link
	Words  string // what it is about, by its first paragraph
	Text   string // what the search looks through
	Failed string // why it stopped, "" if it did not
}

// notebooks are the paths of the notebooks, each of which can be read and is ours.
func (s Site) notebooks() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(s.Folder, "*.ipynb"))
	if err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { // reading a pipe would wait for whoever put it there
		info, err := os.Stat(path)
		return err == nil && !info.Mode().IsRegular()
	})
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no notebooks (*.ipynb)", s.Folder)
	}
	return paths, nil
}

// Check finds what can be known to be wrong before anything runs.
func (s Site) Check() error {
	paths, err := s.notebooks()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Out, 0o777); err != nil {
		return err
	}
	for _, p := range append(paths, "index") {
		cfg := s.Each
		cfg.Notebook, cfg.HTML = p, s.page(p)
		if p == "index" {
			cfg.Notebook = paths[0]
		}
		if err := Check(cfg); err != nil {
			return err
		}
	}
	return nil
}

// page is the path of a notebook's page.
func (s Site) page(notebook string) string {
	return filepath.Join(s.Out, strings.TrimSuffix(filepath.Base(notebook), filepath.Ext(notebook))+".html")
}

// Write renders all notebooks and writes the index. Those that fail are marked,
// and named in the error.
func (s Site) Write(ctx context.Context) error {
	if err := s.Check(); err != nil {
		return err
	}
	paths, err := s.notebooks()
	if err != nil {
		return err
	}
	links := make([]link, len(paths))
	for i, p := range paths {
		links[i] = link{filepath.Base(s.page(p)), titleOf(p)}
	}
	var entries []entry
	var failures []error
	for i, p := range paths {
		cfg := s.Each.withDefaults()
		cfg.Notebook, cfg.HTML, cfg.nav = p, s.page(p), &nav{Index: s.title()}
		if i > 0 {
			cfg.nav.Before = &links[i-1]
		}
		if i+1 < len(links) {
			cfg.nav.After = &links[i+1]
		}
		e := entry{link: links[i]}
		run := Run
		if s.Stored {
			run = stored
		}
		if err := run(ctx, cfg); err != nil {
			if ctx.Err() != nil {
				return err
			}
			e.Failed = err.Error()
			failures = append(failures, fmt.Errorf("%s: %w", p, err))
			var failed *FailedCell
			if !errors.As(err, &failed) {
				e.Href = "" // there is no page
			}
		}
		e.Words, e.Text = about(p)
		entries = append(entries, e)
	}
	if err := s.index(entries); err != nil {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// stored writes the page of a notebook as it is.
func stored(ctx context.Context, cfg Config) error {
	nb, data, err := prepare(cfg)
	if err != nil {
		return err
	}
	return write(cfg, nb, Provenance{Notebook: filepath.Base(cfg.Notebook), Hash: hash(data), Golens: GolensVersion(ctx, cfg.Source)}, nil)
}

func (s Site) title() string {
	if s.Title != "" {
		return s.Title
	}
	if abs, err := filepath.Abs(s.Folder); err == nil {
		return filepath.Base(abs)
	}
	return s.Folder
}

// index writes the page that lists and searches the others.
func (s Site) index(entries []entry) error {
	sum := sha256.Sum256([]byte(searchSource))
	var b bytes.Buffer
	err := siteTemplate.Execute(&b, map[string]any{
		"Title": s.title(), "Style": template.CSS(styleSource), "Entries": entries, "Date": time.Now().UTC().Format("2006-01-02"),
		"Policy": "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "Script": template.HTML("<script>" + searchSource + "</script>"),
	})
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	path := s.page("index")
	if err := files.Write(path, b.Bytes()); err != nil {
		return err
	}
	if s.Each.Terminal != nil {
		fmt.Fprintf(s.Each.Terminal, "%s written, with %d reports\n", path, len(entries))
	}
	return nil
}

// titleOf is the title of a notebook that was checked.
func titleOf(path string) string {
	nb := reread(path)
	md := newMarkdown()
	for _, c := range nb.Cells {
		if c.Type == notebook.Markdown {
			_, _ = md.html(c.Source)
		}
	}
	return title(md.headings, nb, path)
}

// reread reads a notebook, an empty one where it cannot.
func reread(path string) *notebook.Notebook {
	data, err := files.Read(path)
	if err == nil {
		if nb, err := notebook.Read(data); err == nil {
			return nb
		}
	}
	return &notebook.Notebook{Metadata: map[string]any{}}
}

var (
	markup     = regexp.MustCompile(`<[^>]*>`)
	paragraph  = regexp.MustCompile(`(?s)<p>(.*?)</p>`)
	annotation = regexp.MustCompile(`<annotation[^>]*>[^<]*</annotation>`) // the source of math
	spaces     = regexp.MustCompile(`\s+`)
)

// unmarked is the text of HTML.
func unmarked(page string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(markup.ReplaceAllString(annotation.ReplaceAllString(page, ""), "")), " "))
}

// about is the first paragraph of a notebook, as text, and all that it says.
func about(path string) (words, text string) {
	md := newMarkdown()
	var all strings.Builder
	for _, c := range reread(path).Cells {
		if c.Type != notebook.Markdown {
			all.WriteString(c.Source + "\n")
			continue
		}
		page, err := md.html(c.Source)
		if err != nil {
			continue
		}
		if m := paragraph.FindStringSubmatch(page); m != nil && words == "" {
			words = unmarked(m[1])
		}
		all.WriteString(unmarked(page) + "\n")
	}
	return words, strings.ToLower(spaces.ReplaceAllString(all.String(), " "))
}
