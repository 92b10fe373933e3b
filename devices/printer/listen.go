package printer

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ear lets whoever needs the printer end a Listen.
type ear struct {
	mu   sync.Mutex
	hush context.CancelFunc // nil while nobody listens
}

// open notes how to end the Listen that begins.
func (e *ear) open(hush context.CancelFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hush = hush
}

// close ends a Listen if there is one.
func (e *ear) close() (listened bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hush == nil {
		return false
	}
	e.hush()
	e.hush = nil
	return true
}

// take waits for the turn. Somebody who listens gives way.
func (p *Printer) take(ctx context.Context) error {
	p.ear.close()
	return p.wait(ctx)
}

func (p *Printer) wait(ctx context.Context) error {
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeFromListener takes the turn if it is free or can be had from a Listen.
func (p *Printer) takeFromListener(ctx context.Context) bool {
	select {
	case <-p.turn:
		return true
	default:
		return p.ear.close() && p.wait(ctx) == nil
	}
}

func (p *Printer) release() { p.turn <- struct{}{} }

// Listen returns nil when the printer has told by itself, in automatic status, of another
// condition than Poll or Listen told of last; and also when another method needs the
// printer. Otherwise it returns ctx's error, or the port's.
func (p *Printer) Listen(ctx context.Context) error {
	within, hush := context.WithCancel(ctx)
	defer hush()
	p.ear.open(hush)
	defer p.ear.close()
	err := p.wait(within)
	if err == nil {
		defer p.release()
		err = p.overhear(within)
	}
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return nil
	}
	return err
}

// overhear waits for an automatic status that is news. Nobody waits for an answer
// meanwhile, so what else comes is late and dropped.
func (p *Printer) overhear(ctx context.Context) error {
	for p.talk.frame == p.heard {
		_, err := p.talk.next(ctx, time.Minute)
		if err != nil && !errors.Is(err, errNothing) {
			return err
		}
	}
	p.heard = p.talk.frame
	return nil
}
