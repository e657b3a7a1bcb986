package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/golens/golens/model"
)

// configKeys prints the keys that a family's config.json is read for, or the
// families.
func configKeys(out io.Writer, args []string) error {
	if len(args) == 0 {
		fmt.Fprintln(out, strings.Join(model.Families(), "\n"))
		return nil
	}
	for _, family := range args {
		table, err := model.ConfigKeys(family)
		if err != nil {
			return fmt.Errorf("config: %w", err)
		}
		fmt.Fprint(out, table)
	}
	return nil
}

// info prints what a model's files say.
func info(out io.Writer, name string) error {
	d, err := model.Describe(context.Background(), name)
	if err != nil {
		return fmt.Errorf("info: %w", err)
	}
	fmt.Fprintln(out, d)
	return nil
}
