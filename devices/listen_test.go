package devices

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

// talker is a driver that hears its device speak.
type talker struct {
	*script
	speaks    chan error
	listening atomic.Int32
	overlap   atomic.Bool // polled or lent while listening
	deaf      bool        // to the context of Listen
}

func newTalker() *talker {
	t := &talker{speaks: make(chan error)}
	t.script = newScript(func(context.Context) (Status, error) {
		t.busy()
		return Status{State: Online}, nil
	})
	return t
}

func (t *talker) busy() {
	if t.listening.Load() != 0 {
		t.overlap.Store(true)
	}
}

func (t *talker) Listen(ctx context.Context) error {
	t.listening.Add(1)
	defer t.listening.Add(-1)
	if t.deaf {
		<-t.freed
		return serialport.ErrClosed
	}
	select {
	case err := <-t.speaks:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hearing runs a worker with a talker until the test ends.
func hearing(t *testing.T, d *talker) *Worker[*talker] {
	t.Helper()
	w := NewWorker(Config{Name: "printer", Kind: Printer, Rand: func() float64 { return 0 }},
		func(context.Context) (*talker, error) { return d, nil })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run:", err)
		}
		if d.overlap.Load() {
			t.Error("polled or lent while listening")
		}
	})
	return w
}

func TestWorkerPollsAtOnceWhenTheDeviceSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTalker()
		var open atomic.Bool
		d.poll = func(context.Context) (Status, error) {
			d.busy()
			if open.Load() {
				return Status{State: UserError, Reason: ReasonCoverOpen}, nil
			}
			return Status{State: Online}, nil
		}
		w := hearing(t, d)
		time.Sleep(5*time.Second + 100*time.Millisecond)
		polls := w.Stats().Polls
		if polls < 10 || polls > 12 {
			t.Fatalf("%d polls in 5 s of silence", polls)
		}
		open.Store(true)
		d.speaks <- nil
		synctest.Wait()
		is(t, w.Status(), UserError, ReasonCoverOpen)
		if s := w.Stats(); s.Heard != 1 || s.Polls != polls+1 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestListeningEndsBeforeALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTalker()
		w := hearing(t, d)
		time.Sleep(100 * time.Millisecond)
		if d.listening.Load() != 1 {
			t.Fatal("does not listen")
		}
		err := w.Use(t.Context(), func(context.Context, *talker) error {
			d.busy()
			time.Sleep(time.Minute)
			d.busy()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestLineLostWhileListening(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newTalker()
			d.deaf = deaf
			w := hearing(t, d)
			time.Sleep(100 * time.Millisecond)
			if !deaf {
				d.speaks <- serialport.ErrGone
			}
			time.Sleep(5 * time.Second)
			if n := w.Stats().Opens; n < 2 {
				t.Fatalf("deaf to its context %v: opened %d times", deaf, n)
			}
		})
	}
}

func TestDeviceThatNeverStopsTalkingIsListenedToLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTalker()
		w := hearing(t, d)
		close(d.speaks) // says something whenever it is listened to
		time.Sleep(time.Minute)
		if n := w.Stats().Polls; n > 200 { // 120 without listening
			t.Fatalf("%d polls in a minute", n)
		}
	})
}

func TestFailureToHearIsLeftToThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTalker()
		w := hearing(t, d)
		time.Sleep(100 * time.Millisecond)
		polls := w.Stats().Polls
		d.speaks <- errors.New("odd")
		synctest.Wait()
		if s := w.Stats(); s.Polls != polls || s.Opens != 1 {
			t.Fatalf("%+v", s)
		}
		time.Sleep(5 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
	})
}
