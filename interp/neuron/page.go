package neuron

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/corpus"
	"github.com/golens/golens/model/hook"
)

// Pages says what the pages of neurons hold.
type Pages struct {
	Rows      int    // of the corpus that are read, drawn by the seed if there are more; 0 means 1,000
	Top       int    // examples of the largest activations; 0 means 8
	Quantiles int    // parts of equal number into which the positive activations fall, each with examples; 0 means 4
	Each      int    // examples of each part; 0 means 2
	Around    int    // tokens shown on both sides; 0 means 12
	Seed      uint64 // of the examples that are drawn
}

// An Example is a place of the corpus.
type Example struct {
	Row, Pos int
	At       int          // index of the token in Text
	Value    float64      // of the neuron there
	Text     *array.Array // the neuron at the tokens around [position], labelled by them: what ColouredTokens draws
}

// String is the text with the token in brackets.
func (e Example) String() string {
	_, tokens := e.Text.Axis(0)
	return fmt.Sprintf("%8.3f  %s⟦%s⟧%s", e.Value, strings.Join(tokens[:e.At], ""), tokens[e.At], strings.Join(tokens[e.At+1:], ""))
}

// A Part is examples of activations between two values.
type Part struct {
	From, To float64
	Examples []Example
}

// A Page is what is known of a neuron: its activations, hook.MLPPost, over rows of a
// corpus, and its weights.
type Page struct {
	Unit
	Values     *array.Array  // a sample of its activations [value], for a histogram
	Positive   float64       // share of them above 0
	Top        []Example     // the largest, of different rows
	Parts      []Part        // by quantiles of the positive ones, largest first
	Promotes   []array.Entry // tokens whose logits it raises most, a unit of activation, without norms
	Suppresses []array.Entry
	Nearest    []Near // neurons of all layers that write most alike
}

// A Near is another neuron, and how like it writes: the cosine.
type Near struct {
	Unit
	Cosine float64
}

const (
	nearest     = 5
	promoted    = 10
	rowsAtATime = 64
	sampled     = 20000 // values of a histogram
)

// Of makes the pages of neurons. One pass over the rows.
func (p Pages) Of(ctx context.Context, m *model.Model, rows *corpus.Cut, units ...Unit) ([]*Page, error) {
	c := m.Config()
	if len(units) == 0 {
		return nil, errors.New("pages: no neurons are named")
	}
	for _, u := range units {
		if u.Layer < 0 || u.Layer >= c.Layers || u.Neuron < 0 || u.Neuron >= c.DMLP {
			return nil, fmt.Errorf("pages: there is no neuron %s; layers go to %d, neurons to %d", u, c.Layers-1, c.DMLP-1)
		}
	}
	p.Rows, p.Top, p.Quantiles = cmp.Or(p.Rows, 1000), cmp.Or(p.Top, 8), cmp.Or(p.Quantiles, 4)
	p.Each, p.Around = cmp.Or(p.Each, 2), cmp.Or(p.Around, 12)
	if p.Rows < 0 || p.Top < 0 || p.Quantiles < 0 || p.Each < 0 || p.Around < 0 {
		return nil, fmt.Errorf("pages: %+v has a number below 0", p)
	}
	rng := rand.New(rand.NewPCG(p.Seed, 0))
	index := rng.Perm(rows.Len())
	index = index[:min(len(index), p.Rows)]
	slices.Sort(index)
	read := &reading{m: m, units: units}
	for part := range slices.Chunk(index, rowsAtATime) {
		if err := read.take(ctx, rows, part); err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		model.Report(ctx, len(read.rows), len(index))
	}
	pages := make([]*Page, len(units))
	for i, u := range units {
		page := &Page{Unit: u}
		if err := read.fill(page, i, p, rng); err != nil {
			return nil, err
		}
		if err := page.weights(m); err != nil {
			return nil, fmt.Errorf("neuron %s: %w", u, err)
		}
		pages[i] = page
	}
	return pages, nil
}

// reading is activations of units at all tokens of rows.
type reading struct {
	m      *model.Model
	units  []Unit
	rows   []int // their numbers in the corpus
	tokens [][]int32
	values [][][]float32 // [unit][row][pos]
}

func (r *reading) take(ctx context.Context, cut *corpus.Cut, index []int) error {
	var request model.Request
	for _, i := range index {
		row, err := cut.Row(i)
		if err != nil {
			return err
		}
		request.Rows = append(request.Rows, row)
	}
	for _, u := range r.units {
		request = request.Capture(hook.MLPPost(u.Layer).Coord(u.Neuron))
	}
	run, err := r.m.RunContext(ctx, request)
	if err != nil {
		return err
	}
	if r.values == nil {
		r.values = make([][][]float32, len(r.units))
	}
	for k := range r.units {
		a := run.Captures[k].Array // [batch, pos, 1]
		width := a.Shape()[1]
		for i, row := range request.Rows {
			r.values[k] = append(r.values[k], slices.Clone(a.Values()[i*width:][:len(row)]))
		}
	}
	r.rows, r.tokens = append(r.rows, index...), append(r.tokens, request.Rows...)
	return nil
}

// spot is a token of a reading.
type spot struct {
	row, pos int
	v        float32
}

// fill fills a page with what was read of the k-th unit.
func (r *reading) fill(page *Page, k int, p Pages, rng *rand.Rand) error {
	var all []spot
	for i, row := range r.values[k] {
		for pos, v := range row {
			all = append(all, spot{i, pos, v})
		}
	}
	values := make([]float32, min(len(all), sampled))
	for i := range values {
		values[i] = all[i*len(all)/len(values)].v
	}
	page.Values = array.Of(values, array.Dim("value", len(values))).Named("activations of neuron "+page.Unit.String(), "")
	slices.SortStableFunc(all, func(a, b spot) int { return cmp.Compare(b.v, a.v) })
	up := all[:sortedUntil(all)]
	page.Positive = float64(len(up)) / float64(len(all))
	taken := map[int]bool{}
	for _, s := range up {
		if len(page.Top) < p.Top && !taken[s.row] {
			taken[s.row] = true
			page.Top = append(page.Top, r.example(k, s, p.Around))
		}
	}
	for q := range p.Quantiles {
		part := up[q*len(up)/p.Quantiles : (q+1)*len(up)/p.Quantiles]
		if len(part) == 0 {
			continue
		}
		out := Part{From: float64(part[len(part)-1].v), To: float64(part[0].v)}
		for _, i := range rng.Perm(len(part))[:min(p.Each, len(part))] {
			out.Examples = append(out.Examples, r.example(k, part[i], p.Around))
		}
		page.Parts = append(page.Parts, out)
	}
	for i := range page.Top {
		if err := r.label(&page.Top[i]); err != nil {
			return err
		}
	}
	for i := range page.Parts {
		for j := range page.Parts[i].Examples {
			if err := r.label(&page.Parts[i].Examples[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// sortedUntil is how many of values, largest first, are above 0.
func sortedUntil(all []spot) int {
	n, _ := slices.BinarySearchFunc(all, 0, func(s spot, _ int) int {
		if s.v > 0 {
			return -1
		}
		return 1
	})
	return n
}

func (r *reading) example(k int, s spot, around int) Example {
	from, to := max(0, s.pos-around), min(len(r.tokens[s.row]), s.pos+around+1)
	values := slices.Clone(r.values[k][s.row][from:to])
	return Example{Row: s.row, Pos: s.pos, At: s.pos - from, Value: float64(s.v),
		Text: array.Of(values, array.Dim("position", len(values))).Named("", "")}
}

// label names the tokens of an example, and its row by its number in the corpus.
func (r *reading) label(e *Example) error {
	from := e.Pos - e.At
	d, err := r.m.Decode(r.tokens[e.Row][from : from+e.Text.Dim("position")])
	if err != nil {
		return err
	}
	e.Text = e.Text.Label("position", d.Labels[0])
	e.Row = r.rows[e.Row]
	return e.Text.Err()
}

// weights reads what the neuron writes.
func (p *Page) weights(m *model.Model) error {
	own := model.WOut(p.Layer).Neuron(p.Neuron).AfterNorm()
	c := m.Config()
	var err error
	if !c.Headless {
		logits, err := m.Product(own, model.WU().BehindNorm())
		if err != nil {
			return err
		}
		if p.Promotes, p.Suppresses, err = extremes(m, logits.Values(), promoted); err != nil {
			return err
		}
	}
	p.Nearest, err = near(m, p.Unit, nearest)
	return err
}

// near are the neurons that write most alike, by the cosine.
func near(m *model.Model, u Unit, n int) (all []Near, err error) {
	c := m.Config()
	own, err := m.Product(model.WOut(u.Layer).Neuron(u.Neuron).AfterNorm())
	if err != nil {
		return nil, err
	}
	for l := range c.Layers {
		w, err := m.Product(model.WOut(l).AfterNorm())
		if err != nil {
			return nil, err
		}
		for i := range c.DMLP {
			if (Unit{l, i}) != u {
				all = append(all, Near{Unit{l, i}, cosine(own.Values(), w.Values()[i*c.DModel:][:c.DModel])})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Near) int { return cmp.Compare(b.Cosine, a.Cosine) })
	return all[:min(n, len(all))], nil
}

// String is the page as text.
func (p *Page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "neuron %s: above 0 at %.1f%% of the tokens\n", p.Unit, 100*p.Positive)
	fmt.Fprintf(&b, "promotes   %v\nsuppresses %v\n", p.Promotes, p.Suppresses)
	for _, n := range p.Nearest {
		fmt.Fprintf(&b, "near %s (cosine %.3f)  ", n.Unit, n.Cosine)
	}
	b.WriteString("\n")
	for _, e := range p.Top {
		fmt.Fprintf(&b, "%q\n", e.String())
	}
	for _, part := range p.Parts {
		fmt.Fprintf(&b, "from %.3f to %.3f\n", part.From, part.To)
		for _, e := range part.Examples {
			fmt.Fprintf(&b, "%q\n", e.String())
		}
	}
	return b.String()
}
