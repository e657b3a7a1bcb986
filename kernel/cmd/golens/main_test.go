package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// said returns what f writes to a standard stream.
func said(t *testing.T, stream **os.File, f func()) string {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	old := *stream
	*stream = out
	f()
	*stream = old
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHelp(t *testing.T) {
	var err error
	text := said(t, &os.Stdout, func() { err = run(context.Background(), []string{"help"}) })
	if err != nil {
		t.Error(err)
	}
	for _, c := range commands() {
		if !strings.Contains(text, "golens "+c.name) {
			t.Errorf("help does not name %s", c.name)
		}
		own := said(t, &os.Stdout, func() {
			if c.name != "host" { // its flags are golens-host's
				err = c.run(context.Background(), []string{"-h"})
			}
		})
		if c.name != "host" && (!errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(own, "usage: golens "+c.name)) {
			t.Errorf("%s -h: %v, %q", c.name, err, own)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string // on standard error or as the error
	}{
		{"nothing", nil, "golens render NOTEBOOK"},
		{"unknown command", []string{"redner"}, `there is no command "redner"`},
		{"no notebook", []string{"render"}, "usage: golens render"},
		{"two notebooks", []string{"render", "a", "b"}, "usage: golens render"},
		{"unknown flag", []string{"render", "-x", "a"}, "render: flag provided but not defined: -x"},
		{"two places", []string{"install", "-user", "-system"}, "give one of -user, -prefix and -system"},
		{"not installed", []string{"uninstall", "-prefix", t.TempDir()}, "is not installed in"},
		{"not a model", []string{"get", "../gpt2"}, "is not the name of a model on the Hub"},
		{"no such analysis", []string{"bench", "acdc"}, `bench: there is no analysis "acdc"; there is ioi`},
		{"no prompts", []string{"bench", "-prompts", "0", "ioi"}, "0 prompts"},
		{"no connection file", []string{"kernel", "/nonexistent"}, "connection file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			text := said(t, &os.Stderr, func() { err = run(context.Background(), test.args) })
			if err == nil || !strings.Contains(text+err.Error(), test.want) {
				t.Errorf("got %v, %q; want %q", err, text, test.want)
			}
		})
	}
}

func TestHelpOfACommand(t *testing.T) {
	var err error
	for _, c := range commands() {
		if c.name == "host" { // its flags are golens-host's
			continue
		}
		text := said(t, &os.Stdout, func() { err = run(context.Background(), []string{"help", c.name}) })
		if !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(text, "usage: golens "+c.name) {
			t.Errorf("help %s: %v, %q", c.name, err, text)
		}
	}
	text := said(t, &os.Stdout, func() { err = run(context.Background(), []string{"--version"}) })
	if err != nil || !strings.HasPrefix(text, "golens ") {
		t.Errorf("--version: %v, %q", err, text)
	}
}

// TestExitStatus: 2 if the command was called wrongly, 1 if what it was asked for
// failed.
func TestExitStatus(t *testing.T) {
	python := filepath.Join(t.TempDir(), "p.ipynb")
	if err := os.WriteFile(python, []byte(`{"cells": [], "nbformat": 4, "metadata": {"kernelspec": {"name": "python3", "language": "python"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, wrongly := range map[string]bool{
		"": true, "redner": true, "help redner": true, "render": true, "render a b": true, "render -x a": true, "render -p x a": true, "site " + t.TempDir(): true,
		"install -user -system": true, "get ../gpt2": true, "bench acdc": true, "verify": true,
		"render /nonexistent.ipynb": false, "render " + python: false, "kernel /nonexistent": false, "site -o " + t.TempDir() + " " + t.TempDir(): false,
	} {
		var err error
		said(t, &os.Stderr, func() { err = run(context.Background(), strings.Fields(args)) })
		if err == nil || errors.Is(err, errUsage) != wrongly {
			t.Errorf("golens %s: called wrongly is %v, want %v (%v)", args, !wrongly, wrongly, err)
		}
	}
}

func TestFlagsMayFollowArguments(t *testing.T) {
	f := flags("x", "")
	o := f.String("o", "", "")
	rest, err := parse(f, []string{"a", "-o", "b", "c"}, 2)
	if err != nil || *o != "b" || strings.Join(rest, " ") != "a c" {
		t.Errorf("got %q, -o %q, %v", rest, *o, err)
	}
}

func TestInstallKeepsTheProgram(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	prefix := t.TempDir()
	var err error
	said(t, &os.Stdout, func() { err = run(context.Background(), []string{"install", "-no-build", "-prefix", prefix}) })
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(prefix, "share/jupyter/kernels/golens/kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "golens", "bin-*", "golens"))
	if len(kept) != 1 || !strings.Contains(string(data), kept[0]) {
		t.Errorf("kept %v, installed %s", kept, data)
	}
	said(t, &os.Stdout, func() { err = run(context.Background(), []string{"uninstall", "-prefix", prefix}) })
	if err != nil {
		t.Error(err)
	}
}
