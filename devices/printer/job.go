package printer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// watch is how often a printer that takes its time over a marker is asked why.
const watch = 400 * time.Millisecond

// recovery is how long clearing up after a failure may take when the caller's own
// context has ended.
const recovery = 2 * time.Second

// Print prints a document and returns nil when it is proven that it came out. Every
// other error wraps ErrNotPrinted or ErrUnconfirmed and, where known, the cause; or it
// is ErrDocument or the context's, and nothing was sent.
func (p *Printer) Print(ctx context.Context, doc Document) error {
	atoms, err := Encode(doc, p.profile, p.opt.Rasterizer)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := p.take(ctx); err != nil {
		return fmt.Errorf("print: %w: %w", ErrNotPrinted, err)
	}
	defer p.release()
	s, err := p.talk.status(ctx)
	if err == nil {
		err = s.Err()
	}
	if err == nil {
		err = p.tidy(ctx)
	}
	if err != nil {
		return fmt.Errorf("print: %w: %w", ErrNotPrinted, err)
	}
	if err := p.run(ctx, atoms, doc.VoidText); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// tidy makes the printer ready for a job: clears what an earlier one, or an earlier life
// of this program, left in its buffer, and voids what that left on paper.
func (p *Printer) tidy(ctx context.Context) error {
	if !p.loaded {
		if p.opt.Journal != nil {
			void, pending, err := p.opt.Journal.Pending()
			if err != nil {
				return fmt.Errorf("read print journal: %w", err)
			}
			p.void, p.pending = void, pending
		}
		p.loaded = true
	}
	if !p.clean {
		if err := p.clear(ctx); err != nil {
			return err
		}
	}
	if !p.pending {
		return nil
	}
	atoms, err := Encode(Document{Lines: []Line{{Text: p.void, Align: Center, Size: 1, Bold: true}}}, p.profile, p.opt.Rasterizer)
	if err != nil { // a text that cannot be printed must not block the printer
		atoms = [][]byte{initialize, feedAndCut}
	}
	if err := p.send(ctx, atoms); err != nil {
		p.clean = false
		return fmt.Errorf("void half receipt: %w", err)
	}
	return p.settled()
}

// run sends a job and judges what became of it.
func (p *Printer) run(ctx context.Context, atoms [][]byte, void string) error {
	p.clean = false
	if err := p.marker(ctx, initialize); err != nil {
		p.cleanUp(ctx)
		return fmt.Errorf("%w: %w", ErrNotPrinted, err)
	}
	if p.opt.Journal != nil {
		if err := p.opt.Journal.Begin(void); err != nil {
			return fmt.Errorf("%w: write print journal: %w", ErrNotPrinted, err)
		}
	}
	p.pending, p.void = true, void
	if err := p.send(ctx, atoms); err != nil {
		p.cleanUp(ctx)
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	p.clean = true
	return p.settled()
}

// settled ends the duty to void.
func (p *Printer) settled() error {
	p.pending, p.void = false, ""
	if p.opt.Journal != nil {
		if err := p.opt.Journal.End(); err != nil {
			return fmt.Errorf("close print journal: %w", err)
		}
	}
	return nil
}

// cleanUp clears the printer's buffer after a failure, whatever became of ctx. If it
// cannot, tidy will try again before anything else is printed.
func (p *Printer) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recovery)
	defer cancel()
	p.clean = p.clear(ctx) == nil
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
		err = p.marker(ctx, initialize)
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

// send writes atoms in chunks that fit the buffer, each proven by a marker.
func (p *Printer) send(ctx context.Context, atoms [][]byte) error {
	room := max(p.profile.BufferBytes-len(p.markerCommand()), 16)
	for len(atoms) > 0 {
		var chunk []byte
		for len(atoms) > 0 && (len(chunk) == 0 || len(chunk)+len(atoms[0]) <= room) {
			chunk = append(chunk, atoms[0]...)
			atoms = atoms[1:]
		}
		if err := p.marker(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (p *Printer) markerCommand() []byte {
	if !p.profile.JobID {
		return []byte{0x1D, 'r', 1}
	}
	id := p.jobID()
	return append([]byte{0x1D, '(', 'H', 6, 0, 48, 48}, id[:]...)
}

// jobID is the running number in four printable characters.
func (p *Printer) jobID() (id [4]byte) {
	n := p.job
	for i := range id {
		id[i] = 'A' + byte(n%26)
		n /= 26
	}
	return id
}

// marker writes data with a marker behind it and returns nil when that was answered.
func (p *Printer) marker(ctx context.Context, data []byte) error {
	p.job++
	data = append(append([]byte(nil), data...), p.markerCommand()...)
	wire := time.Duration(len(data)) * 10 * time.Second / time.Duration(p.opt.Baud)
	end := time.Now().Add(wire + p.opt.Patience)
	within, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	silent := 0
	if _, err := p.port.Write(within, data); err != nil {
		if ctx.Err() == nil && within.Err() != nil {
			return fmt.Errorf("%w: it takes no more data", ErrOffline)
		}
		return err
	}
	for {
		e, err := p.talk.next(ctx, min(max(time.Until(end), 0), wire+watch))
		switch {
		case errors.Is(err, errNothing):
			answers, err := p.blocked(ctx)
			if err != nil {
				return err
			}
			if silent++; answers {
				silent = 0
			}
			if silent == 3 || time.Now().After(end) {
				return fmt.Errorf("%w: no proof in time", ErrSilent)
			}
		case err != nil:
			return err
		case e.kind == eventASB:
			if err := p.talk.asb.Err(); err != nil {
				return err
			}
		case e.kind == eventEOT && !p.talk.late:
			// More answers than there were questions: a second copy of this marker's
			// answer will come, too, and must not be taken for the next one's.
			p.talk.repeated()
		case e.kind == eventSensor && !p.profile.JobID,
			e.kind == eventJobID && p.profile.JobID && e.id == p.jobID():
			return p.doubled(ctx)
		}
		wire = 0
	}
}

// doubled takes the second copy of a nameless marker's answer from printers that
// are known to say things twice.
func (p *Printer) doubled(ctx context.Context) error {
	if p.profile.JobID || !p.talk.doubles {
		return nil
	}
	_, err := p.talk.drain(ctx, p.talk.settle)
	return err
}

// blocked asks why a marker is not answered. The error is the reason that the printer
// gives; answers tells whether it said anything.
func (p *Printer) blocked(ctx context.Context) (answers bool, err error) {
	for _, n := range []byte{2, 4, 1} {
		b, err := p.talk.ask(ctx, n)
		if errors.Is(err, errNothing) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		answers = true
		s := Status{OnlineKnown: true}
		s.set(n, b)
		if err := s.Err(); err != nil {
			return true, err
		}
	}
	return true, nil
}
