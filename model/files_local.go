//go:build !golens_cell

package model

import (
	"context"

	"github.com/golens/golens/model/hub"
)

func init() { executes("files", (*local).repositoryFiles) }

func (l *local) repositoryFiles(ctx context.Context, f Files, _ string) (string, error) {
	if err := f.check(l.config); err != nil {
		return "", err
	}
	ref, err := hub.Parse(f.Repository)
	if err != nil {
		return "", err
	}
	return hub.GetUnder(ctx, ref, f.Under, hub.Config{})
}
