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
	Name       string
	Config     config.Config
	Weights    string // hash of the weights' content
	Processing Processing
	Backend    string
	Version    string // of golens
	Held       string // how weights lie in memory, "" for all of them in float32; see [WeightsEnv]
	// Begin and End are the tokens that the tokenizer puts around a text, such
	// as BERT's [CLS] and [SEP]; most put none, or one before it.
	Begin, End []int32
	// Special are the ids that no text is made of: special tokens, places kept
	// for later use, and rows of the embedding beyond the vocabulary.
	Special []int32
	// Checkpoints are the training steps whose weights can be opened too.
	Checkpoints []int
}

// around are the tokens that stand around a text: the tokenizer's, or, if it
// puts none, the model's begin token.
func (i Info) around() (begin, end []int32) {
	if bos := i.Config.BOS; bos != nil && len(i.Begin)+len(i.End) == 0 {
		return []int32{int32(*bos)}, nil
	}
	return i.Begin, i.End
}

// String is a few lines.
func (i Info) String() string {
	held := ""
	if i.Held != "" {
		held = ", " + i.Held
	}
	return fmt.Sprintf("%s\n%s\nweights %.12s, %s%s\nbackend %s, golens %s",
		i.Name, i.Config, i.Weights, i.Processing, held, i.Backend, i.Version)
}

// SocketEnv names the environment variable with the model host's socket.
const SocketEnv = "GOLENS_SOCKET"
