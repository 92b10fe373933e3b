package printer_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yeban/devices"
	"yeban/devices/printer"
	"yeban/devices/serialport"
	"yeban/devices/simulator"
)

var bothProofs = map[string]printer.Proof{"GS r": printer.BySensor, "GS ( H": printer.ByJobID}

// impatient gives up a marker soon.
func impatient(_ *simulator.Config, o *printer.Options, _ *serialport.Config) {
	o.Patience = time.Second
}

// once alters the faults at the first line that is printed from now on.
func (r *rig) once(t *testing.T, f simulator.PrinterFaults) {
	var once sync.Once
	t.Cleanup(r.bench.Watch(func(e simulator.Event) {
		if e.String() == "printer.line" {
			once.Do(func() { r.bench.Printer.SetFaults(f) })
		}
	}))
}

// TestLateAnswersProveNoOtherJob: the answers to the markers of a job that was given up
// come at the beginning of the next, of which the paper then ends in the middle.
func TestLateAnswersProveNoOtherJob(t *testing.T) {
	t.Parallel()
	for name, proof := range bothProofs {
		for clearing, ignores := range map[string]bool{"": false, ", buffer not cleared": true} {
			for after, poll := range map[string]bool{"": false, ", after a poll": true} {
				t.Run(name+clearing+after, func(t *testing.T) {
					t.Parallel()
					profile := printer.Paper80()
					profile.Proof = proof
					r := newRig(t, profile, impatient)
					if _, err := r.p.Poll(r.ctx); err != nil {
						t.Fatal(err)
					}
					r.once(t, simulator.PrinterFaults{LateReply: true, IgnoresClear: ignores})
					if err := r.p.Print(r.ctx, receipt(3)); !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrNoProof) {
						t.Fatalf("markers answered late: %v", err)
					}
					r.bench.Printer.SetFaults(simulator.PrinterFaults{PaperOutAfter: 20})
					if poll {
						if _, err := r.p.Poll(r.ctx); err != nil {
							t.Fatal(err)
						}
					}
					if err := r.p.Print(r.ctx, receipt(30)); !errors.Is(err, printer.ErrUnconfirmed) || !errors.Is(err, printer.ErrPaperOut) {
						t.Errorf("half a receipt: %v", err)
					}
					r.repair()
					r.bench.Printer.SetFaults(simulator.PrinterFaults{})
					if err := r.p.Print(r.ctx, receipt(1)); err != nil {
						t.Errorf("after the refill: %v", err)
					}
				})
			}
		}
	}
}

// TestLateAnswersOfAnEarlierLifeProveNothing: the program restarts while answers are under
// way.
func TestLateAnswersOfAnEarlierLifeProveNothing(t *testing.T) {
	t.Parallel()
	for name, proof := range bothProofs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := printer.Paper80()
			profile.Proof = proof
			var at serialport.Config
			r := newRig(t, profile, impatient, func(c *simulator.Config, _ *printer.Options, p *serialport.Config) {
				at = *p
				at.Path = filepath.Join(c.Dir, "printer")
			})
			if _, err := r.p.Poll(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.once(t, simulator.PrinterFaults{LateReply: true})
			gone, cancel := context.WithCancel(r.ctx)
			t.Cleanup(r.bench.Watch(func(e simulator.Event) {
				if e.String() == "printer.cut" {
					cancel()
				}
			}))
			if err := r.p.Print(gone, receipt(3)); !errors.Is(err, printer.ErrUnconfirmed) {
				t.Fatal(err)
			}
			r.p.Close()
			r.open(t, at, profile, printer.Options{Patience: time.Second, Reply: time.Second})
			r.bench.Printer.SetFaults(simulator.PrinterFaults{PaperOutAfter: 5})
			if err := r.p.Print(r.ctx, receipt(30)); !errors.Is(err, printer.ErrUnconfirmed) {
				t.Errorf("half a receipt: %v", err)
			}
		})
	}
}

// TestLateStatusIsNoNews: the answers to a poll come with the next poll; nobody is told
// that the printer is off, and later polls and jobs get their own answers.
func TestLateStatusIsNoNews(t *testing.T) {
	t.Parallel()
	r := newRig(t, printer.Paper80(), func(_ *simulator.Config, o *printer.Options, _ *serialport.Config) {
		o.Reply = 500 * time.Millisecond
	})
	for range 2 {
		if _, err := r.p.Poll(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		r.bench.Printer.SetFaults(simulator.PrinterFaults{LateReply: true})
		if s, err := r.p.Poll(r.ctx); err != nil || s.State != devices.Online {
			t.Fatalf("poll %d: %s %s %v", i, s.State, s.Reason, err)
		}
		r.bench.Printer.SetCover(true)
		if s, err := r.p.Poll(r.ctx); err != nil || s.Reason != devices.ReasonCoverOpen {
			t.Fatalf("poll %d, cover open: %s %s %v", i, s.State, s.Reason, err)
		}
		r.bench.Printer.SetCover(false)
		if err := r.p.Print(r.ctx, receipt(2)); err != nil {
			t.Fatalf("job %d: %v", i, err)
		}
		if got := len(r.bench.Printer.Receipts()); got != i+1 {
			t.Fatalf("%d receipts after job %d", got, i)
		}
	}
}
