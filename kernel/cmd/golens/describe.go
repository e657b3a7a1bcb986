package main

import "context"

func configCommand(ctx context.Context, args []string) error {
	f := flags("config", `usage: golens config [FAMILY]

Lists the families of models that open, or the keys that golens reads from a
family's config.json: what is taken where a key is missing, and what it does. A key
whose other values would change what is computed, and are not implemented, says
"only"; such a value is an error. Keys that nobody knows are warnings when a model
is opened, and errors if GOLENS_STRICT is set.`)
	if err := f.Parse(args); err != nil {
		return err
	}
	return becomeHost(ctx, append([]string{"config"}, f.Args()...))
}

func infoCommand(ctx context.Context, args []string) error {
	f := flags("info", `usage: golens info MODEL

Says what a model's files say before its weights are read: sizes, tokenizer, how the
weights are stored and how much memory they take, and what is not heeded.`)
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	return becomeHost(ctx, []string{"info", rest[0]})
}
