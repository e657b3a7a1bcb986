package feature

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/golens/golens/interp/sae"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/tally"
)

// Reading says on what features are read, and how much of them.
type Reading struct {
	Rows  [][]int32
	Leave int // first tokens of each row that are left out

	Top     int // largest examples; 0 means 20
	Each    int // examples of every fifth of the range from 0 to the largest value; 0 means 5
	Sample  int // rows that these are drawn from, and correlations computed on; 0 means 64
	Around  int // tokens shown before and behind; 0 means 12
	Tokens  int // tokens raised and lowered that are listed; 0 means 10
	Similar int // neighbours, neurons and heads that are listed; 0 means 5
	Bins    int // of the histogram; 0 means 40
	Seed    uint64
}

func (r Reading) filled() Reading {
	for _, f := range []struct {
		v  *int
		to int
	}{{&r.Top, 20}, {&r.Each, 5}, {&r.Sample, 64}, {&r.Around, 12}, {&r.Tokens, 10}, {&r.Similar, 5}, {&r.Bins, 40}} {
		if *f.v == 0 {
			*f.v = f.to
		}
	}
	return r
}

// An Example is a piece of text on which a feature fires.
type Example struct {
	Row, Pos int // of the largest value
	Tokens   []string
	Values   []float32 // of the feature at each token; NaN where it was not read
	Focus    int       // which token has the largest value
}

// A Named is a thing and a number.
type Named struct {
	Name  string
	Value float64
}

// A Page is what is known of a feature.
type Page struct {
	Dictionary string
	Feature    int
	Tokens     int64   // that were read
	Density    float64 // share of them at which it fires
	Max        float64
	Mean       float64 // of all tokens

	Groups   []string // of examples: the largest, then by fifths of the range
	Examples [][]Example

	Raised, Lowered []Named // tokens, by W_dec · W_U
	Neighbours      []Named // features, by the cosine of decoder rows
	Neurons, Heads  []Named // by correlation; of heads with the norm of their output

	Edges  []float64 // of the histogram of values above 0 [bin+1]
	Counts []int     // [bin]
	model.Provenance
}

// Read reads features on a corpus: a tally over all rows, which takes a pass through
// the blocks below the dictionary, and runs of a sample of them.
func Read(m *model.Model, d *sae.Dictionary, r Reading, features ...int) ([]*Page, error) {
	fail := func(err error) ([]*Page, error) { return nil, fmt.Errorf("features of %s: %w", d.Read, err) }
	r = r.filled()
	if len(features) == 0 || len(r.Rows) == 0 {
		return fail(errors.New("no features or no rows are given"))
	}
	for i, f := range features {
		if slices.Contains(features[:i], f) {
			return fail(fmt.Errorf("feature %d is named twice", f))
		}
		if f < 0 || f >= d.Features {
			return fail(fmt.Errorf("no feature %d; there are %d, from 0", f, d.Features))
		}
	}
	pages := make([]*Page, len(features))
	for i, f := range features {
		pages[i] = &Page{Dictionary: d.String(), Feature: f, Max: math.Inf(-1), Provenance: m.Info().Provenance()}
	}
	x := &reader{m, d, r, features, pages, nil}
	for _, do := range []func() error{x.reduce, x.sample, x.effects, x.similar} {
		if err := do(); err != nil {
			return fail(err)
		}
	}
	return pages, nil
}

type reader struct {
	*model.Model
	*sae.Dictionary
	Reading
	features []int
	pages    []*Page
	rows     []int // sampled
}

// at is the features of a row of n tokens.
func (x *reader) at(n int) hook.Point {
	p := x.Point().Coord(x.features...)
	if x.Leave > 0 {
		p = p.At(hook.UpTo(n)[x.Leave:]...)
	}
	return p
}

// reduce takes what a tally gives.
func (x *reader) reduce() error {
	byLength := map[int][]int{}
	for i, row := range x.Reading.Rows {
		if len(row) > x.Leave {
			byLength[len(row)] = append(byLength[len(row)], i)
		}
	}
	top := make([][]tally.Place, len(x.features))
	for n, which := range byLength {
		rows := make([][]int32, len(which))
		for i, w := range which {
			rows[i] = x.Reading.Rows[w]
		}
		p := x.at(n)
		got, err := x.Tally(model.Tally{Rows: rows, Edits: []hook.Edit{x.Watch()}, Reducers: []tally.Reducer{
			{Point: p, Kind: tally.Above}, {Point: p, Kind: tally.Moments}, {Point: p, Kind: tally.Top, K: x.Top},
		}})
		if err != nil {
			return err
		}
		for i, page := range x.pages {
			page.Tokens += got.States[0].Seen[0]
			page.Density += float64(got.States[0].Count[i])
			page.Mean += got.States[1].Sum[i].Value()
			page.Max = max(page.Max, float64(got.States[1].Max[i]))
			for _, place := range got.States[2].Top[i] {
				place.Row = int64(which[place.Row])
				top[i] = append(top[i], place)
			}
		}
	}
	if x.pages[0].Tokens == 0 {
		return fmt.Errorf("no tokens are left without the first %d of each row", x.Leave)
	}
	for i, page := range x.pages {
		page.Density /= float64(page.Tokens)
		page.Mean /= float64(page.Tokens)
		slices.SortFunc(top[i], func(a, b tally.Place) int {
			return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Pos, b.Pos))
		})
		seen := map[int64]bool{}
		page.Groups, page.Examples = []string{"largest"}, [][]Example{nil}
		for _, place := range top[i] {
			if place.Value > 0 && !seen[place.Row] && len(page.Examples[0]) < x.Top { // a row once
				seen[place.Row] = true
				page.Examples[0] = append(page.Examples[0], Example{Row: int(place.Row), Pos: int(place.Pos)})
			}
		}
	}
	return nil
}

// sample takes examples of every strength from some rows, and the texts of all.
func (x *reader) sample() error {
	rng := rand.New(rand.NewPCG(x.Seed, 5))
	for _, i := range rng.Perm(len(x.Reading.Rows)) {
		if len(x.rows) < x.Sample && len(x.Reading.Rows[i]) > x.Leave {
			x.rows = append(x.rows, i)
		}
	}
	values, err := x.valuesOf(x.rows)
	if err != nil {
		return err
	}
	const fifths = 5
	for f, page := range x.pages {
		x.histogram(page, values, f)
		for q := fifths - 1; q >= 0; q-- {
			lo, hi := page.Max*float64(q)/fifths, page.Max*float64(q+1)/fifths
			var some []Example
			for _, row := range x.rows {
				best := x.best(values[row], f)
				if v := float64(values[row][best][f]); v > 0 && v > lo && v <= hi && len(some) < x.Each {
					some = append(some, Example{Row: row, Pos: best})
				}
			}
			page.Groups = append(page.Groups, fmt.Sprintf("%d to %d%% of the largest", 100*q/fifths, 100*(q+1)/fifths))
			page.Examples = append(page.Examples, some)
		}
	}
	var need []int
	for _, page := range x.pages {
		for _, e := range page.Examples[0] {
			if values[e.Row] == nil && !slices.Contains(need, e.Row) {
				need = append(need, e.Row)
			}
		}
	}
	more, err := x.valuesOf(need)
	if err != nil {
		return err
	}
	for row, v := range more {
		values[row] = v
	}
	return x.texts(values)
}

// valuesOf are the features [pos][feature] of rows, NaN where they are left out.
func (x *reader) valuesOf(rows []int) (map[int][][]float32, error) {
	all := map[int][][]float32{}
	for len(rows) > 0 {
		n := min(len(rows), 32)
		var ids [][]int32
		for _, i := range rows[:n] {
			ids = append(ids, x.Reading.Rows[i])
		}
		p := x.Point().Coord(x.features...)
		got, err := x.Run(model.Request{Rows: ids}.Edit(x.Watch()).Capture(p))
		if err != nil {
			return nil, err
		}
		for k, i := range rows[:n] {
			v := got.At(p).Pick(hook.Batch, k).Values()
			out := make([][]float32, len(x.Reading.Rows[i]))
			for pos := range out {
				out[pos] = v[pos*len(x.features):][:len(x.features)]
				if pos < x.Leave {
					out[pos] = slices.Repeat([]float32{float32(math.NaN())}, len(x.features))
				}
			}
			all[i] = out
		}
		rows = rows[n:]
	}
	return all, nil
}

// best is the position of the largest value of a feature in a row.
func (x *reader) best(values [][]float32, f int) int {
	best := min(x.Leave, len(values)-1)
	for pos := best; pos < len(values); pos++ {
		if values[pos][f] > values[best][f] {
			best = pos
		}
	}
	return best
}

func (x *reader) histogram(page *Page, values map[int][][]float32, f int) {
	page.Counts, page.Edges = make([]int, x.Bins), make([]float64, x.Bins+1)
	for i := range page.Edges {
		page.Edges[i] = page.Max * float64(i) / float64(x.Bins)
	}
	for _, row := range x.rows {
		for _, v := range values[row] {
			if v[f] > 0 && page.Max > 0 {
				page.Counts[min(x.Bins-1, int(float64(v[f])/page.Max*float64(x.Bins)))]++
			}
		}
	}
}

// texts fills in the tokens around each example.
func (x *reader) texts(values map[int][][]float32) error {
	labels := map[int][]string{}
	var order []int
	var rows [][]int32
	for row := range values {
		order, rows = append(order, row), append(rows, x.Reading.Rows[row])
	}
	decoded, err := x.Decode(rows...)
	if err != nil {
		return err
	}
	for i, row := range order {
		labels[row] = decoded.Labels[i]
	}
	for f, page := range x.pages {
		for g := range page.Examples {
			for i := range page.Examples[g] {
				e := &page.Examples[g][i]
				from, to := max(0, e.Pos-x.Around), min(len(labels[e.Row]), e.Pos+x.Around+1)
				e.Tokens, e.Focus = labels[e.Row][from:to], e.Pos-from
				for _, v := range values[e.Row][from:to] {
					e.Values = append(e.Values, v[f])
				}
			}
		}
	}
	return nil
}

// effects are the tokens that the decoder's rows raise and lower.
func (x *reader) effects() error {
	directions, err := residual(x.Model, x.Dictionary, x.features)
	if err != nil || directions == nil {
		return err
	}
	logits, err := toLogits(x.Model, directions)
	if err != nil {
		return err
	}
	for f, page := range x.pages {
		order := make([]int, len(logits[f]))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(logits[f][b], logits[f][a]) })
		n := min(x.Reading.Tokens, len(order)/2)
		for k := range n {
			for _, side := range []struct {
				to *[]Named
				id int
			}{{&page.Raised, order[k]}, {&page.Lowered, order[len(order)-1-k]}} {
				name, err := x.Text([]int32{int32(side.id)})
				if err != nil {
					return err
				}
				*side.to = append(*side.to, Named{name, float64(logits[f][side.id])})
			}
		}
	}
	return nil
}

// similar are neighbours, and neurons and heads of the same layer by correlation.
func (x *reader) similar() error {
	norms := x.DecoderNorms()
	for f, page := range x.pages {
		i := x.features[f]
		own := x.WDec[i*x.Out:][:x.Out]
		var all []Named
		for k := range x.Features {
			if k == i {
				continue
			}
			dot := 0.0
			for c, v := range x.WDec[k*x.Out:][:x.Out] {
				dot += float64(v) * float64(own[c])
			}
			all = append(all, Named{fmt.Sprint(k), dot / float64(norms[k]*norms[i])})
		}
		page.Neighbours = largestOf(all, x.Similar)
	}
	c := x.Config()
	layer := x.Read.Layer
	points := []hook.Point{x.Point().Coord(x.features...)}
	var neurons, heads hook.Point
	if neurons = hook.MLPPost(layer); c.Has(neurons.ID) && !x.Read.Kind.Global() {
		points = append(points, neurons)
	} else {
		neurons = hook.Point{}
	}
	if heads = hook.Z(layer); c.Has(heads.ID) && !x.Read.Kind.Global() {
		points = append(points, heads)
	} else {
		heads = hook.Point{}
	}
	if len(points) == 1 {
		return nil
	}
	const few = 16 // rows: enough tokens for the strongest correlations, and little memory
	sums := newCorrelations(len(x.features), c.DMLP, c.Heads)
	for _, i := range x.rows[:min(few, len(x.rows))] {
		got, err := x.Run(model.Request{Rows: [][]int32{x.Reading.Rows[i]}}.Edit(x.Watch()).Capture(points...))
		if err != nil {
			return err
		}
		n := len(x.Reading.Rows[i])
		for pos := x.Leave; pos < n; pos++ {
			f := got.At(points[0]).Values()[pos*len(x.features):][:len(x.features)]
			var post, z []float32
			if neurons.Kind != "" {
				post = got.At(neurons).Values()[pos*c.DMLP:][:c.DMLP]
			}
			if heads.Kind != "" {
				d := c.Heads * c.DHead
				all := got.At(heads).Values()[pos*d:][:d]
				for h := range c.Heads {
					s := 0.0
					for _, v := range all[h*c.DHead:][:c.DHead] {
						s += float64(v) * float64(v)
					}
					z = append(z, float32(math.Sqrt(s)))
				}
			}
			sums.add(f, post, z)
		}
	}
	for f, page := range x.pages {
		page.Neurons = largestOf(sums.of(f, false, func(i int) string { return fmt.Sprintf("%d.%d", layer, i) }), x.Similar)
		page.Heads = largestOf(sums.of(f, true, func(i int) string { return fmt.Sprintf("%d.%d", layer, i) }), x.Similar)
	}
	return nil
}

// largestOf are the k of largest absolute value, NaN left out.
func largestOf(all []Named, k int) []Named {
	all = slices.DeleteFunc(all, func(n Named) bool { return n.Value != n.Value })
	slices.SortStableFunc(all, func(a, b Named) int { return cmp.Compare(math.Abs(b.Value), math.Abs(a.Value)) })
	return all[:min(k, len(all))]
}

// String is the page as text; the strongest token of an example stands between >< .
func (p *Page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "feature %d of %s\nfires at %.3g%% of %d tokens, largest value %.3g\n", p.Feature, p.Dictionary, 100*p.Density, p.Tokens, p.Max)
	list := func(what string, all []Named) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s:", what)
		for _, n := range all {
			fmt.Fprintf(&b, " %q %+.2f", n.Name, n.Value)
		}
		b.WriteByte('\n')
	}
	list("raises", p.Raised)
	list("lowers", p.Lowered)
	list("neighbours", p.Neighbours)
	list("neurons", p.Neurons)
	list("heads", p.Heads)
	for g, name := range p.Groups {
		for i, e := range p.Examples[g] {
			if i == 3 {
				break
			}
			text := ""
			for k, t := range e.Tokens {
				if k == e.Focus {
					t = ">" + t + "<"
				}
				text += t
			}
			fmt.Fprintf(&b, "%s, %.3g: %q\n", name, e.Values[e.Focus], text)
		}
	}
	return b.String()
}

// FeatureJSON is the page as circuit-tracer's front end and Neuronpedia read it.
func (p *Page) FeatureJSON(transcoder string) ([]byte, error) {
	type example struct {
		Values   []float64 `json:"tokens_acts_list"`
		Focus    int       `json:"train_token_ind"`
		Repeated bool      `json:"is_repeated_datapoint"`
		Tokens   []string  `json:"tokens"`
	}
	type quantile struct {
		Name     string    `json:"quantile_name"`
		Examples []example `json:"examples"`
	}
	out := struct {
		Transcoder string     `json:"transcoder_id"`
		Index      int        `json:"index"`
		Quantiles  []quantile `json:"examples_quantiles"`
		Top        []string   `json:"top_logits"`
		Bottom     []string   `json:"bottom_logits"`
		Min        float64    `json:"act_min"`
		Max        float64    `json:"act_max"`
		Values     []float64  `json:"quantile_values"`
		Histogram  []int      `json:"histogram"`
		Frequency  float64    `json:"activation_frequency"`
	}{transcoder, p.Feature, nil, []string{}, []string{}, 0, max(0, p.Max), p.Edges, p.Counts, p.Density}
	for g, name := range p.Groups {
		q := quantile{Name: name, Examples: []example{}}
		for _, e := range p.Examples[g] {
			x := example{Focus: e.Focus, Tokens: e.Tokens}
			for _, v := range e.Values {
				if v != v {
					v = 0
				}
				x.Values = append(x.Values, float64(v))
			}
			q.Examples = append(q.Examples, x)
		}
		out.Quantiles = append(out.Quantiles, q)
	}
	for _, n := range p.Raised {
		out.Top = append(out.Top, n.Name)
	}
	for _, n := range p.Lowered {
		out.Bottom = append(out.Bottom, n.Name)
	}
	return json.Marshal(out)
}
