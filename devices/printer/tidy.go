package printer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// recovery is how long clearing up after a failure may take beyond the wire's time
	// when the caller's own context has ended.
	recovery = 2 * time.Second
	// lateness is how long a printer is listened to for late answers.
	lateness = 300 * time.Millisecond
)

// tidy makes the printer ready for a job: clears what an earlier one, or an earlier life
// of this program, left in its buffer, and voids what that left on paper.
func (p *Printer) tidy(ctx context.Context) error {
	if err := p.readJournal(); err != nil {
		return err
	}
	if !p.clean {
		if err := p.clear(ctx); err != nil {
			return err
		}
	}
	if p.debt > 1 && p.profile.Proof == BySensor {
		if err := p.collect(ctx); err != nil {
			return err
		}
	}
	if !p.pending {
		return nil
	}
	atoms := [][]byte{p.profile.start(), feedAndCut}
	if p.void != "" {
		slip := Document{Lines: []Line{{Text: p.void, Align: Center, Size: 1, Bold: true}}}
		if a, err := Encode(slip, p.profile, p.opt.Rasterizer); err == nil { // else it must not block the printer
			atoms = a
		}
	}
	if _, err := p.put(ctx, atoms); err != nil && !errors.Is(err, ErrNoProof) {
		p.clean = false
		return fmt.Errorf("void half receipt: %w", err)
	}
	return p.settled()
}

// readJournal looks once for what an earlier life of this program left half printed, and
// ends a note that could not be ended before.
func (p *Printer) readJournal() error {
	if !p.loaded && p.opt.Journal != nil {
		void, pending, err := p.opt.Journal.Pending()
		if err != nil {
			return fmt.Errorf("read %w: %w", ErrJournal, err)
		}
		p.void, p.pending = void, pending
	}
	p.loaded = true
	if p.unended {
		return p.settled()
	}
	return nil
}

// settled ends the duty to void.
func (p *Printer) settled() error {
	p.pending, p.void, p.unended = false, "", false
	if p.opt.Journal != nil {
		if err := p.opt.Journal.End(); err != nil {
			p.unended = true
			return fmt.Errorf("end %w: %w", ErrJournal, err)
		}
	}
	return nil
}

// cleanUp clears the printer's buffer after a failure, whatever became of ctx. If it
// cannot, tidy will try again before anything else is printed.
func (p *Printer) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.profile.cleaning(p.opt.Baud))
	defer cancel()
	p.clean = p.clear(ctx) == nil
}

// cleaning is the longest that cleanUp takes: what the printer's buffer holds may have to
// go over the wire before it hears that it is to be cleared.
func (p Profile) cleaning(baud int) time.Duration { return onWire(p.BufferBytes, baud) + recovery }

// Grace is how long a job may go on after its context has ended: it clears up, and tells the
// Journal. It is meant for devices.Config, and a second more than what that takes. Baud is
// that of Options.
func (p Profile) Grace(baud int) time.Duration {
	return p.cleaning(Options{Baud: baud}.withDefaults().Baud) + time.Second
}

// clear empties the printer's buffer. A make that does not know the command says
// nothing; then a marker must come through, which proves that what stood before it is
// gone one way or the other.
func (p *Printer) clear(ctx context.Context) error {
	if _, err := p.port.Write(ctx, clearBuffer); err != nil {
		return err
	}
	_, err := p.talk.wait(ctx, eventCleared, p.opt.Reply)
	if errors.Is(err, errNothing) {
		if p.profile.Proof == Unproven {
			_, err = p.port.Write(ctx, p.profile.start())
		} else {
			err = p.proven(ctx, p.profile.start())
		}
	}
	if err != nil {
		return err
	}
	if _, err := p.talk.drain(ctx, p.talk.settle); err != nil {
		return err
	}
	p.clean = true
	return nil
}

// collect lets the answers come that were given up: a marker's late answer comes with the
// next exchange if it comes at all. After that and a silence one is reckoned with, as ever.
func (p *Printer) collect(ctx context.Context) error {
	if err := p.proven(ctx, p.profile.start()); err != nil {
		return fmt.Errorf("wait for late answers: %w", err)
	}
	if _, err := p.talk.drain(ctx, lateness); err != nil {
		return err
	}
	p.debt = 1
	return nil
}
