//go:build !golens_cell

package model

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/golens/golens/model/hub"
	"github.com/golens/golens/model/zoo"
)

// Cached tells whether a model can be opened without a download: it ships with
// golens, is a folder, or is whole in the Hugging Face cache. The error says
// what is missing.
func Cached(name string) error {
	if strings.HasPrefix(name, zooPrefix) {
		return nil
	}
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	ref, err := hub.Parse(name)
	if err != nil {
		return err
	}
	if _, err = hub.Find(ref, hub.Config{}); err != nil {
		return fmt.Errorf("%w; `golens get %s` brings it", err, name)
	}
	return nil
}

// locate is the folder, or the GGUF file, of a model that does not ship with
// golens: one of that name or, for a model of the Hugging Face Hub, the one in its cache, to which
// the model is brought if it is not there.
func locate(ctx context.Context, name string) (string, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return name, nil
	case err == nil && strings.HasSuffix(name, ".gguf"):
		return name, nil
	case err == nil:
		return "", fmt.Errorf("%s is a file; give the folder that holds config.json and the weights, or a file in the format GGUF", name)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	shipped := "models that ship with golens are " + zooPrefix + strings.Join(zoo.Names(), ", "+zooPrefix)
	ref, err := hub.Parse(name)
	if err != nil {
		return "", fmt.Errorf("there is no folder %q, and it names no model of the Hugging Face Hub: %w; %s", name, err, shipped)
	}
	dir, err := hub.Get(ctx, ref, hub.Config{Progress: func(p hub.Progress) {
		reportDownload(ctx, Download{p.Model, int(p.Done), int(p.Total)})
	}})
	switch {
	case err == nil:
		return dir, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, hub.ErrOffline):
		return "", fmt.Errorf("%w: run `golens get %s` with HF_HUB_OFFLINE unset, where there is a network", err, name)
	case errors.Is(err, hub.ErrRepository):
		return "", fmt.Errorf("there is no folder %q, and on the Hugging Face Hub: %w; %s", name, err, shipped)
	}
	return "", fmt.Errorf("%w; to try again by itself, run `golens get %s`", err, name)
}
