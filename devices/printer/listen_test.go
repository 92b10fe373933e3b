package printer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

// listening begins a Listen and gives its end.
func (r *rig) listening(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- r.p.Listen(ctx) }()
	return ended
}

func (r *rig) poll(t *testing.T) devices.Status {
	t.Helper()
	s, err := r.p.Poll(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// settle polls and listens until the printer has nothing more to tell.
func (r *rig) settle(t *testing.T) {
	t.Helper()
	r.poll(t)
	ctx, cancel := context.WithTimeout(r.ctx, 200*time.Millisecond)
	defer cancel()
	for r.p.Listen(ctx) == nil {
	}
}

func TestChangeIsHeardBetweenPolls(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.settle(t)
	for i := range 6 {
		open := i%2 == 0
		ended := r.listening(r.ctx)
		r.bench.Printer.SetCover(open)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if s := r.poll(t); (s.Reason == devices.ReasonCoverOpen) != open {
			t.Fatalf("cover open %v, told %s %s", open, s.State, s.Reason)
		}
	}
	if r.p.Capabilities().Of(devices.CanReportUnasked) != devices.Supported {
		t.Error("automatic status was heard, but is not known")
	}
}

// TestChangeDuringAPollIsHeardAfterIt: the cover opens when the questions are answered
// already, and the automatic status comes with the answers.
func TestChangeDuringAPollIsHeardAfterIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.settle(t)
	for i := range 20 {
		open := i%2 == 0
		moved := make(chan struct{})
		go func() { r.bench.Printer.SetCover(open); close(moved) }()
		s := r.poll(t)
		if <-moved; (s.Reason == devices.ReasonCoverOpen) == open {
			continue
		}
		if err := r.p.Listen(r.ctx); err != nil {
			t.Fatal(err)
		}
		if s := r.poll(t); (s.Reason == devices.ReasonCoverOpen) != open {
			t.Fatalf("cover open %v, told %s %s", open, s.State, s.Reason)
		}
	}
}

func TestSameStatusAgainIsNoNews(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.bench.Printer.SetFaults(simulator.PrinterFaults{ChattyASB: true})
	r.settle(t)
	for range 3 {
		r.poll(t) // automatic status comes around each answer
		ctx, cancel := context.WithTimeout(r.ctx, 100*time.Millisecond)
		if err := r.p.Listen(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Listen: %v", err)
		}
		cancel()
	}
}

// TestListenGivesWay to a poll, to a job and to the end of its context.
func TestListenGivesWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80())
	r.settle(t)
	until := func(ended <-chan error, what string, f func()) {
		for { // the Listen may begin only after f
			f()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("given way to a %s: %v", what, err)
				}
				return
			default:
			}
		}
	}
	until(r.listening(r.ctx), "poll", func() {
		if s := r.poll(t); s.State != devices.Online {
			t.Errorf("poll beside a Listen: %s", s.State)
		}
	})
	jobs := 0
	for range 3 {
		r.settle(t)
		until(r.listening(r.ctx), "job", func() {
			jobs++
			if err := r.p.Print(r.ctx, receipt(3)); err != nil {
				t.Errorf("job beside a Listen: %v", err)
			}
		})
	}
	if n := len(r.bench.Printer.Receipts()); n != jobs {
		t.Errorf("%d receipts of %d jobs", n, jobs)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := r.listening(ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Listen: %v", err)
	}
	r.bench.Unplug("printer")
	if err := r.p.Listen(r.ctx); !errors.Is(err, serialport.ErrGone) {
		t.Errorf("unplugged: %v", err)
	}
}
