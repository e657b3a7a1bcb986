package main

import "context"

func verifyCommand(ctx context.Context, args []string) error {
	f := flags("verify", `usage: golens verify [flags] MODEL

Says how far a model's numbers are from what they should be: for each activation
the largest and the mean difference, for the output the KL divergence and how
often the likeliest token is the same; with raw weights, processed ones and
refactored heads, on every engine that is here. The exit status is 1 if an output
is more than 1e-4 nats away.

The oracle is a file that model/verify/oracle.py writes with Hugging Face
transformers. Without one, engines are held against the built-in one, on random
tokens or on those given. GOLENS_BACKEND leaves one engine.`)
	oracle := f.String("oracle", "", "compare with this safetensors `file`")
	tokens := f.String("tokens", "", "without an oracle: token `ids`, separated by commas")
	rest, err := parse(f, args, 1)
	if err != nil {
		return err
	}
	return becomeHost(ctx, []string{"verify", rest[0], "-oracle=" + *oracle, "-tokens=" + *tokens})
}
