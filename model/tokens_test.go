package model

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/golens/golens/model/config"
)

// around is a runner whose texts are token 7, and which says what stands
// around them.
type around struct {
	Runner
	info Info
}

func (a around) Info() Info { return a.info }

func (a around) Do(_ context.Context, ask Ask) (any, error) {
	switch ask := ask.(type) {
	case Encode:
		rows := make([][]int32, len(ask.Texts))
		for i := range rows {
			rows[i] = []int32{7}
		}
		return rows, nil
	case Decode:
		d := &Decoded{Texts: make([]string, len(ask.Rows))}
		for _, row := range ask.Rows {
			d.Labels = append(d.Labels, make([]string, len(row)))
		}
		return d, nil
	}
	return nil, errors.New("only tokens")
}

func TestTokensStandBetweenTheEnds(t *testing.T) {
	bos := 5
	for name, c := range map[string]struct {
		info Info
		want []int32
		bos  bool
	}{
		"nothing":              {Info{}, []int32{7}, false},
		"the config's alone":   {Info{Config: config.Config{BOS: &bos}}, []int32{7}, false},
		"what is there":        {Info{Begin: []int32{7}, End: []int32{2}}, []int32{7, 2}, true},
		"the tokenizer's":      {Info{Begin: []int32{1}}, []int32{1, 7}, true},
		"the tokenizer's ends": {Info{Begin: []int32{1}, End: []int32{2}, Config: config.Config{BOS: &bos}}, []int32{1, 7, 2}, true},
		"an end alone":         {Info{End: []int32{2}, Config: config.Config{BOS: &bos}}, []int32{7, 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := New(around{info: c.info}).Tokens("a", "b")
			if want := [][]int32{c.want, c.want}; p.Err() != nil || !reflect.DeepEqual(p.IDs, want) || p.BOS != c.bos || len(p.Labels[1]) != len(c.want) {
				t.Errorf("%v, begins %v, %v; want %v, %v", p.IDs, p.BOS, p.Err(), want, c.bos)
			}
		})
	}
}
