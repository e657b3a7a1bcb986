package model_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/dictionary"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/internal/content"
)

// texts are rows of different lengths for a zoo model.
func texts(m *model.Model, rows int) (all [][]int32) {
	ids := m.Ordinary()
	for r := range rows {
		var row []int32
		for i := range 12 + r%5 {
			row = append(row, ids[(r*31+i*i*7)%len(ids)])
		}
		all = append(all, row)
	}
	return all
}

// TestDictionaryResumed holds a training that was cut, and went on from its
// checkpoint, to one that was not: equal to the last bit.
func TestDictionaryResumed(t *testing.T) {
	m := zooModel(t, "induction")
	d := model.LearnDictionary{Rows: texts(m, 40), Read: hook.ResidPost(0), Leave: 1, Pool: 128, Every: 4,
		Settings: dictionary.Settings{Method: dictionary.LearnTopK, K: 3, Features: 20, Steps: 24, Batch: 50, Rate: 1e-2, Seed: 3, DeadAfter: 6, Resample: 10}}
	for _, read := range []hook.Point{hook.ResidPost(0), hook.Z(0)} {
		d.Read = read
		d.Checkpoint = t.TempDir()
		whole, err := m.LearnDictionary(d)
		if err != nil {
			t.Fatal(err)
		}
		data, err := content.EncodeWhole(whole) // as a model host sends it
		if err != nil {
			t.Fatal(err)
		}
		var sent *model.LearnedDictionary
		if err := content.Decode(data, &sent, nil); err != nil || !reflect.DeepEqual(sent, whole) {
			t.Errorf("sent and read it is another: %v", err)
		}
		if whole.Tokens != 24*50 || whole.Curve[len(whole.Curve)-1].Loss > whole.Curve[0].Loss {
			t.Errorf("%s", whole)
		}
		d.Checkpoint = t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		ctx = model.WithProgress(ctx, func(done, total int) {
			if done == 13 {
				cancel()
			}
		})
		if _, err := m.LearnDictionaryContext(ctx, d); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if c, err := dictionary.LoadCheckpoint(d.Checkpoint); err != nil || c.Step < 13 || c.Step == 24 {
			t.Fatalf("a checkpoint of step %d, %v", c.Step, err)
		}
		cut, err := m.LearnDictionary(d)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(cut.Coder.WEnc, whole.Coder.WEnc) || !slices.Equal(cut.Coder.WDec, whole.Coder.WDec) || cut.Tokens != whole.Tokens || len(cut.Curve) != len(whole.Curve) {
			t.Errorf("%s: the training that was cut ends elsewhere", read)
		}
		other := d
		other.Rate = 1
		if _, err := m.LearnDictionary(other); err == nil || !strings.Contains(err.Error(), "another training") {
			t.Errorf("another training went on from the checkpoint: %v", err)
		}
	}
}

// TestDictionaryRefused names what is wrong with a training.
func TestDictionaryRefused(t *testing.T) {
	m := zooModel(t, "induction")
	good := model.LearnDictionary{Rows: texts(m, 4), Read: hook.ResidPost(0), Settings: dictionary.Settings{Features: 8, Steps: 1, Batch: 4}}
	for want, change := range map[string]func(*model.LearnDictionary){
		"no steps":           func(d *model.LearnDictionary) { d.Steps = 0 },
		"no width":           func(d *model.LearnDictionary) { d.Read = hook.Pattern(0) },
		"selects positions":  func(d *model.LearnDictionary) { d.Read = hook.ResidPost(0).At(3) },
		"no tokens are left": func(d *model.LearnDictionary) { d.Leave = 100 },
		"no method":          func(d *model.LearnDictionary) { d.Method = "sparse" },
		"one length":         func(d *model.LearnDictionary) { d.EndToEnd = 1 },
		"end-to-end loss":    func(d *model.LearnDictionary) { d.NoMSE = true },
		"transcoder":         func(d *model.LearnDictionary) { d.Skip = true },
		"widths":             func(d *model.LearnDictionary) { d.Method, d.K, d.Widths = dictionary.LearnMatryoshka, 2, []int{4} },
	} {
		d := good
		change(&d)
		if _, err := m.LearnDictionary(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestDictionaryEndToEnd holds the end-to-end loss and its gradient to runs with the
// reconstruction in place of the activation, and to finite differences of them.
func TestDictionaryEndToEnd(t *testing.T) {
	m := zooModel(t, "godoc-2l")
	ids := m.Ordinary()
	var rows [][]int32
	for r := range 12 {
		var row []int32
		for i := range 10 {
			row = append(row, ids[(r*31+i*i*7)%len(ids)])
		}
		rows = append(rows, row)
	}
	for _, at := range []hook.Point{hook.ResidPost(0), hook.Z(1)} {
		d := model.LearnDictionary{Rows: rows, Read: at, Leave: 2, EndToEnd: 0.5, Checkpoint: t.TempDir(),
			Settings: dictionary.Settings{Method: dictionary.LearnTopK, K: 4, Aux: -1, NoMSE: true, NoCentre: true, DecoderNorm: 1, Features: 32, Steps: 1, Batch: 12 * 8, Rate: 1e-12}}
		got, err := m.LearnDictionary(d)
		if err != nil {
			t.Fatal(err)
		}
		// divergence is that of all rows, with a change of the decoder's bias.
		places := hook.UpTo(10)[2:]
		logits := hook.Logits().At(places...)
		clean, err := m.Run(model.Request{Rows: rows}.Capture(at, logits))
		if err != nil {
			t.Fatal(err)
		}
		divergence := func(change []float32) float64 {
			sum := 0.0
			for i, row := range rows {
				x := clean.Row(i).At(at)
				width := len(x.Values()) / len(row)
				_, y, err := got.Coder.Forward(x.Values()[2*width:])
				if err != nil {
					t.Fatal(err)
				}
				for k := range y {
					y[k] += change[k%width]
				}
				axes := x.Axes()
				axes[0], axes[1] = array.Dim("batch", 1), array.Dim("pos", len(row)-2)
				metric := model.KL(clean.Row(i).At(logits)).AtPositions(places...)
				r, err := m.Run(model.Request{Rows: [][]int32{row}}.Edit(at.At(places...).Replace(array.Of(y, axes...))).Metric(metric))
				if err != nil {
					t.Fatal(err)
				}
				sum += r.Metric() / float64(len(rows))
			}
			return 0.5 * sum
		}
		width := got.Coder.Out
		if want, loss := divergence(make([]float32, width)), got.Curve[0].Through; math.Abs(loss-want) > 1e-5 || got.Curve[0].Loss != loss {
			t.Errorf("%s: an end-to-end loss of %g, and %g in all; %g by runs", at, loss, got.Curve[0].Loss, want)
		}
		c, err := dictionary.LoadCheckpoint(d.Checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		gradient := c.Tensors[3*slices.Index(c.Names, "b_dec")+1] // Adam's first moment, a tenth of it
		size := 0.0
		for _, g := range gradient {
			size += math.Pow(10*float64(g), 2)
		}
		up, down := make([]float32, width), make([]float32, width)
		const h = 2e-3 // a step along the gradient, in scaled units; the third derivative is off by h²
		for i, g := range gradient {
			up[i] = float32(h * 10 * float64(g) / math.Sqrt(size) / got.Scales[1])
			down[i] = -up[i]
		}
		if slope := (divergence(up) - divergence(down)) / (2 * h); math.Abs(slope-math.Sqrt(size)) > 2e-3*math.Sqrt(size) {
			t.Errorf("%s: the gradient's size is %g, by differences %g", at, math.Sqrt(size), slope)
		}
	}
	// trained end to end it diverges less than trained for the squared error
	d := model.LearnDictionary{Rows: rows, Read: hook.ResidPost(0), EndToEnd: 1,
		Settings: dictionary.Settings{Method: dictionary.LearnTopK, K: 4, NoMSE: true, Features: 64, Steps: 60, Batch: 40, Rate: 3e-3}}
	through, err := m.LearnDictionary(d)
	if err != nil {
		t.Fatal(err)
	}
	d.NoMSE, d.EndToEnd = false, 1e-9
	squares, err := m.LearnDictionary(d)
	if err != nil {
		t.Fatal(err)
	}
	a, b := through.Curve[len(through.Curve)-1], squares.Curve[len(squares.Curve)-1]
	if !(a.Through < 0.7*b.Through*1e9 && b.MSE < a.MSE) {
		t.Errorf("end to end: KL %.3g, squared error %.3g; by squares %.3g, %.3g", a.Through, a.MSE, b.Through*1e9, b.MSE)
	}
}

func zooModel(t *testing.T, name string) *model.Model {
	t.Helper()
	m, err := model.Open("zoo:" + name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
