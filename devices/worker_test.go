package devices

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

// script is a driver that does as told. Times are the bubble's of synctest.
type script struct {
	poll   func(ctx context.Context) (Status, error)
	closed atomic.Int32
	freed  chan struct{} // closed with the first Close
	once   sync.Once
}

func newScript(poll func(ctx context.Context) (Status, error)) *script {
	return &script{poll: poll, freed: make(chan struct{})}
}

func (s *script) Poll(ctx context.Context) (Status, error) { return s.poll(ctx) }

func (s *script) Close() error {
	s.closed.Add(1)
	s.once.Do(func() { close(s.freed) })
	return nil
}

func well(context.Context) (Status, error) { return Status{State: Online}, nil }

// start runs a worker until the test ends.
func start(t *testing.T, c Config, open func(context.Context) (*script, error)) *Worker[*script] {
	t.Helper()
	c.Name, c.Kind, c.Rand = "reader", IDCard, func() float64 { return 0.5 }
	w := NewWorker(c, open)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run:", err)
		}
	})
	return w
}

func always(d *script) func(context.Context) (*script, error) {
	return func(context.Context) (*script, error) { return d, nil }
}

func is(t *testing.T, s Status, state State, reason Reason) {
	t.Helper()
	if s.State != state || s.Reason != reason {
		t.Fatalf("status %s/%q, want %s/%q", s.State, s.Reason, state, reason)
	}
}

func TestWorkerPollsAndPublishesDifferencesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		answer := Status{State: Online, Paper: PaperFull}
		d := newScript(func(context.Context) (Status, error) {
			mu.Lock()
			defer mu.Unlock()
			return answer, nil
		})
		w := start(t, Config{}, always(d))
		updates, cancel := w.Subscribe()
		time.Sleep(5 * time.Second)
		mu.Lock()
		answer.Paper = PaperOut
		mu.Unlock()
		time.Sleep(5 * time.Second)
		cancel()
		cancel() // twice is no harm
		var got []Status
		for s := range updates {
			got = append(got, s)
		}
		for i, s := range got {
			if i > 0 && s.Seq != got[i-1].Seq+1 {
				t.Errorf("gap in %+v", got)
			}
			if s.Device != "reader" || s.Kind != IDCard {
				t.Errorf("%+v", s)
			}
		}
		last := got[len(got)-1]
		if len(got) > 4 || last.Paper != PaperOut {
			t.Fatalf("%+v", got)
		}
		if n := w.Stats().Polls; n < 18 || n > 22 {
			t.Fatalf("%d polls in 10 s", n)
		}
	})
}

func TestSlowSubscriberGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		d := newScript(func(context.Context) (Status, error) {
			n++
			return Status{State: []State{Online, Offline}[n%2]}, nil
		})
		w := start(t, Config{}, always(d))
		updates, cancel := w.Subscribe()
		time.Sleep(time.Minute)
		want := w.Status()
		cancel()
		var last Status
		for s := range updates {
			last = s
		}
		if last.Seq != want.Seq || last.State != want.State {
			t.Fatalf("last %+v, now %+v", last, want)
		}
	})
}

func TestStatusGoesStaleWhenThePollHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		d := newScript(nil)
		d.poll = func(context.Context) (Status, error) {
			if polls++; polls > 1 {
				<-d.freed // deaf to its context
				return Status{}, serialport.ErrClosed
			}
			return Status{State: Online}, nil
		}
		opened := 0
		w := start(t, Config{PollTimeout: time.Hour}, func(context.Context) (*script, error) {
			if opened++; opened > 1 {
				return nil, serialport.ErrNotFound
			}
			return d, nil
		})
		time.Sleep(5 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
		updates, cancel := w.Subscribe()
		defer cancel()
		<-updates
		time.Sleep(6 * time.Second)
		select { // published, though nobody asked
		case s := <-updates:
			is(t, s, Unknown, ReasonStale)
		default:
			t.Fatal("nothing published")
		}
		is(t, w.Status(), Unknown, ReasonStale)
	})
}

func TestHangingPollIsFreedByClosingAndReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		w := start(t, Config{}, func(context.Context) (*script, error) {
			opened++
			if opened > 1 {
				return newScript(well), nil
			}
			d := newScript(nil)
			d.poll = func(context.Context) (Status, error) { <-d.freed; return Status{}, nil }
			return d, nil
		})
		time.Sleep(10 * time.Second) // poll time-out 5 s, grace 2 s, back-off
		is(t, w.Status(), Online, ReasonNone)
		if opened != 2 {
			t.Fatalf("opened %d times", opened)
		}
	})
}

func TestOneLostAnswerIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		silent := &Fault{State: PowerOff, Reason: ReasonSilent, Text: "silent"}
		d := newScript(func(context.Context) (Status, error) {
			if n++; n%2 == 0 {
				return Status{}, silent
			}
			return Status{State: Online}, nil
		})
		w := start(t, Config{}, always(d))
		time.Sleep(time.Second)
		seq := w.Status().Seq
		time.Sleep(time.Minute)
		if s := w.Status(); s.Seq != seq || s.State != Online {
			t.Fatalf("%+v", s)
		}
	})
}

func TestErrorsBecomeStates(t *testing.T) {
	for _, c := range []struct {
		err    error
		state  State
		reason Reason
	}{
		{serialport.ErrNotFound, NoDevice, ReasonNoPort},
		{serialport.ErrGone, NoDevice, ReasonNoPort},
		{serialport.ErrBusy, Offline, ReasonPortBusy},
		{serialport.ErrPermission, Offline, ReasonPortDenied},
		{serialport.ErrNotSerial, NoDevice, ReasonPortSettings},
		{&Fault{State: PowerOff, Reason: ReasonSilent}, PowerOff, ReasonSilent},
		{&Fault{State: HardwareError, Reason: ReasonUnlicensed, Permanent: true}, HardwareError, ReasonUnlicensed},
		{context.DeadlineExceeded, PowerOff, ReasonSilent},
		{errors.New("never heard of"), Unknown, ReasonNone},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, Config{}, func(context.Context) (*script, error) { return nil, c.err })
			synctest.Wait()
			is(t, w.Status(), c.state, c.reason)
			time.Sleep(2 * time.Minute) // a known fault does not go stale
			is(t, w.Status(), c.state, c.reason)
			if err := w.Use(t.Context(), nil); !errors.Is(err, ErrNotReady) {
				t.Fatal(err)
			}
		})
	}
}

func TestBackoffGrowsBreaksAndForgivesUnplugging(t *testing.T) {
	r := retry{Backoff: Config{}.withDefaults().Backoff, rand: func() float64 { return 1 }}
	var waits []time.Duration
	for range 8 {
		wait, _ := r.after(Fault{}, 0)
		waits = append(waits, wait)
	}
	for i := 1; i < 5; i++ {
		if waits[i] < waits[i-1] || waits[i] > r.Max+r.Min {
			t.Fatal(waits)
		}
	}
	if waits[5] < r.Hold || waits[7] < r.Hold {
		t.Fatal("breaker never opened:", waits)
	}
	if wait, _ := r.after(Fault{Reason: ReasonNoPort}, 0); wait != r.Presence {
		t.Fatal("a missing port is looked for at", wait)
	}
	if wait, held := r.after(Fault{}, 0); held || wait > time.Second {
		t.Fatal("not forgiven:", wait)
	}
	if wait, held := r.after(Fault{Permanent: true}, 0); !held || wait < r.Hold {
		t.Fatal("permanent:", wait)
	}
	for range 20 {
		for _, f := range []Fault{{Reason: ReasonForeign}, {Reason: ReasonSilent}} {
			if wait, held := r.after(f, 0); held || wait > r.Max/3+r.Min {
				t.Fatalf("%s: looked for again after %v", f.Reason, wait)
			}
		}
	}
	r.failures = 5
	if _, held := r.after(Fault{}, time.Hour); held {
		t.Fatal("a long session is a success")
	}
}

func TestReopenEndsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		w := start(t, Config{}, func(context.Context) (*script, error) {
			if mended.Load() {
				return newScript(well), nil
			}
			return nil, serialport.ErrPermission
		})
		time.Sleep(time.Second)
		mended.Store(true)
		is(t, w.Status(), Offline, ReasonPortDenied)
		w.Reopen()
		synctest.Wait()
		is(t, w.Status(), Online, ReasonNone)
		if w.Stats().Breaks != 1 || w.Stats().Reopens != 1 {
			t.Fatalf("%+v", w.Stats())
		}
	})
}

// TestReopenOpensAWedgedPort: the device answers its polls; staff know better.
func TestReopenOpensAWedgedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drivers []*script
		w := start(t, Config{}, func(context.Context) (*script, error) {
			drivers = append(drivers, newScript(well))
			time.Sleep(time.Second)
			return drivers[len(drivers)-1], nil
		})
		synctest.Wait()
		w.Reopen() // served by the opening that is under way
		time.Sleep(5 * time.Second)
		if is(t, w.Status(), Online, ReasonNone); len(drivers) != 1 || w.Stats().Reopens != 0 {
			t.Fatalf("opened %d times, %+v", len(drivers), w.Stats())
		}
		if err := w.Use(t.Context(), func(context.Context, *script) error {
			w.Reopen()
			time.Sleep(time.Second)
			if n := drivers[0].closed.Load(); n != 0 {
				t.Error("port closed under a command")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		is(t, w.Status(), Starting, ReasonReopened)
		time.Sleep(2 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
		if s := w.Stats(); len(drivers) != 2 || drivers[0].closed.Load() != 1 || s.Reopens != 1 || s.Breaks != 0 {
			t.Fatalf("opened %d times, %+v", len(drivers), s)
		}
	})
}

// TestSlowOpeningIsNoUptime: a device that takes long to be opened, and dies at once, is
// held like any other.
func TestSlowOpeningIsNoUptime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Config{OpenTimeout: time.Minute}
		w := start(t, c, func(context.Context) (*script, error) {
			time.Sleep(c.withDefaults().Backoff.Hold + time.Second)
			return newScript(func(context.Context) (Status, error) { return Status{}, &Fault{Reopen: true} }), nil
		})
		time.Sleep(5 * time.Minute)
		if w.Stats().Breaks == 0 {
			t.Errorf("the breaker never opened: %+v", w.Stats())
		}
	})
}

func TestPanicIsCaughtCountedAndTheDriverRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		w := start(t, Config{}, func(context.Context) (*script, error) {
			switch opened++; opened {
			case 1:
				panic("in open")
			case 2:
				return newScript(func(context.Context) (Status, error) { panic("in poll") }), nil
			}
			return newScript(well), nil
		})
		synctest.Wait()
		is(t, w.Status(), Unknown, ReasonWorkerDied)
		time.Sleep(10 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
		err := w.Use(t.Context(), func(context.Context, *script) error { panic("in command") })
		if !errors.Is(err, ErrPanic) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
		if s := w.Stats(); s.Panics != 3 || opened != 4 {
			t.Fatalf("%+v, opened %d", s, opened)
		}
	})
}

func TestRunTwiceIsRefusedAndRunClosesThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newScript(well)
		w := NewWorker(Config{}, always(d))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Second)
		if err := w.Run(ctx); !errors.Is(err, ErrRunning) {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if d.closed.Load() != 1 {
			t.Fatal("port not closed")
		}
		is(t, w.Status(), Unknown, ReasonNone)
	})
}
