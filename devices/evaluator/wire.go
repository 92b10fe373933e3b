package evaluator

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// wire is the port with the order of its users: one turn at a time.
type wire struct {
	port    Port
	turn    chan struct{}
	done    chan struct{} // closed by Close
	dropped atomic.Uint64
	closed  atomic.Bool
}

func newWire(port Port) *wire {
	w := &wire{port: port, turn: make(chan struct{}, 1), done: make(chan struct{})}
	w.turn <- struct{}{}
	return w
}

func (w *wire) take(ctx context.Context) error {
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return ErrClosed
	}
}

// try takes the turn if nobody has it.
func (w *wire) try() bool {
	select {
	case <-w.turn:
		return true
	default:
		return false
	}
}

func (w *wire) release() { w.turn <- struct{}{} }

// Dropped implements devices.Dropper.
func (w *wire) Dropped() uint64 { return w.dropped.Load() }

// Close closes the port.
func (w *wire) Close() error {
	if w.closed.Swap(true) {
		return nil
	}
	close(w.done)
	return w.port.Close()
}

// errNothing: no byte came in the time given.
var errNothing = errors.New("no answer")

// read gives what comes within d.
func (w *wire) read(ctx context.Context, d time.Duration) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, max(d, 0))
	defer cancel()
	buf := make([]byte, 256)
	n, err := w.port.Read(within, buf)
	switch {
	case n > 0:
		return buf[:n], nil
	case err == nil:
		return nil, nil
	case w.closed.Load():
		return nil, ErrClosed
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case within.Err() != nil:
		return nil, errNothing
	}
	return nil, err
}

// pause lets time pass.
func (w *wire) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return ErrClosed
	}
}

func (w *wire) write(ctx context.Context, p []byte) error {
	_, err := w.port.Write(ctx, p)
	if err != nil && w.closed.Load() {
		return ErrClosed
	}
	return err
}

// afterwards is a context for putting the device right when the caller's own has ended.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Second)
}
