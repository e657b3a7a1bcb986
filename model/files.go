package model

import (
	"context"
	"errors"

	"github.com/golens/golens/model/config"
)

// Files asks for files of a repository of the Hugging Face Hub that are no model,
// such as a sparse dictionary: they are taken from the cache, or brought there. The
// answer is the folder of the repository, a string.
type Files struct {
	Repository string // ORGANIZATION/NAME, with a revision behind an @ if wanted
	Under      string `json:",omitempty"` // a file, or a folder of which all is wanted; "": all of the repository
}

func init() { asks[Files, string]() }

// Verb implements [Ask].
func (Files) Verb() string { return "files" }

func (f Files) check(config.Config) error {
	if f.Repository == "" {
		return errors.New("files: no repository; it is ORGANIZATION/NAME")
	}
	return nil
}

// Files brings files of a repository, where the model is.
func (m *Model) Files(ctx context.Context, f Files) (string, error) { return do[string](ctx, m, f) }
