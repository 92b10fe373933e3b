package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// grace is how long a call of the library that should not have waited is waited
	// for when it is no longer wanted.
	grace = 300 * time.Millisecond
	// maxUnread is how much Reset throws away before it calls the device a babbler.
	maxUnread = 64 << 10
)

// line is the Port over either library.
type line struct {
	name    string
	lib     library
	guard   *guard
	reading chan struct{} // one token: who reads
	writing chan struct{} // one token: who writes

	closed   context.Context
	shut     context.CancelCauseFunc
	once     sync.Once
	closeErr error
}

func newPort(name string, lib library, g *guard) *line {
	p := &line{name: name, lib: lib, guard: g, reading: make(chan struct{}, 1), writing: make(chan struct{}, 1)}
	p.closed, p.shut = context.WithCancelCause(context.Background())
	return p
}

// Name is the configured path.
func (p *line) Name() string { return p.name }

// enter takes a direction for one caller; its context ends with the port, too.
func (p *line) enter(ctx context.Context, token chan struct{}) (context.Context, func(), error) {
	if p.closed.Err() != nil {
		return nil, nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	select {
	case token <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-p.closed.Done():
		return nil, nil, ErrClosed
	}
	both, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(p.closed, cancel)
	return both, func() { stop(); cancel(); <-token }, nil
}

// cause gives an error of an I/O call its final form: closing comes before gone,
// gone before the caller's own time-out.
func (p *line) cause(ctx context.Context, err error) error {
	switch {
	case p.closed.Err() != nil:
		return ErrClosed
	case errors.Is(err, ErrGone), errors.Is(err, ErrDescriptors):
		return fmt.Errorf("%s: %w", p.name, err)
	case ctx.Err() != nil:
		return ctx.Err()
	case p.guard.present() != nil:
		return fmt.Errorf("%s: %w", p.name, ErrGone)
	}
	if p.hungUp() {
		return fmt.Errorf("%s: %w", p.name, ErrGone)
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

func (p *line) hungUp() bool {
	_, err := p.guard.poll(0)
	return errors.Is(err, ErrGone)
}

func (p *line) Read(ctx context.Context, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, ctx.Err()
	}
	inner, leave, err := p.enter(ctx, p.reading)
	if err != nil {
		return 0, err
	}
	defer leave()
	for {
		if err := p.guard.await(inner, inward); err != nil {
			return 0, p.cause(ctx, err)
		}
		n, err := p.lib.Read(b)
		switch {
		case n > 0:
			return n, nil
		case err == nil, errors.Is(err, io.EOF):
			// Nothing after all. tarm says EOF for a time-out and a hang-up alike;
			// await tells the two apart.
			if p.guard.present() != nil || p.hungUp() {
				return 0, p.cause(ctx, ErrGone)
			}
		default:
			return 0, p.cause(ctx, err)
		}
	}
}

// Write runs the library's calls in a goroutine of its own. They do not wait, as the
// guard has seen room; should one wait all the same (a second program on the line
// took the room), its output is flushed, and if even that does not help the port is
// closed under it.
func (p *line) Write(ctx context.Context, b []byte) (int, error) {
	inner, leave, err := p.enter(ctx, p.writing)
	if err != nil {
		return 0, err
	}
	if err := p.guard.present(); err != nil {
		defer leave()
		return 0, p.cause(ctx, err)
	}
	var w writer
	done := make(chan error, 1)
	data := append([]byte(nil), b...) // b is the caller's again when Write returns
	go func() {
		defer leave()
		done <- w.pump(inner, p, data)
	}()
	select {
	case err = <-done:
	case <-inner.Done():
		if err = p.rescue(done); err == errStuck {
			p.shut(errStuck)
			go p.Close()
			return w.count(), fmt.Errorf("%s: write stuck, port closed: %w", p.name, inner.Err())
		}
	}
	if err != nil {
		return w.count(), p.cause(ctx, err)
	}
	return w.count(), nil
}

var errStuck = errors.New("write stuck in the library")

// rescue waits for a writer that has been told to stop, helping it by flushing.
func (p *line) rescue(done <-chan error) error {
	for range 4 {
		select {
		case err := <-done:
			return err
		case <-time.After(grace / 4):
			p.guard.flushOutput()
		}
	}
	return errStuck
}

// writer counts what one Write has got rid of.
type writer struct {
	mu sync.Mutex
	n  int
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func (w *writer) pump(ctx context.Context, p *line, b []byte) error {
	for len(b) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.guard.await(ctx, outward); err != nil {
			return err
		}
		n, err := p.lib.Write(b[:min(len(b), p.guard.roomFor())])
		w.mu.Lock()
		w.n += n
		w.mu.Unlock()
		b = b[n:]
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *line) Reset(ctx context.Context) error {
	_, leave, err := p.enter(ctx, p.reading)
	if err != nil {
		return err
	}
	defer leave()
	if err := p.guard.flushInput(); err != nil {
		return p.cause(ctx, err)
	}
	// A flush misses what is still between the kernel's two buffers.
	var scratch [4096]byte
	for unread := 0; unread < maxUnread; {
		ready, err := p.guard.poll(inward.events)
		if err != nil {
			return p.cause(ctx, err)
		}
		if !ready {
			return nil
		}
		n, err := p.lib.Read(scratch[:])
		if err != nil && !errors.Is(err, io.EOF) {
			return p.cause(ctx, err)
		}
		unread += n
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for both directions to let go, at most for a grace each, before it
// closes the library's descriptor: closing it under a running call could hand its
// number to another file.
func (p *line) Close() error {
	p.once.Do(func() {
		p.shut(ErrClosed)
		free := p.take(p.reading)
		if !p.take(p.writing) {
			free = false
			p.guard.flushOutput()
		}
		if free {
			p.guard.drain()
			p.closeErr = errors.Join(p.lib.Close(), p.guard.close())
			return
		}
		// Somebody is stuck inside the library: let closing be stuck with it.
		go p.lib.Close()
		p.closeErr = p.guard.close()
	})
	return p.closeErr
}

func (p *line) take(token chan struct{}) bool {
	select {
	case token <- struct{}{}:
		return true
	case <-time.After(grace):
		return false
	}
}
