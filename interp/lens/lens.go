package lens

import (
	"errors"
	"fmt"
	"math"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/formula"
	"github.com/golens/golens/model/hook"
)

// A Lens says what the residual stream before each layer and after the last one is
// read as, before the final norm and the unembedding: [Plain], a [Tuned], a [Jacobian].
type Lens interface {
	// Name says which it is.
	Name() string
	// at is the stream that is read at entry i of layers: 0 is the embedding, the number
	// of layers the model's own end. ok is false where the lens has no such entry.
	at(c config.Config, i int) (f formula.Expr, ok bool)
	fits(c config.Config) error
	source() string
}

// Plain is the logit lens: the stream is read as it is.
var Plain Lens = plain{}

type plain struct{}

func (plain) Name() string             { return "logit lens" }
func (plain) source() string           { return "nostalgebraist 2020" }
func (plain) fits(config.Config) error { return nil }

func (plain) at(c config.Config, i int) (formula.Expr, bool) { return streamAt(c, i), true }

// streamAt is the residual stream at an entry of layers, for an edit at the end of the
// last block.
func streamAt(c config.Config, i int) formula.Expr {
	if i == c.Layers {
		return formula.Here()
	}
	return formula.At(hook.ResidPre(i).String())
}

// entries are a lens' entries and the variants that read them: the end of the last block
// becomes what the lens makes of the stream, and only the unembedding is run.
func entries(m *model.Model, by Lens) (names []string, variants []model.Variant, err error) {
	c := m.Config()
	if err := by.fits(c); err != nil {
		return nil, nil, err
	}
	for i, name := range layers(m) {
		f, ok := by.at(c, i)
		if !ok {
			continue
		}
		names = append(names, name)
		variants = append(variants, model.Variant{Name: name, Edits: []hook.Edit{hook.ResidPost(c.Layers - 1).Compute(f)}})
	}
	return names, variants, nil
}

// Read is a metric as if the model ended at each layer, by any lens [layer]. One pass,
// and one unembedding for each layer.
func Read(m *model.Model, by Lens, prompts model.Prompts, metric model.Metric) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("%s: %w", by.Name(), err) }
	names, variants, err := entries(m, by)
	if err != nil {
		return fail(err)
	}
	got, err := m.Sweep(model.Sweep{Base: prompts.Metric(metric), Variants: variants})
	if err != nil {
		return fail(err)
	}
	samples := array.New(array.Dim("sample", len(prompts.IDs)), array.Labels("layer", names))
	for v := range names {
		for i := range prompts.IDs {
			samples.Set(got.Metrics[0].At(v, i), i, v)
		}
	}
	return &interp.Result{
		Array: samples.Mean("sample").Named(metric.String(), metric.Unit()), Samples: samples,
		Method: by.Name(), Source: by.source(), Provenance: got.Provenance,
	}, samples.Err()
}

// Divergence is the KL divergence of what a lens reads at each layer from what the model
// says, in nats, at all positions [layer]. Samples are prompts. One pass, an unembedding
// of every position for each layer, and the logits of one prompt in memory.
func Divergence(m *model.Model, by Lens, prompts model.Prompts) (*interp.Result, error) {
	return eachPrompt(m, by, prompts, func(row []int32, logits *array.Array) (model.Metric, hook.Positions) {
		at := allOf(len(row))
		return model.KL(logits).In(at), at
	})
}

// CrossEntropy is the loss on next tokens that a lens has at each layer, in nats
// [layer]. Samples are prompts. It costs as [Divergence].
func CrossEntropy(m *model.Model, by Lens, prompts model.Prompts) (*interp.Result, error) {
	return Read(m, by, prompts, model.NLL())
}

func allOf(n int) hook.Positions { return hook.Positions{Rows: [][]int{hook.UpTo(n)}} }

// eachPrompt reads a metric that is made from the logits of each prompt.
func eachPrompt(m *model.Model, by Lens, prompts model.Prompts, metric func([]int32, *array.Array) (model.Metric, hook.Positions)) (*interp.Result, error) {
	fail := func(err error) (*interp.Result, error) { return nil, fmt.Errorf("%s: %w", by.Name(), err) }
	if err := prompts.Err(); err != nil {
		return fail(err)
	}
	var out *interp.Result
	for i, row := range prompts.IDs {
		_, at := metric(row, nil)
		own, err := m.Run(prompts.Row(i).Capture(hook.Logits().In(at)))
		if err != nil {
			return fail(err)
		}
		of, _ := metric(row, own.At(hook.Logits().In(at)))
		got, err := Read(m, by, prompts.Row(i), of)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = got
			out.Samples = array.New(array.Dim("sample", len(prompts.IDs)), got.Axes()[0])
		}
		for l, v := range got.Values() {
			out.Samples.Set(float64(v), i, l)
		}
	}
	if out == nil {
		return fail(fmt.Errorf("no prompts"))
	}
	out.Array = out.Samples.Mean("sample").Named(out.Title(), out.Unit())
	return out, nil
}

// A Trajectory is what a lens predicts at each layer and position of a prompt.
type Trajectory struct {
	Top // the likeliest token, and its probability [layer, pos]

	Entropy *interp.Result // of the prediction, in nats [layer, pos]
	KL      *interp.Result // from the model's own prediction, in nats [layer, pos]
	Loss    *interp.Result // on the next token, in nats [layer, pos], NaN at the last position

	// Depth is, for each position, the entry of the layer axis from which on the lens
	// predicts what the model does [pos]: the prediction depth.
	Depth *interp.Result
}

// Trace reads a prompt by a lens at each layer and position: the figure of the
// tuned lens' paper. One pass, and an unembedding of every position for each layer; the
// logits of all layers are held one after another. Source: Belrose et al. 2023,
// "Eliciting Latent Predictions from Transformers with the Tuned Lens".
func Trace(m *model.Model, by Lens, prompt model.Prompts) (*Trajectory, error) {
	t, err := trace(m, by, prompt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", by.Name(), err)
	}
	return t, nil
}

func trace(m *model.Model, by Lens, prompt model.Prompts) (*Trajectory, error) {
	if err := prompt.Err(); err != nil {
		return nil, err
	}
	if len(prompt.IDs) != 1 {
		return nil, fmt.Errorf("%d prompts; give one", len(prompt.IDs))
	}
	names, variants, err := entries(m, by)
	if err != nil {
		return nil, err
	}
	own, err := m.Run(prompt.Capture(hook.Logits()))
	if err != nil {
		return nil, err
	}
	vocab, row := m.Config().Vocab, prompt.IDs[0]
	final := own.At(hook.Logits()).Values()
	axes := []array.Axis{array.Labels("layer", names), array.Labels("pos", prompt.Labels[0])}
	make := func(title, unit string) *interp.Result {
		return &interp.Result{Array: array.New(axes...).Named(title, unit), Method: by.Name(), Source: by.source(), Provenance: own.Provenance}
	}
	t := &Trajectory{
		Top:     Top{Result: make("likeliest token by the "+by.Name(), "probability")},
		Entropy: make("entropy of the prediction", "nats"), KL: make("divergence from the model's prediction", "nats"),
		Loss: make("loss on the next token", "nats"),
	}
	agrees := array.New(axes...)
	for l, v := range variants {
		got, err := m.Sweep(model.Sweep{Base: prompt.Request(), Variants: []model.Variant{v}, Captures: []hook.Point{hook.Logits()}})
		if err != nil {
			return nil, err
		}
		logits := got.Captures[0].Array.Values()
		var ids []int32
		for pos := range row {
			x, y := logits[pos*vocab:][:vocab], final[pos*vocab:][:vocab]
			id, p := likeliest(x)
			ids = append(ids, id)
			t.Set(p, l, pos)
			entropy, kl := compared(y, x)
			t.Entropy.Set(entropy, l, pos)
			t.KL.Set(kl, l, pos)
			loss := math.NaN()
			if pos+1 < len(row) {
				loss = -(float64(x[row[pos+1]]) - array.LogSumExp(x))
			}
			t.Loss.Set(loss, l, pos)
			if best, _ := likeliest(y); best == id {
				agrees.Set(1, l, pos)
			}
		}
		words := m.Rows([][]int32{ids})
		if err := words.Err(); err != nil {
			return nil, err
		}
		t.Tokens = append(t.Tokens, words.Labels[0])
	}
	depth := array.New(axes[1]).Named("prediction depth", "layer")
	for pos := range row {
		at := len(names)
		for at > 0 && agrees.At(at-1, pos) == 1 {
			at--
		}
		depth.Set(float64(at), pos)
	}
	t.Depth = t.Of(depth)
	return t, errors.Join(t.Err(), depth.Err())
}
