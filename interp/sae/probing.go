package sae

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/golens/golens/interp/probe"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
)

// A Probing are texts in classes, on which features are probed, each class against all
// others: sparse probing and absorption.
type Probing struct {
	Rows   [][]int32
	Labels []int // class of each row, from 0
	// Mean reads the mean over a row's tokens, without those that are left out, as
	// SAEBench's sparse probing does. Otherwise the last token is read: end the rows where
	// the class is known.
	Mean    bool
	Ks      []int   // how many features probes read; nil means 1, 2 and 5
	HeldOut float64 // share of each class; 0 means 0.2
	Seed    uint64  // of the split, and of the choice of as many texts of other classes
}

// A Probed is what probes read of a class, or the mean over classes.
type Probed struct {
	Ks         []int
	Features   []float64 // held-out accuracy by features, for each of Ks
	Activation float64   // by the whole activation

	// Absorption is looked for among held-out texts of the class that the activation's
	// probe finds: the main features say less of the class there than the activation, and
	// others with a share of its direction make up for it. Absorbed is the mean share of
	// what is so made up, Full the share of texts on which no main feature fires and one
	// other stands in. NaN for transcoders, dictionaries with a norm of their own, and
	// means over tokens.
	Absorbed, Full float64
	Main           []int // main features of a class: more than one where a second one raises F1 by 0.03
}

// String is the accuracies, and the absorption where it was looked for.
func (p *Probed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the activation %.3f", p.Activation)
	for i, k := range p.Ks {
		fmt.Fprintf(&b, ", %d features %.3f", k, p.Features[i])
	}
	if p.Absorbed == p.Absorbed {
		fmt.Fprintf(&b, "; absorbed %.3f, in full %.3f", p.Absorbed, p.Full)
	}
	return b.String()
}

// SAEBench's thresholds: cosines with the probe's direction, and the share of the
// activation's projection on it.
const (
	cosineFull, cosineShare, projected = 0.025, 0.1, 0.4
	absorbers, mostMain, jump          = 3, 10, 0.03
)

// examples are activations and features of texts.
type examples struct {
	*Dictionary
	x, f *mat.Dense // [text, d_in], [text, feature]
}

// probed probes a dictionary: the mean over classes, and each class.
//
// Definitions: Karvonen et al. 2025 (SAEBench). Probes are those of package probe,
// and main features are chosen by the difference of means, where SAEBench has a probe
// with an L1 penalty.
func (p Probing) probed(m *model.Model, d *Dictionary, leave int) (*Probed, []*Probed, error) {
	if len(p.Rows) != len(p.Labels) {
		return nil, nil, fmt.Errorf("probing: %d rows with %d labels", len(p.Rows), len(p.Labels))
	}
	x, err := d.collect(m, p, leave)
	if err != nil {
		return nil, nil, err
	}
	return p.on(x)
}

// collect reads texts, few at a time.
func (d *Dictionary) collect(m *model.Model, p Probing, leave int) (*examples, error) {
	e := &examples{d, mat.NewDense(max(1, len(p.Rows)), d.In, nil), mat.NewDense(max(1, len(p.Rows)), d.Features, nil)}
	points := []struct {
		to *mat.Dense
		d  int
	}{{e.x, d.In}, {e.f, d.Features}}
	const some = 1 << 24 // values of features held at a time
	for from := 0; from < len(p.Rows); {
		to, longest := from, 0
		for to < len(p.Rows) && (to == from || (to-from+1)*max(longest, len(p.Rows[to]))*d.Features <= some) {
			if leave := leave * btoi(p.Mean); len(p.Rows[to]) <= leave {
				return nil, fmt.Errorf("probing: row %d has %d tokens, of which %d are left out", to, len(p.Rows[to]), leave)
			}
			longest = max(longest, len(p.Rows[to]))
			to++
		}
		read, features := d.Read.Whole(), d.Point()
		if !p.Mean {
			read, features = read.At(-1), features.At(-1)
		}
		r, err := m.Run(model.Request{Rows: p.Rows[from:to]}.Edit(d.Watch()).Capture(read, features))
		if err != nil {
			return nil, err
		}
		for i := from; i < to; i++ {
			for k, a := range []*array.Array{r.At(read), r.At(features)} {
				first, tokens, stride := 0, 1, len(a.Values())/(to-from)
				if p.Mean {
					first, tokens = leave, len(p.Rows[i])-leave
				}
				row, w := points[k].to.RawRowView(i), points[k].d
				for pos := first; pos < first+tokens; pos++ {
					for j, v := range a.Values()[(i-from)*stride+pos*w:][:w] {
						row[j] += float64(v) / float64(tokens)
					}
				}
			}
		}
		from = to
	}
	return e, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// on probes every class.
func (p Probing) on(e *examples) (*Probed, []*Probed, error) {
	if p.Ks == nil {
		p.Ks = []int{1, 2, 5}
	}
	p.HeldOut = cmp.Or(p.HeldOut, 0.2)
	if p.HeldOut <= 0 || p.HeldOut >= 1 || slices.Min(append([]int{1}, p.Ks...)) < 1 || slices.Max(append([]int{1}, p.Ks...)) > e.Features {
		return nil, nil, fmt.Errorf("probing: a share of %g held out, probes of %v of %d features", p.HeldOut, p.Ks, e.Features)
	}
	rng := rand.New(rand.NewPCG(p.Seed, 5))
	var sides [2][][]int // [train, held out][class]
	for i, z := range p.Labels {
		if z < 0 || z >= len(p.Labels) {
			return nil, nil, fmt.Errorf("probing: label %d of row %d; they count from 0", z, i)
		}
		for len(sides[0]) <= z {
			sides[0] = append(sides[0], nil)
		}
		sides[0][z] = append(sides[0][z], i)
	}
	if len(sides[0]) < 2 {
		return nil, nil, errors.New("probing: all labels are the same")
	}
	for z, rows := range sides[0] {
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		held := int(math.Ceil(p.HeldOut * float64(len(rows))))
		if held >= len(rows) {
			return nil, nil, fmt.Errorf("probing: class %d has %d texts; some are to train on, some to hold out", z, len(rows))
		}
		sides[0][z], sides[1] = rows[held:], append(sides[1], rows[:held])
	}
	var all []*Probed
	mean := &Probed{Ks: p.Ks, Features: make([]float64, len(p.Ks))}
	for z := range sides[0] {
		one, err := p.class(e, balanced(rng, sides[0], z), balanced(rng, sides[1], z), sides[1][z])
		if err != nil {
			return nil, nil, fmt.Errorf("probing: class %d: %w", z, err)
		}
		all = append(all, one)
		n := float64(len(sides[0]))
		for i, a := range one.Features {
			mean.Features[i] += a / n
		}
		mean.Activation += one.Activation / n
		mean.Absorbed += one.Absorbed / n
		mean.Full += one.Full / n
	}
	return mean, all, nil
}

// labelled are rows, and whether they are of the class.
type labelled struct{ rows, labels []int }

// balanced are the texts of a class and about as many of the others.
func balanced(rng *rand.Rand, classes [][]int, z int) (l labelled) {
	own := classes[z]
	each := (len(own) + len(classes) - 2) / (len(classes) - 1)
	for other, rows := range classes {
		take, label := rows, 1
		if other != z {
			take, label = nil, 0
			for _, i := range rng.Perm(len(rows))[:min(each, len(rows))] {
				take = append(take, rows[i])
			}
		}
		for _, r := range take {
			l.rows, l.labels = append(l.rows, r), append(l.labels, label)
		}
	}
	return l
}

// linear is a probe of some coordinates: positive where it finds the class.
type linear struct {
	which   []int
	weights []float64
	bias    float64
}

func (l linear) score(x []float64) float64 {
	s := l.bias
	for k, i := range l.which {
		s += l.weights[k] * x[i]
	}
	return s
}

func train(x *mat.Dense, l labelled, which []int) (linear, error) {
	part := mat.NewDense(len(l.rows), len(which), nil)
	for k, r := range l.rows {
		for j, i := range which {
			part.Set(k, j, x.At(r, i))
		}
	}
	w, b, err := probe.Probe{}.Solve(part, l.labels)
	if err != nil {
		return linear{}, err
	}
	out := linear{which: which, bias: b[1] - b[0]}
	for j := range which {
		out.weights = append(out.weights, w.At(j, 1)-w.At(j, 0))
	}
	return out, nil
}

// accuracy and F1 of a probe.
func (l linear) test(x *mat.Dense, on labelled) (accuracy, f1 float64) {
	right, hits := 0.0, 0.0
	for k, r := range on.rows {
		found := l.score(x.RawRowView(r)) > 0
		if found == (on.labels[k] == 1) {
			right++
			if found {
				hits++
			}
		}
	}
	n := float64(len(on.rows))
	return right / n, 2 * hits / max(2*hits+n-right, 1)
}

// class probes one class.
func (p Probing) class(e *examples, learn, held labelled, own []int) (*Probed, error) {
	out := &Probed{Ks: p.Ks, Absorbed: math.NaN(), Full: math.NaN()}
	gap := make([]float64, e.Features) // of the means
	var count [2]float64
	for _, z := range learn.labels {
		count[z]++
	}
	for k, r := range learn.rows {
		by := float64(2*learn.labels[k]-1) / count[learn.labels[k]]
		for i, v := range e.f.RawRowView(r) {
			gap[i] += by * v
		}
	}
	order := func(size func(float64) float64) []int {
		all := slices.Clone(hook.UpTo(len(gap)))
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(size(gap[b]), size(gap[a])) })
		return all
	}
	strongest := order(math.Abs)
	for _, k := range p.Ks {
		l, err := train(e.f, learn, strongest[:k])
		if err != nil {
			return nil, err
		}
		a, _ := l.test(e.f, held)
		out.Features = append(out.Features, a)
	}
	whole, err := train(e.x, learn, hook.UpTo(e.In))
	if err != nil {
		return nil, err
	}
	out.Activation, _ = whole.test(e.x, held)
	if p.Mean || !e.Read.Equal(e.Write) || e.Norm != "" && e.Norm != dictionary.NoNorm {
		return out, nil
	}
	positive, best := order(func(v float64) float64 { return v }), math.Inf(-1)
	for k := 1; k <= min(mostMain, e.Features); k++ {
		l, err := train(e.f, learn, positive[:k])
		if err != nil {
			return nil, err
		}
		_, f1 := l.test(e.f, held)
		if f1 <= best+jump {
			break
		}
		best, out.Main = f1, positive[:k]
	}
	e.absorption(out, whole, own)
	return out, nil
}

// absorption looks at the texts of a class that its probe finds.
func (e *examples) absorption(out *Probed, whole linear, own []int) {
	size := 0.0
	for _, w := range whole.weights {
		size += w * w
	}
	size = math.Sqrt(size)
	along, cosine := make([]float64, e.Features), make([]float64, e.Features) // of decoder rows
	norms := e.decoderNorms()
	for i := range along {
		for k, w := range whole.weights {
			along[i] += w / size * float64(e.WDec[i*e.Out+k])
		}
		cosine[i] = along[i] / float64(norms[i])
		if e.Rescale {
			along[i] = cosine[i]
		}
	}
	out.Absorbed, out.Full = 0, 0
	found := 0.0
	for _, r := range own {
		x, f := e.x.RawRowView(r), e.f.RawRowView(r)
		if !(whole.score(x) > 0) {
			continue
		}
		found++
		is := (whole.score(x) - whole.bias) / size // projection of the activation
		main, fires, top, topAt := 0.0, false, math.Inf(-1), 0
		var others []float64
		for i, v := range f {
			part := v * along[i]
			if part > top {
				top, topAt = part, i
			}
			switch {
			case slices.Contains(out.Main, i):
				main, fires = main+part, fires || v > 1e-8
			case cosine[i] >= cosineShare && part > 0:
				others = append(others, part)
			}
		}
		slices.SortFunc(others, func(a, b float64) int { return cmp.Compare(b, a) })
		stand := 0.0
		for _, v := range others[:min(absorbers, len(others))] {
			stand += v
		}
		switch {
		case main >= is || stand/is < projected:
		case main <= 0:
			out.Absorbed++
		default:
			stand = min(stand, is-main)
			out.Absorbed += max(0, min(stand/(stand+main), 1))
		}
		if !fires && cosine[topAt] >= cosineFull && is >= 0 && top/is >= projected {
			out.Full++
		}
	}
	out.Absorbed /= max(found, 1)
	out.Full /= max(found, 1)
}
