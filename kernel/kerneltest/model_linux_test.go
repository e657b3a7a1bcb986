package kerneltest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/golens/golens/kernel/kerneltest"
	"github.com/golens/golens/kernel/session"
)

// A model is kept, alone and in other values, and is not opened again to be told
// of; and it keeps nobody from noticing a deadlock.
func TestModelsInCells(t *testing.T) {
	s := kerneltest.Start(t)
	mustRun(t, s, openModel(t), "3")
	mustRun(t, s, "pair := [2]*model.Model{m, m.Process(model.StandardFor(m.Config()))}\nown := struct{ M *model.Model }{m}", "")
	mustRun(t, s, "fmt.Println(pair[0] == m, pair[0].Info().Processing == pair[1].Info().Processing, own.M.Config().Layers)", "true false 3")
	who, err := run(t, s, "%who")
	if err != nil || strings.Contains(who, "made again") {
		t.Errorf("%v\n%s", err, who)
	}
	_, err = run(t, s, "fmt.Println(m.Config().Layers)\nch := make(chan int)\n<-ch")
	var failed *session.CellError
	if !errors.As(err, &failed) || !strings.Contains(failed.Value, "deadlock") {
		t.Errorf("a deadlock is %v", err)
	}
}
