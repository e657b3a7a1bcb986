package training

import (
	"math"
	"testing"

	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
	"github.com/golens/golens/model/zoo/internal/planted"
)

// exact is for attention that exp(-30) makes all or nothing, in float32.
const exact = 1e-6

func measurePlanted(t *testing.T, params arch.Params) Scores {
	t.Helper()
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Measure(b, planted.Config(), params, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The hand-made network's scores are known before they are measured.
func TestPlantedScores(t *testing.T) {
	got := measurePlanted(t, planted.Weights())
	// With four copies of a token a head that attends to all copies of the token
	// before gives that one 1, 1/2, 1/3 and 1/4; the first of the 100 tokens
	// follows BOS, of which there is one copy, in later copies one less.
	echo := 0.0
	for i := range period * repeats {
		copies := i/period + 1
		if i%period == 0 { // follows BOS, or the last token of the copy before
			copies = max(i/period, 1)
		}
		echo += 1 / float64(copies) / (period * repeats)
	}
	even := 0.0 // of the induction head where no token has been seen before
	for q := 1; q <= period; q++ {
		even += 1 / float64(q+1) / (period * repeats)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"prefix score of the induction head", got.Prefix[1][1], 1},
		{"prefix score of the echo head", got.Prefix[1][0], 0},
		{"prefix score of the self head", got.Prefix[1][2], 0},
		{"prefix score of the previous-token head", got.Prefix[0][0], 0},
		{"prefix score of the duplicate-token head", got.Prefix[0][1], 0},
		{"previous-token score of the previous-token head", got.Previous[0][0], 1},
		{"previous-token score of the duplicate-token head", got.Previous[0][1], 0},
		{"previous-token score of the resting head", got.Previous[0][2], 1. / (period * repeats)},
		{"previous-token score of the echo head", got.Previous[1][0], echo},
		{"previous-token score of the induction head", got.Previous[1][1], even},
		{"previous-token score of the self head", got.Previous[1][2], 0},
	} {
		if math.Abs(c.got-c.want) > exact {
			t.Errorf("%s is %.7f, want %.7f", c.name, c.got, c.want)
		}
	}
	// The token that follows has logit 8 against 0 of most others; the small
	// heads move single logits by at most 4. ln(1+63*exp(-8)) = 0.021.
	if got.Repeated > 0.1 {
		t.Errorf("loss on repeated tokens is %.3f, want nearly none", got.Repeated)
	}
	if chance := math.Log(64); got.First < chance-0.5 {
		t.Errorf("loss on new random tokens is %.3f, but nothing can know them better than chance, %.3f", got.First, chance)
	}
}

// Only the two heads that carry induction are needed for it.
func TestPlantedKnockOut(t *testing.T) {
	for _, c := range []struct {
		name        string
		layer, head int
		carries     bool
	}{
		{"previous-token", 0, 0, true}, {"duplicate-token", 0, 1, false}, {"resting", 0, 2, false},
		{"echo", 1, 0, false}, {"induction", 1, 1, true}, {"self", 1, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := measurePlanted(t, KnockOut(planted.Config(), planted.Weights(), c.layer, c.head))
			if broken := got.Repeated > 2; broken != c.carries { // nats; whole it is below 0.1
				t.Errorf("loss on repeated tokens without head %d.%d is %.3f; carries induction: %t", c.layer, c.head, got.Repeated, c.carries)
			}
		})
	}
}
