package model

import (
	"context"
	"fmt"

	"github.com/golens/golens/model/config"
)

// A Runner does what a model can be asked: in this process, or in the model host
// of a notebook kernel. It may be used from several goroutines. Programs use it
// through a [Model].
type Runner interface {
	Info() Info
	// Do does an ask. The type of the answer follows from that of the ask.
	Do(ctx context.Context, ask Ask) (answer any, err error)
	// Process is the same model under other processing of its weights.
	Process(ctx context.Context, p Processing) (Runner, error)
	Close() error
}

// Info describes a runner's model.
type Info struct {
	Name string
	// Folder is where the model was found if a folder or file here bears a name
	// that could be one of the Hugging Face Hub's; else it is empty.
	Folder     string
	Config     config.Config
	Weights    string // hash of the weights' content
	Processing Processing
	Backend    string
	Version    string // of golens
	Dealt      bool   // sweeps and tallies go to a cluster; see [ClusterEnv]
	Held       string // how weights lie in memory, "" for all of them in float32; see [WeightsEnv]
	// Begin and End are the tokens that the tokenizer puts around a text, such
	// as BERT's [CLS] and [SEP]; most put none, or one before it. The tokenizers of
	// GPT-2, Pythia and Qwen put none.
	Begin, End []int32
	// Special are the ids that no text is made of: special tokens, places kept
	// for later use, and rows of the embedding beyond the vocabulary.
	Special []int32
	// Checkpoints are the training steps whose weights can be opened too.
	Checkpoints []int
}

// named is the name, with the folder that stands in for the Hub's model.
func (i Info) named() string { return named(i.Name, i.Folder) }

// String is a few lines.
func (i Info) String() string {
	held := ""
	if i.Held != "" {
		held = ", " + i.Held
	}
	s := fmt.Sprintf("%s\n%s\nweights %.12s, %s%s\nbackend %s, golens %s",
		i.named(), i.Config, i.Weights, i.Processing, held, i.Backend, i.Version)
	if i.Dealt {
		s += "\nsweeps and tallies are dealt to a cluster"
	}
	for _, w := range i.Config.Warnings {
		s += "\nwarning: " + w
	}
	return s
}

// SocketEnv names the environment variable with the model host's socket.
const SocketEnv = "GOLENS_SOCKET"

// WeightsEnv names the environment variable that says how weights lie in memory:
// "published" leaves the matrices of blocks as they are on disk, in mapped memory,
// and makes a block's float32 when it runs, for as long as there is work and room,
// which is 2 GB, or said: "published:500MB"; two blocks are kept in any case.
// "float32" makes all of them float32 when the model opens. Without it GGUF files
// are held as published and others in float32. The numbers are the same to the last
// bit. Refactored weights ([Processing]) are always float32.
const WeightsEnv = "GOLENS_WEIGHTS"
