package evaluator_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/evaluator"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// TestMain lets the tests wait side by side: they wait for time-outs, not for the
// processor.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

var kinds = []evaluator.Kind{evaluator.EV1, evaluator.PJ06, evaluator.JT905}

type rig struct {
	bench *simulator.Bench
	e     evaluator.Evaluator
	ctx   context.Context
	asked chan struct{}
}

func newRig(t *testing.T, kind evaluator.Kind, o evaluator.Options) *rig {
	t.Helper()
	dir := t.TempDir()
	b, err := simulator.New(simulator.Config{Dir: dir, Evaluator: simulator.EvaluatorKind(kind)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r := &rig{bench: b, ctx: ctx, asked: make(chan struct{}, 100)}
	b.Watch(func(e simulator.Event) {
		if e.String() == "evaluator.asked" {
			r.asked <- struct{}{}
		}
	})
	port, err := serialport.Open(ctx, serialport.Config{Path: filepath.Join(dir, "evaluator"), Baud: 9600})
	if err != nil {
		t.Fatal(err)
	}
	if o.Pause == 0 {
		o.Pause = 10 * time.Millisecond
	}
	if o.Guard == 0 {
		o.Guard = 20 * time.Millisecond
	}
	if o.Reply == 0 {
		o.Reply = 3 * time.Second
	}
	r.e, err = evaluator.Open(kind, port, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.e.Close() })
	return r
}

func session(n byte) [8]byte { return [8]byte{7: n} }

// press waits for the question and presses a key well after the guard time.
func (r *rig) press(t *testing.T, level int) {
	r.pressAfter(t, level, 250*time.Millisecond)
}

func (r *rig) pressAfter(t *testing.T, level int, d time.Duration) {
	select {
	case <-r.asked:
	case <-r.ctx.Done():
		t.Error("the device was not asked")
		return
	}
	time.AfterFunc(d, func() {
		if err := r.bench.Evaluator.Press(level); err != nil {
			t.Error(err)
		}
	})
}

// wantDropped polls until n answers were dropped, as the worker does between citizens. EV1
// repeats what was not acknowledged in time, so that there may be more.
func (r *rig) wantDropped(t *testing.T, n uint64) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for r.e.Dropped() < n && time.Now().Before(deadline) {
		if _, err := r.e.Poll(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.e.Dropped(); got < n {
		t.Errorf("%d answers dropped, want at least %d", got, n)
	}
}

func TestKeyRatesTheOpenQuestion(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{})
			for level := 1; level <= 5; level++ {
				go r.press(t, level)
				a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(byte(level)), Timeout: 30 * time.Second})
				if err != nil || int(a.Level) != level {
					t.Fatalf("key %d: %+v %v", level, a, err)
				}
				if a.Millis < 100 || a.Millis > 20_000 {
					t.Errorf("key %d took %d ms", level, a.Millis)
				}
			}
			if n := r.e.Dropped(); n != 0 {
				t.Errorf("%d answers dropped", n)
			}
		})
	}
}

func TestReversedDeviceIsTurnedRound(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{Polarity: evaluator.BestIsLowest})
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Reversed: true})
			go r.press(t, 5)
			a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 30 * time.Second})
			if err != nil || a.Level != evaluator.VerySatisfied {
				t.Errorf("%+v %v", a, err)
			}
		})
	}
}

// TestLateKeyNeverRatesTheNextCitizen: the first citizen's key is said after their
// question timed out, while the second's is being asked.
func TestLateKeyNeverRatesTheNextCitizen(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{Grace: 3 * time.Second, Reply: time.Second})
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{LateBy: simulator.Duration(3 * time.Second)})
			go r.pressAfter(t, 1, 0)
			if _, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: time.Second}); !errors.Is(err, evaluator.ErrTimeout) {
				t.Fatalf("first citizen: %v", err)
			}
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{})
			go r.press(t, 5)
			a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(2), Timeout: 30 * time.Second})
			if err != nil || a.Level != evaluator.VerySatisfied {
				t.Errorf("second citizen: %+v %v", a, err)
			}
			r.wantDropped(t, 1)
		})
	}
}

func TestDoubleAndUnaskedKeysAreDroppedAndCounted(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{})
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Twice: true, Unasked: true})
			go r.press(t, 2)
			if a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 30 * time.Second}); err != nil || a.Level != 2 {
				t.Fatalf("%+v %v", a, err)
			}
			if err := r.bench.Evaluator.Press(1); err != nil { // said twice, too
				t.Fatal(err)
			}
			r.wantDropped(t, 3)
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{})
			go r.press(t, 4)
			if a, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(2), Timeout: 30 * time.Second}); err != nil || a.Level != 4 {
				t.Errorf("%+v %v", a, err)
			}
		})
	}
}

func TestPollSaysHowTheDeviceIs(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{Name: "evaluator", Reply: time.Second})
			want := devices.Online
			if kind == evaluator.PJ06 {
				want = devices.Unknown
			}
			if s, err := r.e.Poll(r.ctx); err != nil || s.State != want {
				t.Errorf("well: %+v %v", s, err)
			}
			if kind == evaluator.PJ06 {
				return
			}
			r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Mute: true})
			if s, err := r.e.Poll(r.ctx); err != nil || s.State != devices.PowerOff || s.Reason != devices.ReasonSilent {
				t.Errorf("mute: %+v %v", s, err)
			}
		})
	}
}

func TestSilentEV1IsNotATimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, evaluator.EV1, evaluator.Options{Reply: 50 * time.Millisecond})
	r.bench.Evaluator.SetFaults(simulator.EvaluatorFaults{Mute: true})
	if _, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: time.Second}); !errors.Is(err, evaluator.ErrSilent) {
		t.Errorf("%v", err)
	}
}

func TestCloseAndCancelEndAQuestion(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, kind, evaluator.Options{})
			ctx, cancel := context.WithCancel(r.ctx)
			go func() { <-r.asked; cancel() }()
			if _, err := r.e.Ask(ctx, evaluator.Ask{Session: session(1), Timeout: 30 * time.Second}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			for r.bench.Evaluator.Asking() && r.ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			go func() { <-r.asked; r.e.Close() }()
			if _, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(2), Timeout: 30 * time.Second}); !errors.Is(err, evaluator.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

func TestUnplugEndsAQuestion(t *testing.T) {
	t.Parallel()
	r := newRig(t, evaluator.PJ06, evaluator.Options{})
	go func() { <-r.asked; r.bench.Unplug("evaluator") }()
	if _, err := r.e.Ask(r.ctx, evaluator.Ask{Session: session(1), Timeout: 30 * time.Second}); !errors.Is(err, serialport.ErrGone) {
		t.Errorf("%v", err)
	}
}
