package ioi

import (
	"fmt"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A SignalTable is the task's logit difference when heads write at END what they
// write on prompts with other signals [position signal, token signal].
type SignalTable struct {
	*interp.Result
	Heads []graph.Part
	// Position and Token are the weights of the two signals: the fit is Mean +
	// Position p + Token t, where a signal is 1 if kept, 0 if random and -1 if
	// inverted. Its largest error is Error.
	Mean, Position, Token, Error float64
}

// Signals measures what heads, usually the S-inhibition heads, tell about which
// name was said twice (the token signal) and where it stood first (the position
// signal): their outputs at END are taken from prompts in which each signal is
// kept, random or inverted, all others from the clean prompts. That the fit is
// good says that the two add up. One sweep: a pass over the clean prompts, one over
// each of six kinds of prompts up to the last head's layer, and six
// variants. Source: Wang et al. 2022, section 3.2 and appendix A.
func Signals(m *model.Model, t *task.IOITask, heads []graph.Part) (*SignalTable, error) {
	s, err := signals(m, t, heads)
	if err != nil {
		return nil, fmt.Errorf("signals: %w", err)
	}
	return s, nil
}

func signals(m *model.Model, t *task.IOITask, heads []graph.Part) (*SignalTable, error) {
	if len(heads) == 0 {
		return nil, fmt.Errorf("no heads; give the S-inhibition heads")
	}
	var edits []hook.Edit
	for _, p := range heads {
		if err := p.In(m.Config()); err != nil || !p.IsHead() {
			return nil, fmt.Errorf("%s is no head of this model", p)
		}
		edits = append(edits, hook.Z(p.Layer).Head(p.Index).In(t.End).FromSource())
	}
	s := &SignalTable{Heads: heads}
	samples := array.New(array.Dim("sample", t.Len()),
		array.Labels("position signal", []string{"kept", "inverted"}), array.Labels("token signal", []string{"kept", "random", "inverted"}))
	sweep := model.Sweep{Base: t.Clean.Metric(t.LogitDiff)}
	for _, row := range task.Signals {
		for _, corruption := range row {
			other, err := t.Corrupt(corruption)
			if err != nil {
				return nil, err
			}
			v := model.Variant{Name: string(corruption), Edits: edits}
			for _, prompt := range other.Corrupted.IDs {
				v.Donors = append(v.Donors, len(sweep.Source.Rows))
				sweep.Source.Rows = append(sweep.Source.Rows, prompt)
			}
			sweep.Variants = append(sweep.Variants, v)
		}
	}
	got, err := m.Sweep(sweep)
	if err != nil {
		return nil, err
	}
	for i, row := range task.Signals {
		for j := range row {
			for k := range t.Len() {
				samples.Set(got.PerRow(0).At(i*len(row)+j, k), k, i, j)
			}
		}
	}
	s.Result = &interp.Result{
		Array:   samples.Mean("sample").Named("logit difference with the signals of "+circuit.Join(heads)+" changed", t.LogitDiff.Unit()),
		Samples: samples, Source: wang, Provenance: got.Provenance,
		Method: fmt.Sprintf("outputs of %s at END taken from prompts with other signals, %d prompts of %s", circuit.Join(heads), t.Len(), t.Name),
	}
	s.fit()
	return s, samples.Err()
}

// signal is the value of a signal that is kept or inverted, or kept, random or
// inverted.
func signal(i, of int) float64 { return 1 - 2*float64(i)/float64(of-1) }

// fit is by least squares. The two signals are balanced over the table, so each
// weight is a projection by itself.
func (s *SignalTable) fit() {
	var pp, tt float64
	for i := range 2 {
		for j := range 3 {
			v, p, t := s.At(i, j), signal(i, 2), signal(j, 3)
			s.Mean += v / 6
			s.Position, pp = s.Position+p*v, pp+p*p
			s.Token, tt = s.Token+t*v, tt+t*t
		}
	}
	s.Position, s.Token = s.Position/pp, s.Token/tt
	for i := range 2 {
		for j := range 3 {
			s.Error = max(s.Error, abs(s.At(i, j)-s.Mean-s.Position*signal(i, 2)-s.Token*signal(j, 3)))
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

// String is the table and the fit.
func (s *SignalTable) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.Array)
	fmt.Fprintf(&b, "fit: %.2f %+.2f position %+.2f token, off by %.2f at most\n", s.Mean, s.Position, s.Token, s.Error)
	fmt.Fprintf(&b, "%s (%s)\n%s\n", s.Method, s.Source, s.Provenance)
	return b.String()
}
