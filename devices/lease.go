package devices

import (
	"context"
	"fmt"
)

// Use lends the driver to f, and to nobody else until f returns. It waits for its
// turn as long as ctx lasts, and returns ErrNotReady where the port is not open. f
// gets a context that ends with ctx, with the command time-out or with the worker; a
// command that goes on after that has its port closed under it. Otherwise f's error
// is returned as it is.
func (w *Worker[D]) Use(ctx context.Context, f func(ctx context.Context, d D) error) error {
	w.mu.Lock()
	s := w.session
	w.mu.Unlock()
	if s == nil {
		return ErrNotReady
	}
	l := lease{granted: make(chan struct{}), done: make(chan result, 1)}
	select {
	case s.requests <- l:
		<-l.granted
	case <-s.ended:
		return ErrNotReady
	case <-ctx.Done():
		return ctx.Err()
	}
	w.count(func(s *Stats) { s.Uses++ })
	ctx, cancel := context.WithTimeout(ctx, w.cfg.CommandTimeout)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	r := w.bounded(ctx, "command", s.driver, f)
	l.done <- r
	return r.err
}

// lease is one turn with the driver.
type lease struct {
	granted chan struct{} // closed by the worker when the device is shown as busy
	done    chan result   // from the borrower; never blocks
}

// result is how a call of the driver ended.
type result struct {
	err  error
	lost bool // the port was closed under it
}

// bounded runs f in a goroutine of its own, so that even one that ignores its context
// and its closed port does not take its caller along.
func (w *Worker[D]) bounded(ctx context.Context, what string, d D, f func(context.Context, D) error) result {
	ended := make(chan error, 1)
	go func() {
		err := ErrPanic // where f leaves by runtime.Goexit
		defer func() { ended <- err }()
		err = w.guarded(what, func() error { return f(ctx, d) })
	}()
	select {
	case err := <-ended:
		return result{err: err}
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return result{err: err}
	case <-w.cfg.Clock.After(w.cfg.Grace):
	}
	w.guarded("close", d.Close)
	select {
	case <-ended:
	case <-w.cfg.Clock.After(w.cfg.Grace):
		w.count(func(s *Stats) { s.Abandoned++ })
	}
	return result{err: fmt.Errorf("%s: %w: %w", what, ErrStuck, ctx.Err()), lost: true}
}
