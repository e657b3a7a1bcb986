package task_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/golens/golens/interp/ablate"
	"github.com/golens/golens/interp/patch"
	"github.com/golens/golens/interp/task"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// What the hand-made network's movers make of what they are told: a softmax
// over three names and the first position, worked out here from the numbers in
// its model card. Whatever is less likely than exp(-15) is left out of its card
// and is far below tolerance.
type mechanism struct {
	token        [2]float64 // flag of IO's name and of S's
	io, s1, s2   float64    // flags of their positions
	mover, minus float64    // what 3.0 and 3.1 write
	backup       float64    // what 4.0 writes
}

const (
	match, rest, sharp = 30, 15, 8
	// nearly is for float32, and for attention of exp(-15) that leaks.
	nearly = 2e-4
)

// whole is the network on a clean prompt.
func whole() mechanism { return flagged(1) }

// flagged is the same where only a part of the duplicate flag was written.
func flagged(part float64) mechanism {
	found := 0.0
	if part > 0 {
		found = 1 // then S-inhibition sees S2, and flags its position wholly
	}
	return mechanism{token: [2]float64{0, part}, s1: part, s2: found, mover: 1, minus: -0.25, backup: 0.75}
}

// diff is the logit difference of IO and S.
func (m mechanism) diff() float64 {
	io, s := m.attention(1, 2.5, 0, 0)
	outIO, outS := (m.mover+m.minus)*io, (m.mover+m.minus)*s
	backupIO, backupS := m.attention(20, 20, 80*outIO, 80*outS)
	return sharp * (outIO - outS + m.backup*(backupIO-backupS))
}

// attention is what a mover at END gives to IO and to both S together.
func (m mechanism) attention(token, position, lessIO, lessS float64) (io, s float64) {
	io = math.Exp(-token*m.token[0] - position*m.io - lessIO)
	s = math.Exp(-token*m.token[1]-position*m.s1-lessS) + math.Exp(-token*m.token[1]-position*m.s2-lessS)
	all := io + s + math.Exp(rest-match)
	return io / all, s / all
}

func plantedIOI(t *testing.T, options task.IOIOptions) (*model.Model, *task.IOITask) {
	t.Helper()
	m, err := model.Open("zoo:ioi-planted")
	if err != nil {
		t.Fatal(err)
	}
	ioi, err := task.IOI(m, options)
	if err != nil {
		t.Fatal(err)
	}
	return m, ioi
}

// The network does the task on every template, without an exception.
func TestPlantedDoesIOI(t *testing.T) {
	m, ioi := plantedIOI(t, task.IOIOptions{N: 30, Seed: 1})
	for _, d := range ioi.Dropped {
		if d.Kind == "template" {
			t.Errorf("dropped %s", d)
		}
	}
	s, err := ioi.Evaluate(m)
	if err != nil {
		t.Fatal(err)
	}
	mean, lo, hi, err := s.Metric(model.KindLogitDiff)
	if want := whole().diff(); err != nil || math.Abs(mean-want) > nearly || math.Abs(hi-lo) > nearly {
		t.Errorf("logit difference %.5f [%.5f, %.5f] (%v), want %.5f in every row", mean, lo, hi, err, want)
	}
	for _, kind := range []model.MetricKind{model.KindAccuracy, model.KindRank} {
		if mean, _, _, err := s.Metric(kind); err != nil || mean != 1 {
			t.Errorf("%s is %g (%v), want 1", kind, mean, err)
		}
	}
	if corrupted := s.At(1, 0); math.Abs(corrupted) > nearly {
		t.Errorf("logit difference on ABC prompts is %g: nothing tells the names apart there", corrupted)
	}
}

// Prompts that invite a third party do not count where IO is held against all
// tokens, and count everywhere else.
func TestOpenRowsDoNotCount(t *testing.T) {
	m, ioi := plantedIOI(t, task.IOIOptions{N: 30, Seed: 1})
	open := 0
	for i, template := range ioi.Templates {
		if ioi.Open[i] != task.ThirdParty(template) {
			t.Errorf("row %d of template %d is open: %t", i, template, ioi.Open[i])
		}
		if ioi.Open[i] {
			open++
		}
	}
	if open != 10 { // five of fifteen
		t.Fatalf("%d of 30 rows are open, want 10", open)
	}
	s, err := ioi.Evaluate(m)
	if err != nil {
		t.Fatal(err)
	}
	for k, metric := range s.Metrics {
		gaps := 0
		for row := range ioi.Len() {
			if v := s.Samples.At(row, 0, k); v != v {
				gaps++
			}
		}
		want := 0
		if metric.Kind == model.KindProb || metric.Kind == model.KindRank {
			want = open
		}
		if gaps != want {
			t.Errorf("%s: %d rows do not count, want %d", metric.Kind, gaps, want)
		}
		if lo := s.Lo.At(0, k); lo != lo {
			t.Errorf("%s has no interval", metric.Kind)
		}
	}
	if !strings.Contains(s.Method, "over the 20 that do not invite another answer") {
		t.Errorf("method %q", s.Method)
	}
}

// Every head attends where its role says, decoys included.
func TestPlantedAttention(t *testing.T) {
	m, ioi := plantedIOI(t, task.IOIOptions{N: 30, Seed: 2})
	request := ioi.Clean.Request()
	for l := range m.Config().Layers {
		request = request.Capture(hook.Pattern(l))
	}
	run, err := m.Run(request)
	if err != nil {
		t.Fatal(err)
	}
	start := hook.Each(make([]int, ioi.Len())) // where heads rest
	io, s := whole().attention(1, 2.5, 0, 0)
	for _, c := range []struct {
		head     [2]int
		from, to hook.Positions
		want     float64
	}{
		{[2]int{0, 0}, ioi.S2, ioi.S1, 1}, {[2]int{0, 0}, ioi.S1, start, 1}, {[2]int{0, 0}, ioi.IO, start, 1},
		{[2]int{0, 1}, ioi.S1Next, ioi.S1, 1},
		{[2]int{1, 0}, ioi.S2, ioi.S1Next, 1}, {[2]int{1, 0}, ioi.S1, start, 1}, {[2]int{1, 0}, ioi.IO, start, 1},
		{[2]int{1, 1}, ioi.S1Next, ioi.S1, 1},
		{[2]int{2, 0}, ioi.End, ioi.S2, 1}, {[2]int{2, 1}, ioi.End, ioi.S2, 1},
		{[2]int{3, 0}, ioi.End, ioi.IO, io}, {[2]int{3, 0}, ioi.End, ioi.S1, s / 2}, {[2]int{3, 0}, ioi.End, ioi.S2, s / 2},
		{[2]int{3, 1}, ioi.End, ioi.IO, io}, {[2]int{4, 1}, ioi.End, ioi.IO, io},
		{[2]int{4, 0}, ioi.End, start, 1}, {[2]int{4, 0}, ioi.End, ioi.IO, 0},
	} {
		for row := range ioi.Len() {
			q, k := c.from.In(row)[0], c.to.In(row)[0]
			if got := run.At(hook.Pattern(c.head[0])).At(row, c.head[1], q, k); math.Abs(got-c.want) > nearly {
				t.Errorf("row %d: head %d.%d attends from %d to %d with %.5f, want %.5f", row, c.head[0], c.head[1], q, k, got, c.want)
			}
		}
	}
}

// Taking a head away does what the mechanism says; decoys do nothing at all.
func TestPlantedIOIKnockOut(t *testing.T) {
	m, ioi := plantedIOI(t, task.IOIOptions{N: 30, Seed: 3})
	r, err := patch.KnockOut(m, ioi, ablate.Ablation{Value: ablate.Zero})
	if err != nil {
		t.Fatal(err)
	}
	without := func(change func(*mechanism)) float64 {
		w := whole()
		change(&w)
		return w.diff() - whole().diff()
	}
	half, none := flagged(0.5).diff()-whole().diff(), flagged(0).diff()-whole().diff()
	for head, want := range map[[2]int]float64{
		{0, 0}: half, {0, 1}: half, {1, 0}: half, {2, 0}: none,
		{3, 0}: without(func(w *mechanism) { w.mover = 0 }),
		{3, 1}: without(func(w *mechanism) { w.minus = 0 }),
		{4, 0}: without(func(w *mechanism) { w.backup = 0 }),
		{1, 1}: 0, {2, 1}: 0, {4, 1}: 0,
	} {
		got := r.At(head[0], head[1])
		if math.Abs(got-want) > nearly {
			t.Errorf("without head %d.%d the logit difference changes by %.5f, want %.5f", head[0], head[1], got, want)
		}
		decoy := head[1] == 1 && head[0] != 0 && head[0] != 3
		if decoy && got != 0 {
			t.Errorf("without the decoy %d.%d the logit difference changes by %g", head[0], head[1], got)
		}
	}
	if half > -1 || none > -5 { // the roles are large enough to be found
		t.Errorf("a half of the flag changes %.2f and all of it %.2f", half, none)
	}
}

// The backup rests while the name mover works, and takes over when that is
// gone, replaced by nothing or by its mean.
func TestPlantedBackupTakesOver(t *testing.T) {
	// One template, so that means at each position are means within it.
	m, ioi := plantedIOI(t, task.IOIOptions{N: 60, Seed: 4, Templates: []int{3}})
	mover, backup := hook.Z(3).Head(0), hook.Z(4).Head(0)
	for _, a := range []ablate.Ablation{{Value: ablate.Zero}, {Value: ablate.PositionMean}, {}} {
		diff := func(heads ...hook.Point) float64 {
			t.Helper()
			edits, err := a.Edits(m, ioi, heads...)
			if err != nil {
				t.Fatal(err)
			}
			run, err := m.Run(ioi.Clean.Edit(edits...).Metric(ioi.LogitDiff))
			if err != nil {
				t.Fatal(err)
			}
			return run.Metric()
		}
		full := whole().diff()
		// A name's mean share in the corrupted prompts is its frequency there:
		// about 1/12, differing by a few hundredths.
		if got := diff(backup); math.Abs(got-full) > 0.01 {
			t.Errorf("%s: without the backup alone the logit difference is %.3f, with it %.3f", a, got, full)
		}
		if got := diff(mover); got < 0.75*full {
			t.Errorf("%s: without the mover the logit difference is %.3f of %.3f: the backup does not take over", a, got, full)
		}
		if got := diff(mover, backup); got > 0 {
			t.Errorf("%s: without both the logit difference is %.3f, want what the negative mover leaves", a, got)
		}
	}
}

// Position and token signals, each kept, random or inverted, change the logit
// difference as the mechanism says: what S-inhibition writes is taken from
// prompts in which names or places are others.
func TestPlantedSignals(t *testing.T) {
	m, ioi := plantedIOI(t, task.IOIOptions{N: 30, Seed: 5})
	at := hook.Z(2).Head(0).In(ioi.End)
	var table [2][3]float64
	for p, row := range task.Signals {
		for k, c := range row {
			corrupted, err := ioi.Corrupt(c)
			if err != nil {
				t.Fatal(err)
			}
			other, err := m.Run(corrupted.Corrupted.Capture(at))
			if err != nil {
				t.Fatal(err)
			}
			run, err := m.Run(ioi.Clean.Edit(at.Replace(other.At(at))).Metric(ioi.LogitDiff))
			if err != nil {
				t.Fatal(err)
			}
			want := whole()
			want.token = [3][2]float64{{0, 1}, {0, 0}, {1, 0}}[k]
			if p == 1 {
				want.io, want.s1 = 1, 0
			}
			table[p][k] = run.Metric()
			if math.Abs(table[p][k]-want.diff()) > nearly {
				t.Errorf("%s: logit difference %.5f, want %.5f", c, table[p][k], want.diff())
			}
		}
	}
	t.Logf("logit difference, position kept and inverted, token kept, random, inverted: %.3f", table)
	for p := range table {
		if !(table[p][0] > table[p][1] && table[p][1] > table[p][2]) {
			t.Errorf("the token signal does not order %v", table[p])
		}
	}
	for k := range table[0] {
		if table[0][k] <= table[1][k] {
			t.Errorf("position inverted gives %.3f, kept %.3f", table[1][k], table[0][k])
		}
	}
}

// The seven heads, each at its position, are all of the network: everything
// else may be replaced by its mean within the template.
func TestPlantedCircuitIsFaithful(t *testing.T) {
	for _, template := range []int{0, 5, 6, 27} {
		m, ioi := plantedIOI(t, task.IOIOptions{N: 16, Seed: 6, Templates: []int{template}})
		nodes := map[[2]int]hook.Positions{
			{0, 0}: ioi.S2, {0, 1}: ioi.S1Next, {1, 0}: ioi.S2, {2, 0}: ioi.End, {3, 0}: ioi.End, {3, 1}: ioi.End, {4, 0}: ioi.End,
		}
		for _, leave := range [][2]int{{-1, -1}, {0, 1}, {2, 0}} {
			run, err := m.Run(ioi.Clean.Edit(onlyNodes(t, m, ioi, nodes, leave)...).Metric(ioi.LogitDiff))
			if err != nil {
				t.Fatal(err)
			}
			got, full := run.Metric(), whole().diff()
			if leave[0] < 0 && math.Abs(got-full) > 1e-3*full { // the issue of faithfulness: within a thousandth
				t.Errorf("template %d: the circuit alone gives %.4f, the network %.4f", template, got, full)
			}
			if leave[0] >= 0 && math.Abs(got-full) < 0.1*full {
				t.Errorf("template %d: the circuit without %v gives %.4f, as much as the network", template, leave, got)
			}
		}
	}
}

// onlyNodes replaces all heads but those of the circuit, less one, at their
// positions, by means over the corrupted prompts.
func onlyNodes(t *testing.T, m *model.Model, ioi *task.IOITask, nodes map[[2]int]hook.Positions, leave [2]int) []hook.Edit {
	t.Helper()
	c := m.Config()
	request := ioi.Corrupted.Request()
	for l := range c.Layers {
		request = request.Capture(hook.Z(l))
	}
	reference, err := m.Run(request)
	if err != nil {
		t.Fatal(err)
	}
	width := len(ioi.Clean.IDs[0])
	var edits []hook.Edit
	for l := range c.Layers {
		mean := reference.At(hook.Z(l)).Mean(hook.Batch) // [pos, head, d_head]
		for h := range c.Heads {
			var others []int
			for p := range width {
				keep, ok := nodes[[2]int{l, h}]
				if !ok || [2]int{l, h} == leave || !slices.Contains(keep.In(0), p) {
					others = append(others, p)
				}
			}
			var values *array.Array = mean.Select(hook.Head, h).Select(hook.Pos, others...)
			edits = append(edits, hook.Z(l).Head(h).At(others...).Replace(values))
		}
	}
	return edits
}
