package devices

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"yeban/devices/serialport"
)

// dumb is a driver of a device that cannot be asked anything, whatever hangs there.
type dumb struct{ *shelved }

func (dumb) Identity(context.Context) (string, error) { return "", nil }
func (dumb) Poll(context.Context) (Status, error)     { return Status{State: Unknown}, nil }

// seekDumb runs a worker for a device that cannot be asked, in a socket of its own.
func (s *shelf) seekDumb(t *testing.T, ports *Ports, socket string) *Worker[dumb] {
	t.Helper()
	w := NewWorkerAt(Config{Name: socket, Kind: Evaluator}, Place{Port: serialport.Config{Path: filepath.Join(s.dir, socket)}}, ports,
		func(ctx context.Context, c serialport.Config) (dumb, error) {
			d, err := s.dial(ctx, c)
			return dumb{d}, err
		})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

func TestDeviceIsFoundInTheSocketOfOneThatCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, "e", "x")
		s.put("e", "r")
		var ports Ports
		rating := s.seekDumb(t, &ports, "e")
		time.Sleep(time.Second)
		reader := s.seek(t, &ports, IDCard, "r")
		time.Sleep(3 * time.Second)
		if at := filepath.Base(reader.Port()); at != "e" {
			t.Fatalf("works on %q", at)
		}
		is(t, reader.Status(), Online, ReasonNone)
		is(t, rating.Status(), Offline, ReasonForeign)
		if s.clash != "" {
			t.Error("two workers on port", s.clash)
		}
		s.put("x", "r")
		go reader.Use(t.Context(), func(context.Context, *shelved) error { return serialport.ErrGone })
		time.Sleep(5 * time.Second)
		if at := filepath.Base(reader.Port()); at != "x" {
			t.Errorf("put right, and works on %q", at)
		}
		if at := filepath.Base(rating.Port()); at != "e" {
			t.Errorf("the socket is free again, and the other works on %q", at)
		}
	})
}

// A device that is nowhere does not keep one that cannot be asked from its work, nor are
// staff told of each look.
func TestOneThatCannotBeAskedYieldsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t, "e")
		var ports Ports
		rating := s.seekDumb(t, &ports, "e")
		time.Sleep(time.Second)
		seq := rating.Status().Seq
		s.seek(t, &ports, IDCard, "r")
		away, samples := 0, 1200
		for range samples {
			time.Sleep(100 * time.Millisecond)
			if rating.Port() == "" {
				away++
			}
		}
		if away > samples/20 {
			t.Errorf("away for %d of %d", away, samples)
		}
		if opens := rating.Stats().Opens; opens < 5 || opens > 10 {
			t.Errorf("%d sessions in two minutes", opens)
		}
		if now := rating.Status(); now.Seq != seq || now.State != Unknown {
			t.Errorf("%+v, was number %d", now, seq)
		}
		if rating.Stats().Breaks != 0 {
			t.Error("yielding counts as a failure")
		}
	})
}
