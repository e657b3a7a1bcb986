package circuit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/golens/golens/interp"
)

// A Baseline is a score of a circuit beside the same score of random circuits of
// its size: what of it is there by chance. Made by [Test.RandomFaithfulness],
// [Test.RandomCompleteness] and [Test.RandomMinimality].
type Baseline struct {
	*interp.Result        // the scores of the random circuits [circuit]
	Score          string // what it is: recovered, largest gap, least change
	Circuit        string
	Settings       Settings
	Own            float64 // the circuit's score
	Lower          bool    // lower scores are better
}

// Landmark is the circuit's own score: a histogram of the random ones marks it.
func (b *Baseline) Landmark() (label string, value float64, ok bool) {
	return "the circuit", b.Own, !math.IsNaN(b.Own)
}

// Quantile is the score that a share of the random circuits do not exceed,
// between two of them in proportion: 0 is the lowest, 0.5 the median, 1 the
// highest. Shares outside of that are NaN, and so is what has no circuits.
func (b *Baseline) Quantile(share float64) float64 {
	sorted := float64s(b.Values())
	slices.Sort(sorted)
	if !(share >= 0 && share <= 1) || len(sorted) == 0 {
		return math.NaN()
	}
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// AsGood is how many of the random circuits score as well as the circuit, or
// better.
func (b *Baseline) AsGood() (n, of int) {
	own := float32(b.Own) // as the others are kept
	for _, v := range b.Values() {
		if b.Lower && v <= own || !b.Lower && v >= own {
			n++
		}
	}
	return n, len(b.Values())
}

// Chance estimates how probable it is that a random circuit is as good:
// (1 + n) / (1 + of), where n of them are, so that few draws never make it 0.
// Source: Phipson and Smyth 2010.
func (b *Baseline) Chance() float64 {
	n, of := b.AsGood()
	return float64(1+n) / float64(1+of)
}

// String is the circuit's score, the random ones' quantiles, and the settings.
func (b *Baseline) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s, of %s: %s\n", b.Score, b.Circuit, b.format(b.Own))
	w := tabwriter.NewWriter(&s, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "random circuits\tlowest\t5%\tmedian\t95%\thighest\tas good\tchance\t")
	n, of := b.AsGood()
	fmt.Fprintf(w, "%d\t", of)
	for _, share := range []float64{0, 0.05, 0.5, 0.95, 1} {
		fmt.Fprintf(w, "%s\t", b.format(b.Quantile(share)))
	}
	fmt.Fprintf(w, "%d\t%.3f\t\n", n, b.Chance())
	_ = w.Flush() // a strings.Builder takes everything
	fmt.Fprintf(&s, "%s, seed %d (%s)\n%s\n", b.Method, b.Settings.Seed, b.Source, b.Provenance)
	return s.String()
}

// ofGap is the unit of shares of what there is to lose.
const ofGap = "of F(M) − F(∅)"

func (b *Baseline) format(v float64) string {
	if b.Unit() == ofGap {
		return fmt.Sprintf("%.1f%%", 100*v)
	}
	return fmt.Sprintf("%.3f", v)
}
