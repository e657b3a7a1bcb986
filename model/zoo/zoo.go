package zoo

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed files
var files embed.FS

const (
	root    = "files"
	steps   = "steps" // folder of checkpoints, named by their step
	suffix  = ".safetensors"
	weights = "model" + suffix
)

// Names are the models that ship with golens, sorted.
func Names() []string {
	entries, err := files.ReadDir(root) // sorted by name
	if err != nil {
		return nil // cannot be: the folder is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Checkpoints are the training steps whose weights ship with a model, rising;
// none for a model that was not trained or that does not exist. The last one is
// the model itself.
func Checkpoints(name string) []int {
	entries, err := files.ReadDir(path.Join(root, name, steps))
	if err != nil {
		return nil
	}
	var all []int
	for _, e := range entries {
		if step, err := strconv.Atoi(strings.TrimSuffix(e.Name(), suffix)); err == nil {
			all = append(all, step)
		}
	}
	slices.Sort(all)
	return all
}

// Files are config.json, model.safetensors and tokenizer.json of a model, named
// as in "induction", or of a checkpoint, as in "godoc-2l@400".
func Files(name string) (fs.FS, error) {
	base, at, pinned := strings.Cut(name, "@")
	if !slices.Contains(Names(), base) {
		return nil, fmt.Errorf("zoo: there is no model %q; there are %s", base, strings.Join(Names(), ", "))
	}
	dir, err := fs.Sub(files, path.Join(root, base))
	if err != nil {
		return nil, fmt.Errorf("zoo: %w", err)
	}
	all := Checkpoints(base)
	switch {
	case pinned && len(all) == 0:
		return nil, fmt.Errorf("zoo: %q has no checkpoints; ask for %q", base, base)
	case len(all) == 0:
		return dir, nil
	}
	step := all[len(all)-1]
	if pinned {
		if step, err = strconv.Atoi(at); err != nil || !slices.Contains(all, step) {
			return nil, fmt.Errorf("zoo: %q has no checkpoint at step %q; there are %s", base, at, list(all))
		}
	}
	return checkpoint{dir, StepFile(step)}, nil
}

// At is the name of a model's checkpoint.
func At(name string, step int) string { return fmt.Sprintf("%s@%d", name, step) }

// StepFile is the file of a checkpoint inside of its model's folder.
func StepFile(step int) string { return fmt.Sprintf("%s/%06d%s", steps, step, suffix) }

// A checkpoint is a model's folder in which model.safetensors is the weights at
// one step.
type checkpoint struct {
	fs.FS
	file string
}

// Open implements [fs.FS].
func (c checkpoint) Open(name string) (fs.File, error) {
	if name == weights {
		name = c.file
	}
	return c.FS.Open(name)
}

func list(steps []int) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = strconv.Itoa(s)
	}
	return strings.Join(words, ", ")
}
