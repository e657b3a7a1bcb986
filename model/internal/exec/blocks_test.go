package exec

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/arch"
	"github.com/golens/golens/model/internal/backend"
)

// heldEngine holds one matrix of 16 values for each of 8 layers; reads counts how
// often each was made.
func heldEngine(t *testing.T, held Held, fail func(layer int) error) (*Engine, func(layer int) int) {
	t.Helper()
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	reads := make([]int, 8)
	plan := arch.Plan{}
	for l := range reads {
		plan[arch.LayerName(l, "attn.W_Q")] = &arch.Pending{Shape: []int{4, 4}, Fill: func(dst []float32) error {
			mu.Lock()
			defer mu.Unlock()
			reads[l]++
			dst[0] = float32(l)
			return fail(l)
		}}
	}
	held.AsPublished = true
	e, err := New(config.Config{Layers: len(reads)}, plan, b, held, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, func(l int) int { mu.Lock(); defer mu.Unlock(); return reads[l] }
}

func never(int) error { return nil }

// Blocks come in either direction, as many stay as fit, and the oldest goes.
func TestBlocksStayAsLongAsTheyFit(t *testing.T) {
	const size = 4 * 16
	e, reads := heldEngine(t, Held{Most: 3 * size}, never)
	if n := e.Resident(); n != 0 {
		t.Errorf("%d bytes in float32 before anything ran", n)
	}
	if a, b := e.Coming(2), e.Coming(8); a != 2*size || b != 3*size {
		t.Errorf("of 2 blocks %d bytes will be in float32, of 8 %d", a, b)
	}
	pass := func(layers ...int) {
		for _, l := range layers {
			args, release, err := e.useBlock(l, []string{"attn.W_Q"})
			if err != nil || len(args) != 1 {
				t.Fatalf("block %d: %v %v", l, args, err)
			}
			release()
			if n := e.Resident(); n > 3*size {
				t.Errorf("after block %d, %d bytes are in float32; %d may be", l, n, 3*size)
			}
		}
	}
	pass(0, 1, 2, 3, 4, 5, 6, 7)
	for l := range 8 {
		if reads(l) != 1 {
			t.Errorf("block %d was made %d times in one pass", l, reads(l))
		}
	}
	if n := e.Coming(8); n != 0 {
		t.Errorf("%d bytes more are said to come where there is room for none", n)
	}
	pass(7, 6, 5, 4, 3, 2, 1, 0)
	if reads(7) != 1 || reads(0) != 2 {
		t.Errorf("on the way back block 7 was made %d times, block 0 %d times; want 1 and 2", reads(7), reads(0))
	}
}

func TestBlocksLeaveAtRest(t *testing.T) {
	e, _ := heldEngine(t, Held{Rest: time.Millisecond}, never)
	_, release, err := e.useBlock(2, []string{"attn.W_Q"})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	if e.Resident() == 0 {
		t.Error("a block left while it was used")
	}
	release()
	for began := time.Now(); e.Resident() > 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("blocks stay though nothing uses them")
		}
	}
}

// A rest begins when nothing was used for so long, not when nothing was loaded.
func TestBlocksStayWhileTheyAreUsed(t *testing.T) {
	heldEngine(t, Held{}, never) // the backend is there, outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		e, reads := heldEngine(t, Held{Rest: time.Minute}, never)
		for range 5 {
			_, release, err := e.useBlock(2, []string{"attn.W_Q"})
			if err != nil {
				t.Fatal(err)
			}
			release()
			time.Sleep(40 * time.Second)
		}
		if reads(2) != 1 {
			t.Errorf("a block that was used every 40 seconds was made %d times", reads(2))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := e.Resident(); n != 0 {
			t.Errorf("%d bytes stay though nothing uses them", n)
		}
	})
}

func TestBlockThatCannotBeRead(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	e, _ := heldEngine(t, Held{}, func(l int) error {
		if broken.Load() && l == 5 {
			return errors.New("the disk is gone")
		}
		return nil
	})
	if _, _, err := e.useBlock(5, []string{"attn.W_Q"}); err == nil || !strings.Contains(err.Error(), "blocks.5.attn.W_Q: the disk is gone") {
		t.Errorf("error %v", err)
	}
	broken.Store(false)
	if _, release, err := e.useBlock(5, []string{"attn.W_Q"}); err != nil {
		t.Errorf("it is not tried again: %v", err)
	} else {
		release()
	}
}
