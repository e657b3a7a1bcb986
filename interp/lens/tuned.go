package lens

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Tuned lens translates the stream into each block to what the final norm and the
// unembedding read: h + h Wᵀ + b, with W and b trained for each layer so that what is
// read comes near to what the model says. Source: Belrose et al. 2023.
type Tuned struct {
	Weights []*array.Array // of each block [out, in]
	Biases  []*array.Array // [out]; nil if there are none

	Model string // that it was trained on
	Curve *interp.Result
	Fit   *model.Fitted // what trained it; nil where it was read from files
}

// String says what it is of, and how its loss fell.
func (t *Tuned) String() string {
	s := fmt.Sprintf("tuned lens of %d translators of %s (Belrose et al. 2023)", len(t.Weights), t.Model)
	if t.Curve != nil {
		s += "\n" + t.Curve.String()
	}
	return s
}

// Name implements [Lens].
func (t *Tuned) Name() string { return "tuned lens" }

func (t *Tuned) source() string { return "Belrose et al. 2023" }

func (t *Tuned) fits(c config.Config) error {
	if len(t.Weights) != c.Layers {
		return fmt.Errorf("the lens has %d translators, the model %d layers", len(t.Weights), c.Layers)
	}
	for i, w := range t.Weights {
		if shape := w.Shape(); len(shape) != 2 || shape[0] != c.DModel || shape[1] != c.DModel {
			return fmt.Errorf("translator %d has shape %v; d_model is %d", i, shape, c.DModel)
		}
	}
	return nil
}

func (t *Tuned) at(c config.Config, i int) (formula.Expr, bool) {
	if i == c.Layers {
		return formula.Here(), true
	}
	var b formula.Expr
	if t.Biases != nil {
		b = formula.Tensor(biasOf(i), t.Biases[i])
	}
	return translated(c, i, formula.Tensor(weightOf(i), t.Weights[i]), b), true
}

func weightOf(i int) string { return fmt.Sprint(i, ".weight") } // as the library's file names them

func biasOf(i int) string { return fmt.Sprint(i, ".bias") }

// translated is h + h Wᵀ + b.
func translated(c config.Config, i int, W, b formula.Expr) formula.Expr {
	h := streamAt(c, i)
	h = h.Add(h.Dot(W.Transpose()))
	if len(b.Steps) > 0 {
		h = h.Add(b)
	}
	return h
}

// A Tune says how a tuned lens is trained. The zero value is as published, on fewer
// tokens a step: SGD with Nesterov momentum 0.9, a rate of 0.1 that falls to 0, a decay
// of 0.001 and gradients bounded by 1.
type Tune struct {
	Steps int     // 0 means 250
	Batch int     // rows of a step; 0 means 8. Published: 2^18 tokens
	Rate  float64 // 0 means 0.1, or 0.001 of Adam
	Adam  bool
	Seed  uint64
	// From is a lens to go on from; nil starts as the logit lens. One whose training over a
	// stream broke off goes on with its next step.
	From *Tuned
}

// Tune trains a tuned lens on rows of one length, all translators together. What lies
// below them is computed once for a row and kept if there is room. Each step costs the
// unembedding of its tokens, forwards and backwards, for each layer.
func (o Tune) Tune(m *model.Model, rows model.Prompts) (*Tuned, error) {
	return o.TuneContext(context.Background(), m, rows)
}

// TuneContext is [Tune.Tune] that stops when the context ends.
func (o Tune) TuneContext(ctx context.Context, m *model.Model, rows model.Prompts) (*Tuned, error) {
	t, err := o.tune(ctx, m, rows)
	if err != nil {
		return nil, fmt.Errorf("tuned lens: %w", err)
	}
	return t, nil
}

// Over trains it over a stream of rows, each read once, such as those of a corpus
// (package corpus): a step takes the next Batch of them, of any one length. What breaks
// off gives the lens so far beside the error: pass it as From, with the rows that follow
// those of its steps, to end as it would have.
func (o Tune) Over(ctx context.Context, m *model.Model, corpus iter.Seq2[model.TallyRow, error]) (*Tuned, error) {
	fail := func(err error) (*Tuned, error) { return nil, fmt.Errorf("tuned lens: %w", err) }
	fit, err := o.fit(m.Config())
	if err != nil {
		return fail(err)
	}
	if o.From != nil && o.From.Fit != nil && o.From.Fit.Stopped {
		fit.From = o.From.Fit
	}
	got, err := m.FitOver(ctx, fit, corpus, func(part model.Fit, rows []model.TallyRow) (model.Fit, error) {
		texts := make([][]int32, len(rows))
		for i, row := range rows {
			texts[i] = row.Tokens
		}
		err := onTexts(m.Config(), &part, texts)
		return part, err
	})
	if got == nil {
		return fail(err)
	}
	t := o.tuned(m, got)
	if err != nil {
		err = fmt.Errorf("tuned lens: %w", err)
	}
	return t, err
}

func (o Tune) tune(ctx context.Context, m *model.Model, rows model.Prompts) (*Tuned, error) {
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(rows.IDs) == 0 {
		return nil, fmt.Errorf("no rows to train on")
	}
	o.Batch = min(cmp.Or(o.Batch, 8), len(rows.IDs))
	fit, err := o.fit(m.Config())
	if err != nil {
		return nil, err
	}
	if err := onTexts(m.Config(), &fit, rows.IDs); err != nil {
		return nil, err
	}
	got, err := m.FitContext(ctx, fit)
	if err != nil {
		return nil, err
	}
	return o.tuned(m, got), nil
}

// tuned is the lens that a fit found.
func (o Tune) tuned(m *model.Model, got *model.Fitted) *Tuned {
	t := &Tuned{Model: m.Info().Name, Fit: got}
	for l := range m.Config().Layers {
		t.Weights = append(t.Weights, got.Tensor(weightOf(l)).Rename("out", "in"))
		t.Biases = append(t.Biases, got.Tensor(biasOf(l)).Rename("out"))
	}
	curve := array.New(array.Dim("step", len(got.Curve))).Named("divergence from the model, sum of the layers", "nats")
	for i, s := range got.Curve {
		curve.Set(s.Loss, i)
	}
	t.Curve = &interp.Result{Array: curve, Method: "training of a tuned lens", Source: t.source(), Provenance: got.Provenance}
	return t
}

// fit is the training as a fit, without its texts.
func (o Tune) fit(c config.Config) (model.Fit, error) {
	batch := cmp.Or(o.Batch, 8)
	if batch < 1 {
		return model.Fit{}, fmt.Errorf("%d rows a step", o.Batch)
	}
	if o.From != nil {
		if err := o.From.fits(c); err != nil {
			return model.Fit{}, err
		}
	}
	fit := model.Fit{
		// A step's mean over rows is a share of the sum of the layers' means.
		Loss: []model.Loss{{Weight: float64(c.Layers)}}, Clip: 1, Steps: cmp.Or(o.Steps, 250), Seed: o.Seed,
		Batch: batch * c.Layers, Together: c.Layers,
		Optimizer: model.Optimizer{Kind: "sgd", Rate: cmp.Or(o.Rate, .1), Momentum: .9, Nesterov: true, Decay: 1e-3, Schedule: "linear"},
	}
	if o.Adam {
		fit.Optimizer = model.Optimizer{Rate: cmp.Or(o.Rate, 1e-3), Schedule: "linear", WarmUp: min(fit.Steps/5, 1000)}
	}
	for l := range c.Layers {
		w, b := model.Find{Name: weightOf(l)}, model.Find{Name: biasOf(l)}
		if o.From != nil {
			w.Start = o.From.Weights[l]
			if o.From.Biases != nil {
				b.Start = o.From.Biases[l]
			}
		}
		fit.Find = append(fit.Find, w, b)
	}
	return fit, nil
}

// onTexts puts texts into a fit: each stands there once for every layer, and its
// translator in front of the unembedding.
func onTexts(c config.Config, fit *model.Fit, texts [][]int32) error {
	length := len(texts[0])
	for i, row := range texts {
		if len(row) != length {
			return fmt.Errorf("row %d has %d tokens, row 0 has %d; cut them to one length", i, len(row), length)
		}
		for range c.Layers {
			fit.Base.Rows = append(fit.Base.Rows, row)
		}
	}
	for l := range c.Layers {
		var own []int
		for i := range texts {
			own = append(own, i*c.Layers+l)
		}
		f := translated(c, l, formula.Free(weightOf(l), c.DModel, c.DModel), formula.Free(biasOf(l), c.DModel))
		fit.Base = fit.Base.Edit(hook.ResidPost(c.Layers - 1).Row(own...).Compute(f))
	}
	fit.Base = fit.Base.Metric(model.KL(nil).AtPositions(hook.UpTo(length)...))
	return nil
}
