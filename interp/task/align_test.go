package task_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/config"
)

// pieces is a tokenizer of another build: it lowers letters, cuts words into
// pieces of four of them, marks what continues a word in labels, and gives back
// text with other spaces.
type pieces struct {
	words
	ids   map[string]int32
	texts []string
}

var pieceWords = regexp.MustCompile(`\pL+|\S`)

func (p *pieces) Info() model.Info {
	return model.Info{Config: config.Config{Vocab: 1 << 20}}
}

func (p *pieces) Do(_ context.Context, ask model.Ask) (any, error) {
	switch ask := ask.(type) {
	case model.Encode:
		return p.encode(ask.Texts), nil
	case model.Decode:
		d := &model.Decoded{}
		for _, ids := range ask.Rows {
			text, labels := p.decode(ids)
			d.Texts, d.Labels = append(d.Texts, text), append(d.Labels, labels)
		}
		return d, nil
	}
	return nil, errNoWeights
}

func (p *pieces) encode(texts []string) [][]int32 {
	rows := make([][]int32, len(texts))
	for i, text := range texts {
		for _, w := range pieceWords.FindAllString(strings.ToLower(text), -1) {
			rest, mark := []rune(w), ""
			for len(rest) > 0 {
				n := min(4, len(rest))
				piece := mark + string(rest[:n])
				if _, known := p.ids[piece]; !known {
					p.ids[piece] = int32(len(p.texts))
					p.texts = append(p.texts, piece)
				}
				rows[i] = append(rows[i], p.ids[piece])
				rest, mark = rest[n:], "##"
			}
		}
	}
	return rows
}

func (p *pieces) decode(ids []int32) (string, []string) {
	labels := make([]string, len(ids))
	for i, id := range ids {
		labels[i] = p.texts[id]
	}
	return strings.ReplaceAll(strings.Join(labels, " "), " ##", ""), labels
}

// Tables are right also where labels are not the tokens' texts.
func TestTablesUnderWordPieces(t *testing.T) {
	m := model.New(&pieces{ids: map[string]int32{}})
	for _, long := range []bool{false, true} {
		ioi, err := task.IOI(m, task.IOIOptions{N: 60, Seed: 1, Long: long})
		if err != nil {
			t.Fatal(err)
		}
		several := 0
		for i, labels := range ioi.Clean.Labels {
			// The word that ends at a place, put together again.
			wordAt := func(p task.Place) string {
				at := p.In(i)[0]
				if at+1 < len(labels) && strings.HasPrefix(labels[at+1], "##") {
					t.Errorf("row %d: %s stands in the middle of a word: %v", i, p.Name, labels)
				}
				word := ""
				for ; strings.HasPrefix(labels[at], "##"); at-- {
					word = labels[at][2:] + word
					several++
				}
				return labels[at] + word
			}
			io, s1, next, s2 := wordAt(ioi.Table[0]), wordAt(ioi.Table[1]), ioi.S1Next.In(i)[0], wordAt(ioi.Table[3])
			if s1 != s2 || io == s1 || next != ioi.S1.In(i)[0]+1 || labels[ioi.End.In(i)[0]] != "to" {
				t.Errorf("row %d: IO %s, S1 %s, S2 %s, after S1 %d: %v", i, io, s1, s2, next, labels)
			}
			if answer, _ := m.Text([]int32{ioi.Answer.IDs[i]}); !strings.HasPrefix(io, answer) {
				t.Errorf("row %d: the answer is %q, IO is %q", i, answer, io)
			}
		}
		if long != (several > 0) {
			t.Errorf("long %t: %d pieces continue a name", long, several)
		}
	}
}
