package model

import (
	"context"

	"github.com/golens/golens/model/config"
)

// Encode asks for the tokens of texts, without those around them. The answer is
// a row of ids for each [][]int32.
type Encode struct{ Texts []string }

// Decode asks for the texts of rows of tokens. The answer is a [Decoded].
type Decode struct{ Rows [][]int32 }

// A Decoded is rows of tokens as text.
type Decoded struct {
	Texts  []string   // of each row
	Labels [][]string // of each token of each row, by itself
}

func init() {
	asks[Encode, [][]int32]()
	asks[Decode, *Decoded]()
}

// Verb implements [Ask].
func (Encode) Verb() string { return "encode" }

// Verb implements [Ask].
func (Decode) Verb() string { return "decode" }

func (Encode) check(config.Config) error { return nil }
func (Decode) check(config.Config) error { return nil }

// Encode tokenizes texts, without the tokens around them.
func (m *Model) Encode(texts ...string) ([][]int32, error) {
	return do[[][]int32](context.Background(), m, Encode{texts})
}

// Decode is rows of tokens as text.
func (m *Model) Decode(rows ...[]int32) (*Decoded, error) {
	return do[*Decoded](context.Background(), m, Decode{rows})
}
