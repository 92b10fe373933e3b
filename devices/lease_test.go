package devices

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

func TestDriverIsLentToOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside, most atomic.Int32
		enter := func() {
			if n := inside.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(10 * time.Millisecond)
			inside.Add(-1)
		}
		w := start(t, Config{PollEvery: time.Millisecond}, always(newScript(func(context.Context) (Status, error) {
			enter()
			return Status{State: Online}, nil
		})))
		time.Sleep(time.Second)
		var users sync.WaitGroup
		for range 20 {
			users.Go(func() {
				err := w.Use(t.Context(), func(context.Context, *script) error { enter(); return nil })
				if err != nil {
					t.Error(err)
				}
			})
		}
		users.Wait()
		if most.Load() != 1 {
			t.Fatalf("%d at a time", most.Load())
		}
		if w.Stats().Uses != 20 {
			t.Fatalf("%+v", w.Stats())
		}
	})
}

func TestLeasedDeviceIsBusyAndNeverStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Config{}, always(newScript(well)))
		time.Sleep(time.Second)
		w.Use(t.Context(), func(ctx context.Context, _ *script) error {
			is(t, w.Status(), DeviceBusy, ReasonNone)
			time.Sleep(time.Minute)
			is(t, w.Status(), DeviceBusy, ReasonNone)
			return nil
		})
		synctest.Wait()
		is(t, w.Status(), Online, ReasonNone) // polled at once
	})
}

func TestCommandDeadlineAndCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Config{CommandTimeout: 7 * time.Second}, always(newScript(well)))
		time.Sleep(time.Second)
		wait := func(ctx context.Context, _ *script) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		if err := w.Use(t.Context(), wait); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 7*time.Second {
			t.Fatal(err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := w.Use(ctx, wait); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		is(t, w.Status(), Online, ReasonNone) // a caller's time-out is no fault of the device
		if w.Stats().Opens != 1 {
			t.Fatal("port opened anew")
		}
	})
}

func TestWaitingForALeaseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Config{}, always(newScript(well)))
		time.Sleep(time.Second)
		release := make(chan struct{})
		first := make(chan error)
		go func() {
			first <- w.Use(t.Context(), func(context.Context, *script) error { <-release; return nil })
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Use(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
	})
}

func TestStuckCommandIsFreedByClosingItsPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		w := start(t, Config{}, func(context.Context) (*script, error) { opened++; return newScript(well), nil })
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := w.Use(ctx, func(_ context.Context, d *script) error { <-d.freed; return nil })
		if !errors.Is(err, ErrStuck) {
			t.Fatal(err)
		}
		forever := make(chan struct{})
		time.Sleep(5 * time.Second)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = w.Use(ctx, func(context.Context, *script) error { <-forever; return nil })
		if !errors.Is(err, ErrStuck) || w.Stats().Abandoned != 1 {
			t.Fatal(err, w.Stats())
		}
		close(forever)
		time.Sleep(5 * time.Second)
		is(t, w.Status(), Online, ReasonNone)
		if opened != 3 {
			t.Fatalf("opened %d times", opened)
		}
	})
}

func TestGoneInACommandLosesThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plugged atomic.Bool
		plugged.Store(true)
		w := start(t, Config{}, func(context.Context) (*script, error) {
			if !plugged.Load() {
				return nil, serialport.ErrNotFound
			}
			return newScript(well), nil
		})
		time.Sleep(time.Second)
		plugged.Store(false)
		err := w.Use(t.Context(), func(context.Context, *script) error { return serialport.ErrGone })
		if !errors.Is(err, serialport.ErrGone) {
			t.Fatal(err)
		}
		synctest.Wait()
		is(t, w.Status(), NoDevice, ReasonNoPort)
		time.Sleep(time.Minute)
		plugged.Store(true)
		time.Sleep(time.Second)
		is(t, w.Status(), Online, ReasonNone)
	})
}

func TestCommandEndsWithTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorker(Config{}, always(newScript(well)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Second)
		time.AfterFunc(time.Second, cancel)
		err := w.Use(t.Context(), func(ctx context.Context, _ *script) error { <-ctx.Done(); return ctx.Err() })
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := w.Use(t.Context(), nil); !errors.Is(err, ErrNotReady) {
			t.Fatal(err)
		}
	})
}

func TestCommandThatLeavesByGoexitEndsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, Config{}, always(newScript(well)))
		time.Sleep(time.Second)
		err := w.Use(t.Context(), func(context.Context, *script) error { runtime.Goexit(); return nil })
		if !errors.Is(err, ErrPanic) {
			t.Fatal(err)
		}
	})
}

func TestWhoSeesOnlineMayUse(t *testing.T) {
	for range 50 {
		w := start(t, Config{}, always(newScript(well)))
		updates, cancel := w.Subscribe()
		for s := range updates {
			if s.State == Online {
				break
			}
		}
		cancel()
		if err := w.Use(t.Context(), func(context.Context, *script) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}
