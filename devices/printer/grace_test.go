package printer_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices"
	"yeban/devices/printer"
)

// slow is a printer that, once it is stuck, goes on answering how it is and nothing else:
// clearing up after a job takes as long as it may.
type slow struct {
	stuck atomic.Bool
	said  chan byte
}

func (s *slow) Write(_ context.Context, p []byte) (int, error) {
	for i := range p {
		switch {
		case bytes.HasPrefix(p[i:], []byte{0x10, 0x04}):
			s.said <- 0x12
		case s.stuck.Load():
		case bytes.HasPrefix(p[i:], []byte{0x1D, 'r', 1}):
			s.said <- 0
		case bytes.HasPrefix(p[i:], []byte{0x10, 0x14, 8}):
			for _, b := range []byte{0x37, 0x25, 0} {
				s.said <- b
			}
		}
	}
	return len(p), nil
}

func (s *slow) Read(ctx context.Context, p []byte) (int, error) {
	select {
	case p[0] = <-s.said:
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *slow) Reset(context.Context) error { return nil }
func (s *slow) Close() error                { return nil }

// TestCancelledJobMayClearUp: a job that is cancelled at the slowest rate is not taken for
// one that does not end.
func TestCancelledJobMayClearUp(t *testing.T) {
	for _, baud := range []int{9600, 115200} {
		synctest.Test(t, func(t *testing.T) {
			line, profile := &slow{said: make(chan byte, 1000)}, printer.Paper80()
			w := devices.NewWorker(devices.Config{Name: "printer", Kind: devices.Printer, Grace: profile.Grace(baud)},
				func(context.Context) (*printer.Printer, error) {
					return printer.New(line, profile, printer.Options{Baud: baud}), nil
				})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			defer func() { stop(); <-ended }()
			time.Sleep(time.Second)
			line.stuck.Store(true)
			job, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			begun := time.Now()
			err := w.Use(job, func(ctx context.Context, p *printer.Printer) error { return p.Print(ctx, receipt(3)) })
			if errors.Is(err, devices.ErrStuck) || !errors.Is(err, printer.ErrNotPrinted) {
				t.Errorf("at %d baud, after %v: %v", baud, time.Since(begun), err)
			}
			if s := w.Stats(); s.Abandoned != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
