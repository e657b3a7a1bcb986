package serve_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/golens/golens/model"
	"github.com/golens/golens/model/hook"
	"github.com/golens/golens/model/modeltest"
	"github.com/golens/golens/model/serve"
)

// start serves on a socket and points the environment at it.
func start(t testing.TB) (client *http.Client) { return startAs(t, serve.New()) }

// startAs is start with a handler of one's own.
func startAs(t testing.TB, h http.Handler) (client *http.Client) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	t.Setenv(model.SocketEnv, socket)
	return &http.Client{Transport: &http.Transport{Dial: func(_, _ string) (net.Conn, error) { return net.Dial("unix", socket) }}}
}

// sides are the same model in this process and in a host.
func sides(t testing.TB) (local, remote *model.Model, client *http.Client) {
	t.Helper()
	local, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	client = start(t)
	if remote, err = model.Open(modeltest.Dir()); err != nil {
		t.Fatal(err)
	}
	return local, remote, client
}

func TestHostAnswersAsTheProcessDoes(t *testing.T) {
	local, remote, client := sides(t)
	ids := [][]int32{{5, 9, 11, 4}, {7, 7, 2}}
	ask := func(m *model.Model) *model.Result {
		t.Helper()
		run, err := m.Run(m.Rows(ids).Capture(hook.Pattern(1), hook.Z(0).Head(2).At(-1)).
			Edit(hook.ResidPre(1).At(-1).Scale(0.5), hook.MLPOut(0).Row(1).Zero()).
			Metric(model.LogProbOf(3), model.NLL()).Grad(hook.MLPPost(0)))
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	want, got := ask(local), ask(remote)
	for i := range want.Captures {
		if d := modeltest.MaxDiff(want.Captures[i].Array, got.Captures[i].Array); d != 0 {
			// NaN marks padding; compare row by row without it
			for row := range ids {
				a, b := want.Row(row).Captures[i].Array, got.Row(row).Captures[i].Array
				if d := modeltest.MaxDiff(a, b); d > 1e-6 { // the batch may be cut differently
					t.Errorf("%s row %d differs by %g", want.Captures[i].Point, row, d)
				}
			}
		}
	}
	if want.Metric() != got.Metric() || want.Weights != got.Weights || want.Request != got.Request {
		t.Errorf("got %s, want %s", got, want)
	}
	if again := ask(remote); again.String() != got.String() {
		t.Errorf("the second answer is %s, the first %s", again, got)
	}
	resp, err := client.Get("http://host/provenance")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p struct {
		Models []struct {
			Model    string
			Requests map[string]int
		}
	}
	if data, err := io.ReadAll(resp.Body); err != nil || json.Unmarshal(data, &p) != nil {
		t.Fatalf("provenance %q: %v", data, err)
	}
	if len(p.Models) != 1 || p.Models[0].Requests["run"] != 2 {
		t.Errorf("provenance says %+v, want 2 runs of one model", p.Models)
	}
}

// What is zero must cross the socket too: the begin token 0, say.
func TestModelsAreTheSameOnBothSides(t *testing.T) {
	local, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	start(t)
	remote, err := model.Open("zoo:induction")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(local.Info(), remote.Info()) {
		t.Errorf("the host's model is %+v, this process' %+v", remote.Info(), local.Info())
	}
	if a, b := local.Tokens("the cat"), remote.Tokens("the cat"); !reflect.DeepEqual(a, b) {
		t.Errorf("tokens %+v, want %+v", b, a)
	}
	factors := []model.Factor{model.WE().Of(0, 3), model.WV(1).Head(1), model.WO(1).Head(1), model.WU().Of(0)}
	a, err := local.Product(factors...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := remote.Product(factors...)
	if err != nil || modeltest.MaxDiff(a, b) != 0 {
		t.Errorf("product %v (%v), want %v", b, err, a)
	}
	if _, err := remote.Run(remote.Tokens("the").Capture(hook.Z(0).Head([]int{}...))); err == nil {
		t.Error("a selection of no heads has come to mean all of them")
	}
}

func TestErrorsCrossTheSocket(t *testing.T) {
	start(t)
	if _, err := model.Open("no/such/folder"); err == nil {
		t.Error("a model that is not there opened")
	}
	m, err := model.Open(modeltest.Dir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Run(m.Rows([][]int32{{1, 2}}).Capture(hook.Pattern(7)))
	if want := "hook blocks.7.attn.hook_pattern: the model has layers 0 to 2"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A sweep is the same on both sides, and so is its plan.
func TestSweepsCrossTheSocket(t *testing.T) {
	local, remote, _ := sides(t)
	s := model.Sweep{
		Base: local.Rows([][]int32{{5, 9, 11, 4}, {7, 7, 2}}).Metric(model.LogProbOf(3)), Source: local.Rows([][]int32{{5, 9, 1, 4}, {7, 3, 2}}).Request(),
		Variants: []model.Variant{
			{Name: "head", Edits: []hook.Edit{hook.Z(1).Freeze(), hook.Z(0).Head(2).FromSource()}}, {Name: "row", Edits: []hook.Edit{hook.MLPOut(0).Zero()}, Rows: []int{0}},
		},
		Captures: []hook.Point{hook.ResidPost(2).At(-1)},
	}
	want, err := local.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Sweep(s)
	if err != nil {
		t.Fatal(err)
	}
	for what, d := range map[string]float64{
		"metric":  modeltest.MaxDiff(want.PerRow(0), got.PerRow(0)),
		"capture": modeltest.MaxDiff(want.At(s.Captures[0]), got.At(s.Captures[0])),
		"base":    modeltest.MaxDiff(want.Base.PerRow(0), got.Base.PerRow(0)),
	} {
		if d > 1e-6 { // the batch may be cut differently
			t.Errorf("%s differs by %g", what, d)
		}
	}
	plan, err := remote.Explain(s)
	if err != nil || !reflect.DeepEqual(*plan, want.Plan) || !reflect.DeepEqual(got.Plan, want.Plan) || got.Request != want.Request {
		t.Errorf("plans differ (%v):\n%s\n%s", err, plan, want.Plan)
	}
}
